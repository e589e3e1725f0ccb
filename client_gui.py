"""The desktop client: a window that shows what the person is doing: joining, being here, or having a class.

``python client_gui.py``, or double-click the bundled program. The network is `client.Client`'s business, in its reader
and heartbeat threads; what happens comes through a queue, which the window empties with ``after``, for a bounded time
and a bounded number of events a turn, so that it never freezes. What is shown is decided without Tk, in ``model.py``,
``words.py``, ``people.py`` and ``table_order.py`` of ``rollcall/window``; what is remembered is in ``settings.py``
there. The rest of that room and this file are only widgets, and nothing else in the project imports tkinter.

Only the main thread touches Tk. A client that ends says goodbye first, which can take a moment: a thread of its own
does that while the window goes on, and closing the window joins every thread before Tk is destroyed (Tk objects that
are collected in another thread abort the process).
"""

from __future__ import annotations

import queue
import sys
import time
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Callable, Optional, Sequence, Tuple

from client import GOODBYE, MOST_EVENTS, STUCK_AFTER, Client
from protocol import __version__
from rollcall.client.events import Connected, Event, ServerKnown, ServerWarning
from rollcall.program.crash import CrashReporter, spoken
from rollcall.program.ending import run
from rollcall.program.folders import settings_folder
from rollcall.program.frozen import OwnFiles, is_frozen, load_early, program_name
from rollcall.program.signals import Signals
from rollcall.window import words
from rollcall.window.arguments import read_arguments
from rollcall.window.class_book import Act
from rollcall.window.found_rooms import FoundRooms
from rollcall.window.goodbyes import Goodbyes
from rollcall.window.join import CODE, NAME, SERVER, WANTS_CODE, WANTS_NAME, CannotJoin
from rollcall.window.known_servers import KnownServers
from rollcall.window.listing import Listing
from rollcall.window.model import CONNECTED, REFUSED, ClientModel
from rollcall.window.notices import Notices
from rollcall.window.settings import Memory, Settings, SettingsFile
from rollcall.wire.address import Address
from rollcall.wire.clock import monotonic

try:
    import tkinter as tk

    from rollcall.window.acts import Acts
    from rollcall.window.clipboard import Clipboard
    from rollcall.window.commands import Commands
    from rollcall.window.dialogs import load_dialogs, open_root, show_error, show_text
    from rollcall.window.faces import CARD, Faces, Texts, face_of
    from rollcall.window.fields import StandIns
    from rollcall.window.menus import Menus
    from rollcall.window.parts import prepare
    from rollcall.window.sizes import Sizes
    from rollcall.window.theme import Theme
except ImportError:  # said in a sentence by main()
    if not TYPE_CHECKING:
        tk = show_error = show_text = None

TURN, CHECK = 50, 5000
"""Milliseconds between two looks into the queue, and at whether the files of this executable are still there."""

EVENTS_PER_TURN, TURN_BUDGET = 200, 0.015
"""So many events and so many seconds at most before the window may redraw and answer the mouse."""


