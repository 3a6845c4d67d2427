"""What a queue tells people into their inboxes, each notice once: its key says what it is about.

Never here: when something is told.
"""

from homeroom.engine.behaviour import Tell
from homeroom.protocol.inbox import Notify, Priority
from homeroom.protocol.queue import EntryId


def tell_next(queue: str, student: str, entry: EntryId) -> Tell:
    """Tell a student that nobody stands before it any more."""
    return _tell(queue, student, entry, ("next", "You are next", "Nobody stands before you any more.", "high"))


def tell_admitted(queue: str, student: str, entry: EntryId, room: str) -> Tell:
    """Tell a student that the instructor is ready, and where (requirements 1.0: on admission)."""
    notice = Notify(
        "office_hours.admitted",
        "Instructor is ready for you",
        "Your conversation has a room of its own.",
        {"queue": queue, "entry": entry, "room": room},
        "high",
        f"/rooms/{room}",
        f"queue:{queue}.{entry}.{room}",
    )
    return Tell(f"inbox:{student}", notice)


def tell_warned(queue: str, student: str, entry: EntryId, room: str, until: int) -> Tell:
    """Tell somebody in a conversation that it ends soon; each warning is a notice of its own."""
    notice = Notify(
        "office_hours.warned",
        "Your conversation is about to end",
        "Nobody has spoken for a while. Say something to go on.",
        {"queue": queue, "entry": entry, "room": room, "until": until},
        "high",
        f"/rooms/{room}",
        f"queue:{queue}.{room}.{until}",
    )
    return Tell(f"inbox:{student}", notice)


def tell_dismissed(queue: str, student: str, entry: EntryId) -> Tell:
    """Tell a student that the line was sent away."""
    text = "The office hours have ended before your turn came. Join again when they open."
    return _tell(queue, student, entry, ("dismissed", "Office hours have ended", text, "normal"))


def tell_elsewhere(queue: str, student: str, entry: EntryId, other: str) -> Tell:
    """Tell a student that the entry does not count, because of the one in another queue."""
    text = f"You stand in the queue {other} already, and may stand in one of them only."
    return _tell(queue, student, entry, ("elsewhere", "You are in another queue", text, "normal"))


def _tell(queue: str, student: str, entry: EntryId, words: tuple[str, str, str, Priority]) -> Tell:
    """Return a notice about an entry; `words` are what it is about, its title, its text, and how urgent it is."""
    what, title, text, priority = words
    data: dict[str, str | int | bool] = {"queue": queue, "entry": entry}
    url, key = f"/office-hours/{queue}", f"queue:{queue}.{entry}.{what}"
    return Tell(f"inbox:{student}", Notify(f"office_hours.{what}", title, text, data, priority, url, key))
