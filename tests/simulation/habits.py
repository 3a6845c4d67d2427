"""What people think of doing at each kind of thing: how often, and with which arguments; mostly what fits, now and then what does not.

Rules of this file: verbs and arguments stand in tables (`habits_school` has those of sessions, exams and queues). Never here: giving
the command (`people`), and what becomes of it (`judge`).
"""

from collections.abc import Callable, Mapping
from random import Random
from typing import Any

from homeroom.engine.behaviour import Caller
from tests.simulation.corners import STUDENTS, Wish

EMOJIS = ("+1", "heart")
MODES = ("open", "open", "open", "moderated", "announce")
FOREIGN, GARBLED, SENSIBLE = 0.06, 0.03, 0.6
"""Shares of commands that are somebody else's to give, of those whose arguments are none, and of those that suggest themselves."""
GARBAGE: tuple[Mapping[str, Any], ...] = (
    {}, {"text": 7}, {"user": "nobody", "minutes": -1}, {"title": ""}, {"question": "x" * 600, "rev": 0}, {"entry": [1]},
)  # fmt: skip


class Mind:
    """What one person goes by: chance, who it is, what it sees, and the server's clock as far as it knows (Unix ms)."""

    def __init__(
        self, chance: Random, who: Caller, device: str, look: Callable[[str], Any], clock: Callable[[], int]
    ) -> None:
        self.chance, self.who, self.device = chance, who, device
        self.look = look
        """Return the state of a followed stream, as this client has it; `None` for what it does not follow now."""
        self.clock = clock

    def one_of(self, *things: Any) -> Any:
        """Return one of them."""
        return self.chance.choice(things)

    def some(self, address: str, part: Callable[[Any], Any], *others: Any) -> Any:
        """Return one of what `part` finds in the state of a stream, or one of `others`: mostly the first."""
        state = self.look(address)
        found = [*part(state)] if state is not None else []
        return self.chance.choice(found if found and self.chance.random() < 0.9 else [*others])

    def own_message(self, address: str) -> str:
        """Return the id of a message, mostly of one's own."""
        state = self.look(address)
        own = [] if state is None else [each.id for each in state.chat.messages[-9:] if each.by == self.who.user]
        return str(self.chance.choice(own)) if own else self.message(address)

    def message(self, address: str) -> str:
        """Return the id of a message, mostly a recent one."""
        ids = (str(number) for number in range(1, 30))
        return str(self.some(address, lambda state: [each.id for each in state.chat.messages[-6:]], *ids))

    def student(self, address: str) -> str:
        """Return a student."""
        return str(self.chance.choice(STUDENTS))

    def fellow(self, address: str) -> str:
        """Return anybody, somebody whom nobody knows included."""
        return str(self.one_of("tess", "ada", *STUDENTS, *STUDENTS, "nobody"))


Arguments = Callable[[Mind, str], Mapping[str, Any]]
Habit = tuple[int, Arguments]


def nothing(mind: Mind, to: str) -> Mapping[str, Any]:
    """Return no arguments."""
    return {}


def named(name: str, pick: Callable[[Mind, str], Any]) -> Arguments:
    """Return a maker of the one argument `name`."""
    return lambda mind, to: {name: pick(mind, to)}


def either(name: str, *values: Any) -> Arguments:
    """Return a maker of the one argument `name`, one of `values`."""
    return lambda mind, to: {name: mind.one_of(*values)}


class Habits:
    """The verbs of one kind: those of everybody, and those that staff has besides.

    `next` returns the verb that suggests itself to somebody who looks at the thing, empty for none: who is not in, comes in.
    """

    def __init__(
        self,
        everybody: Mapping[str, Habit],
        staff: Mapping[str, Habit],
        next: Callable[[Mind, Any], str] = lambda mind, state: "",
    ) -> None:
        self._all = {**staff, **everybody}
        self._next = next
        self._student = _columns(everybody)
        self._staff = _columns(self._all)

    def choose(self, mind: Mind, to: str) -> Wish:
        """Return a command that this person could think of."""
        state = mind.look(to)
        do = self._next(mind, state) if state is not None and mind.chance.random() < SENSIBLE else ""
        if mind.chance.random() < FOREIGN:
            do = mind.one_of(*self._all)
        elif not do:
            do = mind.chance.choices(*(self._student if mind.who.role == "student" else self._staff))[0]
        garbled = mind.chance.random() < GARBLED
        return Wish(to, do, mind.one_of(*GARBAGE) if garbled else self._all[do][1](mind, to))


def _columns(habits: Mapping[str, Habit]) -> tuple[tuple[str, ...], tuple[int, ...]]:
    return tuple(habits), tuple(weight for weight, _ in habits.values())


