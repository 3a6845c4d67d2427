"""An inbox in the real engine: exactly once, for its person alone, and after the server was killed."""

from typing import Any

import pytest
import trio
from trio.testing import MockClock

from homeroom.engine.behaviour import Refusal
from homeroom.protocol.inbox import Dnd, ListNotices, MarkRead, Send
from tests.actors.people import ADMIN, ANN, TEACHER
from tests.actors.school import Onlooker, open_school


async def test_what_staff_send_from_their_own_inbox_arrives_in_the_other_and_its_person_alone_hears_of_it(
    autojump_clock: MockClock,
) -> None:
    ann = Onlooker(ANN)
    async with open_school() as school:
        await school.watch("inbox:ann", ann)
        with pytest.raises(Refusal, match="forbidden"):
            await school.watch("inbox:ann", Onlooker(ADMIN))
        sent = await school.do("inbox:teacher", Send("talk", "See me", priority="high", user="ann"), TEACHER)
        assert (sent.id, sent.user) == (None, "ann")
        await trio.sleep(1)
        ((type_, data),) = ann.events("inbox:ann")
        assert (type_, data["unread"], data["notice"]["title"]) == ("inbox.notified", 1, "See me")
        assert data["notice"]["data"] == {"from": "teacher", "from_name": "Tia Teacher"}


async def test_notices_and_what_was_read_of_them_survive_the_engine_and_are_paged_from_its_tables(
    autojump_clock: MockClock,
) -> None:
    async with open_school() as school:
        for number in range(3):
            await school.do("inbox:ann", Send("talk", f"Notice {number}"), TEACHER)
        assert (await school.do("inbox:ann", MarkRead("2"), ANN)).unread == 2
    async with open_school(school.store) as again:
        state: dict[str, Any] = await again.state("inbox:ann", ANN)
        assert state["unread"] == 2
        page = await again.do("inbox:ann", ListNotices(limit=2), ANN)
        assert [(n.id, n.title, n.read) for n in page.notifications] == [
            ("3", "Notice 2", False),
            ("2", "Notice 1", True),
        ]
        assert (page.more, page.unread) == (True, 2)


async def test_a_digest_comes_after_the_time_of_silence_though_the_server_was_down_at_its_end(
    autojump_clock: MockClock,
) -> None:
    ann = Onlooker(ANN)
    async with open_school() as school:
        await school.do("inbox:ann", Dnd(seconds=60), ANN)
        await school.do("inbox:ann", Send("talk", "See me"), TEACHER)
    async with open_school(school.store) as again:
        await again.watch("inbox:ann", ann)
        await trio.sleep(70)
        assert [type_ for type_, _ in ann.events("inbox:ann")] == ["inbox.digested"]
