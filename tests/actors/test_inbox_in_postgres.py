"""The read model of an inbox in the real database: names, types and paging as the driver's rows have them."""

from homeroom.engine.database import Database
from homeroom.protocol.inbox import Data, Dismiss, ListNotices, MarkRead, Notify
from tests.actors.people import ANN
from tests.actors.school import open_kept_school

INBOX = "inbox:ann"


async def test_pages_answer_from_the_database_as_the_state_does(database: Database) -> None:
    async with open_kept_school(database) as school:
        data: Data = {"text": "'; DROP TABLE inbox_notices; --", "number": 2**53 - 1, "flag": True}
        await school.do(INBOX, Notify("exam.graded", "Graded 👍", "Well done", data, "low", "/exams/1", "k1"))
        for number in range(3):
            await school.do(INBOX, Notify("exam.graded", f"Notice {number}"))
        await school.do(INBOX, MarkRead("2"), ANN)
        await school.do(INBOX, Dismiss("3"), ANN)
        page = await school.do(INBOX, ListNotices(), ANN)
        first = await school.do(INBOX, ListNotices(limit=1), ANN)
        older = await school.do(INBOX, ListNotices(before="4", limit=5), ANN)
        waiting = await school.do(INBOX, ListNotices(unread=True), ANN)
        state = await school.state(INBOX, ANN)
    assert [n.id for n in page.notifications] == ["4", "2", "1"]
    assert page.notifications[2].data == data
    assert (page.notifications[2].more, page.notifications[1].read, page.unread) == (3, True, 2)
    assert [n["title"] for n in state["notices"]] == [n.title for n in reversed(page.notifications)]
    assert (first.notifications, first.more) == (page.notifications[:1], True)
    assert (older.notifications, older.more) == (page.notifications[1:], False)
    assert waiting.notifications == (page.notifications[0], page.notifications[2])
