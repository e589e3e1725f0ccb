"""The network interfaces of this computer and their addresses, from the operating system, at once.

`interfaces` asks nobody but the system's own tables: no name server, no packet, no wait. The own host name, which is
the usual way, goes through the resolver (seconds when that is broken) and knows one address of several. There are two
sources, both reached through `ctypes`, because the standard library has none:

- POSIX: ``getifaddrs(3)``. It is in no POSIX standard, but the same on Linux (glibc 2.3, musl 1.1, Bionic) and the
  BSDs, macOS among them; their ``struct ifaddrs`` differ in nothing that is read here, their ``sockaddr`` in the byte
  of length (``<ifaddrs.h>``, ``<net/if.h>``, ``<netinet/in.h>``);
- Windows: ``GetAdaptersAddresses`` of ``iphlpapi.dll`` with ``IP_ADAPTER_ADDRESSES_LH`` and
  ``IP_ADAPTER_UNICAST_ADDRESS_LH`` (Microsoft's reference of ``iphlpapi.h`` and ``iptypes.h``; Windows Vista on).

The structures are read with `struct` in native order, size and alignment. No state, no threads; safe in any thread.
"""

from __future__ import annotations

import errno
import ipaddress
import os
import re
import socket
import struct
import sys
from dataclasses import dataclass
from typing import Any, Dict, List, Optional, Tuple

from rollcall.wire.text import printable

# <net/if.h>; RUNNING is what tells that a cable is in and that a bridge leads somewhere.
IFF_UP, IFF_LOOPBACK, IFF_POINTOPOINT, IFF_RUNNING = 0x1, 0x8, 0x10, 0x40
IFF_MULTICAST = 0x1000 if sys.platform.startswith(("linux", "android")) else 0x8000

_SOCKADDR_HAS_LENGTH = "bsd" in sys.platform or sys.platform in ("darwin", "ios", "dragonfly")
_IFADDRS = struct.Struct("@PPIPPP")  # next, name, flags, address, netmask, broadcast or destination

# <iptypes.h>: Length, IfIndex, Next, AdapterName, FirstUnicastAddress, FirstAnycastAddress, FirstMulticastAddress,
# FirstDnsServerAddress, DnsSuffix, Description, FriendlyName, PhysicalAddress, its length, Flags, Mtu, IfType,
# OperStatus, Ipv6IfIndex.
_ADAPTER = struct.Struct("@II9P8sIIIIiI")
# Length, Flags, Next, Address (a pointer, a length, and what aligns it), PrefixOrigin, SuffixOrigin, DadState,
# ValidLifetime, PreferredLifetime, LeaseLifetime, OnLinkPrefixLength.
_UNICAST = struct.Struct("@IIPPi0PiiiIIIB")
_NO_MULTICAST = 0x10  # IP_ADAPTER_NO_MULTICAST
_IF_TYPE_PPP, _IF_TYPE_LOOPBACK, _IF_TYPE_TUNNEL = 23, 24, 131  # <ipifcons.h>
_OPER_STATUS_UP = 1
_DAD_DEPRECATED = 3  # below it: invalid, tentative, duplicate (NL_DAD_STATE)
_SKIP = 0x2 | 0x4 | 0x8  # GAA_FLAG_SKIP_ANYCAST, _MULTICAST, _DNS_SERVER
_ERROR_BUFFER_OVERFLOW, _ERROR_NO_DATA = 111, 232
_FIRST_SIZE, _ATTEMPTS = 15 * 1024, 3  # both as Microsoft recommends

