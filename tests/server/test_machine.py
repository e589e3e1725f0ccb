"""machine.py: which addresses the server shows, on the networks that classrooms have."""

from __future__ import annotations

import signal
import socket
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Dict, Iterator, List

import pytest

from rollcall.server.machine import listening_address, reachable_addresses, tell_addresses
from rollcall.server.settings import ServerConfig
from server import RollcallServer
from tests.helpers import ROOT, RawClient
from tests.network import Network, network

HERE = "127.0.0.1:9  (only on this computer)"
PROBE = """
import sys
from rollcall.server.machine import reachable_addresses
print(*reachable_addresses(sys.argv[1], 9), sep="\\n")
"""
QUICK = """
import sys
import server
server.LOOK_AGAIN = 0.05
sys.exit(server.main(sys.argv[1:]))
"""


def shown(net: Network, host: str = "0.0.0.0") -> List[str]:
    with net.program("-c", PROBE, host) as probe:
        assert probe.wait() == 0, probe.text
        return probe.lines


def test_a_switch_without_a_router() -> None:
    with network() as net:
        net.card("eth0", "192.168.5.2/24")
        assert shown(net) == ["192.168.5.2:9", HERE]


def test_addresses_that_computers_gave_themselves() -> None:
    with network() as net:
        net.card("eth0", "169.254.7.8/16", "fe80::5/64")
        assert shown(net) == ["169.254.7.8:9", HERE]
        remark = "after the % comes the network card of the computer that connects"
        assert shown(net, "::") == ["169.254.7.8:9", f"[fe80::5%eth0]:9  ({remark})", HERE]


def test_a_vpn_is_no_guess_even_if_everything_goes_through_it() -> None:
    with network() as net, net.tunnel("10.8.0.2/24"):
        net.ip("route add default dev tun0 metric 5")
        net.card("eth0", "192.168.5.2/24")
        net.ip("route add default via 192.168.5.1 metric 100")
        assert shown(net) == ["192.168.5.2:9", "10.8.0.2:9  (tun0: a VPN)", HERE]


def test_a_network_beside_a_hotspot_and_public_addresses() -> None:
    with network() as net:
        net.card("eth0", "11.0.0.7/24")
        net.card("wlan1", "10.42.0.1/24")
        net.card("eth1", "172.20.1.5/16")
        net.ip("route add default via 172.20.0.1")
        assert shown(net) == ["172.20.1.5:9", "10.42.0.1:9", "11.0.0.7:9", HERE]


def test_containers_come_last_and_what_leads_nowhere_not_at_all() -> None:
    with network() as net:
        net.ip("link add docker0 type bridge")
        net.ip("addr add 172.17.0.1/16 dev docker0")
        net.ip("link set docker0 up")
        net.card("veth9")
        net.ip("link set veth9 master docker0")
        net.card("eth0", "192.168.5.2/24")
        net.card("eth1", "192.168.6.2/24")
        net.ip("link set eth1-far down")  # its cable is out
        assert shown(net) == ["192.168.5.2:9", "172.17.0.1:9  (docker0: inside this computer)", HERE]


def test_a_name_of_containers_that_leads_out_is_a_network() -> None:
    with network() as net:
        net.card("vethernet", "192.168.5.2/24")
        net.ip("route add default via 192.168.5.1")
        net.card("eth0", "169.254.7.8/16")
        assert shown(net) == ["192.168.5.2:9", "169.254.7.8:9", HERE]


def test_with_every_address_those_of_ipv6_are_shown_too() -> None:
    with network() as net:
        net.card("eth0", "192.168.5.2/24", "fd00:5::2/64", "fe80::5/64")
        assert shown(net, "::") == ["192.168.5.2:9", "[fd00:5::2]:9", HERE]
        assert shown(net) == ["192.168.5.2:9", HERE]


def test_a_second_address_of_a_card_and_an_address_twice() -> None:
    with network() as net:
        net.card("eth0", "192.168.5.2/24", "10.0.0.2/24 label eth0:1")
        net.card("eth1", "192.168.5.2/24")
        assert shown(net) == ["192.168.5.2:9", "10.0.0.2:9", HERE]


def test_without_a_network_that_is_said_and_once_more_when_there_is_one() -> None:
    with network() as net, net.program("-c", QUICK, "--port", "8080") as server:
        server.wait_for_line(r"^  127.0.0.1:8080  \(only on this computer\)$")
        server.wait_for_line("^  no network yet")
        net.card("eth0", "192.168.5.2/24")
        server.wait_for_line(r"^  192.168.5.2:8080$")
        net.ip("addr add 192.168.5.3/24 dev eth0")
        assert server.stop(signal.SIGINT) == 0
        assert server.text.count("Clients connect to:") == 2, "it looks only until there is one"


