"""A report as a file for a spreadsheet: comma-separated values as in RFC 4180.

The bytes begin with a byte order mark, because Excel takes UTF-8 without one for the code page of the country. Lines
end with CR LF, whatever stands in a cell is quoted where it must be. The separator is a comma, or what the person says:
Excel in a country with a decimal comma wants a semicolon.

A spreadsheet computes what begins with ``=``, ``+``, ``-`` or ``@``, and a pupil can call himself
``=HYPERLINK("http://…")``. Such text gets an apostrophe before it, also behind something that a program with another
separator would split it at (OWASP, "CSV Injection"). Numbers are ours and stay numbers.

No state, no threads, no I/O.
"""

from __future__ import annotations

import csv
import io
import re
from typing import Iterable, Optional, Sequence, Union

from rollcall.server.sheet import DISCLAIMER

Value = Union[str, int, float, None]

DELIMITERS = {",": ",", ";": ";", "tab": "\t", "\\t": "\t", "\t": "\t", "comma": ",", "semicolon": ";"}
"""What a person may say for a separator, and which one that is."""

_FORMULA = re.compile("(^|[,;|\t\r\n\"'])([ \u00a0]*)(?=[=+\\-@\uff1d\uff0b\uff0d\uff20])")
_CONTROL = re.compile("[\x00-\x1f\x7f]+")


def delimiter_of(text: str) -> Optional[str]:
    """The separator that a person means, or None."""
    return DELIMITERS.get(text) or DELIMITERS.get(text.strip().lower())


def csv_bytes(head: Sequence[str], rows: Iterable[Sequence[Value]], delimiter: str = ",") -> bytes:
    """The file. It ends with the sentence that each report ends with, alone in its line."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=delimiter, lineterminator="\r\n")
    writer.writerow(head)
    for row in rows:
        writer.writerow([harmless(value) if isinstance(value, str) else value for value in row])
    writer.writerow([DISCLAIMER])
    return b"\xef\xbb\xbf" + text.getvalue().encode("utf-8", "backslashreplace")


def harmless(text: str) -> str:
    """The text as no spreadsheet computes it: one line, with an apostrophe where a formula could begin."""
    return _FORMULA.sub("\\1\\2'", _CONTROL.sub(" ", text))
