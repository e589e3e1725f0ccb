"""What the server's command line can want of the record: the options, and nothing of what they do.

That takes a dozen modules, which a server that only serves never needs: so whoever parses the command line comes here,
and asks `is_about_record` before it imports ``attendance.py``.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Optional, Sequence

OPTIONS = ("--attendance", "--about", "--forget", "--check-record", "--csv", "--html", "--json")
"""Those of `add_arguments` that only somebody uses who wants something of the record."""


def is_about_record(argv: Optional[Sequence[str]]) -> bool:
    """Whether a command line (None: that of the process) wants something of the record, and no server."""
    return any(word.partition("=")[0] in OPTIONS for word in (sys.argv[1:] if argv is None else argv))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options, for the server's own parser. ``--name`` is the server's own; here it is whose page is wanted."""
    group = parser.add_argument_group("the record, without starting a server")
    group.add_argument(
        "--attendance", metavar="WHAT", nargs="*",
        help='the last lesson; or: list, "2026-11-25 08:00", term (with --class, or --name for one person)',
    )  # fmt: skip
    group.add_argument(
        "--class", metavar="CLASS", dest="classes", action="append", help="the class, or each of several"
    )
    for form, what in (("csv", "a spreadsheet"), ("html", "a page to print"), ("json", "JSON, for programs")):
        group.add_argument(f"--{form}", metavar="FILE", type=Path, help=f"write the report to FILE, as {what}")
    group.add_argument("--delimiter", metavar="D", default=",", help="between columns of --csv: , or ; or tab")
    group.add_argument("--about", metavar="NAME", help="all that is kept of one person")
    group.add_argument("--forget", metavar="NAME", help="forget one person, in all files; the server must not run")
    group.add_argument("--check-record", action="store_true", help="check the database of the record")
