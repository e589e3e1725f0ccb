"""The house: who may import whom. The rules are those of docs/ARCHITECTURE.md."""

from __future__ import annotations

import ast
import sys
from functools import cache
from pathlib import Path
from typing import Dict, Iterator, List, Set, Tuple

import pytest

from tests.helpers import ROOT

FLOOR = "floor"  # what protocol.py stands on: it imports nothing of ours but itself
FLOOR_MODULES = {f"rollcall.wire.{name}" for name in ("errors", "text", "lines", "fields", "packing", "address")}
FLOOR_MODULES |= {f"rollcall.wire.{name}" for name in ("messages", "class_messages", "class_reading", "clock")}
FRONT_DOORS = ("server", "client", "client_gui")
MAY_IMPORT: Dict[str, Set[str]] = {
    FLOOR: {FLOOR},
    "protocol": {FLOOR},
    "program": {"program"},
    "wire": {"wire", "protocol", FLOOR},
    "server room": {"server room", "wire", "program", "protocol", FLOOR},
    "client room": {"client room", "wire", "program", "protocol", FLOOR},
    "window": {"window", "client room", "wire", "program", "protocol", FLOOR},
    "server": {"server room", "wire", "program", "protocol", FLOOR},
    "client": {"client room", "wire", "program", "protocol", FLOOR},
    "client_gui": {"client", "window", "client room", "wire", "program", "protocol", FLOOR},
}
OPTIONAL = {"sv_ttk", "platformdirs", "tomli", "cryptography"}
"""Packages that a feature needs: imported where it is switched on, or inside a ``try``."""

MODULES: List[Path] = sorted(
    [*(ROOT / f"{name}.py" for name in (*FRONT_DOORS, "protocol")), *ROOT.glob("rollcall/**/*.py")]
)


def name_of(file: Path) -> str:
    parts = file.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def place_of(module: str) -> str:
    """The room or front door that a module of ours belongs to; empty for anything else."""
    if module in FLOOR_MODULES:
        return FLOOR
    parts = module.split(".")
    if parts[0] == "rollcall":
        room = parts[1] if len(parts) > 1 else "program"
        return f"{room} room" if room in FRONT_DOORS else room
    return module if module in MAY_IMPORT else ""


@cache
def nodes_of(file: Path) -> Tuple[ast.AST, ...]:
    """All that the file says, once for all tests."""
    return tuple(ast.walk(ast.parse(file.read_text(encoding="utf-8"))))


@cache
def imports_of(file: Path) -> Tuple[Tuple[str, bool], ...]:
    """Each module that the file imports, and whether that happens as soon as the file is imported itself."""
    return tuple(_imports_of(file))


def _imports_of(file: Path) -> Iterator[Tuple[str, bool]]:
    late = {
        id(inside)
        for node in nodes_of(file)
        if isinstance(node, (ast.FunctionDef, ast.Try))
        or (isinstance(node, ast.If) and "TYPE_CH" in ast.dump(node.test))
        for inside in ast.walk(node)
    }
    for node in nodes_of(file):
        if isinstance(node, ast.Import):
            yield from ((alias.name, id(node) not in late) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0 and node.module, f"{file.name}: relative import"
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                is_module = (ROOT / (inner.replace(".", "/") + ".py")).is_file()
                yield (inner if is_module else node.module), id(node) not in late


@pytest.mark.parametrize("file", MODULES, ids=name_of)
def test_imports_go_downward(file: Path) -> None:
    place = place_of(name_of(file))
    assert place, "a module that is in no room"
    for module, at_once in imports_of(file):
        target = place_of(module)
        assert not target or target in MAY_IMPORT[place], f"{place} must not import {module}"
        top = module.split(".")[0]
        if top == "tkinter":
            assert place in ("client_gui", "window"), f"{place} must not import tkinter"
        assert top not in OPTIONAL or not at_once, f"{module} is optional: import it where it is used"


def test_the_model_and_what_it_stands_on_know_no_tk() -> None:
    tk_free = "model members people words join names diary table_order projector_layout class_book listing print_page"
    tk_free += " settings replies moments examination found_rooms"
    for name in tk_free.split():
        assert not any(
            module.split(".")[0] == "tkinter" for module, _ in imports_of(ROOT / f"rollcall/window/{name}.py")
        )


def test_no_two_modules_import_each_other() -> None:
    edges = {name_of(file): {module for module, _ in imports_of(file)} for file in MODULES}
    done: Set[str] = set()

    def visit(module: str, way: Tuple[str, ...]) -> None:
        assert module not in way, " -> ".join((*way, module))
        if module in edges and module not in done:
            for target in sorted(edges[module]):
                visit(target, (*way, module))
            done.add(module)

    for module in edges:
        visit(module, ())


def test_one_place_decides_which_clock_durations_go_by() -> None:
    for file in MODULES:
        # The programs' own room imports nothing, and waits for tenths of a second only: any clock will do there.
        if name_of(file) != "rollcall.wire.clock" and place_of(name_of(file)) != "program":
            named = {ast.unparse(node) for node in nodes_of(file) if isinstance(node, ast.Attribute)}
            assert not named & {"time.monotonic", "time.perf_counter"}, file.name


def test_files_that_others_may_hold_open_are_tried_again() -> None:
    """On Windows what deletes, replaces or reads a file fails now and then: see rollcall/program/files.py."""
    at_once = {"unlink", "read_bytes", "os.remove", "os.replace", "os.unlink", "os.rename"}
    for file in MODULES:
        if name_of(file) in ("rollcall.program.files", "rollcall.program.crash"):  # what the other's `patiently` calls
            continue
        nodes = nodes_of(file)
        calls = [node for node in nodes if isinstance(node, ast.Call)]
        patient = [node for node in calls if ast.unparse(node.func).endswith("patiently")]
        inside = {id(part) for node in patient for part in ast.walk(node)}
        for node in calls:
            called = ast.unparse(node.func)
            if id(node) not in inside and isinstance(node.func, ast.Attribute):
                assert not {called, node.func.attr} & at_once, f"{file.name}:{node.lineno}"


def test_no_thread_is_waited_for_without_a_limit() -> None:
    """``thread.join()``, and socketserver's ``shutdown()``, which waits for the thread in `serve_forever`."""
    for file in MODULES:
        for node in nodes_of(file):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and not node.args:
                assert node.func.attr not in ("join", "shutdown"), f"{file.name}:{node.lineno}"


def test_no_module_shadows_the_standard_library() -> None:
    names = {name_of(file) for file in MODULES if "." not in name_of(file)} | {"rollcall"}
    assert not names & set(getattr(sys, "stdlib_module_names", ()))


def test_the_rules_see_what_is_there() -> None:
    found = {place_of(name_of(file)) for file in MODULES}
    assert found == set(MAY_IMPORT), "each room has modules, and there is no other"
    assert ("rollcall.server.room", True) in set(imports_of(ROOT / "server.py"))
