"""lines.py: any split of a stream gives the same lines, and none is longer than it may be."""

from __future__ import annotations

from typing import List, Tuple

from hypothesis import given
from hypothesis import strategies as st

from rollcall.wire.errors import ProtocolError
from rollcall.wire.lines import MAX_CLIENT_LINE, LineDecoder


def lines_of(chunks: List[bytes], limit: int) -> Tuple[List[bytes], bool]:
    decoder = LineDecoder(limit)
    lines: List[bytes] = []
    try:
        for chunk in chunks:
            lines.extend(decoder.feed(chunk))
    except ProtocolError as error:
        assert error.code == "line_too_long" and str(limit) in str(error)
        return lines, True
    return lines, False


@given(st.lists(st.sampled_from([b"\n", b"\r\n", b"ab", b"x" * 7, b"\r"]), max_size=20), st.data())
def test_any_split_of_a_stream_gives_the_same_lines(parts: List[bytes], data: st.DataObject) -> None:
    stream = b"".join(parts)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    edges = [0, *cuts, len(stream)]
    chunks = [stream[a:b] for a, b in zip(edges, edges[1:])]
    whole = lines_of([stream], 12)

    def first_lines(lines: List[bytes], text: bytes) -> bool:
        return lines == [line[:-1] if line.endswith(b"\r") else line for line in text.split(b"\n")[: len(lines)]]

    assert lines_of(chunks, 12) == whole == lines_of([stream[i : i + 1] for i in range(len(stream))], 12)
    assert first_lines(whole[0], stream)


def test_the_longest_line_passes_and_one_byte_more_does_not() -> None:
    assert lines_of([b"x" * MAX_CLIENT_LINE + b"\n"], MAX_CLIENT_LINE) == (
        [b"x" * MAX_CLIENT_LINE],
        False,
    )
    assert lines_of([b"a\n" + b"x" * (MAX_CLIENT_LINE + 1)], MAX_CLIENT_LINE) == ([b"a"], True)


def test_a_decoder_is_idle_between_lines_only() -> None:
    decoder = LineDecoder()
    assert decoder.idle
    assert list(decoder.feed(b"a\nb")) == [b"a"]
    assert not decoder.idle
    assert list(decoder.feed(b"\n")) == [b"b"]
    assert decoder.idle


@given(st.integers(1, 40), st.booleans())
def test_the_limit_in_force_at_a_lines_first_byte_holds_whatever_the_packets(size: int, fits: bool) -> None:
    stream = b"register" * 4 + b"\n" + b"x" * (10 if fits else 11) + b"\n"
    decoder = LineDecoder(100)
    lines: List[bytes] = []
    refused = False
    try:
        for start in range(0, len(stream), size):
            for line in decoder.feed(stream[start : start + size]):
                lines.append(line)
                decoder.max_line = 10
    except ProtocolError:
        refused = True
    assert (len(lines), refused) == (2, False) if fits else (1, True)


def test_a_line_that_has_begun_may_end_as_it_began() -> None:
    decoder = LineDecoder(100)
    assert list(decoder.feed(b"x" * 50)) == []
    decoder.max_line = 10
    assert list(decoder.feed(b"x\n")) == [b"x" * 51]
