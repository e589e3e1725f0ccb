"""The executables: what build.py makes stands alone, is small, ends cleanly, and is the same each time.

Built once for all tests here, which are for Linux; elsewhere ``build.py --smoke`` is the test.
"""

from __future__ import annotations

import ast
import hashlib
import os
import platform
import re
import shutil
import signal
import socket
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Callable, Dict, List, NamedTuple, Optional, Set

import pytest

import build
from build import SUMS
from contents import UNUSED_MODULES, newest_glibc, wanted
from descriptions import info_plist, version_resource
from environment import SetupError, apt_install, environment
from protocol import __version__
from smoke import smoke
from tests.helpers import PATIENCE, ROOT, Program, RawClient, wait_until
from tests.webdriver import Chromium, needs_chromium
from tests.x11 import Screen

SCRIPTS = ROOT / "build_scripts"
BUILD_PATIENCE = 300.0
"""Seconds that a build may take: it may have to make its environment first."""
MOST_BYTES = {"rollcall-client": 13_000_000, "rollcall-server": 13_000_000}

linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="build.py --smoke is the test there")


class Result(NamedTuple):
    """What was built, and what build.py said."""

    dist: Path
    folder: Path
    client: Path
    server: Path
    said: str


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Result:
    """Both programs in one file each, in a folder with a space in its name, after the smoke test."""
    try:
        build.need_tools()
    except SetupError as error:
        pytest.skip(str(error))
    dist = tmp_path_factory.mktemp("built here") / "dist"
    said = run_build("--dist", str(dist), "--smoke")
    folder = dist / f"rollcall-{__version__}"
    return Result(dist, folder, folder / "rollcall-client", folder / "rollcall-server", said)


