"""Build the executables: ``python build_scripts/build.py [--onefile|--onedir] [--smoke] [--downloads]``.

Needs nothing but Python 3.9 or newer with Tk (and root on Debian, for what only apt can bring). Makes its own virtual
environment with pinned contents, runs PyInstaller from ``rollcall.spec``, and puts what people need into one folder and
one archive in ``dist/``: both programs, ``config.toml``, a short README and SHA-256 sums; on Debian and its relatives a
``.deb`` as well. ``--smoke`` then starts both and sees that they find each other. ``docs/BUILDING.md`` says more.

The same inputs give the same bytes on Linux: times are those of ``SOURCE_DATE_EPOCH`` (by default the last commit's),
``PYTHONHASHSEED`` is fixed, and archives are written in order and without their owner.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import io
import os
import platform
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
import zipfile
from pathlib import Path
from typing import Dict, List, NamedTuple, Optional, Sequence

from deb import build_deb
from display import need_tk
from environment import ROOT, SetupError, apt_install, environment, run_quietly, say, step
from smoke import smoke

sys.path.insert(0, str(ROOT))
from protocol import __version__

SCRIPTS = ROOT / "build_scripts"
SUMS = "SHA256SUMS"
LINUX = sys.platform.startswith("linux")
LONG_AGO = 1_700_000_000
"""Seconds since 1970, the date of files that come from no git repository: any will do, if it is always the same."""
KINDS = {"win32": "windows", "darwin": "macos"}


class Built(NamedTuple):
    """Where things are afterwards. ``files`` are what is handed out; ``server`` and ``client`` are in ``folder``."""

    folder: Path
    server: Path
    client: Path
    files: List[Path]


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Build as the command line says. Returns the exit code: 0, 1 (a step failed), 2 (bad usage)."""
    parser = argparse.ArgumentParser(prog="build.py", description="Build Rollcall's executables.")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--onefile", action="store_true", help="one file for each program (default)")
    form.add_argument("--onedir", action="store_true", help="one folder for both programs: they start faster")
    parser.add_argument("--smoke", action="store_true", help="start both programs and see that they find each other")
    parser.add_argument("--dist", metavar="FOLDER", type=Path, default=ROOT / "dist", help="where the results go")
    parser.add_argument(
        "--downloads", metavar="FOLDER", type=Path, nargs="?", const=ROOT / "downloads",
        help="put the client where the server's page offers it (default: downloads beside server.py)",
    )  # fmt: skip
    parser.add_argument("--only", choices=("client", "server"), help="freeze one program, and make no archive")
    arguments = parser.parse_args(argv)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # what a program printed need not fit this terminal
    if arguments.smoke and arguments.only:
        parser.error("--smoke needs both programs")
    if arguments.downloads and (arguments.onedir or arguments.only == "server"):
        parser.error("--downloads needs the client in one file")
    try:
        built = build(arguments.dist.absolute(), arguments.onedir, arguments.only)
        if arguments.smoke:
            with step("smoke test"):
                smoke(built.server, built.client)
        if arguments.downloads:
            for file in hand_out(built, arguments.downloads.absolute()):
                say(f"to download: {file}")
    except SetupError as error:
        say(str(error))
        return 1
    return 0


def build(dist: Path, onedir: bool = False, only: Optional[str] = None) -> Built:
    """Freeze, lay out, pack. What was built before is removed first. Raises `SetupError`."""
    need_tools()
    python = str(environment("build", SCRIPTS / "requirements-build.txt"))
    work = dist.parent / "build"  # beside dist/, so that nothing is written elsewhere
    frozen = work / "frozen"
    shutil.rmtree(frozen, ignore_errors=True)
    remove_old(dist)
    package = LINUX and only is None and shutil.which("dpkg-deb") is not None
    # The package is installed once and started often: there the programs stand in a folder, unpacked.
    forms = [*([] if onedir else ["--onefile"]), *(["--onedir"] if onedir or package else [])]
    with step("froze the programs"):
        _freeze(python, frozen, work, [*forms, *(["--only", only] if only else [])])
    built = _lay_out(frozen, dist, onedir)
    if only is None:
        glibc = (work / "rollcall" / "glibc").read_text()
        built.files.append(_archive(built.folder, source_date()))
        if package:
            built.files.append(build_deb(frozen / "rollcall", dist, __version__, glibc, source_date()))
        _write_sums(dist, built.files)
        for file in built.files:
            say(f"{file.relative_to(dist.parent)}: {file.stat().st_size / 1e6:.1f} MB")
        if LINUX:
            say(f"the programs need glibc {glibc} or newer")
    return built


