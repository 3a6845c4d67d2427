"""The read models of queues in the real database: lists, histories and figures answer as they do from memory."""

import trio

from homeroom.actors.queue_history import QUEUE_LISTS
from homeroom.engine.behaviour import Caller, Lookup
from homeroom.engine.database import Database
from homeroom.protocol.queue import Admit, AskHistory, Complete, Create, Enlist, Join, Leave, ListHelped, Open
from homeroom.protocol.queue_lists import QueuesQuery, TicketsQuery
from tests.actors.people import ADMIN, ANN, BEN, TEACHER
from tests.actors.queues import MAKER
from tests.actors.school import School, open_kept_school, open_school

QUEUES, TICKETS = QUEUE_LISTS
QUESTIONS: tuple[Lookup, ...] = (
    QUEUES.ask(QueuesQuery(), ANN),
    QUEUES.ask(QueuesQuery(status="open"), ANN),
    QUEUES.ask(QueuesQuery(scope="listed"), ANN),
    QUEUES.ask(QueuesQuery(scope="listed"), BEN),
    QUEUES.ask(QueuesQuery(scope="helping"), TEACHER),
    QUEUES.ask(QueuesQuery(scope="all", owner="colleague"), ADMIN),
    TICKETS.ask(TicketsQuery(), ANN),
    TICKETS.ask(TicketsQuery(status="waiting"), ANN),
    TICKETS.ask(TicketsQuery(), BEN),
)


async def live(school: School) -> list[object]:
    """Let three queues come about, and return what each question finds."""
    made = (
        ("one", MAKER, Create("one")),
        ("two", Caller("colleague", "admin"), Create("two")),
        ("three", MAKER, Create("three", "listed")),
    )
    for name, owner, create in made:
        await school.do(f"queue:{name}", create, owner)
        await trio.sleep(0.002)  # so that no two are equally old
    await school.do("queue:three", Enlist(("ann",)), TEACHER)
    for name, owner in (("one", TEACHER), ("three", TEACHER)):
        await school.do(f"queue:{name}", Open(), owner)
        await help_once(school, f"queue:{name}", ANN, owner)
        await school.do(f"queue:{name}", Join("'; DROP TABLE queue_entries; --"), ANN)
    await help_once(school, "queue:one", ANN, TEACHER, leaves=True)
    await help_once(school, "queue:one", BEN, TEACHER)
    found: list[object] = [
        await school.do("queue:one", AskHistory(limit=2), TEACHER),
        await school.do("queue:one", AskHistory(student="ben"), TEACHER),
        await school.do("queue:one", ListHelped(), TEACHER),
    ]
    found += [await school.engine.look_up(question) for question in QUESTIONS]
    return [_without_times(one) for one in found]


async def help_once(school: School, address: str, who: Caller, owner: Caller, *, leaves: bool = False) -> None:
    entry = (await school.do(address, Join("why?"), who)).entry
    if leaves:
        await school.do(address, Leave(), who)
        return
    await school.do(address, Admit(entry), owner)
    await school.do(address, Complete(entry, note="done"), owner)


def _without_times(found: object) -> str:
    """Return what was found as text without times and rooms, which differ from run to run."""
    words = repr(found).replace(")", ",").split(",")
    return ",".join(
        word
        for word in words
        if not any(name in word for name in ("joined=", "admitted=", "ended=", "room=", "last=", "created="))
    )


async def test_everything_that_is_looked_up_answers_from_the_database_as_from_memory(database: Database) -> None:
    async with open_school() as school:
        from_memory = await live(school)
    async with open_kept_school(database) as school:
        assert await live(school) == from_memory
    assert "three" not in str(from_memory[3])
    assert "three" in str(from_memory[5])
    assert "'three'" not in str(from_memory[6])
