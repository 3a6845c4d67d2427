"""The read models of room and presence in the real database: names, types and paging as the driver's rows have them."""

from homeroom.engine.database import Database
from homeroom.protocol.chat import Audit, Edit, File, History, React, Retract, Say
from homeroom.protocol.presence import Connected, Hide, SetStatus
from homeroom.protocol.room import Create, Join
from tests.actors.people import ANN, BEN, TEACHER
from tests.actors.school import School, open_kept_school

ROOM = "room:physics"
PDF = File("plan.pdf", 1_024, "application/pdf", "/files/1")


async def talk(school: School) -> None:
    """Let a room come about in which everything happens that the history knows of."""
    await school.do(ROOM, Create("Physics"), TEACHER)
    for who in (ANN, BEN):
        await school.do(ROOM, Join(), who)
    first = (await school.do(ROOM, Say("'; DROP TABLE room_messages; -- 👍", file=PDF, mentions=("ben",)), ANN)).id
    await school.do(ROOM, Say("an answer", reply_to=first), BEN)
    await school.do(ROOM, Edit(first, "edited"), ANN)
    await school.do(ROOM, React(first, "👩‍👧"), BEN)
    await school.do(ROOM, Retract((await school.do(ROOM, Say("secret"), ANN)).id, "typo"), ANN)


async def test_history_and_audit_answer_from_the_database_as_from_memory(database: Database) -> None:
    async with open_kept_school(database) as school:
        await talk(school)
        page = await school.do(ROOM, History(), ANN)
        messages = (await school.state(ROOM, ANN))["chat"]["messages"]
        thread = await school.do(ROOM, History(thread=page.messages[0].id), ANN)
        audit = await school.do(ROOM, Audit(limit=1), TEACHER)
        await school.do("presence:ann", Connected("c1"))
        await school.do("presence:ann", SetStatus("busy", "Quiz"), ANN)
        await school.do("presence:ann", Hide(), ANN)
    assert [message.id for message in page.messages] == [message["id"] for message in messages]
    assert [message.text for message in page.messages] == ["edited", "an answer", ""]
    assert (page.messages[0].file, page.messages[0].mentions) == (PDF, ("ben",))
    assert page.messages[0].reactions == {"👩‍👧": ("ben",)}
    assert [message.text for message in thread.messages] == ["an answer"]
    assert (audit.rows[0].before, audit.rows[0].reason, audit.more) == ("secret", "typo", True)
