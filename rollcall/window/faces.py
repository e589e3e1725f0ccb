"""The three faces of the window, one at a time: the card for joining, the student's, the teacher's.

Which one is shown follows what the person is doing. When the look, the zoom or the screen is another, all of them are
built anew: one mechanism for everything that Tk does not follow by itself. What was typed, what is known and what is
selected is kept outside of them, or carried over here. Belongs to the window and its thread.
"""

from __future__ import annotations

import os
import time
import tkinter as tk
from dataclasses import replace
from tkinter import ttk
from typing import Dict, List, Optional, Protocol, Sequence, Tuple

from rollcall.client.command_line import JOIN_CODE, TEACHER_CODE
from rollcall.client.trust import Trust
from rollcall.window import words
from rollcall.window.diary import Diary
from rollcall.window.fields import FieldText, StandIns
from rollcall.window.found_rooms import FoundRooms
from rollcall.window.join import CODE, CannotJoin, FoundRoom, card_words, is_closed, read_fields, record_text
from rollcall.window.join_card import JoinActions, JoinCard
from rollcall.window.known_servers import KnownServers
from rollcall.window.listing import Listing
from rollcall.window.model import CONNECTED, RECONNECTING, REFUSED, ClientModel
from rollcall.window.notices import shortened
from rollcall.window.people import numbers
from rollcall.window.projector import Projector
from rollcall.window.settings import Settings
from rollcall.window.student_face import StudentActions, StudentFace
from rollcall.window.table_order import TableOrder
from rollcall.window.teacher_face import LogActions, TeacherActions, TeacherFace
from rollcall.window.theme import Theme, set_text
from rollcall.wire.address import Address
from rollcall.wire.codes import UnfitCode, fold
from rollcall.wire.messages import MEMBER

CARD, STUDENT, TEACHER = "card", "student", "teacher"

SIZES: Dict[str, Tuple[int, int]] = {CARD: (480, 500), STUDENT: (480, 500), TEACHER: (1024, 740)}
LEAST_SIZES: Dict[str, Tuple[int, int]] = {CARD: (420, 430), STUDENT: (360, 240), TEACHER: (480, 360)}
"""Pixels of a screen of 96 dots to the inch. The first two have one size: nothing jumps when somebody joins."""


class Texts:
    """What is typed and chosen, whichever face shows it."""

    def __init__(self, root: tk.Tk, stand_ins: StandIns, settings: Settings, server: str, name: str) -> None:
        self._stand_ins = stand_ins
        self.servers: List[str] = []
        self.rooms: List[FoundRoom] = []
        self.offer(settings.servers)
        remembered = settings.servers[0] if settings.servers else ""
        self.server = FieldText(root, stand_ins, server or remembered)
        self.name = FieldText(root, stand_ins, name or (settings.name if settings.own else ""))
        self.code = FieldText(root, stand_ins)
        self.search = FieldText(root, stand_ins)
        self.round_trip = tk.StringVar(root, "")
        self.own = tk.BooleanVar(root, settings.own)
        self.teacher = tk.BooleanVar(root, settings.own and settings.teacher)
        self.details = tk.BooleanVar(root, False)
        self.status = tk.StringVar(root, "")
        """The sentence about the connection, or whatever else there is to say."""

    def read(self, model: ClientModel, trust: Trust) -> Tuple[Address, str]:
        """The server and the name; the name is empty where a closed room is asked for those to choose from. Raises
        `CannotJoin`."""

        def may_ask(address: str) -> bool:
            room = model.room
            if self.teacher.get() or (room is not None and room.address == address and room.names):
                return False
            return bool(self.given_code().strip()) or is_closed(address, room, self.rooms, trust)

        return read_fields(self.server.get(), self.name.get(), may_ask)

    def leave(self, known: KnownServers) -> None:
        """Who leaves a computer that is nobody's own leaves no keys there, and a teacher no code: others sit down."""
        if self.own.get():
            return
        known.forget_keys()
        if self.teacher.get():
            self.code.set("")
            self.teacher.set(False)

    def forget_person(self, known: KnownServers) -> None:
        """Somebody else sits here."""
        known.forget_keys()
        self.name.set("")
        self.code.set("")
        self.teacher.set(False)

    def given_code(self) -> str:
        """What was typed, or else what whoever started this program has given it in the environment, where others
        cannot read it as on a command line. Raises `CannotJoin` for what can be no code there."""
        variable = TEACHER_CODE if self.teacher.get() else JOIN_CODE
        code = self.code.get()
        if not code.strip():
            code = os.environ.get(variable, "")
            try:
                fold(code)
            except UnfitCode as error:
                raise CannotJoin(f"{variable}: {error}", CODE) from None
        return code

    def offer(self, servers: Sequence[str]) -> None:
        """Servers to choose from, the most recent first."""
        self.servers = [self._stand_ins.shown(server) for server in servers]


class Window(JoinActions, StudentActions, TeacherActions, Protocol):
    """What the faces are in, and what their controls do."""

    root: tk.Tk
    theme: Theme
    texts: Texts
    order: TableOrder
    found: Optional[FoundRooms]
    model: ClientModel

    @property
    def commands(self) -> LogActions: ...
    @property
    def listing(self) -> Listing: ...