@contextmanager
def names_asked_in_vain(net: Network) -> Iterator[None]:
    """A name server in ``net`` that every program there asks, and that never answers."""
    folder = Path("/etc/netns") / net.name  # `ip netns exec` puts the files of this folder over those in /etc
    with ExitStack() as stack:
        for place in (folder.parent, folder):
            if not place.exists():
                place.mkdir()
                stack.callback(place.rmdir)
        files = {"resolv.conf": "nameserver 10.9.0.1\n", "hosts": "", "nsswitch.conf": "hosts: dns\n"}
        for name, text in files.items():
            (folder / name).write_text(text)
            stack.callback((folder / name).unlink)
        yield


def test_no_name_server_is_asked() -> None:
    listen = """
import socket
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(("10.9.0.1", 53))
print("ready", flush=True)
while True:
    print("asked", server.recvfrom(2048)[0], flush=True)
"""
    ask = "import socket\ntry: socket.getaddrinfo('control.example', 1)\nexcept OSError: pass"
    with network() as net, names_asked_in_vain(net):
        net.card("eth0", "10.9.0.1/24")
        with net.program("-c", listen) as name_server:
            name_server.wait_for_line("ready")
            assert shown(net) == ["10.9.0.1:9", HERE]
            with net.program("-c", ask):
                name_server.wait_for_line("asked .*control")  # what is asked is seen, so nothing else was
            assert [line for line in name_server.lines if "asked" in line and "control" not in line] == []


def test_one_address_is_the_one_to_type() -> None:
    found: Dict[str, str] = {host: str(reachable_addresses(host, 9)[0]) for host in ("10.1.2.3", "127.0.0.1", "::1")}
    assert found["10.1.2.3"] == "10.1.2.3:9"
    assert found["127.0.0.1"] == HERE
    assert found["::1"] == "[::1]:9  (only on this computer)"


def test_without_the_systems_table_the_default_route_tells_one(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        raise OSError("not here")

    monkeypatch.setattr("rollcall.server.machine.interfaces", refuse)
    found = [str(one) for one in reachable_addresses("0.0.0.0", 9)]
    assert found[-1] == HERE and len(found) <= 2


def test_a_link_local_address_is_listened_on_with_its_scope() -> None:
    with network() as net:
        net.card("eth0", "fe80::5/64")
        with net.program(ROOT / "server.py", "--host", "fe80::5%eth0", "--port", "8080") as server:
            server.wait_for_line(r"^Listening on \[fe80::5%eth0\]:8080$")
            server.wait_for_line(r"^  \[fe80::5%eth0\]:8080  \(after the %")
            for name, address in (("Ann", "fe80::5%eth0"), ("Ben", "[fe80::5%eth0]:8080")):
                with net.program(ROOT / "client.py", address, "--name", name, "--for", "30") as client:
                    client.wait_for_line(f"1 here: {name}")
                    assert client.stop() == 0
            for address, words in (
                ("fe80::5", r"network card of this computer must follow, such as fe80::5%eth0"),
                ("fe80::5%wlan7", r"this computer has no network card 'wlan7'; it has eth0"),
            ):
                with net.program(ROOT / "client.py", address, "--no-reconnect") as client:
                    client.wait_for_line(words)
                    assert client.wait() == 1
            assert server.stop() == 0
        for host, words in (("fe80::5", "such as fe80::5%eth0"), ("fe80::5%nix", "it has eth0")):
            with net.program(ROOT / "server.py", "--host", host) as server:
                assert server.wait() == 1
                assert words in server.text and "Traceback" not in server.text


def test_what_is_bound_is_an_address_of_the_right_family() -> None:
    assert listening_address("127.0.0.1", 9) == (socket.AF_INET, ("127.0.0.1", 9))
    assert listening_address("localhost", 9) == (socket.AF_INET, ("localhost", 9))
    assert listening_address("::", 9) == (socket.AF_INET6, ("::", 9, 0, 0))
    with listening_on("localhost") as port, RawClient(port) as client:
        client.register("Ann")
        assert client.until_type("welcome")


@contextmanager
def listening_on(host: str) -> Iterator[int]:
    server = RollcallServer(ServerConfig(host=host, port=0))
    server.start()
    try:
        yield server.address[1]
    finally:
        server.stop()


def test_what_to_tell_a_class_is_said_in_two_lines() -> None:
    said: List[str] = []

    def say(*lines: str) -> None:
        said.extend(lines)

    assert tell_addresses(say, "192.168.1.20", 8080, pages=True)
    assert said[-2:] == ["Open http://192.168.1.20:8080 in a browser,", "or type 192.168.1.20:8080 in the program."]
    said.clear()
    assert tell_addresses(say, "fd00::5", 8080, pages=True)
    assert said[-2] == "Open http://[fd00::5]:8080 in a browser,"
    said.clear()
    for host, pages in (("fe80::1%eth0", True), ("192.168.1.20", False)):
        assert tell_addresses(say, host, 8080, pages=pages)
    assert not any("browser" in line for line in said), "a URL has no scope; and without pages there is nothing to open"