def hand_out(built: Built, folder: Path) -> List[Path]:
    """Put what a student needs of it into ``folder``, from where the server's page hands it out: the client alone, in
    the form that a browser can deliver, and the package. An older one for the same system goes, others stay."""
    kind = f"{KINDS.get(sys.platform, sys.platform)}-{platform.machine().lower()}"
    folder.mkdir(parents=True, exist_ok=True)
    for pattern in (f"rollcall-client-[0-9]*-{kind}.*", *(["rollcall_*.deb"] if LINUX else [])):
        for old in folder.glob(pattern):
            old.unlink()
    files = [file for file in built.files if file.suffix == ".deb"]
    with tempfile.TemporaryDirectory() as temporary:
        inside = Path(temporary) / f"rollcall-client-{__version__}"
        app = built.folder / "Rollcall.app"
        if os.name == "nt":
            files.append(Path(f"{inside}-{kind}.exe"))
            shutil.copy2(built.client, files[-1])
        else:  # a browser would take away that it may be run; an archive keeps it
            inside.mkdir()
            if app.is_dir():
                shutil.copytree(app, inside / app.name, symlinks=True)
            else:
                shutil.copy2(built.client, inside)
            files.append(_archive(inside, source_date()))
        return [Path(shutil.copy2(file, folder)) for file in files]


def remove_old(dist: Path) -> None:
    """Remove what an earlier build has left in ``dist``, and nothing else that somebody keeps there."""
    for old in (*dist.glob("rollcall-[0-9]*"), *dist.glob("rollcall_*.deb"), dist / SUMS):
        if old.is_dir():
            shutil.rmtree(old)
        else:
            old.unlink(missing_ok=True)


def source_date() -> int:
    """Seconds since 1970 for everything that carries a date (reproducible-builds.org's SOURCE_DATE_EPOCH)."""
    given = os.environ.get("SOURCE_DATE_EPOCH", "").strip()
    if given:
        if not given.isdecimal():
            raise SetupError(f"SOURCE_DATE_EPOCH={given} is wrong: it must be a number of seconds since 1970")
        return int(given)
    try:
        command = ["git", "log", "-1", "--format=%ct"]
        done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
    except FileNotFoundError:
        return LONG_AGO
    return int(done.stdout) if done.returncode == 0 and done.stdout.strip() else LONG_AGO


def need_tools() -> None:
    """Make sure that what no virtual environment holds is there. Raises `SetupError`."""
    need_tk()
    if LINUX:
        if not all(map(shutil.which, ("objdump", "objcopy", "strip"))):
            apt_install(["binutils"], "PyInstaller needs objdump, objcopy and strip")
        library = sysconfig.get_config_var("INSTSONAME") or ""
        places = [sysconfig.get_config_var("LIBDIR") or "", f"/usr/lib/{sysconfig.get_config_var('MULTIARCH')}"]
        if not (sysconfig.get_config_var("Py_ENABLE_SHARED") and ".so" in library):
            raise SetupError("this Python was built without a shared library; use one configured with --enable-shared")
        if not any((Path(place) / library).exists() for place in places):
            apt_install([f"libpython{sys.version_info[0]}.{sys.version_info[1]}"], f"{library} is not installed")


