"""allowance.py: what a message costs, and how much may be spent."""

from __future__ import annotations

from rollcall.server.allowance import Allowance, Refusal, weight


def test_a_line_costs_one_message_and_more_only_beyond_a_hundred_bytes() -> None:
    assert [weight(b"x" * size) for size in (0, 16, 100, 180, 512)] == [1.0, 1.0, 1.0, 1.8, 5.12]


def test_a_price_is_spent_in_full_and_parts_add_up() -> None:
    allowance, used = Allowance(rate=1.0, burst=10.0), 0.0
    for price, left in ((5.0, 5.0), (0.25, 4.75), (4.75, 0.0)):
        used = allowance.spend(used, 100.0, price)
        assert used == 110.0 - left
    refused = False
    try:
        allowance.spend(used, 100.0, 0.25)
    except Refusal as refusal:
        refused = refusal.error.retry_after == 10.0
    assert refused
    assert allowance.spend(used, 100.25, 0.25) == 110.25, "a quarter of a second is a quarter of a message"