CHAT: Mapping[str, Habit] = {
    "say": (12, lambda mind, to: {"reply_to": mind.message(to)} if mind.one_of(0, 0, 0, 1) else {}),
    "edit": (4, named("message", Mind.own_message)),
    "retract": (5, named("message", Mind.own_message)),
    "react": (
        5,
        lambda mind, to: {
            "message": mind.message(to),
            "emoji": mind.one_of(*EMOJIS),
            "on": mind.one_of(True, True, False),
        },
    ),
    "typing": (3, either("typing", True, False)),
    "read": (4, named("upto", Mind.message)),
    "history": (2, either("limit", 1, 20)),
    "unread": (1, nothing),
}
CHAT_STAFF: Mapping[str, Habit] = {
    "pin": (2, named("message", Mind.message)),
    "unpin": (1, named("message", Mind.message)),
    "set_mode": (2, either("mode", *MODES)),
    "slow_mode": (1, either("seconds", 0, 0, 1, 3)),
    "mute": (1, lambda mind, to: {"user": mind.student(to), "seconds": mind.one_of(1, 5)}),
    "unmute": (1, named("user", Mind.student)),
    "audit": (1, nothing),
}
ROOM = Habits(
    {**CHAT, "join": (4, nothing), "leave": (1, nothing)},
    {
        **CHAT_STAFF,
        "invite": (3, named("user", Mind.student)),
        "remove": (1, named("user", Mind.student)),
        "promote": (1, lambda mind, to: {"user": mind.student(to), "role": mind.one_of("member", "moderator")}),
    },
)
PRESENCE = Habits(
    {
        "set": (
            3,
            lambda mind, to: {
                "status": mind.one_of("online", "busy", "dnd", "away"),
                "activity": mind.one_of("", "reading"),
            },
        ),
        "beat": (1, either("active", True, False)),
        "hide": (1, nothing),
        "show": (2, nothing),
        "mine": (1, nothing),
    },
    {},
)


def _notice(mind: Mind, to: str) -> str:
    ids = (str(number) for number in range(1, 12))
    return str(mind.some(to, lambda state: [notice.id for notice in state.notices], *ids))


def _letter(mind: Mind, to: str) -> Mapping[str, Any]:
    """Send to oneself; staff mostly to others."""
    to_whom = {"user": mind.fellow(to)} if mind.who.role != "student" or mind.chance.random() < 0.1 else {}
    priority = mind.one_of("low", "normal", "normal", "high", "urgent")
    return {"type": mind.one_of("school.news", "school.menu"), "priority": priority, **to_whom}


INBOX = Habits(
    {
        "send": (5, _letter),
        "read": (4, named("notification", _notice)),
        "read_all": (1, nothing),
        "dismiss": (2, named("notification", _notice)),
        "list": (1, lambda mind, to: {"limit": 5, "unread": mind.one_of(True, False)}),
        "mute": (1, lambda mind, to: {"type": "school.menu", "seconds": mind.one_of(2, 60)}),
        "unmute": (1, either("type", "school.menu")),
        "dnd": (1, lambda mind, to: {"on": mind.one_of(True, False), "seconds": mind.one_of(1, 3, 30)}),
        "quiet_hours": (1, lambda mind, to: mind.one_of({}, {"start": "15:00", "end": "16:00"}, {"start": "22:00"})),
    },
    {},
)


def _group_change(mind: Mind, to: str) -> Mapping[str, Any]:
    return dict((mind.one_of(("name", "Topology"), ("max_members", mind.one_of(2, 3)), ("visibility", "public")),))


GROUP = Habits(
    {
        **CHAT,
        "join": (5, nothing),
        "leave": (2, nothing),
        "invite": (3, named("user", Mind.fellow)),
        "accept": (2, nothing),
        "decline": (1, nothing),
        "schedule": (
            1,
            lambda mind, to: {"title": "Sheet", "starts": mind.clock() + mind.one_of(-1, 3_600_000), "minutes": 30},
        ),
        "change": (1, _group_change),
        "promote": (1, lambda mind, to: {"user": mind.student(to), "role": mind.one_of("member", "admin")}),
        "remove": (1, named("user", Mind.student)),
        "look": (1, nothing),
        "members": (1, nothing),
        "activity": (1, nothing),
    },
    {**CHAT_STAFF, "delete": (1, nothing)},
    lambda mind, state: "" if mind.who.user in state.members else "join",
)


def _score(mind: Mind, to: str) -> Mapping[str, Any]:
    """Give points for a source of one's own, or for one that everybody knows."""
    own = f"quiz:{mind.device}.{mind.chance.randrange(10**6)}"
    user = mind.student(to)
    return {
        "user": user,
        "name": user.title(),
        "points": mind.chance.randint(-2, 6),
        "source": mind.one_of(own, own, "quiz:all"),
    }


BOARD = Habits(
    {
        "opt_out": (2, nothing),
        "opt_in": (3, nothing),
        "alias": (3, either("alias", "Fox", "Owl", "", "ann")),
        "list": (1, either("limit", 1, 50)),
        "standing": (1, either("around", 0, 2)),
    },
    {"score": (14, _score), "recompute": (1, nothing), "configure": (1, either("zone", "UTC", "Asia/Tokyo", "Moon"))},
)