def _freeze(python: str, frozen: Path, work: Path, options: Sequence[str]) -> None:
    env: Dict[str, str] = {**os.environ, "PYTHONHASHSEED": "0", "SOURCE_DATE_EPOCH": str(source_date())}
    env["PYINSTALLER_CONFIG_DIR"] = str(work / "cache")
    env.pop("PYTHONPATH", None)
    command = [python, "-m", "PyInstaller", "--noconfirm", "--clean", "--log-level", "WARN"]
    command += ["--distpath", str(frozen), "--workpath", str(work), str(SCRIPTS / "rollcall.spec"), "--"]
    run_quietly([*command, *options, *(["--strip"] if LINUX else [])], env)


def _lay_out(frozen: Path, dist: Path, onedir: bool) -> Built:
    """One folder as people get it, with everything in it that they need."""
    folder = dist / f"rollcall-{__version__}"
    source = frozen / "rollcall" if onedir else frozen
    suffix = ".exe" if os.name == "nt" else ""
    server, client = folder / f"rollcall-server{suffix}", folder / f"rollcall-client{suffix}"
    folder.mkdir(parents=True)
    if onedir:
        shutil.copytree(source, folder, symlinks=True, dirs_exist_ok=True)
    else:
        for program in (server, client):
            if (source / program.name).is_file():  # --only makes one of them, and on macOS the client is an .app
                shutil.copy2(source / program.name, program)
    if (frozen / "Rollcall.app").is_dir():
        shutil.copytree(frozen / "Rollcall.app", folder / "Rollcall.app", symlinks=True)
        client = folder / "Rollcall.app" / "Contents" / "MacOS" / "rollcall-client"
    shutil.copy2(ROOT / "config.toml", folder)
    text = (SCRIPTS / "package-readme.txt").read_text(encoding="utf-8").replace("VERSION", __version__)
    with (folder / "README.txt").open("w", encoding="utf-8", newline="\r\n" if os.name == "nt" else "\n") as readme:
        readme.write(text)
    _write_sums(folder, [file for file in folder.rglob("*") if file.is_file()])
    return Built(folder, server, client, [])


def _write_sums(folder: Path, files: Sequence[Path]) -> None:
    """In the form that ``sha256sum --check`` reads."""
    lines = [
        f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.relative_to(folder).as_posix()}" for file in files
    ]
    text = "".join(line + "\n" for line in sorted(lines, key=lambda line: line[66:]))
    (folder / SUMS).write_bytes(text.encode())


def _archive(folder: Path, date: int) -> Path:
    """Pack ``folder``: zip for Windows, tar.gz elsewhere, because zip does not keep what may be run."""
    kind = f"{KINDS.get(sys.platform, sys.platform)}-{platform.machine().lower()}"
    name = f"{folder.name}-{kind}" + (".zip" if os.name == "nt" else ".tar.gz")
    target, files = folder.parent / name, sorted(folder.rglob("*"))
    if os.name == "nt":
        with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as packed:
            for file in files:
                packed.write(file, file.relative_to(folder.parent))
        return target
    with target.open("wb") as raw, gzip.GzipFile("", "wb", 6, raw, date) as stream:
        with tarfile.open(fileobj=stream, mode="w", format=tarfile.GNU_FORMAT) as tar:
            for file in (folder, *files):
                add_to_tar(tar, file, str(file.relative_to(folder.parent)), date)
    return target


def add_to_tar(tar: tarfile.TarFile, file: Path, name: str, date: int) -> None:
    """Add one file, link or folder as root's, with that date, and with rights that do not depend on our umask."""
    info = tar.gettarinfo(str(file), name)
    info.uid = info.gid = 0
    info.uname = info.gname = "root"
    info.mtime = date
    info.mode = 0o755 if info.isdir() or info.mode & 0o100 else 0o644
    tar.addfile(info, io.BytesIO(file.read_bytes()) if info.isreg() else None)


if __name__ == "__main__":
    sys.exit(main())
