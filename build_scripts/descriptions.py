"""What the executables say of themselves where the system shows it: Windows' version resource, macOS' ``Info.plist``.

Windows shows the description as the program's name in the question of its firewall, in the task manager and in the
properties of the file. `rollcall.spec` reads this module, inside the build's environment.
"""

from __future__ import annotations

from typing import Dict, Tuple

DESCRIPTIONS = {"rollcall-server": "Rollcall server", "rollcall-client": "Rollcall"}
"""What a person calls each program."""

LANGUAGE, CODE_PAGE = 0x0409, 1200
"""English (United States), and Unicode: what a version resource's texts are in."""


def numbers(version: str) -> Tuple[int, int, int, int]:
    """The four numbers that Windows wants of a version such as ``0.1.0``. Raises ValueError for anything else."""
    parts = [int(part) for part in version.split(".")]
    if not 1 <= len(parts) <= 4 or not all(0 <= part < 65536 for part in parts):
        raise ValueError(f"the version {version} is wrong: it must be one to four numbers below 65536, with dots")
    first, second, third, fourth = [*parts, 0, 0, 0][:4]
    return first, second, third, fourth


def version_resource(program: str, version: str) -> str:
    """What PyInstaller makes the version resource of ``program``.exe of (Microsoft, "VERSIONINFO resource")."""
    texts = {
        "CompanyName": "Rollcall",
        "FileDescription": DESCRIPTIONS[program],
        "FileVersion": version,
        "InternalName": program,
        "OriginalFilename": f"{program}.exe",
        "ProductName": "Rollcall",
        "ProductVersion": version,
    }
    strings = ", ".join(f"StringStruct({name!r}, {text!r})" for name, text in texts.items())
    four = numbers(version)
    return (
        "VSVersionInfo(\n"
        f"  ffi=FixedFileInfo(filevers={four}, prodvers={four}, mask=0x3F, flags=0x0, OS=0x40004, fileType=0x1,\n"
        "    subtype=0x0, date=(0, 0)),\n"
        f"  kids=[StringFileInfo([StringTable('{LANGUAGE:04X}{CODE_PAGE:04X}', [{strings}])]),\n"
        f"    VarFileInfo([VarStruct('Translation', [{LANGUAGE}, {CODE_PAGE}])])])\n"
    )


def info_plist(version: str) -> Dict[str, object]:
    """What PyInstaller does not put into ``Rollcall.app`` by itself. Without the sentence about the local network macOS
    15 and newer may refuse the connection without asking anybody (Apple, TN3179)."""
    return {
        "CFBundleVersion": version,
        "LSBackgroundOnly": False,
        "NSHighResolutionCapable": True,
        "NSLocalNetworkUsageDescription": "Rollcall connects to the server of your class, which is in this network.",
    }
