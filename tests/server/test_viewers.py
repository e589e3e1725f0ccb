"""rollcall/server/viewers.py: who may see names in a closed room."""

from __future__ import annotations

import threading
from typing import List, Optional

from rollcall.server.viewers import MAX_COOKIES, MAX_LINKS, Viewers


def token_of(link: str) -> str:
    assert link.startswith("/board?link=")
    return link.partition("=")[2]


def cookie_of(header: Optional[str]) -> str:
    assert header is not None
    assert header.endswith("; Path=/board; HttpOnly; SameSite=Strict")
    return header.partition(";")[0]


def test_everyone_sees_names_in_an_open_room() -> None:
    assert Viewers().may_see_names("") and not Viewers(closed=True).may_see_names("")


def test_a_link_works_once_and_gives_a_cookie_of_this_run() -> None:
    viewers, other = Viewers(closed=True), Viewers(closed=True)
    token = token_of(viewers.link())
    assert len(token) >= 22, "128 bits"
    cookie = cookie_of(viewers.redeem(token))
    assert viewers.redeem(token) is None and viewers.redeem("") is None and viewers.redeem("\ud800") is None
    assert viewers.may_see_names(cookie) and viewers.may_see_names(f"theme=dark; {cookie};x")
    assert not other.may_see_names(cookie), "another run"
    name, _, value = cookie.partition("=")
    for wrong in (f"{name}={value[:-1]}", f"{name}=", name, f"x{name}={value}", value, f"{name}={token}", "é=ü"):
        assert not viewers.may_see_names(wrong)


def test_links_and_cookies_are_bounded() -> None:
    viewers = Viewers(closed=True)
    tokens = [token_of(viewers.link()) for _ in range(MAX_LINKS + 1)]
    assert viewers.redeem(tokens[0]) is None, "too many newer ones"
    first = cookie_of(viewers.redeem(tokens[1]))
    for _ in range(MAX_COOKIES):
        assert viewers.may_see_names(first)
        viewers.redeem(token_of(viewers.link()))
    assert not viewers.may_see_names(first)


def test_of_many_who_open_a_link_at_once_one_gets_in() -> None:
    viewers = Viewers(closed=True)
    token, got = token_of(viewers.link()), []
    begin = threading.Barrier(8)

    def open_it() -> None:
        begin.wait(10)
        got.append(viewers.redeem(token))

    threads: List[threading.Thread] = [threading.Thread(target=open_it) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len([cookie for cookie in got if cookie]) == 1