_VPN = re.compile(
    r"^(tun|tap|utun|wg|ppp|ipsec|zt|feth|tailscale|nordlynx|proton)\d*\b|vpn|wireguard|wintun|tap-|tailscale|zerotier",
    re.IGNORECASE,
)
_INSIDE = re.compile(
    r"^(docker|br-[0-9a-f]{12}|veth|virbr|vnet|vmnet|vboxnet|lxc|lxd|incus|cni|podman|flannel|cali|kube|vethernet)"
    r"|hyper-v virtual|virtualbox|vmware|npcap",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class InterfaceAddress:
    """One address of an interface, in digits and without a scope. ``broadcast`` reaches everyone on its network;
    None where there is no such thing (IPv6, point-to-point, a network of two)."""

    ip: str
    prefix: int
    broadcast: Optional[str] = None

    @property
    def is_ipv6(self) -> bool:
        return ":" in self.ip

    @property
    def is_link_local(self) -> bool:
        """True for an address that a computer gave itself where nobody gave it one: 169.254.x.x or fe80::x."""
        return ipaddress.ip_address(self.ip).is_link_local


@dataclass(frozen=True)
class Interface:
    """A network card, or what the system shows as one.

    ``index`` is its number (0 if it has just gone). ``up`` means that it is switched on and has a link.
    ``description`` is the maker's name on Windows, else empty.
    """

    name: str
    index: int
    addresses: Tuple[InterfaceAddress, ...]
    up: bool = True
    loopback: bool = False
    point_to_point: bool = False
    multicast: bool = True
    description: str = ""

    @property
    def scope(self) -> str:
        """What stands behind the "%" of a link-local address on this computer."""
        return str(self.index) if sys.platform == "win32" else self.name

    @property
    def is_vpn(self) -> bool:
        """It leads to one other place, not to the people in this room, as far as flags and names can tell."""
        return self.point_to_point or self._is_like(_VPN)

    @property
    def is_inside(self) -> bool:
        """By its name it leads to containers or virtual machines on this very computer. (On Windows the real network
        can have such a name, too, when virtual machines share it: then it has the default route.)"""
        return self._is_like(_INSIDE)

    def _is_like(self, pattern: re.Pattern[str]) -> bool:
        return pattern.search(self.name) is not None or pattern.search(self.description) is not None


def interfaces() -> List[Interface]:
    """All interfaces, in the order of their numbers. Raises OSError where the system does not tell."""
    try:
        found = _from_windows() if sys.platform == "win32" else _from_getifaddrs()
    except (ImportError, AttributeError) as error:  # a Python without ctypes, a system without getifaddrs
        raise OSError(errno.ENOSYS, f"cannot ask for the network interfaces: {error}") from None
    return sorted(found, key=lambda interface: (interface.index, interface.name))


def scope_problem(host: str) -> Optional[str]:
    """What is wrong with the scope of a link-local address (RFC 4007), as half a sentence; None if nothing is.

    The system itself says "invalid argument" or "name or service not known".
    """
    address, _, scope = host.partition("%")
    if ":" not in address or (not scope and not address.lower().startswith(("fe8", "fe9", "fea", "feb"))):
        return None
    if scope.isdecimal() or scope in [name for _, name in socket.if_nameindex()]:
        return None
    try:
        here = [one.scope for one in interfaces() if any(item.is_ipv6 and item.is_link_local for item in one.addresses)]
    except OSError:
        here = []
    if not scope:
        example = here[0] if here else "eth0"
        return f"the network card of this computer must follow, such as {address}%{example}"
    hint = f"; it has {', '.join(here)}" if here else ""
    return f"this computer has no network card {printable(scope)!r}{hint}"


def _address(ip: str, prefix: int, has_broadcast: bool) -> InterfaceAddress:
    if not has_broadcast or ":" in ip or prefix >= 31:
        return InterfaceAddress(ip, prefix)
    network = ipaddress.IPv4Interface(f"{ip}/{prefix}").network
    return InterfaceAddress(ip, prefix, str(network.broadcast_address))


def _ip_bytes(sockaddr: bytes, family: int) -> bytes:
    """The address in a ``sockaddr_in`` or ``sockaddr_in6`` (its end may be missing in a netmask: zeros)."""
    if family == socket.AF_INET:
        return sockaddr[4:8].ljust(4, b"\0")
    address = sockaddr[8:24].ljust(16, b"\0")
    if address[0] == 0xFE and address[1] & 0xC0 == 0x80:
        return address[:2] + bytes(6) + address[8:]  # KAME's kernels keep the scope in the second group
    return address


# --- POSIX ----------------------------------------------------------------------------------------------------------


def _from_getifaddrs() -> List[Interface]:
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    libc.getifaddrs.argtypes = [ctypes.POINTER(ctypes.c_void_p)]
    libc.freeifaddrs.argtypes = [ctypes.c_void_p]
    libc.freeifaddrs.restype = None
    first = ctypes.c_void_p()
    if libc.getifaddrs(ctypes.byref(first)) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    flags_of: Dict[str, int] = {}
    addresses: Dict[str, List[InterfaceAddress]] = {}
    try:
        place = first.value
        while place:
            place, name_at, flags, address_at, mask_at, _ = _IFADDRS.unpack(ctypes.string_at(place, _IFADDRS.size))
            name = os.fsdecode(ctypes.string_at(name_at)).partition(":")[0]  # Linux calls a second address eth0:1
            flags_of[name] = flags
            found = addresses.setdefault(name, [])
            family = _family(ctypes, address_at) if address_at else None
            if family not in (socket.AF_INET, socket.AF_INET6):
                continue  # the address of the hardware
            ip = _ip_bytes(_sockaddr(ctypes, address_at, family), family)
            mask = _ip_bytes(_sockaddr(ctypes, mask_at, family), family) if mask_at else b"\xff" * len(ip)
            prefix = bin(int.from_bytes(mask, "big")).count("1")
            has_broadcast = not flags & (IFF_LOOPBACK | IFF_POINTOPOINT)
            found.append(_address(socket.inet_ntop(family, ip), prefix, has_broadcast))
    finally:
        libc.freeifaddrs(first)
    return [
        Interface(
            name=name,
            index=_index(name),
            addresses=tuple(addresses[name]),
            up=flags & IFF_UP != 0 and flags & IFF_RUNNING != 0,
            loopback=flags & IFF_LOOPBACK != 0,
            point_to_point=flags & IFF_POINTOPOINT != 0,
            multicast=flags & IFF_MULTICAST != 0,
        )
        for name, flags in flags_of.items()
    ]


def _family(ctypes: Any, place: int) -> int:
    head: bytes = ctypes.string_at(place, 2)
    return head[1] if _SOCKADDR_HAS_LENGTH else int(struct.unpack("@H", head)[0])


def _sockaddr(ctypes: Any, place: int, family: int) -> bytes:
    size = 16 if family == socket.AF_INET else 28
    if _SOCKADDR_HAS_LENGTH:
        size = min(size, ctypes.string_at(place, 1)[0])
    return bytes(ctypes.string_at(place, size))


def _index(name: str) -> int:
    try:
        return socket.if_nametoindex(name)
    except OSError:
        return 0  # it has gone since


# --- Windows --------------------------------------------------------------------------------------------------------


def _from_windows() -> List[Interface]:
    import ctypes

    ask = getattr(ctypes, "WinDLL")("iphlpapi").GetAdaptersAddresses  # noqa: B009, mypy knows no WinDLL elsewhere
    ask.argtypes = [ctypes.c_ulong, ctypes.c_ulong, ctypes.c_void_p, ctypes.c_void_p, ctypes.POINTER(ctypes.c_ulong)]
    ask.restype = ctypes.c_ulong
    size = ctypes.c_ulong(_FIRST_SIZE)
    for _ in range(_ATTEMPTS):
        buffer = ctypes.create_string_buffer(size.value)
        code = ask(socket.AF_UNSPEC, _SKIP, None, buffer, ctypes.byref(size))
        if code == 0:
            return _adapters(ctypes, ctypes.addressof(buffer))
        if code == _ERROR_NO_DATA:
            return []
        if code != _ERROR_BUFFER_OVERFLOW:
            break
    raise OSError(errno.EIO, f"GetAdaptersAddresses: error {code}")


def _adapters(ctypes: Any, place: int) -> List[Interface]:
    found = []
    while place:
        row = _ADAPTER.unpack(ctypes.string_at(place, _ADAPTER.size))
        index, place, unicast, description, name = row[1], row[2], row[4], row[9], row[10]
        flags, kind, status, ipv6_index = row[13], row[15], row[16], row[17]
        loopback, tunnel = kind == _IF_TYPE_LOOPBACK, kind in (_IF_TYPE_PPP, _IF_TYPE_TUNNEL)
        found.append(
            Interface(
                name=ctypes.wstring_at(name) if name else "",
                index=index or ipv6_index,
                addresses=tuple(_unicast_addresses(ctypes, unicast, not loopback and not tunnel)),
                up=status == _OPER_STATUS_UP,
                loopback=loopback,
                point_to_point=tunnel,
                multicast=not flags & _NO_MULTICAST,
                description=ctypes.wstring_at(description) if description else "",
            )
        )
    return found


def _unicast_addresses(ctypes: Any, place: int, has_broadcast: bool) -> List[InterfaceAddress]:
    found = []
    while place:
        row = _UNICAST.unpack(ctypes.string_at(place, _UNICAST.size))
        place, sockaddr_at, length, dad_state, prefix = row[2], row[3], row[4], row[7], row[11]
        family = _family(ctypes, sockaddr_at)
        if dad_state >= _DAD_DEPRECATED and family in (socket.AF_INET, socket.AF_INET6):
            ip = _ip_bytes(ctypes.string_at(sockaddr_at, length), family)
            found.append(_address(socket.inet_ntop(family, ip), prefix, has_broadcast))
    return found
