"""What can be configured: the table, what it accepts, how it is told."""

from __future__ import annotations

import math
from typing import Any

import pytest

from rollcall.server.settings import BY_KEY, OPTIONS, ServerConfig, toml_text


def test_the_original_keys_have_the_original_defaults() -> None:
    settings = ServerConfig()
    assert (settings.host, settings.port, settings.max_clients) == ("0.0.0.0", 8080, 100)
    assert (settings.heartbeat_interval, settings.connection_timeout) == (60, 120)


@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: str(option.key))
def test_every_default_is_accepted_and_what_is_allowed_is_said(option: Any) -> None:
    assert option.accepts(option.default)
    assert not option.accepts(None) and not option.accepts({}) and not option.accepts(object())
    assert option.allowed and option.help


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("port", True),
        ("port", 8080.0),
        ("port", -1),
        ("port", 65536),
        ("heartbeat_interval", math.nan),
        ("heartbeat_interval", math.inf),
        ("heartbeat_interval", False),
        ("name", ""),
        ("name", "a\tb"),
        ("name", 7),
        ("board", 1),
        ("board", "yes"),
        ("downloads", ""),
        ("downloads", "a\x00"),
        ("teacher", "everybody"),
        ("bells", "08:00-09:30"),
        ("bells", ["08:00-09:30"] * 51),
        ("bells", [8]),
    ],
)
def test_what_is_of_the_wrong_kind_or_out_of_bounds_is_not_accepted(key: str, value: Any) -> None:
    assert not BY_KEY[key].accepts(value)


def test_values_are_told_as_the_file_has_them() -> None:
    told = [toml_text(value) for value in (True, 5.0, 8080, "Room 12", (), ("08:00-09:30", "a\x1b"))]
    assert told == ["true", "5", "8080", '"Room 12"', "[]", '["08:00-09:30", "a\\x1b"]']


def test_a_code_is_neither_shown_nor_in_the_repr() -> None:
    settings = ServerConfig(join_code="KDWH-9RTC-4MXF", teacher_code="RVHT-8KQ2-XWPM")
    shown = "\n".join(settings.describe()) + repr(settings)
    assert "KDWH" not in shown and "RVHT" not in shown and shown.count("(set)") == 2


def test_the_lease_of_version_1_is_never_shorter_than_the_others() -> None:
    assert ServerConfig().version_1_lease == 150
    assert ServerConfig(connection_timeout=300).version_1_lease == 300
    assert ServerConfig(connection_timeout=300, version_1_timeout=20).version_1_lease == 20
