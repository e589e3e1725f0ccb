"""Tools for tests: waiting with a deadline, real programs as processes, raw sockets, servers in this process.

Every deadline here is one that only a failure reaches; nothing sleeps for a fixed time.
"""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Callable, Dict, Iterator, List, Optional, Tuple, Type, TypeVar, Union

import pytest

from rollcall.program import files
from rollcall.program.folders import data_folder
from rollcall.server.certificate import own_certificate
from rollcall.server.keys import server_name_of
from rollcall.server.settings import ServerConfig
from rollcall.wire.clock import monotonic
from server import RollcallServer

ROOT = Path(__file__).resolve().parent.parent
PATIENCE = 30.0
"""Seconds: far more than anything here takes on the slowest machine."""

needs_full = pytest.mark.skipif(
    sys.platform == "win32" or not os.path.exists("/dev/full"), reason="there is no /dev/full"
)
"""The disk that is always full. Wine shows the device of the Linux below, which takes everything when Windows asks."""

T = TypeVar("T")

_CTRL_BREAK = """
import ctypes, sys
kernel32 = ctypes.WinDLL("kernel32")
kernel32.FreeConsole()
kernel32.AttachConsole(int(sys.argv[1])) or sys.exit("it has no console")
not_for_us = ctypes.WINFUNCTYPE(ctypes.c_int, ctypes.c_uint)(lambda event: 1)
kernel32.SetConsoleCtrlHandler(not_for_us, 1)
any(kernel32.GenerateConsoleCtrlEvent(event, 0) for event in (1, 0)) or sys.exit("its console takes no event")
"""
"""Windows: presses Ctrl-Break in the console of another process, or Ctrl-C where that is not possible (Wine). In a
process of its own, because who attaches to a console must leave his own."""


def wait_until(true: Callable[[], T], what: str, timeout: float = PATIENCE) -> T:
    """Wait until ``true()`` is, and return it."""
    deadline = time.monotonic() + timeout
    pause = threading.Event()
    while True:
        value = true()
        if value:
            return value
        assert time.monotonic() < deadline, f"still not after {timeout:g} s: {what}"
        pause.wait(0.01)


def make_link(link: Path, target: Path) -> None:
    """A symbolic link to ``target``; the test is skipped where this user, or this system, makes none."""
    try:
        link.symlink_to(target)
    except OSError:
        pytest.skip("this user may not make symbolic links")
    if not link.is_symlink():
        pytest.skip("this system said that it made a symbolic link, and there is none")


def held_open(monkeypatch: pytest.MonkeyPatch, call: str, times: int, name: str = "") -> List[str]:
    """For so many calls a function of ``os`` is refused, as on Windows where somebody (a scanner, a backup, a person
    who looks) has the file open; the list says for what. With a ``name``: only for files of that name."""
    refused: List[str] = []
    real = getattr(os, call)

    def refuse(path: Any, *more: Any, **options: Any) -> Any:
        if len(refused) < times and (not name or os.path.basename(path) == name):
            refused.append(str(path))
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return real(path, *more, **options)

    monkeypatch.setattr(files, "OTHERS_HOLD_FILES", True)
    monkeypatch.setattr(os, call, refuse)
    return refused


