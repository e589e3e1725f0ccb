"""After any sequence of joins, goodbyes, silences, resumes, lost deltas and resyncs all clients have the same roster.

A hypothesis state machine over the real `Roster`, the publisher's real lines (encoded and decoded as on the wire) and
the clients' real `RosterView`. The only thing that is not real is time.
"""

from __future__ import annotations

from typing import Dict, List, Optional

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from protocol import ClientList, RosterDelta, decode
from rollcall.client.roster_view import RosterView
from rollcall.server.members import Caller
from rollcall.server.roster import GONE, Roster
from rollcall.server.roster_lines import NEVER, PACKED, VERSION_2, RosterLines
from rollcall.server.seats import RosterFull
from tests.helpers import FakeClock

INTERVAL, TIMEOUT = 10.0, 25.0
SEATS = 6


class Watcher:
    """A client's view together with what the publisher remembers of the client."""

    def __init__(self, form: str) -> None:
        self.form = form
        self.seen = NEVER
        self.view = RosterView()
        self.wants_resync = False


class RosterMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.clock = FakeClock()
        self.roster = Roster(
            max_clients=SEATS, heartbeat_interval=INTERVAL, connection_timeout=TIMEOUT, clock=self.clock
        )
        self.lines = RosterLines(self.roster, "epoch")
        self.sessions: List[int] = []
        self.tokens: Dict[int, str] = {}
        self.attempts: Dict[str, List[int]] = {"a": [0], "b": [0]}
        self.last_session = 0
        self.watchers = [Watcher(VERSION_2), Watcher(PACKED), Watcher(VERSION_2)]

    def register(self, name: str, token: Optional[str], instance: str = "", attempt: int = 0) -> None:
        self.last_session += 1
        self.roster.open(self.last_session)
        try:
            joined = self.roster.register(self.last_session, Caller(name, "h", 1, "h", 2, token, instance, attempt))
        except RosterFull:
            assert len(self.roster) == SEATS
            return
        if joined is None:
            assert attempt < max(self.attempts[instance]), "only an older call ends without a word"
            return
        assert not instance or attempt >= max(self.attempts[instance]), "an older call is never let in"
        self.sessions.append(self.last_session)
        self.tokens[self.last_session] = joined.resume_token

    @rule(name=st.sampled_from(["Ann", "Ben", "Cleo"]))
    def join(self, name: str) -> None:
        self.register(name, None)

    @precondition(lambda self: self.tokens)
    @rule(data=st.data())
    def resume(self, data: st.DataObject) -> None:
        self.register("again", data.draw(st.sampled_from(list(self.tokens.values()))))

    @rule(instance=st.sampled_from("ab"), attempt=st.integers(1, 9), data=st.data())
    def call(self, instance: str, attempt: int, data: st.DataObject) -> None:
        """A call of a client that counts, read in any order."""
        token = data.draw(st.sampled_from([None, *self.tokens.values()]))
        self.register("counts", token, instance, attempt)
        self.attempts[instance].append(attempt)

    @precondition(lambda self: self.sessions)
    @rule(data=st.data(), reason=st.sampled_from(["left", "lost"]))
    def end(self, data: st.DataObject, reason: str) -> None:
        self.roster.remove(data.draw(st.sampled_from(self.sessions)), reason)

    @precondition(lambda self: self.sessions)
    @rule(data=st.data())
    def heartbeat(self, data: st.DataObject) -> None:
        session = data.draw(st.sampled_from(self.sessions))
        alive = session in self.roster._sessions
        assert (self.roster.renew(session, self.clock.now) == GONE) is not alive

    @rule(steps=st.integers(1, 40))
    def time_passes(self, steps: int) -> None:
        for _ in range(4 * steps):
            self.clock.advance(0.25)
            self.roster.sweep()

    @rule(seconds=st.integers(1, 60))
    def pause(self, seconds: int) -> None:
        """The process did not run for so long."""
        self.clock.advance(seconds)
        self.roster.sweep(paused=float(seconds))

    @rule(data=st.data(), lost=st.booleans())
    def push(self, data: st.DataObject, lost: bool) -> None:
        """The publisher brings some clients up to date; a line may get lost on the way to a client's view."""
        self.lines.forget()
        for watcher in self.watchers:
            if data.draw(st.booleans()):
                self.bring(watcher, lost)

    def bring(self, watcher: Watcher, lost: bool = False) -> None:
        if watcher.wants_resync:
            watcher.seen, watcher.wants_resync = NEVER, False
        if watcher.seen == self.roster.rev:
            return
        self.lines.begin([(watcher.form, watcher.seen)])
        watcher.seen, line = self.lines.line(watcher.form, watcher.seen)
        if lost:
            return
        message = decode(line, 1_000_000)
        if isinstance(message, ClientList):
            watcher.view.replace(message)
        else:
            assert isinstance(message, RosterDelta)
            watcher.wants_resync = not watcher.view.update(message)

    @invariant()
    def the_tables_agree(self) -> None:
        roster = self.roster
        named = {member.instance: member.entry.id for member in roster._members.values() if member.instance}
        assert {instance: member for instance, (member, _) in roster._instances._here.items()} == named
        assert not set(named) & set(roster._instances._gone)
        assert set(roster._extended) <= set(roster._sessions)
        assert roster._late <= set(roster._sessions)
        assert set(roster._last_seen) == set(roster._sessions)
        assert {member.session_id for member in roster._members.values()} <= set(roster._sessions)
        assert len(roster) <= SEATS

    def teardown(self) -> None:
        """Changes end; a client whose view is not exact notices it with the next line, asks, and is exact."""
        for _ in range(3):
            self.join("last")
            self.time_passes(1)
            self.lines.forget()
            for watcher in self.watchers:
                self.bring(watcher)
        self.lines.forget()
        for watcher in self.watchers:
            self.bring(watcher)
            if watcher.view.rev != self.roster.rev:
                watcher.wants_resync = True
                self.bring(watcher)
        snapshot = self.roster.snapshot()
        for watcher in self.watchers:
            assert watcher.view.rev == snapshot.rev
            assert sorted(watcher.view.entries.values(), key=lambda e: e.id) == sorted(
                snapshot.entries, key=lambda e: e.id
            )


RosterMachine.TestCase.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
TestRosterMachine = RosterMachine.TestCase
