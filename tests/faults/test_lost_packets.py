"""Two machines, two network namespaces, a cable: packets are lost in one direction or in both, and nobody is told."""

from __future__ import annotations

from pathlib import Path
from typing import List, Tuple

import pytest

from tests.helpers import ROOT
from tests.network import Network, network

SERVER, CLIENT = "10.77.0.1", "10.77.0.2"
SETTINGS = f"""[server]
host = "{SERVER}"
port = 8080
heartbeat_interval = 0.2
connection_timeout = 1.5
"""


@pytest.mark.parametrize("lost", ["what the server says", "what the client says", "everything"])
def test_a_member_that_cannot_be_reached_goes_and_comes_back_to_its_row(lost: str, tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text(SETTINGS, encoding="utf-8")
    with network() as room, network() as away:
        room.cable(away, "cable", f"{SERVER}/24", f"{CLIENT}/24")
        ways: List[Tuple[Network, str]] = []
        if lost != "what the client says":
            ways.append((room, CLIENT))
        if lost != "what the server says":
            ways.append((away, SERVER))
        with room.program(ROOT / "server.py", "--config", tmp_path / "config.toml") as server:
            server.wait_for_line("^Listening on ")
            with away.program(ROOT / "client.py", f"{SERVER}:8080", "--name", "Ann") as client:
                client.wait_for_line("1 here: Ann")
                server.wait_for_line(r'joined: "?Ann')
                for network_, address in ways:
                    network_.lose(address, "cable")
                client.wait_for_line("lost the connection")
                server.wait_for_line(r'(heartbeat_timeout|lost|left): "?Ann')
                seen = len(client.lines)
                for network_, address in ways:
                    network_.find(address, "cable")
                client.wait_for_line("1 here: Ann", skip=seen)
                server.wait_for_line(r'joined: "?Ann.* resumed')