class Program:
    """One of our programs as a real process, with everything it prints collected.

    ``arguments`` are for Python, or for an ``executable``, which then finds nothing in its environment but ``env``.
    ``stdout`` and ``stderr`` may go to a descriptor instead, and are not collected then. ``shell`` is what a shell does
    before it becomes the program, or with the program, which is ``"$@"``.
    """

    def __init__(
        self,
        *arguments: Union[str, Path],
        env: Optional[Dict[str, str]] = None,
        descriptors: Optional[int] = None,
        executable: Optional[Path] = None,
        folder: Path = ROOT,
        stdout: int = subprocess.PIPE,
        stderr: int = subprocess.PIPE,
        shell: str = "",
    ) -> None:
        self.lines: List[str] = []
        self.stdout_lines: List[str] = []
        if descriptors is not None:
            shell = f'ulimit -n {descriptors}; exec "$@"'
        limited = ["sh", "-c", shell, "sh"] if shell else []
        program = [sys.executable, "-u"] if executable is None else [str(executable)]
        inherited = {**os.environ, "PYTHONWARNINGS": "default"} if executable is None else {}
        # Guards the lists, and is notified with each line.
        self._changed = threading.Condition()
        self._process = subprocess.Popen(
            [*limited, *program, *map(str, arguments)],
            cwd=folder,
            env={**inherited, **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            encoding="utf-8",
            errors="replace",
            # Windows: a console of its own, without a window, in which a test can press Ctrl-Break.
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
            # A group of its own, which ends as a whole: an executable in one file is two processes.
            start_new_session=True,
        )
        self._readers = [
            threading.Thread(target=self._collect, args=(stream, is_stdout), name="stdout" if is_stdout else "stderr")
            for stream, is_stdout in ((self._process.stdout, True), (self._process.stderr, False))
            if stream is not None
        ]
        for reader in self._readers:
            reader.start()

    def _collect(self, stream: IO[str], is_stdout: bool) -> None:
        with stream:
            for line in stream:
                with self._changed:
                    self.lines.append(line.rstrip("\n"))
                    if is_stdout:
                        self.stdout_lines.append(line.rstrip("\n"))
                    self._changed.notify_all()
        with self._changed:
            self._changed.notify_all()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def text(self) -> str:
        with self._changed:
            return "\n".join(self.lines)

    def wait_for_line(self, pattern: str, timeout: float = PATIENCE, skip: int = 0) -> re.Match[str]:
        """The first line, from number ``skip`` on, that the pattern is found in; earlier output counts as well."""
        found: List[re.Match[str]] = []

        def look() -> bool:
            found[:] = [match for line in self.lines[skip:] for match in [re.search(pattern, line)] if match][:1]
            return bool(found) or not any(reader.is_alive() for reader in self._readers)

        with self._changed:
            deadline = time.monotonic() + timeout
            while not look() and time.monotonic() < deadline:
                self._changed.wait(0.2)
            assert found, f"no line like {pattern!r} came; the program printed:\n" + "\n".join(self.lines[-60:])
        return found[0]

    def send_signal(self, number: int) -> None:
        """Send a signal. Windows has none to send: whichever is asked for, it is Ctrl-Break, as a person would."""
        if sys.platform != "win32":
            self._process.send_signal(number)
        elif self._process.poll() is None:
            command = [sys.executable, "-S", "-c", _CTRL_BREAK, str(self.pid)]
            done = subprocess.run(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                encoding="utf-8", errors="replace", timeout=PATIENCE, check=False,
            )  # fmt: skip
            assert done.returncode == 0, f"Ctrl-Break could not be sent: {done.stdout}"

    def wait(self, timeout: float = PATIENCE) -> int:
        """The exit code, once it has ended by itself."""
        try:
            code = self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"still running after {timeout:g} s; it printed:\n{self.text}") from None
        self._join()
        return code

    def _join(self) -> None:
        """What was printed is complete when nobody is left who could print; who is left is a fault of the program's."""
        for reader in self._readers:
            reader.join(PATIENCE)
            assert not reader.is_alive(), f"a process that it started holds its {reader.name} open"

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Ask it to end; the exit code."""
        self.send_signal(number)
        return self.wait()

    def kill(self) -> None:
        if sys.platform != "win32":
            with suppress(ProcessLookupError, PermissionError):  # macOS: the latter for a zombie
                os.killpg(self.pid, signal.SIGKILL)
        elif self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        self._join()

    def __enter__(self) -> Program:
        return self

    def __exit__(
        self, kind: Optional[Type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        self.kill()
        if error is not None:
            print(f"--- {self._process.args!r} printed:", *self.lines[-60:], sep="\n")


def keep_certificate(config: ServerConfig) -> None:
    """A certificate for the server of these settings, so that it need not make one: that takes 0.2 s at each start."""
    folder = data_folder()
    if folder is not None:
        file = folder / f"{server_name_of(config)}.pem"
        if not file.exists():
            shutil.copy(own_certificate(folder, "tests").file, file)


class ServerProgram(Program):
    """``server.py`` on a free port of the loopback interface, listening."""

    def __init__(
        self,
        folder: Path,
        *arguments: str,
        port: int = 0,
        descriptors: Optional[int] = None,
        env: Optional[Dict[str, str]] = None,
        **settings: Any,
    ) -> None:
        file = folder / "config.toml"
        file.write_text("[server]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in settings.items()))
        command: List[Union[str, Path]] = [ROOT / "server.py", "--config", file, "--host", "127.0.0.1"]
        keep_certificate(ServerConfig(port=port, file=file, file_named=True))
        super().__init__(*command, "--port", str(port), *arguments, descriptors=descriptors, env=env)
        try:
            self.port = int(self.wait_for_line(r"^Listening on 127\.0\.0\.1:(\d+)$").group(1))
        except BaseException:
            self.kill()
            raise
        self.address = f"127.0.0.1:{self.port}"

    def __enter__(self) -> ServerProgram:
        return self


def free_port() -> int:
    """A port of the loopback interface that nobody listens at."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


@contextmanager
def full_pipe() -> Iterator[int]:
    """The writing end of a pipe that takes no more: whoever writes to it waits."""
    reading, writing = os.pipe()
    try:
        os.set_blocking(writing, False)
        for size in (65536, 1):
            try:
                while True:
                    os.write(writing, b"x" * size)
            except BlockingIOError:
                pass
        os.set_blocking(writing, True)
        yield writing
    finally:
        os.close(reading)
        os.close(writing)


