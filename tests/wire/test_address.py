"""address.py: what people type and paste for a server."""

from __future__ import annotations

import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollcall.wire.address import Address, parse_address, parse_host


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("localhost", "localhost", 8080),
        ("localhost:65535", "localhost", 65535),
        (" 10.0.0.1:9 ", "10.0.0.1", 9),
        ("[fe80::1]:81", "fe80::1", 81),
        ("[::1]", "::1", 8080),
        ("::1", "::1", 8080),
        ("room-12.school.example:9000", "room-12.school.example", 9000),
        ("my_laptop.local", "my_laptop.local", 8080),
        ("schülerpc", "schülerpc", 8080),
        # what comes along when it is copied out of a browser, a mail or the server's window
        ("http://10.0.0.5:8080/", "10.0.0.5", 8080),
        ("HTTPS://10.0.0.5", "10.0.0.5", 8080),
        ("http:\\\\10.0.0.5:81\\", "10.0.0.5", 81),
        ("http:/10.0.0.5:81", "10.0.0.5", 81),
        ("//10.0.0.5:81", "10.0.0.5", 81),
        ("ws://h", "h", 8080),
        ("10.0.0.5:8080/", "10.0.0.5", 8080),
        ("10.0.0.5:81/index.html?a=b#c", "10.0.0.5", 81),
        ("10.0.0.5/24", "10.0.0.5", 8080),
        ("http://[fd00::5]:81/", "fd00::5", 81),
        ("http://[fe80::1%25eth0]:81/", "fe80::1%eth0", 81),
        ("127.0.0.1:81  (only on this computer)", "127.0.0.1", 81),
        ('"10.0.0.5:81"', "10.0.0.5", 81),
        ("“10.0.0.5:81”", "10.0.0.5", 81),
        ("«10.0.0.5:81».", "10.0.0.5", 81),
        ("<10.0.0.5:81>", "10.0.0.5", 81),
        ("<http://10.0.0.5:81/>", "10.0.0.5", 81),
        ("`10.0.0.5:81`", "10.0.0.5", 81),
        ("(10.0.0.5:81)", "10.0.0.5", 81),
        ("\u200b10.0.0.5\u200d:81\ufeff", "10.0.0.5", 81),
        ("\u202a10.0.0.5\u00ad:81\u202c", "10.0.0.5", 81),
        ("\u00a010.0.0.5:81\r\n", "10.0.0.5", 81),
        # what people type
        ("10.0.0.5 :81", "10.0.0.5", 81),
        ("10.0.0.5: 81", "10.0.0.5", 81),
        ("10.0.0.5 81", "10.0.0.5", 81),
        ("10.0.0.5 port 81", "10.0.0.5", 81),
        ("10.0. 0.5:81", "10.0.0.5", 81),
        ("10.0.0.5.", "10.0.0.5", 8080),
        ("10.0.0.5.:81", "10.0.0.5", 81),
        ("10.0.0.5:81.", "10.0.0.5", 81),
        ("laptop.local.", "laptop.local", 8080),
        ("10.0.0.5,81", "10.0.0.5", 81),
        ("10.0.0.5; 81", "10.0.0.5", 81),
        ("laptop;81", "laptop", 81),
        ("10.lo.0.lol", "10.lo.0.lol", 8080),
        ("192,168,1,20:8080", "192.168.1.20", 8080),
        ("192,168,1,20", "192.168.1.20", 8080),
        ("192,168,1,20,81", "192.168.1.20", 81),
        ("１９２．１６８．１．２０：８１", "192.168.1.20", 81),
        ("192。168。1。20", "192.168.1.20", 8080),
        # link-local addresses have the network card behind them
        ("fe80::1%eth0", "fe80::1%eth0", 8080),
        ("[fe80::1%12]:81", "fe80::1%12", 81),
        ("[fd00::5] 81", "fd00::5", 81),
        ("fd00::5 81", "fd00::5", 81),
        ("[10.0.0.5]:81", "10.0.0.5", 81),
    ],
)
def test_addresses_that_people_type_and_paste(text: str, host: str, port: int) -> None:
    address = parse_address(text)
    assert (address.host, address.port) == (host, port)
    assert parse_address(str(address)) == address


