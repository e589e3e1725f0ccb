"""interfaces.py: what the operating system says about its network cards."""

from __future__ import annotations

import json
import socket
import time
from typing import Any, Dict, List

import pytest

from rollcall.wire.interfaces import Interface, InterfaceAddress, interfaces, scope_problem
from tests.network import Network, network

PROBE = """
import json
from dataclasses import asdict
from rollcall.wire.interfaces import interfaces
for one in interfaces():
    more = {"scope": one.scope, "vpn": one.is_vpn, "inside": one.is_inside}
    print(json.dumps({**asdict(one), **more}))
"""


def seen(net: Network) -> Dict[str, Dict[str, Any]]:
    with net.program("-c", PROBE) as probe:
        assert probe.wait() == 0, probe.text
        rows: List[Dict[str, Any]] = [json.loads(line) for line in probe.lines]
    assert [row["index"] for row in rows] == sorted(row["index"] for row in rows)
    return {row["name"]: row for row in rows}


def test_this_computer_has_itself() -> None:
    begun = time.monotonic()
    found = interfaces()
    assert time.monotonic() - begun < 2.0
    (loopback,) = [one for one in found if any(address.ip == "127.0.0.1" for address in one.addresses)]
    assert loopback.up and loopback.loopback and loopback.index > 0 and not loopback.point_to_point
    assert InterfaceAddress("127.0.0.1", 8) in loopback.addresses
    assert {one.index for one in found} <= {index for index, _ in socket.if_nameindex()}


def test_cards_addresses_prefixes_and_broadcasts() -> None:
    with network() as net:
        net.card("eth0", "192.168.5.2/23", "10.0.0.9/8 label eth0:1", "10.1.0.1/31", "fd00::2/48", "fe80::5/64")
        net.card("eth1")
        net.ip("link set eth1-far down")
        row = seen(net)["eth0"]
        assert [(one["ip"], one["prefix"], one["broadcast"]) for one in row["addresses"]] == [
            ("192.168.5.2", 23, "192.168.5.255"),
            ("10.0.0.9", 8, "10.255.255.255"),
            ("10.1.0.1", 31, None),
            ("fd00::2", 48, None),
            ("fe80::5", 64, None),
        ]
        assert (row["up"], row["multicast"], row["loopback"], row["point_to_point"]) == (True, True, False, False)
        assert (row["scope"], row["vpn"], row["inside"]) == ("eth0", False, False)
        assert not seen(net)["eth1"]["up"], "its cable is out"


def test_a_tunnel_is_a_vpn_and_has_no_broadcast() -> None:
    with network() as net, net.tunnel("10.8.0.2/24"):
        row = seen(net)["tun0"]
        assert (row["up"], row["point_to_point"], row["vpn"]) == (True, True, True)
        assert row["addresses"][0]["broadcast"] is None


@pytest.mark.parametrize(
    ("name", "description", "vpn", "inside"),
    [
        ("eth0", "", False, False),
        ("wlp3s0", "", False, False),
        ("bridge100", "", False, False),
        ("br0", "", False, False),
        ("utun4", "", True, False),
        ("wg0", "", True, False),
        ("docker0", "", False, True),
        ("br-0123456789ab", "", False, True),
        ("virbr0", "", False, True),
        ("Wi-Fi", "Intel(R) Wi-Fi 6 AX201 160MHz", False, False),
        ("Ethernet 3", "TAP-Windows Adapter V9", True, False),
        ("school", "WireGuard Tunnel", True, False),
        ("vEthernet (WSL)", "Hyper-V Virtual Ethernet Adapter", False, True),
        ("Ethernet 2", "VirtualBox Host-Only Ethernet Adapter", False, True),
    ],
)
def test_what_a_name_tells(name: str, description: str, vpn: bool, inside: bool) -> None:
    card = Interface(name, 1, (), description=description)
    assert (card.is_vpn, card.is_inside) == (vpn, inside)


def test_scopes_of_link_local_addresses() -> None:
    own = socket.if_nameindex()[0][1]
    for right in ("10.0.0.1", "host", "::1", "fd00::1", f"fe80::1%{own}", "fe80::1%1"):
        assert scope_problem(right) is None
    assert "the network card of this computer must follow, such as FE80::1%" in (scope_problem("FE80::1") or "")
    assert "no network card 'a\\x1bb'" in (scope_problem("fe80::1%a\x1bb") or "").replace("\\\\", "\\")
