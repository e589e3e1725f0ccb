"""The class as the server sees it: each name of the list with what has become of it, guests, and the lesson.

`ClassBook` takes the server's lists, whole or what has changed, and says what there is to show and what a teacher may
do next. Where there is no class it is empty, and the roster is all there is. No widgets; one thread only.
"""

from __future__ import annotations

from typing import Dict, Iterable, List, Mapping, NamedTuple, Optional, Set, Union

from protocol import HERE, Message
from rollcall.window.diary import minute_text
from rollcall.window.members import Row
from rollcall.window.people import MISSING, Person, last_seen, of_class
from rollcall.wire.class_messages import AboutClass, ClassList, LessonAct, PersonRow

Act = Union[Message, AboutClass]
"""What a teacher may ask for."""


class Step(NamedTuple):
    """Something that a teacher may want to do now: why, what the button says, and the act."""

    why: str
    label: str
    act: Act


class ClassBook:
    """``changed`` is another number whenever there may be something else to show."""

    def __init__(self) -> None:
        self.changed = 0
        self.known: Optional[ClassList] = None
        self.rows: Dict[str, PersonRow] = {}
        self._moved: Optional[Set[str]] = None  # keys of rows that are new, other or gone; None: all of them

    def clear(self) -> None:
        """Another room."""
        self.known, self.rows, self._moved = None, {}, None
        self.changed += 1

    def take(self, message: ClassList) -> None:
        """What the server says now."""
        if message.whole or not message.classes:
            self.rows, self._moved = {}, None
        self.rows.update((row.key, row) for row in message.rows)
        for key in message.gone:
            self.rows.pop(key, None)
        if not message.classes:
            self.rows = {}
        if self._moved is not None:
            self._moved.update((row.key for row in message.rows), message.gone)
        self.known = message
        self.changed += 1

    @property
    def is_set(self) -> bool:
        """There is a class that is expected."""
        return self.known is not None and bool(self.known.classes)

    @property
    def is_running(self) -> bool:
        """A lesson has begun and not ended."""
        return self.known is not None and self.known.begin is not None and self.known.end is None

    def title(self) -> str:
        """``Class 7b``; ``Classes 7b, 9a``; ``No class``."""
        classes = self.known.classes if self.known is not None else ()
        return f"{'Class' if len(classes) == 1 else 'Classes'} {', '.join(classes)}" if classes else "No class"

    def headline(self) -> str:
        """``24 of 27 here``; empty where there is no class."""
        known = self.known
        return f"{(known.counts or {}).get(HERE, 0)} of {known.listed} here" if known and known.classes else ""

    def lesson_text(self) -> str:
        """Since when there is a lesson."""
        if self.known is None or self.known.begin is None:
            return ""
        if self.known.end is not None:
            return f"Lesson {minute_text(self.known.begin)}–{minute_text(self.known.end)}"
        paused = ", paused" if self.known.paused else ""
        return f"Lesson since {minute_text(self.known.begin)}{paused}"

    def lesson_step(self) -> Optional[Step]:
        """The button of the headline."""
        if not self.is_set:
            return None
        if self.is_running:
            return Step("", "End lesson", LessonAct("end"))
        return Step("", "Begin lesson", LessonAct("begin"))

    def attention(self) -> Optional[Step]:
        """What seems to have happened to all, in one line, and what to do about it."""
        known = self.known
        if known is None:
            return None
        if known.paused:
            return Step("The lesson is paused: nobody is missed.", "Go on", LessonAct("go on"))
        if known.vanished is not None:
            when = minute_text(known.vanished.begin)
            return Step(f"{known.vanished.count} vanished at once, at {when}.", "Pause the lesson", LessonAct("pause"))
        if known.comes and known.comes not in known.classes:
            act = LessonAct("begin", classes=(known.comes,))
            return Step(f"This looks like {known.comes}.", f"Begin {known.comes}", act)
        return None

    def take_moved(self) -> Optional[Set[str]]:
        """The keys of the rows that are new, other or gone since the last call; None: all may be."""
        moved, self._moved = self._moved, set()
        return moved

    def keys_of(self, members: Set[int]) -> Set[str]:
        """The keys of the rows that stand for one of these, by the server's ids."""
        return {key for key, row in self.rows.items() if not members.isdisjoint(row.members)}

    def people(self, keys: Iterable[str], rows: Mapping[int, Row], is_fresh: bool) -> List[Person]:
        """The people of these keys; ``rows`` are those of the roster, by the server's ids. Where that is not
        ``is_fresh`` (there is no connection), nobody knows who is here by now."""
        people = [of_class(self.rows[key], rows) for key in keys if key in self.rows]
        return people if is_fresh else [last_seen(person) for person in people]

    def missing(self) -> List[str]:
        """Names of the list whom somebody may turn out to be."""
        return [row.name for row in self.rows.values() if row.state in (MISSING, "expected", "lost", "left")]

    def row_of(self, person: Person) -> Optional[PersonRow]:
        """What the server says of that person."""
        return self.rows.get(person.key)
