"""The real programs in a closed room: the code on the board, wrong codes, a teacher, an act, a substitute."""

from __future__ import annotations

import json
import signal
from contextlib import ExitStack
from pathlib import Path
from typing import Dict, Optional

from rollcall.client.command_line import JOIN_CODE, TEACHER_CODE
from tests.helpers import ROOT, Program, ServerProgram

CODE, TEACHERS = "KDWH-9RTC-4MXF", "HXWJ-33KQ-PPMT"
CLIENT = ROOT / "client.py"


def client(server: ServerProgram, *arguments: str, env: Optional[Dict[str, str]] = None) -> Program:
    return Program(CLIENT, server.address, *arguments, env=env)


def test_a_lesson_in_a_closed_room(tmp_path: Path) -> None:
    class_code, teachers_code = {JOIN_CODE: CODE}, {TEACHER_CODE: TEACHERS}
    with ExitStack() as stack:
        server = stack.enter_context(ServerProgram(tmp_path, join_code=CODE, teacher_code=TEACHERS))
        ann = stack.enter_context(client(server, "--name", "Ann", "--json", env=class_code))
        fingerprint = json.loads(ann.wait_for_line('"event": "connected"').string)["fingerprint"]
        assert len(fingerprint) == 64

        stranger = stack.enter_context(client(server, "--name", "Zoe"))
        wrong = stack.enter_context(client(server, "--name", "Zoe", env={JOIN_CODE: "QQMX-3467-WYTR"}))
        assert stranger.wait() == wrong.wait() == 1
        assert "--join-code, or ROLLCALL_JOIN_CODE in the environment" in stranger.text
        assert "refused (bad_code)" in wrong.text and "has never met it" in wrong.text

        substitute = stack.enter_context(client(server, "--name", "Ms T", "--substitute", env=teachers_code))
        assert substitute.wait() == 0
        (code,) = substitute.lines
        mr_s = stack.enter_context(client(server, "--name", "Mr S", "--teacher", env={TEACHER_CODE: code}))
        mr_s.wait_for_line("connected to .* as a substitute, encrypted")

        # Who sits at the server's machine needs no code.
        kick = ("--kick", "ann", "--minutes", "5", "--message", "Please come back after the break.")
        here = stack.enter_context(client(server, "--name", "Ms T", *kick))
        assert here.wait() == 0 and here.lines == ['"Ann" (#1) is out']
        refused = json.loads(ann.wait_for_line('"event": "refused"').string)
        assert refused["code"] == "kicked" and 0 < refused["retry_after"] <= 300
        assert "Please come back after the break." in refused["message"] and ann.wait() == 1
        mr_s.stop(signal.SIGTERM)
        for program in (ann, mr_s, here, server):
            assert TEACHERS not in program.text and code not in program.text