class RawClient:
    """A client without any of our client code: a socket, lines, deadlines."""

    def __init__(self, port: int, host: str = "127.0.0.1", buffer: int = 0, source: str = "") -> None:
        self.socket = socket.socket()
        if buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        self.socket.settimeout(PATIENCE)
        try:
            if source:
                self.socket.bind((source, 0))
            self.socket.connect((host, port))
        except OSError:
            self.socket.close()
            raise
        self._buffer = b""

    def send(self, message: Union[bytes, Dict[str, Any]]) -> None:
        self.socket.sendall(message if isinstance(message, bytes) else json.dumps(message).encode() + b"\n")

    def register(self, name: Optional[str] = None, ip: str = "10.0.0.1", port: int = 5000, **more: Any) -> None:
        """Register: version 2 with a name, version 1 without."""
        fields: Dict[str, Any] = {"type": "register", "client_ip": ip, "client_port": port}
        if name is not None:
            fields.update(protocol=2, name=name)
        self.send({**fields, **more})

    def raw_line(self, timeout: float = PATIENCE) -> bytes:
        """The next line with its end; empty at the end of the stream."""
        self.socket.settimeout(timeout)
        while b"\n" not in self._buffer:
            try:
                data = self.socket.recv(65536)
            except ConnectionError:
                data = b""
            if not data:
                return b""
            self._buffer += data
        line, _, self._buffer = self._buffer.partition(b"\n")
        return line + b"\n"

    def line(self, timeout: float = PATIENCE) -> Dict[str, Any]:
        raw = self.raw_line(timeout)
        assert raw, "the server closed the connection"
        message = json.loads(raw)
        assert isinstance(message, dict)
        return message

    def until(self, right: Callable[[Dict[str, Any]], Any], timeout: float = PATIENCE) -> Dict[str, Any]:
        """The first message that is ``right``; the others before it are dropped."""
        deadline = time.monotonic() + timeout
        while True:
            message = self.line(max(0.01, deadline - time.monotonic()))
            if right(message):
                return message

    def until_type(self, kind: str, timeout: float = PATIENCE) -> Dict[str, Any]:
        return self.until(lambda message: message["type"] == kind, timeout)

    def rest(self, timeout: float = PATIENCE) -> List[Dict[str, Any]]:
        """Everything until the server closes."""
        messages: List[Dict[str, Any]] = []
        while True:
            raw = self.raw_line(timeout)
            if not raw:
                return messages
            messages.append(json.loads(raw))

    def close(self) -> None:
        self.socket.close()

    def __enter__(self) -> RawClient:
        return self

    def __exit__(self, *unused: object) -> None:
        self.close()


@contextmanager
def running_server(
    clock: Callable[[], float] = monotonic, **settings: Any
) -> Iterator[Tuple[RollcallServer, int]]:
    """A server in this process, and its port."""
    server = RollcallServer(ServerConfig(host="127.0.0.1", port=0, **settings), clock=clock)
    server.start()
    try:
        yield server, server.address[1]
    finally:
        server.stop()


@contextmanager
def screen(dpi: int, size: str = "2000x1600") -> Iterator[str]:
    """A virtual screen of its own (X11); the text for ``DISPLAY``."""
    read_end, write_end = os.pipe()
    command = ["Xvfb", "-displayfd", str(write_end), "-dpi", str(dpi), "-screen", "0", f"{size}x24", "-nolisten", "tcp"]
    with open(read_end, "rb") as answer:
        try:
            server = subprocess.Popen(command, pass_fds=[write_end], stderr=subprocess.DEVNULL)
        finally:
            os.close(write_end)
        try:
            number = answer.readline().decode().strip()
            assert number, "Xvfb did not start"
            yield f":{number}"
        finally:
            server.terminate()
            server.wait()


class Guarded(Dict[Any, Any]):
    """A dict that may only be touched by who holds ``lock``. For tests with one thread: then nobody else holds it."""

    def __init__(self, lock: threading.Lock, content: Any = ()) -> None:
        super().__init__(content)
        self._lock = lock

    def __getattribute__(self, name: str) -> Any:
        if not name.startswith("_"):
            self._check()
        return super().__getattribute__(name)

    def _check(self) -> None:
        assert self._lock.locked(), "touched without the lock"

    def __contains__(self, key: object) -> bool:
        self._check()
        return super().__contains__(key)

    def __getitem__(self, key: Any) -> Any:
        self._check()
        return super().__getitem__(key)

    def __setitem__(self, key: Any, value: Any) -> None:
        self._check()
        super().__setitem__(key, value)

    def __delitem__(self, key: Any) -> None:
        self._check()
        super().__delitem__(key)

    def __iter__(self) -> Iterator[Any]:
        self._check()
        return super().__iter__()


class ShiftedClock:
    """The project's real clock, put forward at will: time passes, and a test can let ten seconds pass at once."""

    def __init__(self) -> None:
        self.shift = 0.0

    def __call__(self) -> float:
        return monotonic() + self.shift


class FakeClock:
    """A clock that stands still until it is told otherwise. Seconds."""

    def __init__(self, now: float = 1000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += seconds
