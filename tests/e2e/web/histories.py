"""Random histories of a room, decided by the room itself, so that every event in them is one that can happen."""

from collections.abc import Callable
from random import Random
from typing import Any

from homeroom.engine.behaviour import Fact, Refusal
from homeroom.protocol import chat, room
from tests.actors.driver import Driver
from tests.actors.people import ADMIN, ANN, BEN, EVE, TEACHER
from tests.actors.rooms import open_room

PEOPLE = (TEACHER, ANN, BEN, EVE, ADMIN)
EMOJI = ("👍", "❤️", "__proto__", "constructor", "🎉")
TEXTS = ("hello", "<b>bold</b>", "zwei\nZeilen", "👩‍🔬 שלום", "a" * 300)


def random_history(random: Random, commands: int) -> list[Fact]:
    """Return the facts of a room in which people did about `commands` things; refused ones leave no trace."""
    driver = open_room()
    for _ in range(commands):
        driver.now += random.choice((0, 10, 1_000, 120_000))
        command, caller = _command(random, driver), random.choice(PEOPLE)
        try:
            driver.do(command, caller)
        except Refusal:
            continue
    driver.do(room.Disband("The end."))
    return driver.facts


def _command(random: Random, driver: Driver) -> Any:
    make = random.choices([make for make, _ in _COMMANDS], [weight for _, weight in _COMMANDS])[0]
    return make(random, _Names(random, driver))


class _Names:
    """Names of what may exist: a message, a person."""

    def __init__(self, random: Random, driver: Driver) -> None:
        self._random = random
        self._posted = [str(fact.seq) for fact in driver.facts if isinstance(fact.event, chat.MessagePosted)] or ["1"]

    @property
    def message(self) -> str:
        """One of the newest messages mostly, any of them sometimes."""
        return self._random.choice(self._posted[-6:] if self._random.random() < 0.8 else self._posted)

    @property
    def user(self) -> str:
        """A person."""
        return self._random.choice(PEOPLE).user


def _say(random: Random, names: _Names) -> chat.Say:
    file = chat.File("plan.pdf", 12_345, "application/pdf", "/files/plan.pdf") if random.random() < 0.1 else None
    reply_to = names.message if random.random() < 0.3 else None
    mentions = (names.user,) if random.random() < 0.2 else ()
    return chat.Say(random.choice(TEXTS), "file" if file else "text", reply_to, file, mentions)


_COMMANDS: tuple[tuple[Callable[[Random, _Names], Any], int], ...] = (
    (_say, 30),
    (lambda random, names: chat.Edit(names.message, random.choice(TEXTS)), 10),
    (lambda random, names: chat.Retract(names.message), 5),
    (lambda random, names: chat.React(names.message, random.choice(EMOJI), random.random() < 0.7), 20),
    (lambda random, names: chat.Read(names.message), 10),
    (lambda random, names: chat.Pin(names.message), 4),
    (lambda random, names: chat.Unpin(names.message), 2),
    (lambda random, names: chat.SetMode(random.choice(("open", "open", "moderated", "announce"))), 2),
    (lambda random, names: chat.SlowMode(random.choice((0, 0, 5))), 2),
    (lambda random, names: chat.Mute(names.user, 60), 2),
    (lambda random, names: chat.Unmute(names.user), 2),
    (lambda random, names: room.Join(), 6),
    (lambda random, names: room.Leave(), 2),
    (lambda random, names: room.Invite(names.user), 2),
    (lambda random, names: room.Remove(names.user), 2),
    (lambda random, names: room.Promote(names.user, random.choice(("member", "moderator", "owner"))), 2),
)
