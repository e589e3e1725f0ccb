"""What a client says about a server that is not, or may not be, the one that was meant. Sentences only.

Each says what was seen, what it looks like, and what to do; whoever reads it is a student in a lesson, or the teacher
beside him. Names come from strangers: they stand in quotes, escaped.
"""

from __future__ import annotations

from rollcall.wire.scram import TEACHER, ScramError
from rollcall.wire.text import quoted

NO_SSL = "This Python has no TLS (its module ssl is missing): use the program that was built, or another Python."

TAKEN_IN_WITHOUT = (
    "The server would take us in without having proven that it knows the code: it may be somebody who stands between "
    "you and the room and takes the protection off. Nothing was told to it. Ask whoever runs the server."
)

TOO_MANY_DERIVATIONS = (
    "The server wants the code to be computed in another way each time. A Rollcall server does not; ask whoever runs "
    "it."
)


def no_tls(address: str, is_known: bool, was_asked: bool) -> str:
    """There was a plain line in the place of a ServerHello."""
    sentence = f"{address} answers without encryption, "
    if is_known:
        sentence += "and the server that was met there before had it"
    elif was_asked:
        sentence += "and has just said that a code is needed, for which there must be some"
    else:
        sentence += "and a code is only told to a server with it"
    return (
        f"{sentence}. Either its encryption is switched off (the server says so when it starts), or somebody stands "
        "between you and it. Nothing was told to it. Ask whoever runs the server."
    )


def not_closed(name: str, address: str, is_known: bool) -> str:
    """A code is there, and the room says that it needs none."""
    if is_known:
        return (
            f"{quoted(name)} at {address} needed a code before and says now that it is open. If the teacher has opened "
            "it, forget this room and join it again; nothing was told to it."
        )
    return (
        f"{quoted(name)} at {address} says that it is an open room, and does not prove that it knows the code: it may "
        "be somebody else than your teacher. Nothing was told to it. If it is meant to be open, join it without a code."
    )


def another_server(name: str, address: str, fingerprint: str) -> str:
    """Name and address of a closed room that we know, and another certificate: the strong one."""
    return (
        f"This is not the room you met before. It is called {quoted(name)} and is at {address}, as that one was, but "
        "it is another server. Ask the teacher: was the server set up anew, on another computer or with an empty data "
        "folder? "
        f"{_compare(fingerprint)} If not, somebody poses as the room: type no code."
    )


def changed(address: str, fingerprint: str) -> str:
    """The code was typed for another server than the one that answers now."""
    return f"Another server answers at {address} now than the one that the code was typed for. {_compare(fingerprint)}"


def failed_with_stranger(fingerprint: str) -> str:
    """A code was refused by a server that was never met before."""
    return (
        "The code was wrong, or this is not the server that it is for: this computer has never met it. Whoever poses "
        f"as a server learns a little with each code that is tried. {_compare(fingerprint)}"
    )


def open_namesake(name: str) -> str:
    """A room in the clear is called like a closed one that we know."""
    return (
        f"A room that is called {quoted(name)} needed a code before. This one needs none, and everybody on the network "
        "can read along: it may be somebody who takes the protection off. Ask the teacher whether it is open today."
    )


def exchange(error: ScramError, is_stranger: bool) -> str:
    """The exchange has failed, and the code is not what was wrong."""
    sentence = f"The server did not prove that it knows the code: {error}. "
    if is_stranger:
        sentence += "This computer has never met it. "
    return f"{sentence}Type no code until whoever runs the server has looked at it."


def name_needed(offers: bool) -> str:
    """The way in is free, and there is no name yet to go in with."""
    return "Choose your name from the list." if offers else "Type your name: this room has no list to choose from."


def code_needed(name: str, user: str) -> str:
    """What the refusal says when a code is all that is missing."""
    whose = "its code" if user not in (TEACHER, "substitute") else f"the {user}'s code"
    return f"{quoted(name)} is a closed room and needs {whose}."


def _compare(fingerprint: str) -> str:
    digits = " ".join(fingerprint[at : at + 4] for at in range(0, len(fingerprint), 4))
    return f"Compare this with what the server shows when it starts: {digits}."
