"""rollcall/server/http_head.py: what is a request, and what is refused with which status."""

from __future__ import annotations

from typing import List, Optional

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollcall.server.http_head import MAX_HEAD, Head, HeadReader, Refused, calls_by_http

HOST = b"Host: 127.0.0.1:8080\r\n"


def read(data: bytes, step: int = 10**6) -> Optional[Head]:
    reader = HeadReader()
    for start in range(0, len(data), step):
        head = reader.feed(data[start : start + step])
        if head is not None:
            return head
    return None


def status(data: bytes) -> int:
    with pytest.raises(Refused) as refused:
        read(data)
    assert str(refused.value).endswith("."), "a sentence"
    return refused.value.status


@pytest.mark.parametrize(
    ("first", "expected"),
    [
        (b"GET / HTTP/1.1\r\n", True), (b"GET ", True), (b"G", None), (b"GET", None), (b"HEAD", None), (b"HEAD ", True),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", True), (b"DELE", None), (b"DELET", True), (b"CONNECT a:1", True),
        (b'{"type":"register"}', False), (b"{", False), (b" ", False), (b"\n", False), (b"\x16\x03\x01", False),
        (b"GETAWAY", False), (b"get / ", False), (b"X", False), (b"GE\n", False),
    ],
)  # fmt: skip
def test_five_bytes_tell_whether_it_is_a_browser(first: bytes, expected: Optional[bool]) -> None:
    assert calls_by_http(first) is expected
    assert expected is None or len(first) > 5 or calls_by_http(first.ljust(5, b"~")) is not None


@pytest.mark.parametrize("step", [1, 2, 7, 10**6])
@pytest.mark.parametrize("end", [b"\r\n", b"\n"])
def test_a_head_is_read_however_it_is_split(step: int, end: bytes) -> None:
    lines: List[bytes] = [
        b"GET /downloads/a%20b.exe?x=1 HTTP/1.1", b"Host: roll:8080", b"User-Agent:  Some Thing/1.0 \t",
        b"Cookie: a=1", b"cookie: b=2", b"Accept: text/html", b"Accept: */*", b"X-Empty:", b"", b"",
    ]  # fmt: skip
    assert read(end.join(lines), step) == Head(
        "GET", "/downloads/a b.exe", "x=1", "roll:8080",
        {"host": "roll:8080", "user-agent": "Some Thing/1.0", "cookie": "a=1; b=2", "accept": "text/html, */*",
         "x-empty": ""},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b"GET /\r\n", 400),  # HTTP/0.9 waits for its answer after one line
        (b"GET / HTTP/2.0\r\n", 505), (b"PRI * HTTP/2.0\r\n\r\n", 505), (b"GET / HTTP/0.9\r\n", 505),
        (b"GET  / HTTP/1.1\r\n", 400), (b"GET / HTTP/1.1 x\r\n", 400), (b"GET /\x00 HTTP/1.1\r\n", 400),
        (b"GET /\xc3\xa9 HTTP/1.1\r\n", 400), (b"GET / HTTP/1.\r\n", 400), (b"GET / http/1.1\r\n", 400),
        (b"GET /\r HTTP/1.1\r\n", 400),
    ],
)  # fmt: skip
def test_a_wrong_request_line_is_refused_as_soon_as_it_is_there(line: bytes, expected: int) -> None:
    assert status(line) == expected


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (b"POST / HTTP/1.1\r\n" + HOST, 405), (b"DELETE /x HTTP/1.1\r\n", 405), (b"OPTIONS * HTTP/1.1\r\n" + HOST, 405),
        (b"CONNECT a:1 HTTP/1.1\r\n", 405), (b"BREW / HTTP/1.1\r\n", 405),
        (b"POST / HTTP/1.1\r\nContent-Length: 5\r\n", 405),
        (b"GET / HTTP/1.1\r\nContent-Length: 5\r\n", 400), (b"GET / HTTP/1.1\r\nContent-Length: +0\r\n", 400),
        (b"GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n", 400),
        (b"GET / HTTP/1.1\r\n" + HOST + b"Host: evil\r\n", 400), (b"GET / HTTP/1.1\r\nHost: a\r\n b\r\n", 400),
        (b"GET / HTTP/1.1\r\nno colon\r\n", 400), (b"GET / HTTP/1.1\r\nBad Name: x\r\n", 400),
        (b"GET / HTTP/1.1\r\nX: a\x00b\r\n", 400), (b"GET / HTTP/1.1\r\nX: a\rb\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost : a\r\n", 400), (b"GET x HTTP/1.1\r\n" + HOST, 400), (b"GET * HTTP/1.1\r\n", 400),
        (b"GET https://a/ HTTP/1.1\r\n" + HOST, 400),
    ],
)  # fmt: skip
def test_what_is_no_request_for_a_page_is_refused(head: bytes, expected: int) -> None:
    assert status(head + b"\r\n") == expected


def test_an_absolute_url_counts_with_its_own_host() -> None:
    head = read(b"GET http://evil.example/board?x HTTP/1.1\r\n" + HOST + b"\r\n")
    assert head is not None and (head.host, head.path, head.query) == ("evil.example", "/board", "x")
    head = read(b"HEAD HTTP://10.0.0.5 HTTP/1.0\r\n\r\n")
    assert head is not None and (head.method, head.host, head.path) == ("HEAD", "10.0.0.5", "/")


def test_a_head_without_a_host_says_so() -> None:
    head = read(b"GET / HTTP/1.0\r\nContent-Length: 0\r\n\r\n")
    assert head is not None and head.host == ""


@pytest.mark.parametrize("step", [1000, 10**6])
def test_a_head_has_a_bound(step: int) -> None:
    full = b"GET / HTTP/1.1\r\nX: ".ljust(MAX_HEAD - 4, b"x") + b"\r\n\r\n"
    assert len(full) == MAX_HEAD and read(full, step) is not None
    assert status(full.replace(b"x\r\n\r\n", b"xx\r\n\r\n")) == 431
    reader = HeadReader()
    with pytest.raises(Refused) as refused:
        for _ in range(1000):
            reader.feed(b"GET / HTTP/1.1\r\n" if not reader._held else b"X: y\r\n" * 100)
    assert refused.value.status == 431 and len(reader._held) <= 3 * MAX_HEAD


@given(st.binary(max_size=300))
def test_no_bytes_do_any_harm(data: bytes) -> None:
    for head in (data, b"GET / HTTP/1.1\r\n" + data, b"GET /" + data + b" HTTP/1.1\r\n\r\n"):
        try:
            read(head + b"\r\n\r\n")
        except Refused as refused:
            assert refused.status in (400, 405, 431, 505)
