"""The Debian package: both programs, a menu entry and the icon.

The programs stand in ``/usr/lib/rollcall``, with links in ``/usr/bin``. The server looks for ``config.toml`` beside its
executable; what stands there is a link to ``/etc/rollcall/config.toml``, the file that people edit and that an upgrade
leaves alone (a "conffile", Debian Policy 10.7). ``dpkg-deb`` packs it; files are root's, with one date.
"""

from __future__ import annotations

import gzip
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Dict

from environment import ROOT, run_quietly

SCRIPTS = ROOT / "build_scripts"
ICONS = {"32x32": "rollcall-32.png", "64x64": "rollcall-64.png", "256x256": "rollcall.png"}

CONTROL = """\
Package: rollcall
Version: {version}
Architecture: {architecture}
Maintainer: Rollcall project <rollcall@example.invalid>
Installed-Size: {size}
Depends: libc6 (>= {glibc}), libxcb1, zlib1g
Section: net
Priority: optional
Description: live roster for a class or a demo on a LAN
 Who is connected right now, and are they really still there? A live roster
 for a class or a demo on a LAN.
 .
 rollcall-server runs on one machine; everyone else starts rollcall-client
 and sees the live roster. Settings of the server: /etc/rollcall/config.toml
"""


def build_deb(programs: Path, target: Path, version: str, glibc: str, date: int) -> Path:
    """Make ``rollcall_VERSION_ARCHITECTURE.deb`` in ``target`` from a folder with both programs.

    ``glibc`` is the oldest C library that they run with; every file gets the date. Raises `SetupError`.
    """
    command = ["dpkg", "--print-architecture"]
    architecture = subprocess.run(command, stdout=subprocess.PIPE, check=True, encoding="ascii").stdout.strip()
    deb = target / f"rollcall_{version}_{architecture}.deb"
    with tempfile.TemporaryDirectory(prefix="rollcall-deb-") as name:
        root = Path(name) / "root"
        _fill(root, programs, date)
        size = sum(file.lstat().st_size for file in root.rglob("*") if file.is_file() and not file.is_symlink())
        (root / "DEBIAN").mkdir()
        (root / "DEBIAN" / "conffiles").write_text("/etc/rollcall/config.toml\n")
        (root / "DEBIAN" / "control").write_text(
            CONTROL.format(
                version=version,
                architecture=architecture,
                size=-(-size // 1024),
                glibc=glibc,
            )
        )
        _normalise(root, date)
        env: Dict[str, str] = {**os.environ, "SOURCE_DATE_EPOCH": str(date)}
        run_quietly(["dpkg-deb", "--root-owner-group", "-Zxz", "-z2", "--build", str(root), str(deb)], env)
    return deb


def _fill(root: Path, programs: Path, date: int) -> None:
    library, share = root / "usr/lib/rollcall", root / "usr/share"
    shutil.copytree(programs, library, symlinks=True)
    for folder in ("etc/rollcall", "usr/bin", "usr/share/applications", "usr/share/doc/rollcall"):
        (root / folder).mkdir(parents=True)
    shutil.copy(ROOT / "config.toml", root / "etc/rollcall")
    (library / "config.toml").symlink_to("/etc/rollcall/config.toml")
    for program in ("rollcall-client", "rollcall-server"):
        (root / "usr/bin" / program).symlink_to(f"../lib/rollcall/{program}")
    shutil.copy(SCRIPTS / "rollcall.desktop", share / "applications")
    for size, name in ICONS.items():
        icons = share / "icons/hicolor" / size / "apps"
        icons.mkdir(parents=True)
        shutil.copy(ROOT / "icons" / name, icons / "rollcall.png")
    documents = share / "doc/rollcall"
    shutil.copy(SCRIPTS / "copyright.txt", documents / "copyright")
    with (documents / "changelog.gz").open("wb") as raw, gzip.GzipFile("", "wb", 9, raw, date) as packed:
        packed.write((ROOT / "CHANGELOG.md").read_bytes())


def _normalise(root: Path, date: int) -> None:
    """Rights and dates that do not depend on where and when this runs."""
    for path in (root, *root.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
        os.utime(path, (date, date), follow_symlinks=False)
