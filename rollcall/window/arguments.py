"""The command line of the window."""

from __future__ import annotations

import argparse
from typing import Optional, Sequence

from protocol import __version__
from rollcall.client.command_line import JOIN_CODE, TEACHER_CODE
from rollcall.program.frozen import program_name
from rollcall.wire.address import parse_address
from rollcall.wire.text import check_name


def read_arguments(argv: Optional[Sequence[str]]) -> argparse.Namespace:
    """``server``, ``name``, ``teacher``, ``no_find`` and ``connect``, checked. argparse exits with 2 on bad usage."""
    prog = program_name("client_gui.py")
    about = f"The code of a closed room may stand in the environment: {JOIN_CODE}, or {TEACHER_CODE} for its teacher."
    parser = argparse.ArgumentParser(prog=prog, description="Rollcall's window: see who is here.", epilog=about)
    parser.add_argument("--server", metavar="HOST[:PORT]", default="", help="the server, such as 192.168.1.20:8080")
    parser.add_argument("--name", metavar="N", default="", help="your name")
    parser.add_argument("--teacher", action="store_true", help="show the list of who is here")
    parser.add_argument("--no-find", action="store_true", help="do not look for servers on the network")
    parser.add_argument("--connect", action="store_true", help="connect at once")
    parser.add_argument("--version", action="version", version=f"Rollcall {__version__}")
    arguments = parser.parse_args(argv)
    try:
        if arguments.server:
            parse_address(arguments.server)
        if arguments.name:
            arguments.name = check_name(arguments.name)
    except ValueError as error:
        parser.error(str(error))
    if arguments.connect and not arguments.server:
        parser.error("--connect needs --server HOST[:PORT]")
    return arguments
