"""rollcall/server/browsers.py: the pool of browsers."""

from __future__ import annotations

from rollcall.server.browsers import Browsers


def test_the_newest_pushes_out_the_oldest_idle_one_of_the_address_that_has_most() -> None:
    browsers = Browsers(4)
    for session, address in ((1, "many"), (2, "few"), (3, "many"), (4, "many")):
        assert browsers.enter(session, address) is None
    browsers.begins_an_answer(1)
    assert browsers.enter(5, "new") == 3, "the first is being sent a file"
    assert 3 not in browsers and 5 in browsers and len(browsers) == 4
    browsers.begins_an_answer(4)
    browsers.leave(2)
    assert browsers.enter(6, "other") is None
    assert browsers.enter(7, "new") == 1, "many have two, all busy: the oldest of them"


def test_an_address_whose_downloads_fill_all_places_keeps_them_against_itself() -> None:
    browsers = Browsers(2)
    for session in (1, 2):
        browsers.enter(session, "router")
        browsers.begins_an_answer(session)
    assert browsers.enter(3, "router") == 3 and 3 not in browsers
    assert browsers.enter(4, "else") == 1, "but not against others"
    browsers.leave(2)
    browsers.leave(2)
    assert browsers.enter(5, "else") is None
    assert browsers.enter(6, "else") == 4, "idle ones go, also of one's own"


def test_whoever_has_left_leaves_nothing_behind() -> None:
    browsers = Browsers(2)
    browsers.enter(1, "a")
    browsers.begins_an_answer(1)
    browsers.leave(1)
    browsers.begins_an_answer(1)  # it was pushed out meanwhile
    assert len(browsers) == 0 and not browsers._busy