def face_of(model: ClientModel, is_teacher: bool) -> str:
    """Which face somebody needs now. Who was let in keeps it while the connection is away, and until it is left."""
    is_in = model.phase == CONNECTED or (model.was_in and model.phase in (RECONNECTING, REFUSED))
    if not is_in or (model.phase == REFUSED and model.refusal not in ("kicked", "replaced")):
        return CARD
    return TEACHER if is_teacher or model.role != MEMBER else STUDENT


class Faces:
    """``card``, ``student`` and ``teacher``; ``kind`` says which of them is shown."""

    def __init__(self, window: Window, diary: Diary) -> None:
        self._root, self._theme, self._texts, self._order = window.root, window.theme, window.texts, window.order
        self._diary, self._window = diary, window
        self.kind = CARD
        self._beaten = -1
        self.projector = Projector(self._root, self._theme, self._root.focus_force)
        self._build()

    def _build(self) -> None:
        root, theme = self._root, self._theme
        self._beaten = -1
        window, texts = self._window, self._texts
        self.card = JoinCard(root, theme, texts, window, self._examine)
        self.student = StudentFace(root, theme, window)
        self.teacher = TeacherFace(root, theme, texts, self._order, self._diary, window, window.commands)
        self.shown.pack(fill="both", expand=True)

    def _examine(self) -> None:
        """*Cannot find it?*"""
        if self._window.found is not None:
            self._window.found.examine(self._texts.server.get(), self._window.model.phase)

    @property
    def shown(self) -> ttk.Frame:
        """The face that is to be seen."""
        faces: Dict[str, ttk.Frame] = {CARD: self.card, STUDENT: self.student, TEACHER: self.teacher}
        return faces[self.kind]

    def show(self, kind: str) -> bool:
        """Show that face; False if it is shown already."""
        if kind == self.kind:
            return False
        self.shown.pack_forget()
        self.projector.close()
        self.kind = kind
        self.shown.pack(fill="both", expand=True)
        return True

    def needs(self) -> int:
        """Pixels of height without which something of this face could not be seen."""
        return self.card.winfo_reqheight() if self.kind == CARD else 0

    def say(self, model: ClientModel, notice: str, now: float, wall: float) -> None:
        """Let the face that is shown say how it stands. ``notice`` is what there is to say beside the connection."""
        found = self._window.found
        rooms = found.look(self.kind == CARD, self._texts.servers) if found is not None else None
        if rooms is not None:
            self._texts.rooms = rooms
        set_text(self._texts.status, notice or words.status(model, now))
        if self.kind == CARD:
            said = card_words(model, now, notice, self._texts.teacher.get())
            examined = found.examined(model.phase) if found is not None and not notice else ""
            if examined:
                said = replace(said, said=examined, loudness=words.WARN)
            if found is not None and said.title == "Join" and found.name_of(self._texts.server.get()):
                said = replace(said, title=f"Join {found.name_of(self._texts.server.get())}")
            self.card.show(replace(said, said=shortened(said.said)))
            self.card.offer_examination(found is not None)
            self.card.offer_servers(self._texts.servers)
            self.card.show_rooms(self._texts.rooms)
            self.card.offer_names(model.room.names if model.room is not None else None)
        elif self.kind == STUDENT:
            self.student.show(words.student(model, now), notice or record_text(model.room))
            self.student.show_others(model.others, model.changed)
        else:
            self._say_to_teacher(model, notice, now, wall)

    def _say_to_teacher(self, model: ClientModel, notice: str, now: float, wall: float) -> None:
        face = self.teacher
        people, room = list(self._order.people.values()), model.server_name or model.address
        book, is_teacher = self._window.listing.book, model.role != MEMBER
        may_act = is_teacher and model.phase == CONNECTED
        face.table.work(wall)
        face.show_class(book, is_teacher, may_act)
        face.show_numbers(room, numbers(people, book.is_set))
        title = book.title() if book.is_set else room
        fresh, version = model.phase == CONNECTED, self._order.version
        self.projector.show(title, people, version, book.is_set, fresh, now, wall)
        face.show_found()
        step = {REFUSED: words.AGAIN, RECONNECTING: words.NOW}.get(model.phase, "")
        trip = words.round_trip(model)
        where = "   ".join(filter(None, (model.address, trip if self._texts.details.get() else "")))
        attention = book.attention() if may_act and not notice else None
        if attention is not None:
            notice, step = attention.why, attention.label
        sign = "!" if notice else words.sign(model)
        loudness = words.WARN if attention is not None else words.MUTED if notice else words.loudness(model)
        face.show_status(sign, notice or words.status(model, now), loudness, step, where)
        if face.is_unfolded:
            face.log.show_new()
            set_text(self._texts.round_trip, trip or "–")
            if self._beaten != model.beaten:
                self._beaten = model.beaten
                face.strip.draw(model.beats)

    def rebuild(self) -> None:
        """The look is another."""
        self.projector.redraw()
        table = self.teacher.table
        selected, place = [person.key for person in table.selected()], table.tree.yview()[0]
        unfolded, others = self.teacher.is_unfolded, self.student.is_open
        for face in (self.card, self.student, self.teacher):
            face.destroy()
        self._build()
        if unfolded:
            self.teacher.toggle_activity()
        if others:
            self.student.toggle_others()
        self._restore(selected, place)

    def _restore(self, selected: List[str], place: float) -> None:
        table = self.teacher.table
        table.work(time.time(), budget=1.0)  # at once: it was there a moment ago
        table.select(selected)
        table.tree.yview_moveto(place)
