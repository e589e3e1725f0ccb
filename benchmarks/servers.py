"""The servers that are measured, each a process of its own, and what one can see of a process from outside."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Any, Callable, Dict, List, Optional, Tuple, Type

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
sys.path[:0] = [str(ROOT), str(ROOT / "build_scripts")]

from environment import SetupError, environment  # noqa: E402

START_TIMEOUT = 30.0
PING = '{"type":"ping"}\n'
REGISTER_1 = '{"type":"register","client_ip":"127.0.0.1","client_port":%d}\n'
REGISTER_2 = (
    '{"type":"register","client_ip":"127.0.0.1","client_port":5000,"protocol":2,"name":"Student %d","roster":false}\n'
)
# RFC 6455: an upgrade, and a masked text frame. The mask is zero, which the standard does not forbid.
UPGRADE = (
    "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
FRAME = "hex:" + (b'\x81\x8f\0\0\0\0{"type":"ping"}').hex()
# MQTT 3.1.1: CONNECT with a clean session and no identifier, and PINGREQ.
MQTT_CONNECT = "hex:" + (b"\x10\x0c\x00\x04MQTT\x04\x02\x00\x3c\x00\x00").hex()
MQTT_PINGREQ = "hex:c000"


@dataclass(frozen=True)
class Server:
    """How to start a server on a port, with settings of ours in a folder, and what a client of it says."""

    name: str
    command: Callable[[int, Path, Dict[str, Any]], List[str]]
    hello: str = REGISTER_1
    ping: str = PING
    tls: bool = False
    reason_against: Callable[[], Optional[str]] = lambda: None
    """Why it cannot be measured here, or None."""


def _rollcall(one_cpu: bool) -> Callable[[int, Path, Dict[str, Any]], List[str]]:
    def command(port: int, folder: Path, settings: Dict[str, Any]) -> List[str]:
        # The check of message_rate stays on the path, but never bites.
        values = {"message_rate": 1_000_000, "max_clients": 20_000, "one_cpu": one_cpu, **settings}
        file = folder / "config.toml"
        file.write_text("[server]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in values.items()))
        return [sys.executable, str(ROOT / "server.py"), "--config", str(file), "--host=127.0.0.1", f"--port={port}"]

    return command


def _recorded(port: int, folder: Path, settings: Dict[str, Any]) -> List[str]:
    """The same server without a class, and everybody written down."""
    return _rollcall(True)(port, folder, {"record": "always", **settings})


def _with_class(count: int) -> Callable[[int, Path, Dict[str, Any]], List[str]]:
    """The same server with a class, whose names the clients have, and its record; its times are those of a server
    without one."""

    def command(port: int, folder: Path, settings: Dict[str, Any]) -> List[str]:
        names = folder / "crowd.txt"
        names.write_text("".join(f"Student {number}\n" for number in range(count)))
        words = _rollcall(True)(port, folder, {"lesson_interval": 60, "lesson_timeout": 120, **settings})
        return [*words, "--class", str(names)]

    return command


def _naive(port: int, folder: Path, settings: Dict[str, Any]) -> List[str]:
    return [sys.executable, str(HERE / "naive_server.py"), str(port)]


def _websockets(kind: str) -> Callable[[int, Path, Dict[str, Any]], List[str]]:
    def command(port: int, folder: Path, settings: Dict[str, Any]) -> List[str]:
        python = environment("bench", HERE / "requirements.txt")
        return [str(python), str(HERE / "websockets_server.py"), kind, str(port)]

    return command


def _no_websockets() -> Optional[str]:
    try:
        environment("bench", HERE / "requirements.txt")
    except SetupError as error:
        return f"the library cannot be installed: {str(error).splitlines()[0]}"
    return None


def _mosquitto(port: int, folder: Path, settings: Dict[str, Any]) -> List[str]:
    file = folder / "mosquitto.conf"
    file.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\nlog_dest none\n")
    return [find_mosquitto() or "mosquitto", "-c", str(file)]


def find_mosquitto() -> Optional[str]:
    return shutil.which("mosquitto", path=os.environ.get("PATH", "") + ":/usr/sbin")


def compiler() -> Optional[str]:
    return shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")


@cache
def openssl() -> Tuple[str, ...]:
    """What the compiler needs to be told for TLS; nothing if OpenSSL's headers are not there."""
    options = ("-DWITH_TLS", "-lssl", "-lcrypto")
    if compiler() is None:
        return ()
    command = [compiler() or "cc", "-x", "c", "-o", os.devnull, "-", *options[1:]]
    program = b"#include <openssl/ssl.h>\nint main(void) { return !TLS_client_method(); }\n"
    done = subprocess.run(command, input=program, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    return options if done.returncode == 0 else ()


def _no_tls() -> Optional[str]:
    if find_spec("cryptography") is None:
        return f"the server makes no certificate without cryptography: {sys.executable} -m pip install cryptography"
    if compiler() is not None and not openssl():
        return "the generator speaks no TLS without OpenSSL's headers (Debian: apt install libssl-dev)"
    return None


def compiled(name: str, folder: Path, *options: str) -> str:
    """The path of one of our C programs, compiled. Only where there is a `compiler`."""
    program = folder / name
    if not program.exists():
        command = [compiler() or "cc", "-O2", "-pthread", "-o", str(program), str(HERE / f"{name}.c"), *options]
        subprocess.run(command, check=True)
    return str(program)


def _ceiling(port: int, folder: Path, settings: Dict[str, Any]) -> List[str]:
    return [compiled("ceiling", folder), str(port)]


ROLLCALL = Server("rollcall", _rollcall(True), REGISTER_2)
TLS = Server("TLS", _rollcall(True), REGISTER_2, tls=True, reason_against=_no_tls)
RECORDED = Server("recorded", _recorded, REGISTER_2)
WITH_CLASS = Server("with a class", _with_class(1000), REGISTER_2)
SMALL_CLASS = Server("a class of 200", _with_class(200))
TWO_CPUS = Server("two cpus", _rollcall(False), REGISTER_2)
NAIVE = Server("naive", _naive)
WS_THREADS = Server("websockets threads", _websockets("threads"), UPGRADE, FRAME, reason_against=_no_websockets)
WS_ASYNCIO = Server("websockets asyncio", _websockets("asyncio"), UPGRADE, FRAME, reason_against=_no_websockets)
MOSQUITTO = Server(
    "mosquitto",
    _mosquitto,
    MQTT_CONNECT,
    MQTT_PINGREQ,
    reason_against=lambda: None if find_mosquitto() else "it is not installed",
)
CEILING = Server("C threads", _ceiling, reason_against=lambda: None if compiler() else "there is no C compiler")
SERVERS = (ROLLCALL, TLS, TWO_CPUS, NAIVE, WS_THREADS, WS_ASYNCIO, MOSQUITTO, CEILING)


class Running:
    """A server process that listens on ``port``. Use it in a ``with`` statement."""

    def __init__(self, server: Server, folder: Path, **settings: Any) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self.port: int = listener.getsockname()[1]
        self._log = (folder / "log").open("w")
        command = server.command(self.port, folder, settings)
        env = {**os.environ, "XDG_DATA_HOME": str(folder), "LOCALAPPDATA": str(folder)}  # keeps nothing of this run
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=self._log, stderr=self._log, env=env)
        deadline = time.monotonic() + START_TIMEOUT
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1.0).close()
                return
            except OSError:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    self.process.kill()
                    raise RuntimeError(f"{server.name} does not listen: {(folder / 'log').read_text()}") from None
                time.sleep(0.02)

    def __enter__(self) -> Running:
        return self

    def __exit__(
        self, kind: Optional[Type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._log.close()

    def resident_kib(self) -> float:
        """Resident memory, counted page by page (the counter in ``status`` lags behind)."""
        text = Path(f"/proc/{self.process.pid}/smaps_rollup").read_text()
        match = re.search(r"^Rss: +(\d+) kB", text, re.MULTILINE)
        return float(match.group(1)) if match else float("nan")

    def cpu_seconds(self) -> float:
        """Processor time that it has used so far, to the microsecond: ``/proc`` has hundredths. The number of the clock
        is what clock_getcpuclockid(3) returns (Linux, include/linux/posix-timers_types.h)."""
        return time.clock_gettime((~self.process.pid << 3) | 2)

    def rest(self, most: float = 2.0) -> None:
        """Wait, for so long at most, until it has nothing to do."""
        until, used = time.monotonic() + most, -1.0
        while self.cpu_seconds() - used > 0.002 and time.monotonic() < until:
            used = self.cpu_seconds()
            time.sleep(0.2)

    def threads(self) -> int:
        return len(os.listdir(f"/proc/{self.process.pid}/task"))

    def descriptors(self) -> int:
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))
