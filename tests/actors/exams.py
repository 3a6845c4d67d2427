"""An exam with its sittings without an engine: messages between them are carried by `deliver`, and only then."""

from typing import Any

from homeroom.actors.exam import EXAM
from homeroom.actors.exam_proctor import PROCTOR
from homeroom.actors.sitting import SITTING
from homeroom.engine.behaviour import SYSTEM_CALLER, Caller, Consult, Refusal, Tell
from homeroom.protocol.exam import Create, Join, Open, Person, Publish
from homeroom.protocol.exam_paper import Item, Key, Option, Question
from homeroom.protocol.exam_state import reduce_exam
from homeroom.protocol.grading import Value
from homeroom.protocol.sitting import SaveAnswer, Start
from homeroom.protocol.sitting_state import reduce_sitting
from tests.actors.driver import START, Driver
from tests.actors.people import ANN, BEN, TEACHER

MINUTE = 60_000
HOUR = 60 * MINUTE


def choices(*ids: str) -> tuple[Option, ...]:
    return tuple(Option(each, f"Option {each}") for each in ids)


CAPITAL = Item(Question("capital", "single", "The capital of France?", 2, choices("a", "b", "c")), Key(correct=("b",)))
PRIMES = Item(
    Question("primes", "multiple", "Which are prime?", 3, choices("p", "q", "r", "s")), Key(correct=("p", "r"))
)
PI = Item(Question("pi", "numeric", "Pi?", 2), Key(number=3.14, tolerance=0.01))
RIVER = Item(Question("river", "text", "The river?", 1), Key(accepted=("Seine SECRETKEY", "Séine"), accents=False))
ESSAY = Item(Question("essay", "essay", "Why?", 10))
ITEMS = (CAPITAL, PRIMES, PI, RIVER, ESSAY)
CLOSED = (CAPITAL, PRIMES, PI, RIVER)
"""Questions that the server judges alone."""
MOST = 8
RIGHT: dict[str, Value] = {"capital": "b", "primes": ("r", "p"), "pi": 3.15, "river": "  seine   secretkey "}


class Campus:
    """One exam, its sittings and its proctors' stream, by address; all share a clock. `sent` is what went to other kinds."""

    def __init__(self, exam: str = "mid") -> None:
        self.exam = exam
        self.drivers: dict[str, Driver] = {}
        self.carried: dict[str, int] = {}
        self.sent: list[Tell] = []
        self.now = START

    def at(self, address: str) -> Driver:
        """Return the driver of an address, made when needed, at the campus's time."""
        if address not in self.drivers:
            kind, _, id_ = address.partition(":")
            made = {
                "exam": lambda: Driver(EXAM, id_, reduce_exam),
                "sitting": lambda: Driver(SITTING, id_, reduce_sitting, consult=self._consult),
                "proctor": lambda: Driver(PROCTOR, id_),
            }
            self.drivers[address] = made[kind]()
        driver = self.drivers[address]
        driver.now = self.now
        return driver

    def _consult(self, asked: Consult) -> Any:
        return self.at(asked.stream).look_up(asked.lookup)

    @property
    def hall(self) -> Driver:
        """Return the exam."""
        return self.at(f"exam:{self.exam}")

    def sitting(self, who: Caller | str) -> Driver:
        """Return the sitting of a student."""
        return self.at(f"sitting:{self.exam}.{who if isinstance(who, str) else who.user}")

    def do(self, command: Any, caller: Caller = TEACHER) -> Any:
        """Carry out a command of the exam, and all that follows; returns its reply."""
        return self.followed(self.hall.do, command, caller)

    def sit(self, command: Any, caller: Caller, whose: Caller | None = None) -> Any:
        """Carry out a command of a sitting, and all that follows."""
        return self.followed(self.sitting(whose or caller).do, command, caller)

    def try_sit(self, command: Any, caller: Caller, whose: Caller | None = None) -> str:
        """Return the code of the refusal, or `"ok"`."""
        try:
            self.sit(command, caller, whose)
        except Refusal as refusal:
            return refusal.code
        return "ok"

    def try_do(self, command: Any, caller: Caller = TEACHER) -> str:
        """Return the code of the refusal, or `"ok"`."""
        try:
            self.do(command, caller)
        except Refusal as refusal:
            return refusal.code
        return "ok"

    def followed(self, act: Any, command: Any, caller: Caller) -> Any:
        try:
            return act(command, caller)
        finally:
            self.deliver()

    def deliver(self) -> None:
        """Carry messages until none is left; a refused one is done."""
        while self.deliver_one():
            pass

    def deliver_one(self, only: str = "") -> bool:
        """Carry one message of each sender, to `only` that address if one is named; tells whether there was any."""
        found = False
        for address, driver in list(self.drivers.items()):
            done = self.carried.get(address, 0)
            if done >= len(driver.tells):
                continue
            tell = driver.tells[done]
            if only and tell.to != only:
                continue
            self.carried[address] = done + 1
            found = True
            self._carry(tell)
        return found

    def _carry(self, tell: Tell) -> None:
        if tell.to.partition(":")[0] in {"exam", "sitting", "proctor"}:
            self.at(tell.to).try_do(tell.command, SYSTEM_CALLER)
        else:
            self.sent.append(tell)

    def advance(self, ms: int) -> None:
        """Let time pass for all of them, in steps so small that messages are carried between."""
        until = self.now + ms
        while self.now < until:
            self.now = self._next(until)
            for driver in list(self.drivers.values()):
                driver.advance(self.now - driver.now)
            self.deliver()

    def _next(self, until: int) -> int:
        dues = [
            due
            for driver in self.drivers.values()
            for due in (*driver.timers.values(), *driver.deadlines.values())
            if due is not None and due > self.now
        ]
        return min([*dues, until])

    def told(self, to: str) -> list[Any]:
        """Return the commands sent to an address of another kind."""
        return [tell.command for tell in self.sent if tell.to == to]


def new_exam(campus: Campus | None = None, **settings: Any) -> Campus:
    """Return a draft of the teacher with all sorts of questions, Ann and Ben listed."""
    campus = campus or Campus()
    given: dict[str, Any] = {"title": "Midterm", "minutes": 30, "questions": CLOSED, "specialty": "geo", **settings}
    people = (Person("ann", "Ann"), Person("ben", "Ben"))
    campus.do(Create(**{"students": people, **given}))
    return campus


def open_exam(**settings: Any) -> Campus:
    """Return that exam, open, with Ann in it."""
    campus = new_exam(**settings)
    campus.do(Publish())
    campus.do(Open())
    campus.do(Join(), ANN)
    return campus


def running(**settings: Any) -> Campus:
    """Return that exam with Ann writing since now."""
    campus = open_exam(**settings)
    campus.sit(Start(), ANN)
    return campus


def both_running(**settings: Any) -> Campus:
    """Return that exam with Ann and Ben writing since now."""
    campus = running(**settings)
    campus.do(Join(), BEN)
    campus.sit(Start(), BEN)
    return campus


def answer_all(campus: Campus, who: Caller) -> None:
    """Answer every closed question right."""
    for question, value in RIGHT.items():
        campus.sit(SaveAnswer(question, 1, value), who)
