"""catch_up.py: every gap is closed, every wait ends, and nobody asks more often than a server allows."""

from __future__ import annotations

from rollcall.client.catch_up import LIST_TIMEOUT, RESYNC_INTERVAL, SETTLE, CatchUp


def listed() -> CatchUp:
    catch_up = CatchUp(0.0)
    catch_up.listed()
    return catch_up


def test_the_list_after_the_welcome_comes_unasked_or_is_asked_for_again_and_again() -> None:
    catch_up = CatchUp(100.0)
    assert not catch_up.ask(100.0 + LIST_TIMEOUT - 0.1)
    assert catch_up.ask(100.0 + LIST_TIMEOUT)
    assert not catch_up.ask(100.0 + 2 * LIST_TIMEOUT - 0.1)
    assert catch_up.ask(100.0 + 2 * LIST_TIMEOUT)
    catch_up.listed()
    assert not catch_up.ask(1e9)


def test_a_gap_is_asked_about_at_once_and_once() -> None:
    catch_up = listed()
    catch_up.gap(50.0)
    assert catch_up.ask(50.0)
    for now in (50.0, 51.0, 50.0 + LIST_TIMEOUT - 0.1):
        catch_up.gap(now)
        assert not catch_up.ask(now), "one is under way"
    assert catch_up.ask(50.0 + LIST_TIMEOUT)


def test_gaps_while_the_first_list_is_under_way_are_none() -> None:
    catch_up = CatchUp(0.0)
    catch_up.gap(1.0)
    catch_up.told(7, 0, 1.0)
    assert not catch_up.ask(LIST_TIMEOUT - 0.1)


def test_however_many_gaps_there_are_requests_keep_their_distance() -> None:
    catch_up = listed()
    asked = []
    for step in range(1000):
        now = step / 100
        catch_up.gap(now)
        catch_up.told(step, 0, now)
        if catch_up.ask(now):
            asked.append(now)
            catch_up.listed()
    assert asked == [0.0, 2.0, 4.0, 6.0, 8.0]
    assert RESYNC_INTERVAL >= 1.0, "the server allows one a second"


def test_a_gap_in_that_distance_is_not_forgotten() -> None:
    catch_up = listed()
    catch_up.gap(10.0)
    assert catch_up.ask(10.0)
    catch_up.listed()
    catch_up.gap(10.1)
    assert not catch_up.ask(10.1)
    assert catch_up.ask(10.0 + RESYNC_INTERVAL)


def test_a_pong_may_be_a_little_ahead_of_the_delta() -> None:
    catch_up = listed()
    catch_up.told(5, 3, 10.0)
    catch_up.moved(4)
    assert not catch_up.ask(10.0 + SETTLE - 0.1)
    catch_up.moved(5)
    assert not catch_up.ask(1e9)
    catch_up.told(5, 5, 20.0)
    catch_up.told(4, 5, 20.0)
    assert not catch_up.ask(1e9), "the pong was made just before the delta was sent"


def test_a_revision_that_does_not_come_is_a_gap_however_often_it_is_told() -> None:
    catch_up = listed()
    for second in range(4):
        catch_up.told(9 + second, 3, 10.0 + second)
        assert not catch_up.ask(10.0 + second)
    assert catch_up.ask(10.0 + SETTLE)
    catch_up.listed()
    assert not catch_up.ask(1e9)