class ClientWindow:
    """The window and what it drives. Build it, run ``root.mainloop()``, and `close` it.

    ``server`` and ``name`` come before what is remembered in ``settings_file``. ``clock`` is monotonic seconds.
    """

    def __init__(
        self,
        root: tk.Tk,
        server: str = "",
        name: str = "",
        settings_file: Optional[SettingsFile] = None,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self.root = root
        root.withdraw()  # until there is something to be seen
        self._clock = clock
        self.model = ClientModel()
        self.listing = Listing()
        self.order = self.listing.order
        self.memory = Memory(settings_file)
        self.notices = Notices(lambda sentence: self.model.note(time.time(), sentence), clock)
        self.notices.show(self.memory.damage)
        self.theme = Theme(root)
        self.theme.use(self.memory.settings.theme, self.memory.settings.zoom)
        if self.theme.failure:
            self.model.note(time.time(), f"only the plain look: {self.theme.problem}: {self.theme.failure}")
        self._client: Optional[Client] = None
        self._events: queue.Queue[Event] = queue.Queue(MOST_EVENTS)
        self._goodbyes = Goodbyes()
        self.closed, self._role = False, ""
        self.found: Optional[FoundRooms] = None
        self.known = KnownServers(self.memory.folder)
        self.notices.show(self.known.damage)
        stand_ins = StandIns(root)
        self.clipboard = Clipboard(root, stand_ins)
        self.texts = Texts(root, stand_ins, self.memory.settings, server, name)
        self.sizes = Sizes(root, self.theme, self.memory.settings, self.remember)
        prepare(root, self.close)
        self.commands, self.acts = Commands(self), Acts(self)
        self.faces = Faces(self, self.model.diary)
        self.menus = Menus(self)
        self.sizes.begin(CARD)
        root.bind("<Configure>", self._follow_screen, add="+")
        self._take_turn()
        root.deiconify()  # then the cursor: on Windows Tk forgets one that was set while nothing was shown
        self.faces.card.point_to(SERVER if self.texts.name.get() and not self.texts.server.get() else NAME)

    # --- what a person does -----------------------------------------------------------------------------------

    def toggle(self) -> None:
        """The card's button: join, or cancel."""
        (self.connect if self._client is None else self.leave)()

    def connect(self) -> None:
        """Start a client for what the fields say, or say what is wrong with them. One that is trying gives way."""
        try:
            address, name = self.texts.read(self.model, self.known.trust)
            client, events = self._new_client(address, name)
        except CannotJoin as error:
            self.notices.complaint = words.sentence(str(error))
            self._refresh()
            self.faces.card.point_to(error.field)
            return
        self._disconnect()
        self.notices.clear()
        self._client, self._events = client, events
        self.texts.server.set(str(address))
        self.model.begin(str(address), name)
        self.listing.book.clear()
        client.start()
        self._refresh()

    def _new_client(self, address: Address, name: str) -> Tuple[Client, queue.Queue[Event]]:
        """A client and the queue that is its own: what an earlier one still says is of no interest. Raises
        `CannotJoin`."""
        texts, accept = self.texts, self.model.accepted(str(address))
        events: queue.Queue[Event] = queue.Queue(MOST_EVENTS)
        try:
            client = Client(
                address, name, events, code=texts.given_code(), teacher=texts.teacher.get(), trust=self.known.trust,
                device_id=self.known.device_id, accept=accept,
            )  # fmt: skip
        except ValueError as error:
            raise CannotJoin(str(error), CODE) from None
        return client, events

    def connect_as_before(self) -> None:
        """At the start, on the person's own computer: join the last server again, unless the person had left."""
        if self.memory.settings.own and self.memory.settings.connected:
            self.connect()

    def forget_own(self) -> None:
        """This is not the person's own computer after all: nothing stays here but the server."""
        if not self.texts.own.get():
            self.remember(lambda before: before.joined("", "", own=False, is_teacher=False))
            self.known.forget_keys()

    def leave(self) -> None:
        """Say goodbye, or give up trying; the card is next."""
        self._disconnect()
        self.model.forget()
        self.texts.leave(self.known)
        self.remember(lambda before: replace(before, connected=False))
        self._refresh()

    def not_me(self) -> None:
        """Somebody else sits here: leave, and ask who it is."""
        self.leave()
        self.texts.forget_person(self.known)
        self.remember(lambda before: replace(before, name=""))
        self.faces.card.point_to(NAME)

    def _disconnect(self) -> None:
        client, self._client = self._client, None
        if client is None:
            return
        self._events = queue.Queue(MOST_EVENTS)
        self.acts.replies.give_up()
        self.model.end(time.time())
        self._goodbyes.say(client.stop)

    def act(self, message: Act) -> bool:
        """Ask the server for something that a teacher may do. False if there is nobody to ask."""
        return self._client is not None and self._client.act(message)

    def retry_now(self) -> None:
        """Skip the wait before the next attempt, if there is one."""
        if self._client is not None:
            self._client.retry_now()

    def step(self) -> None:
        """What the face offers: to join again after a refusal, not to wait, or what the lesson needs."""
        {REFUSED: self.connect, CONNECTED: self.acts.attend}.get(self.model.phase, self.retry_now)()

    def _follow_screen(self, event: Any) -> None:
        """The window was moved or resized, perhaps to another monitor."""
        if event.widget is self.root and self.theme.follow_screen():
            self.root.after_idle(self.look_anew)

    def look_anew(self) -> None:
        """The look, the zoom or the screen is another: build what is shown anew."""
        if not self.closed:
            self.faces.rebuild()
            self.menus.build()
            self._refresh()

    def close(self) -> None:
        """End every thread and then the window."""
        if self.closed:
            return
        self.closed = True
        self.root.after_cancel(self._turn)
        self.sizes.keep()
        self.root.withdraw()  # gone for the person at once, while the threads end
        self.root.update_idletasks()
        self._disconnect()
        if self.found is not None:
            self.found.stop()
        self.clipboard.hand_over()
        self._goodbyes.wait(GOODBYE + STUCK_AFTER + 0.5)
        self.root.destroy()

    def remember(self, edit: Callable[[Settings], Settings]) -> None:
        """What cannot be written is told once, and is no reason to stop."""
        self.notices.show_once(self.memory.change(edit))

    # --- what happens -----------------------------------------------------------------------------------------

    def _take_turn(self) -> None:
        # First: a turn that fails, which is reported, must not be the last.
        self._turn = self.root.after(TURN, self._take_turn)
        now, wall = self._clock(), time.time()
        self.model.look_at_clocks(now, wall)
        for _ in range(EVENTS_PER_TURN):
            try:
                event = self._events.get_nowait()
            except queue.Empty:
                break
            self.model.apply(event, now, wall)
            if self._client is not None:
                self._follow(self._client, event)
            if self._clock() - now > TURN_BUDGET:
                break
        self.model.expire(now)
        self._refresh()

    def _follow(self, client: Client, event: Event) -> None:
        """What an event means for what is kept, and for what is asked."""
        own, is_teacher = self.texts.own.get(), self.texts.teacher.get()
        if isinstance(event, Connected):  # only now it is a server to be remembered, and not a slip of the finger
            self.remember(lambda before: before.joined(str(client.address), client.name, own, is_teacher))
            self.texts.offer(self.memory.settings.servers)
        elif isinstance(event, ServerKnown):
            self.known.keep(client.door.trust, with_keys=own)
        elif isinstance(event, ServerWarning):
            self.notices.show(event.message, log=False)
        self.acts.follow(event)
        if self.model.phase == REFUSED:
            self._refused()

    def _refused(self) -> None:
        """The client has nothing more to do; the cursor goes where the person must type."""
        self._disconnect()
        if self.model.was_in:
            self.notices.clear()  # nothing is of more interest than that
        if self.model.refusal in WANTS_CODE | WANTS_NAME:
            self._refresh()
            self.faces.card.point_to(CODE if self.model.refusal in WANTS_CODE else NAME)

    def _refresh(self) -> None:
        self.listing.refresh(self.model)
        if self.faces.show(face_of(self.model, self.texts.teacher.get())) or self._role != self.model.role:
            self._role = self.model.role
            self.menus.build()
        self.faces.say(self.model, self.notices.text(), self._clock(), time.time())
        self.sizes.fit(self.faces.kind, self.faces.needs())
        title = words.title(self.model, self.listing.book.headline())
        if self.root.title() != title:
            self.root.title(title)


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Show the window until it is closed. Returns the exit code: 0, 1 (no window can be shown, or an error that nobody
    expected), 2 (bad usage)."""
    load_early()
    own_files = OwnFiles()

    def show(title: str, text: str) -> None:
        show_error(title, "\n\n".join(filter(None, (text, own_files.loss()))))

    reporter = CrashReporter("rollcall-client", __version__, settings_folder(), show)
    try:
        return reporter.run(lambda: _run(argv, reporter, own_files))
    finally:
        own_files.close()


def _run(argv: Optional[Sequence[str]], reporter: CrashReporter, own_files: OwnFiles) -> int:
    with spoken("Rollcall", show_text):
        arguments = read_arguments(argv)
    program = program_name("client_gui.py")
    if tk is None:
        missing = "this Python has no Tk. On Debian or Ubuntu: apt install python3-tk"
        print(f"{program}: {missing}. Without a window: client.py", file=sys.stderr)
        return 1
    root = open_root(program)
    if root is None:
        return 1
    reporter.watch(root)
    with closing(Signals()) as signals:  # before there is anything to be seen: whoever sees it may end it
        window = ClientWindow(root, arguments.server, arguments.name, SettingsFile())
        window.texts.teacher.set(arguments.teacher or window.texts.teacher.get())
        if is_frozen():
            load_dialogs(root)

        def look() -> None:
            if signals.pending:
                window.close()
                return
            root.after(TURN, look)  # first: the window may be closed while a dialog is shown
            reporter.show_waiting()

        def check() -> None:
            root.after(CHECK, check)
            window.notices.show_once(own_files.loss())

        if arguments.connect:
            window.connect()
        elif not arguments.server:
            window.connect_as_before()
        if not arguments.no_find:
            window.found = FoundRooms(lambda: window.known.trust)
        look()
        check()
        root.mainloop()
    return 0


if __name__ == "__main__":
    run(main)