def run_build(*arguments: str, **more: str) -> str:
    done = subprocess.run(
        [sys.executable, SCRIPTS / "build.py", *arguments],
        env={**os.environ, **more},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        timeout=BUILD_PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def tool(name: str, package: str) -> str:
    """The path of a program, which is installed if we may; the test is skipped if we may not."""
    if shutil.which(name) is None:
        try:
            apt_install([package], f"{name} is not installed")
        except SetupError as error:
            pytest.skip(str(error))
    return shutil.which(name) or name


def bare_environment(folder: Path) -> Dict[str, str]:
    """Nothing but the display and a place to unpack in, ``folder/unpacked here``."""
    (folder / "unpacked here").mkdir(exist_ok=True)
    display = {key: os.environ[key] for key in ("DISPLAY", "XAUTHORITY") if key in os.environ}
    return {**display, "HOME": str(folder), "TMPDIR": str(folder / "unpacked here")}


def unpacked(folder: Path) -> List[str]:
    return sorted(path.name for path in (folder / "unpacked here").iterdir())


def serving(server: Program) -> int:
    return int(server.wait_for_line(r"^Listening on 127\.0\.0\.1:(\d+)$").group(1))


needs_build = [linux, pytest.mark.usefixtures("needs_display"), pytest.mark.timeout(100, func_only=True)]
"""The build needs Tk, and its smoke test a display; the first test to need it waits for the build, which has a limit of
its own."""


class TestBuilt:
    """What was built."""

    pytestmark = needs_build

    def test_the_programs_find_each_other_and_end(self, built: Result) -> None:
        assert "the client is in the roster" in built.said
        assert "both ended and left nothing behind" in built.said

    @pytest.mark.parametrize("name", list(MOST_BYTES))
    def test_the_programs_are_small(self, built: Result, name: str) -> None:
        assert (built.folder / name).stat().st_size <= MOST_BYTES[name]

    def test_the_archive_holds_what_people_need_and_nothing_of_this_machine(self, built: Result) -> None:
        (archive,) = built.dist.glob("*.tar.gz")
        top = f"rollcall-{__version__}"
        with tarfile.open(archive) as tar:
            members = {member.name: member for member in tar.getmembers()}
        names = {"README.txt", "SHA256SUMS", "config.toml", "rollcall-client", "rollcall-server"}
        assert set(members) == {top} | {f"{top}/{name}" for name in names}
        assert {(member.uid, member.gid, member.uname, member.gname) for member in members.values()} == {
            (0, 0, "root", "root")
        }
        assert {member.mtime for member in members.values()} == {build.source_date()}
        runnable = {name for name, member in members.items() if member.isfile() and member.mode & 0o111}
        assert runnable == {f"{top}/{name}" for name in MOST_BYTES}
        assert f"Rollcall {__version__}" in (built.folder / "README.txt").read_text(encoding="utf-8")

    def test_the_sums_are_those_of_the_files(self, built: Result) -> None:
        for folder, count in ((built.folder, 4), (built.dist, 2 if shutil.which("dpkg-deb") else 1)):
            lines = (folder / SUMS).read_text(encoding="utf-8").splitlines()
            assert len(lines) == count
            for line in lines:
                digest, name = line.split("  ")
                assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest

    def test_the_server_reads_the_file_beside_it_and_else_the_one_inside(self, built: Result, tmp_path: Path) -> None:
        server = Path(shutil.copy(built.server, tmp_path))
        env = bare_environment(tmp_path)
        with Program("--check-config", executable=server, folder=Path("/"), env=env) as program:
            assert program.wait() == 0
            assert re.search(r"^  max_clients +.* 100 +\(bundled default\)$", program.text, re.MULTILINE)
        (tmp_path / "config.toml").write_text("[server]\nmax_clients = 7\n")
        with Program("--check-config", executable=server, folder=Path("/"), env=env) as program:
            assert program.wait() == 0
            assert re.search(r"^  max_clients +.* 7 +\(config\.toml\)$", program.text, re.MULTILINE)

    @pytest.mark.parametrize("name", list(MOST_BYTES))
    def test_the_programs_know_their_names(self, built: Result, tmp_path: Path, name: str) -> None:
        env = bare_environment(tmp_path)
        with Program("--help", executable=built.folder / name, folder=tmp_path, env=env) as program:
            assert program.wait() == 0
            assert program.lines[0].startswith(f"usage: {name} ")
        with Program("--nonsense", executable=built.folder / name, folder=tmp_path, env=env) as program:
            assert program.wait() == 2
            assert program.lines[-1].startswith(f"{name}: error: ")

    def test_ctrl_c_in_a_terminal_is_one_signal_though_it_reaches_both_processes(
        self, built: Result, tmp_path: Path
    ) -> None:
        env = bare_environment(tmp_path)
        arguments = ("--host", "127.0.0.1", "--port", "0")
        with Program(*arguments, executable=built.server, folder=tmp_path, env=env) as server:
            with RawClient(serving(server)) as client:
                client.register("Ann")
                client.until_type("client_list")
                (inner,) = Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text().split()
                os.kill(int(inner), signal.SIGINT)
                server.send_signal(signal.SIGINT)
                assert client.until_type("error")["code"] == "server_shutdown"
                assert client.rest() == []
            assert server.wait() == 0
            assert server.lines[-1].endswith("rollcall.server: stopped")
        assert unpacked(tmp_path) == []

    @pytest.mark.parametrize("how", ["SIGTERM", "close button"])
    def test_the_window_ends_cleanly(self, built: Result, tmp_path: Path, how: str) -> None:
        env = bare_environment(tmp_path)
        with Screen() as screen, Program("--no-find", executable=built.client, folder=tmp_path, env=env) as client:
            (window,) = wait_until(lambda: screen.shown("Rollcall"), "the window")
            assert len(unpacked(tmp_path)) == 1
            if how == "SIGTERM":
                client.send_signal(signal.SIGTERM)
            else:
                screen.press_close(window)
            assert client.wait() == 0
            assert client.lines == []
        assert unpacked(tmp_path) == []
        assert not list(tmp_path.rglob("*.log"))

    def test_the_window_works_on_when_its_temporary_folder_has_been_cleaned(
        self, built: Result, tmp_path: Path
    ) -> None:
        env = bare_environment(tmp_path)
        # Whose name is there types the server.
        typed = ("--no-find", "--name", "Ann")
        with Screen() as screen, Program(*typed, executable=built.client, folder=tmp_path, env=env) as client:
            (window,) = wait_until(lambda: screen.shown("Rollcall"), "the window")
            (folder,) = (tmp_path / "unpacked here").iterdir()
            for file in folder.iterdir():  # the folder itself is in use, and a cleaner may leave it
                if file.is_dir():
                    shutil.rmtree(file)
                else:
                    file.unlink()
            with socket.create_server(("127.0.0.1", 0)) as listener:
                listener.settimeout(PATIENCE)
                screen.type(window, f"localhost:{listener.getsockname()[1]}\n")
                listener.accept()[0].close()
            client.send_signal(signal.SIGTERM)
            assert client.wait() == 0
            assert client.lines == []
        assert unpacked(tmp_path) == []
        assert not list(tmp_path.rglob("*.log"))

    @needs_chromium
    def test_a_student_gets_the_program_with_a_browser_starts_it_and_is_here(
        self, built: Result, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
    ) -> None:
        folder, browsing = tmp_path / "downloads", tmp_path_factory.mktemp("chromium")  # its sockets need short paths
        build.hand_out(build.Built(built.folder, built.server, built.client, []), folder)
        (file,) = folder.iterdir()
        total = hashlib.sha256(file.read_bytes()).hexdigest()
        settings = tmp_path / "config.toml"
        settings.write_text('[server]\nname = "Room 12"\ndownloads = "downloads"\n')
        env = bare_environment(tmp_path)
        arguments = ("--config", settings, "--host", "127.0.0.1", "--port", "0")
        with Program(*arguments, executable=built.server, folder=tmp_path, env=env) as server:
            port = serving(server)
            with Chromium(browsing) as browser:
                browser.open(f"http://127.0.0.1:{port}/")
                assert browser.text(".button") == "Get the program for Linux" and total in browser.text("main")
                address = browser.text(".address")
                browser.run("document.querySelector('.button').click()")
                got = browsing / file.name
                wait_until(lambda: got.is_file() and got.stat().st_size == file.stat().st_size, "the download")
                assert hashlib.sha256(got.read_bytes()).hexdigest() == total
                with tarfile.open(got) as tar:
                    tar.extractall(tmp_path / "mine")
                (program,) = (tmp_path / "mine").glob("*/rollcall-client")
                assert program.read_bytes() == built.client.read_bytes(), "what was just built"
                typed = ("--no-find", "--name", "Ann")  # then the cursor waits for the address
                with Screen() as screen, Program(*typed, executable=program, folder=tmp_path, env=env) as client:
                    (window,) = wait_until(lambda: screen.shown("Rollcall"), "the window")
                    screen.type(window, f"{address}\n")
                    server.wait_for_line('joined: "Ann"')
                    wait_until(lambda: screen.title(window) == "1 here – Rollcall", "the window to say so")
                    browser.open(f"http://127.0.0.1:{port}/board")
                    wait_until(lambda: browser.texts(".tile .name") == ["Ann"], "the wall to show Ann")
                    client.send_signal(signal.SIGTERM)
                    assert client.wait() == 0 and client.lines == []
                wait_until(lambda: browser.text(".alone").startswith("Nobody is here yet."), "Ann to be gone")
            server.send_signal(signal.SIGTERM)
            assert server.wait() == 0

    @pytest.mark.skipif(sys.platform == "win32" or os.geteuid() != 0, reason="only root may change the root folder")
    def test_the_server_needs_only_the_c_library(self, built: Result, tmp_path: Path) -> None:
        listed = subprocess.run(["ldd", built.server], stdout=subprocess.PIPE, encoding="utf-8", check=True).stdout
        libraries = [Path(library) for library in re.findall(r"(/\S+) \(0x", listed)]
        (c_library,) = [library for library in libraries if library.name == "libc.so.6"]
        libraries.append(c_library.with_name("libm.so.6"))  # a part of it, which the Python inside asks for
        names = {library.name.split(".")[0] for library in libraries if not library.name.startswith("ld-linux")}
        assert names <= {"libc", "libdl", "libm", "libpthread", "libz"}  # Debian: libc6 and zlib1g, both "required"
        root = tmp_path / "bare root"
        for library in libraries:
            target = root / library.relative_to("/")
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(library, target)
        for folder in ("tmp", "dev"):
            (root / folder).mkdir()
        (root / "dev" / "null").touch()  # every Unix has one; to be read, an empty file does
        shutil.copy(built.server, root)
        arguments = (root, "/rollcall-server", "--host", "127.0.0.1", "--port", "0")
        with Program(*arguments, executable=Path(tool("chroot", "coreutils"))) as server:
            with RawClient(serving(server)) as client:
                client.register("Ann")
                assert [entry["name"] for entry in client.until_type("client_list")["clients"]] == ["Ann"]
                server.send_signal(signal.SIGTERM)
                client.rest()
            assert server.wait() == 0
        assert list((root / "tmp").iterdir()) == []

    def test_the_same_inputs_give_the_same_bytes(self, built: Result, tmp_path: Path) -> None:
        """In another folder, time zone and language, with another umask and another seed for hashes."""
        again = tmp_path / "elsewhere"
        before = os.umask(0o077)
        try:
            run_build("--only", "server", "--dist", str(again), TZ="Asia/Tokyo", LC_ALL="C", PYTHONHASHSEED="7")
        finally:
            os.umask(before)
        (server,) = again.rglob("rollcall-server")
        assert hashlib.sha256(server.read_bytes()).digest() == hashlib.sha256(built.server.read_bytes()).digest()


class TestDebianPackage:
    """The ``.deb``."""

    pytestmark = needs_build

    @pytest.fixture
    def deb(self, built: Result) -> Path:
        if shutil.which("dpkg-deb") is None:
            pytest.skip("this is no Debian")
        (deb,) = built.dist.glob("rollcall_*.deb")
        return deb

    def test_it_says_what_it_is_and_what_it_needs(self, deb: Path) -> None:
        fields = ("Package", "Version", "Depends", "Installed-Size", "Maintainer", "Description")
        command = ["dpkg-deb", "--field", str(deb), *fields]
        said = subprocess.run(command, stdout=subprocess.PIPE, encoding="utf-8", check=True).stdout
        found = dict(re.findall(r"^(\S+): (.*)$", said, re.MULTILINE))
        assert (found["Package"], found["Version"]) == ("rollcall", __version__)
        assert re.match(r"libc6 \(>= 2\.\d+\), ", found["Depends"])
        assert int(found["Installed-Size"]) > 5_000
        assert max(map(len, said.splitlines())) <= 80

    def test_its_files_are_roots_and_have_one_date(self, deb: Path, tmp_path: Path) -> None:
        command = ["dpkg-deb", "--fsys-tarfile", str(deb)]
        packed = tmp_path / "data.tar"
        packed.write_bytes(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)
        with tarfile.open(packed) as tar:
            members = tar.getmembers()
        assert {(member.uname, member.gname, member.mtime) for member in members} == {
            ("root", "root", build.source_date())
        }
        assert {member.mode for member in members if not member.issym()} == {0o755, 0o644}
        links = {member.name[1:]: member.linkname for member in members if member.issym()}
        assert links == {
            "/usr/bin/rollcall-client": "../lib/rollcall/rollcall-client",
            "/usr/bin/rollcall-server": "../lib/rollcall/rollcall-server",
            "/usr/lib/rollcall/config.toml": "/etc/rollcall/config.toml",
        }

    @pytest.mark.skipif(sys.platform == "win32" or os.geteuid() != 0, reason="only root may install a package")
    def test_it_is_installed_used_and_removed(self, deb: Path, tmp_path: Path) -> None:
        state = ["dpkg-query", "--show", "--showformat=${Status}", "rollcall"]
        if subprocess.run(state, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False).stdout:
            pytest.skip("rollcall is installed on this machine, and a test does not take it away")
        env = bare_environment(tmp_path)
        settings = Path("/etc/rollcall/config.toml")
        try:
            dpkg("--install", str(deb))
            settings.write_text("[server]\nmax_clients = 7\n")
            with Program("--check-config", executable=Path("/usr/bin/rollcall-server"), env=env) as server:
                assert server.wait() == 0
                assert re.search(r"max_clients +.* 7 +\(config\.toml\)", server.text)
            settings.write_text("[server]\nmax_clients = 0\n")
            with Program("--check-config", executable=Path("/usr/bin/rollcall-server"), env=env) as server:
                assert server.wait() == 2
                assert f"{settings}, line 2: max_clients = 0 is wrong" in server.text
            with Program("--version", executable=Path("/usr/bin/rollcall-client"), env=env) as client:
                assert client.wait() == 0
                assert client.lines == [f"Rollcall {__version__}"]
            assert Path("/usr/share/icons/hicolor/256x256/apps/rollcall.png").is_file()
            assert Path("/usr/share/applications/rollcall.desktop").is_file()
        finally:
            dpkg("--purge", "rollcall")
        for path in ("/usr/bin/rollcall-client", "/usr/lib/rollcall", "/etc/rollcall", "/usr/share/doc/rollcall"):
            assert not os.path.lexists(path)


def dpkg(*arguments: str) -> None:
    done = subprocess.run(
        ["dpkg", *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        encoding="utf-8", timeout=BUILD_PATIENCE, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout


def script(file: Path, text: str) -> Path:
    file.write_text(f"#!/bin/sh\n{text}\n")
    file.chmod(0o755)
    return file


SERVER = f'exec "{sys.executable}" "{ROOT / "server.py"}" "$@"'
CLIENT = f'exec "{sys.executable}" "{ROOT / "client.py"}" "$2" "$3" "$4"'
WINDOW = f'exec "{sys.executable}" "{ROOT / "client_gui.py"}" "$@"'


@linux
@pytest.mark.usefixtures("needs_display")
@pytest.mark.parametrize(
    ("server", "client", "complaint"),
    [
        (SERVER, WINDOW, ""),
        ("echo no >&2; exit 1", CLIENT, "printed nothing like .*\n.*no"),
        (SERVER, "exit 0", "still not: the client in the roster"),
        (SERVER, f"trap 'kill -9 $!' TERM; ({CLIENT}) & wait; exit 0", "the client went without a goodbye: .*lost"),
        (SERVER, f'touch "$TMPDIR/left.txt"; {CLIENT}', "left behind by the executables: left.txt"),
        (f"trap 'kill $!; wait $!; exit 7' TERM; ({SERVER}) & wait", CLIENT, "the server ended with 7"),
        (f'[ -z "$ROLLCALL_JOIN_CODE" ] || exec echo no TLS; {SERVER}', CLIENT, "nothing like .*\n.*no TLS"),
    ],
    ids=["good", "no server", "no client", "no goodbye", "leftover", "exit code", "no closed room"],
)
def test_the_smoke_test_sees_what_is_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: str, client: str, complaint: str
) -> None:
    programs = script(tmp_path / "server", server), script(tmp_path / "client", client)
    if client == "exit 0":
        monkeypatch.setattr("smoke.PATIENCE", 1.0)
    if not complaint:
        smoke(*programs)
        return
    with pytest.raises(SetupError, match=complaint):
        smoke(*programs)


@linux
def test_the_menu_entry_is_valid() -> None:
    validate = tool("desktop-file-validate", "desktop-file-utils")
    command = [validate, str(SCRIPTS / "rollcall.desktop")]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8", check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_what_is_left_out_is_imported_by_none_of_our_modules() -> None:
    imported: Set[str] = set()
    for file in (*ROOT.glob("*.py"), *ROOT.glob("rollcall/**/*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                imported.update(alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module:
                imported.add(node.module)
    assert imported & set(UNUSED_MODULES) == set()
    assert {"socketserver", "tkinter"} < imported  # or the look found nothing


READ_RESOURCE = """
import sys, types
import PyInstaller.compat
if sys.platform != "win32":  # what touches executables of Windows is there only, and not asked for here
    sys.modules["pefile"] = types.ModuleType("pefile")
    PyInstaller.compat.win32api = None
from PyInstaller.utils.win32.versioninfo import VSVersionInfo, load_version_info_from_text_file

info = load_version_info_from_text_file(sys.argv[1])
if sys.platform == "win32":  # elsewhere its numbers have other lengths
    again = VSVersionInfo()
    again.fromRaw(info.toRaw())
    assert again == info
print(hex(info.ffi.fileVersionMS), hex(info.ffi.fileVersionLS), hex(info.ffi.productVersionMS))
for table in info.kids[0].kids:
    for entry in table.kids:
        print(f"{table.name} {entry.name} = {entry.val}")
print(info.kids[1].kids[0].kids)
"""


def brings_pip() -> bool:
    """Whether this Python can make an environment. Elsewhere than on Windows pip may come from the system."""
    if sys.platform != "win32":
        return True
    import ensurepip

    return any(Path(ensurepip.__file__).parent.glob("_bundled/pip-*.whl"))


@pytest.mark.skipif(not brings_pip(), reason="this Python brings no pip, and so makes no environment for PyInstaller")
@pytest.mark.timeout(BUILD_PATIENCE)
def test_the_version_resource_is_one_that_pyinstaller_reads(tmp_path: Path) -> None:
    python = environment("build", SCRIPTS / "requirements-build.txt")
    (tmp_path / "version.txt").write_text(version_resource("rollcall-server", "12.3.4567"), encoding="utf-8")
    command = [str(python), "-c", READ_RESOURCE, str(tmp_path / "version.txt")]
    done = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8", timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout
    lines = done.stdout.splitlines()
    assert lines[0] == "0xc0003 0x11d70000 0xc0003"
    assert {"040904B0 FileDescription = Rollcall server", "040904B0 FileVersion = 12.3.4567"} < set(lines)
    assert lines[-1] == "[1033, 1200]"


def test_what_people_get_says_how_to_compare_sums_on_their_system_and_what_will_be_asked() -> None:
    text = (SCRIPTS / "package-readme.txt").read_text(encoding="utf-8")
    for command in ("sha256sum --check", "shasum -a 256 --check", "certutil -hashfile rollcall-client.exe SHA256"):
        assert command in text
    name = re.search(r"StringStruct\('FileDescription', '([^']+)'\)", version_resource("rollcall-server", "1.0"))
    assert name is not None and f'whether "{name.group(1)}" may be reached' in text, "as Windows' question names it"
    assert '"Private networks"' in text and '"Local Network"' in text


def test_what_the_executables_say_of_themselves_has_our_version() -> None:
    for program in MOST_BYTES:
        assert f"StringStruct('ProductVersion', '{__version__}')" in version_resource(program, __version__)
    plist = info_plist(__version__)
    assert plist["CFBundleVersion"] == __version__
    assert "network" in str(plist["NSLocalNetworkUsageDescription"])
    for wrong in ("1.2.3.4.5", "1.2b3", "70000.1", ""):
        with pytest.raises(ValueError):
            version_resource("rollcall-client", wrong)


@pytest.mark.parametrize(
    ("path", "platform", "stays"),
    [
        ("libpython3.11.so.1.0", "linux", True),
        ("sv_ttk/theme/light.tcl", "linux", True),
        ("_tk_data/ttk/ttk.tcl", "linux", True),
        ("_tcl_data/init.tcl", "linux", True),
        ("_tcl_data/encoding/iso8859-15.enc", "linux", True),
        ("_tcl_data/encoding/cp936.enc", "linux", False),
        ("_tcl_data/encoding/cp936.enc", "win32", True),
        ("_tcl_data\\tzdata\\Europe\\Rome", "win32", False),
        ("_tk_data/images/logo.eps", "darwin", False),
        ("tcl8/8.6/http-2.9.8.tm", "linux", False),
    ],
)
def test_what_stays_out_of_the_executables(path: str, platform: str, stays: bool) -> None:
    assert wanted(path, platform) is stays


def test_the_c_library_that_is_needed(tmp_path: Path) -> None:
    old, new, other = (tmp_path / name for name in ("old.so", "new.so", "text"))
    old.write_bytes(b"\x7fELF...\0GLIBC_2.4\0GLIBC_2.14\0")
    new.write_bytes(b"\x7fELF...\0GLIBC_2.9\0GLIBC_2.34\0GLIBC_PRIVATE\0GLIBCXX_3.4\0")
    other.write_bytes(b"...\0GLIBC_2.99\0")
    assert newest_glibc([str(old)]) == "2.14"
    assert newest_glibc([str(old), str(new), str(other)]) == "2.34"
    assert newest_glibc([]) == "2.0"


def test_only_what_an_earlier_build_left_is_removed(tmp_path: Path) -> None:
    for name in ("rollcall-0.1.0", "rollcall-0.1.0-linux-x86_64.tar.gz", "rollcall_0.1.0_amd64.deb", SUMS):
        (tmp_path / name).mkdir() if name == "rollcall-0.1.0" else (tmp_path / name).touch()
    (tmp_path / "holiday.jpg").touch()
    (tmp_path / "rollcall-notes").mkdir()
    build.remove_old(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["holiday.jpg", "rollcall-notes"]


@linux
def test_what_students_need_is_put_where_the_server_offers_it(tmp_path: Path) -> None:
    from rollcall.server.downloads import Downloads

    folder, target = tmp_path / "rollcall", tmp_path / "downloads"
    folder.mkdir()
    client, server, package = folder / "rollcall-client", folder / "rollcall-server", tmp_path / "rollcall_9_amd64.deb"
    for file in (client, server, package):
        file.write_bytes(file.name.encode())
        file.chmod(0o755)
    target.mkdir()
    kind = f"linux-{platform.machine().lower()}"
    other = "rollcall-client-0.0.1-windows-amd64.exe"
    for name in (f"rollcall-client-0.0.1-{kind}.tar.gz", "rollcall_0_amd64.deb", other):
        (target / name).touch()
    built = build.Built(folder, server, client, [tmp_path / "rollcall.tar.gz", package])
    archive = f"rollcall-client-{__version__}-{kind}.tar.gz"
    assert sorted(file.name for file in build.hand_out(built, target)) == [archive, package.name]
    offers = {offer.name: offer.system for offer in Downloads(target).offers()}
    assert offers == {archive: "Linux", package.name: "Linux", other: "Windows"}
    with tarfile.open(target / archive) as tar:
        inside = {member.name: member.mode for member in tar.getmembers() if member.isfile()}
    assert inside == {f"rollcall-client-{__version__}/rollcall-client": 0o755}, "no server, and it may be run"


def test_the_date_of_the_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1234567890")
    assert build.source_date() == 1234567890
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "yesterday")
    with pytest.raises(SetupError, match="SOURCE_DATE_EPOCH=yesterday is wrong"):
        build.source_date()
    monkeypatch.delenv("SOURCE_DATE_EPOCH")
    assert build.source_date() > 0


@pytest.mark.parametrize("file", ["requirements-build.txt", "requirements-test.txt"])
def test_every_package_is_pinned_and_both_lists_agree(file: str) -> None:
    pinned = re.compile(r"([\w-]+)==([\w.]+)(?:; .+)?")
    both: List[Dict[str, str]] = []
    for name in (file, "requirements-test.txt"):
        lines = [line for line in (SCRIPTS / name).read_text().splitlines() if not line.startswith("#")]
        matches: List[Optional[re.Match[str]]] = [pinned.fullmatch(line) for line in lines]
        assert all(matches), lines
        both.append({match.group(1): match.group(2) for match in matches if match is not None})
    ours, others = both
    for name in ours.keys() & others.keys():
        assert ours[name] == others[name], name


@pytest.mark.parametrize("name", ["build.bat"] if sys.platform == "win32" else ["build.sh", "build.command"])
def test_the_starters_pass_on_what_they_are_told(name: str, tmp_path: Path) -> None:
    command = [str(SCRIPTS / name), "--help"]
    env = {**os.environ, "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])}
    done = subprocess.run(
        command, cwd=tmp_path, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, encoding="utf-8",
        timeout=PATIENCE, check=True,
    )  # fmt: skip
    assert done.stdout.startswith("usage: build.py ") and "--onedir" in done.stdout


def test_the_starter_for_windows_has_its_line_ends() -> None:
    data = (SCRIPTS / "build.bat").read_bytes()
    assert data.count(b"\n") == data.count(b"\r\n") > 0


@pytest.mark.parametrize(
    "arguments",
    [
        ["--onefile", "--onedir"], ["--smoke", "--only", "server"], ["--downloads", "--onedir"],
        ["--downloads=x", "--only", "server"],
    ],
)  # fmt: skip
def test_bad_usage_is_a_sentence(arguments: List[str], capsys: pytest.CaptureFixture[str]) -> None:
    main: Callable[[List[str]], int] = build.main
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert capsys.readouterr().err.splitlines()[-1].startswith("build.py: error: ")
