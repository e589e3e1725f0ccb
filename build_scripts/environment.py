"""Virtual environments with pinned contents, and the system packages that they cannot hold.

Used by the scripts beside it. Standard library only: this is what runs on a machine that has nothing but Python.
An environment stands below ``.venv`` under a name that tells its purpose and its interpreter, and is made again when
the pinned requirements change. Two runs at once do not disturb each other: the second waits for the first.
"""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import Dict, Iterator, List, Optional, Sequence

ROOT = Path(__file__).resolve().parent.parent
OLDEST = (3, 9)


class SetupError(Exception):
    """A step that needs a person; ``str()`` says what to do."""


def say(text: str) -> None:
    """One line about a step."""
    print(f"[{time.strftime('%H:%M:%S')}] {text}", flush=True)


@contextmanager
def step(what: str) -> Iterator[None]:
    """Say what is done, and afterwards how long it took."""
    begun = time.monotonic()
    yield
    say(f"{what}: {time.monotonic() - begun:.1f} s")


def run_quietly(command: Sequence[str], env: Optional[Dict[str, str]] = None) -> None:
    """Run a command and show its output only if it fails. Raises `SetupError` then."""
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    if done.returncode != 0:
        raise SetupError(f"{' '.join(command)}\nended with {done.returncode}:\n{done.stdout}")


def environment(purpose: str, requirements: Path) -> Path:
    """The Python of an environment that holds exactly what ``requirements`` pins; made if it is not there."""
    if sys.version_info < OLDEST:
        raise SetupError(f"Python {OLDEST[0]}.{OLDEST[1]} or newer is needed; this is {platform.python_version()}")
    tag = f"{purpose}-{sys.implementation.name}{sys.version_info[0]}{sys.version_info[1]}-{sys.platform}"
    folder = ROOT / ".venv" / tag
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    wanted = hashlib.sha256(requirements.read_bytes() + sys.version.encode() + str(folder).encode()).hexdigest()
    stamp = folder / "made-of"
    folder.parent.mkdir(exist_ok=True)
    with _lock(folder.parent / f"{tag}.lock"):
        if not (stamp.is_file() and stamp.read_text() == wanted and python.is_file()):
            with step(f"made the environment {folder.relative_to(ROOT).as_posix()}"):
                shutil.rmtree(folder, ignore_errors=True)
                _create(folder)
                pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
                run_quietly([*pip, "--no-deps", "-r", str(requirements)])
                stamp.write_text(wanted)
    return python


def _create(folder: Path) -> None:
    # Debian's Python comes without ensurepip; python3-venv brings it.
    try:
        import ensurepip  # noqa: F401
    except ImportError:
        version = f"{sys.version_info[0]}.{sys.version_info[1]}"
        apt_install([f"python{version}-venv"], "this Python cannot make virtual environments")
    # A process of its own: ensurepip may have come only now. --system-site-packages would let foreign
    # packages in; Tk belongs to the standard library and is seen without it.
    run_quietly([sys.executable, "-m", "venv", str(folder)])


@contextmanager
def _lock(path: Path) -> Iterator[None]:
    """One process at a time. The operating system lets go of it when the process ends, however that happens."""
    with path.open("w") as file:
        if os.name == "nt":
            import msvcrt

            while True:
                try:
                    msvcrt.locking(file.fileno(), msvcrt.LK_LOCK, 1)  # type: ignore[attr-defined,unused-ignore]
                    break
                except OSError:
                    continue  # it gives up after ten seconds
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX)
        yield


_updated: List[bool] = []


def apt_install(packages: Sequence[str], why: str) -> None:
    """Install Debian packages. Raises `SetupError` with what a person can do where this is not possible."""
    names = " ".join(packages)
    if shutil.which("apt-get") is None:
        raise SetupError(f"{why}; install what your system calls {names}")
    if os.geteuid() != 0:
        raise SetupError(f"{why}; run as root: apt-get install {names}")
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    with step(f"installed {names}"):
        if not _updated:
            run_quietly(["apt-get", "update", "-q"], env)
            _updated.append(True)
        run_quietly(["apt-get", "install", "-q", "-y", "--no-install-recommends", *packages], env)