@pytest.mark.parametrize(
    "text",
    [
        *("", ":80", "h:", "h:0", "h:65536", "h:x", "a b:1", "[]:1", "[x:1", "h:²", "http://", "a@h", "-h", "h..x"),
        *("a%b", "0x7f000001", "127.1", "1", "300.1.1.1", "fe80::1%", "fe80::1%e%f", "192.168.1.2²", "h\0", "a" * 64),
        "a." * 127 + "a",
    ],
)
def test_addresses_that_are_none(text: str) -> None:
    with pytest.raises(ValueError, match="is not a"):
        parse_address(text)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("192.168.1.010", "did you mean 192.168.1.10?"),
        ("192.168.001.020:81", "did you mean 192.168.1.20:81?"),
        ("192.168.20", "four numbers from 0 to 255"),
        ("192.168.1.256", "four numbers from 0 to 255"),
        ("192.168.1.20.8080", "did you mean 192.168.1.20:8080?"),
        ("192 168 1 20", "did you mean 192.168.1.20?"),
        ("192:168:1:20:81", "did you mean 192.168.1.20:81?"),
        ("192.168..1.20", "did you mean 192.168.1.20?"),
        ("192.168.1.20::81", "did you mean 192.168.1.20:81?"),
        ("192.168.1.20:81:", "did you mean 192.168.1.20:81?"),
        ("192.168.1.20/8080", "did you mean 192.168.1.20:8080?"),
        ("1:2:3:4:5:6:7:8:8080", "did you mean [1:2:3:4:5:6:7:8]:8080?"),
        ("192.168.1.2O:81", "did you mean 192.168.1.20:81?"),
        ("l92.168.1.2o", "did you mean 192.168.1.20?"),
        ("10.0.0.l", "did you mean 10.0.0.1?"),
        ("192.168.1.20:8080:8080", "type HOST or HOST:PORT"),
        ("fd00::g", "such as [fd00::5]:8080"),
        ("8080", "four numbers"),
        ("0.0.0.0:8080", "type one that the server shows"),
        ("::", "type one that the server shows"),
        ("not an address", "type HOST or HOST:PORT"),
    ],
)
def test_what_was_probably_meant_is_asked_and_never_taken(text: str, words: str) -> None:
    with pytest.raises(ValueError) as caught:
        parse_address(text)
    assert words in str(caught.value)


@given(st.text("0123456789xabc.:,; /[]%", min_size=1, max_size=24))
def test_digits_never_mean_another_computer_than_they_show(text: str) -> None:
    try:
        host = parse_address(text).host
    except ValueError as error:
        assert str(error)
        return
    if ":" not in host:
        try:
            packed = socket.inet_aton(host)  # reads octal, hexadecimal and missing numbers
        except OSError:
            return
        assert socket.inet_ntoa(packed) == host


@given(st.text(max_size=60))
def test_any_text_is_an_address_or_a_sentence(text: str) -> None:
    try:
        address = parse_address(text)
    except ValueError as error:
        assert str(error).isprintable()
    else:
        assert parse_address(str(address)) == address


def test_an_address_is_shown_as_it_is_typed() -> None:
    assert [str(Address("::1", 9)), str(Address("h"))] == ["[::1]:9", "h:8080"]


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("0.0.0.0", "0.0.0.0"),
        ("::", "::"),
        ("[::]", "::"),
        (" 127.0.0.1 ", "127.0.0.1"),
        ("localhost", "localhost"),
        ("fe80::1%eth0", "fe80::1%eth0"),
        ("http://10.0.0.5/", "10.0.0.5"),
    ],
)
def test_a_server_listens_on_an_address_without_a_port(text: str, host: str) -> None:
    assert parse_host(text) == host


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("10.0.0.5:8080", 'did you mean host = "10.0.0.5" and port = 8080?'),
        ("[::]:8080", 'did you mean host = "::" and port = 8080?'),
        ("192.168.1.010", "did you mean 192.168.1.10?"),
        ("192.168.1.20.8080", "did you mean 192.168.1.20?"),
        ("192.168.20", "it must be an address of this computer"),
        ("*", "0.0.0.0 for all of them"),
        ("not a host", "it must be an address of this computer"),
    ],
)
def test_a_host_that_cannot_be_listened_on(text: str, words: str) -> None:
    with pytest.raises(ValueError) as caught:
        parse_host(text)
    assert words in str(caught.value)
