"""How things stand, in words for people: what is, why, and what comes next. No widgets, and no words of the protocol.

Everything here reads the model and says it; ``now`` is the monotonic clock in seconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Dict, Optional

from protocol import LATE
from rollcall.client.events import NAME_NEEDED
from rollcall.window.diary import minute_text
from rollcall.window.model import CONNECTED, CONNECTING, OFFLINE, RECONNECTING, REFUSED, ClientModel
from rollcall.window.names import first_name, fold
from rollcall.wire.text import counted

ADVICE: Dict[str, str] = {
    "code_required": "Type the code of this room.",
    "bad_code": "Ask whoever runs the room for the code.",
    NAME_NEEDED: "",
    "invalid_name": "Choose another name and join again.",
    "unsupported_protocol": "One of the two programs is too old; update it.",
    "kicked": "",
    "replaced": "You are here from another window or computer; this one stays out.",
}
"""What to do about a refusal, by its code."""

GOOD, WARN, BAD, MUTED = "good", "warn", "bad", "muted"
"""How loud something is: each has its colours in the palette, and whatever is shown has a sign and a word as well."""


def sentence(text: str) -> str:
    """The text as a whole sentence."""
    text = text[:1].upper() + text[1:]
    return text if text.endswith((".", "?", "!", "…")) else text + "."


def milliseconds(seconds: float) -> str:
    """A round trip for people: a LAN answers in a fraction of a millisecond."""
    value = seconds * 1000
    return f"{value:.1f} ms" if value < 10 else f"{value:.0f} ms"


def plain_cause(model: ClientModel) -> str:
    """Why there is no connection, for who has nothing to do with servers and ports."""
    cause = model.cause
    if cause.startswith(("nothing listens", "no answer")) or "does not answer" in cause:
        return f"{model.server_name or 'The server'} does not answer."
    return sentence(cause.split("; ")[0])


def span_text(seconds: float) -> str:
    """``4 s``, ``31 min``, ``2 h 5 min``."""
    whole = max(0, int(seconds))
    if whole < 60:
        return f"{whole} s"
    minutes = whole // 60
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def next_step(model: ClientModel, now: float) -> str:
    """When the next attempt comes."""
    seconds = model.retry_at - now
    return f"Trying again in {seconds:.0f} s." if seconds > 0.5 else "Trying again now."


def status(model: ClientModel, now: float) -> str:
    """One or two sentences: what is, why, and what comes next."""
    if model.phase == CONNECTED:
        return f"Connected to {model.server_name or model.address}"
    if model.phase == CONNECTING:
        return f"Connecting to {model.address} …"
    if model.phase == RECONNECTING:
        return f"{sentence(model.cause)} {next_step(model, now)}"
    if model.phase == REFUSED:
        advice = ADVICE.get(model.refusal, "Ask whoever runs the room.")
        again = "" if model.again_at <= now else f"You can join again in {span_text(model.again_at - now)}."
        return " ".join(filter(None, (sentence(model.cause), advice, again)))
    return ""


def sign(model: ClientModel) -> str:
    """The state of the connection as a shape."""
    return {CONNECTED: "●", REFUSED: "✕", OFFLINE: "○"}.get(model.phase, "◌")


def loudness(model: ClientModel) -> str:
    """GOOD, WARN, BAD or MUTED, for the colour of that."""
    return {CONNECTED: GOOD, REFUSED: BAD, OFFLINE: MUTED}.get(model.phase, WARN)


def title(model: ClientModel, of_class: str = "") -> str:
    """For the window's title, readable from the task bar. ``of_class`` says how many of a class are here."""
    if model.phase == CONNECTED:
        return f"{of_class or f'{model.here} here'} – Rollcall"
    return "not connected – Rollcall" if model.was_in else "Rollcall"


@dataclass(frozen=True)
class StudentWords:
    """What a student reads: how loud it is, the sign with the word, the name, and what there is to say of it. ``step``
    is what the button says, empty for none."""

    loudness: str
    word: str
    name: str
    detail: str
    step: str = ""


AGAIN, NOW = "Join again", "Try now"


def has_twin(model: ClientModel) -> bool:
    """Somebody else is here under our name, and we have not said yet that it is ours."""
    return not model.is_sure and any(fold(name) == fold(model.name) for name in model.others())


def student(model: ClientModel, now: float) -> StudentWords:
    """What the student's face says."""
    own = model.own
    name = model.name
    if model.phase == CONNECTED:
        room = model.server_name or model.address
        if own is not None and own.state == LATE:
            return StudentWords(WARN, "◐ Not heard", name, f"{room} does not hear this computer. It goes on trying.")
        if has_twin(model):
            first = first_name(name)
            detail = f"{room} · Somebody else is here as {name}, too. Is that really you?"
            return StudentWords(WARN, "● You are here", name, detail, f"I am {first}")
        since = f" · since {minute_text(own.arrived)}" if own is not None else ""
        return StudentWords(GOOD, "● You are here", name, room + since)
    if model.phase == REFUSED:
        word = {"kicked": "✕ Removed", "replaced": "✕ Not here any more"}.get(model.refusal, "✕ Not let in")
        return StudentWords(BAD, word, name, status(model, now), AGAIN if model.again_at <= now else "")
    if model.phase == RECONNECTING:
        return StudentWords(WARN, "◌ Not connected", name, f"{plain_cause(model)}\n{next_step(model, now)}", NOW)
    return StudentWords(WARN, "◌ Not connected", name, status(model, now))


def others(number: int) -> str:
    """Who else is here, folded."""
    return counted(number, "other") if number else "nobody else"


def round_trip(model: ClientModel) -> str:
    """The last round trip, or nothing."""
    seconds: Optional[float] = model.round_trip()
    return "" if seconds is None else milliseconds(seconds)
