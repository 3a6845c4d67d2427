"""What things tell the channels of the school, with the real engine: which events, where, and above all what is said to nobody else."""

from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from homeroom.actors.kinds import KINDS
from homeroom.engine.behaviour import Refusal
from homeroom.engine.envelope import Done, Reply
from homeroom.engine.journal import Message
from homeroom.engine.journal_memory import MemoryJournal
from homeroom.protocol.announce import Announce
from homeroom.protocol.channels import CHANNEL_KINDS
from homeroom.protocol.exam import Close, Create, Delete, Edit, Open, Person, Publish, Release
from homeroom.protocol.group import Create as CreateGroup
from homeroom.protocol.group import Delete as DeleteGroup
from homeroom.protocol.queue import Close as CloseQueue
from homeroom.protocol.queue import Create as CreateQueue
from homeroom.protocol.queue import Open as OpenQueue
from homeroom.protocol.session_words import Audience, Cancel, Change, End
from homeroom.protocol.session_words import Create as CreateSession
from homeroom.protocol.session_words import Start as StartSession
from homeroom.protocol.sitting import SaveAnswer, Start, Submit
from homeroom.protocol.stored import StoredWire
from tests.actors.exams import CLOSED, MOST, RIGHT
from tests.actors.people import ANN, TEACHER
from tests.actors.school import School, open_school

EXAM, SITTING, SESSION = "exam:mid", "sitting:mid.ann", "session:algebra"
HOUR = 3_600_000


class Channels:
    """What channels were told, in order: stream -> type and data of each event. `away`: so often nobody is there first."""

    def __init__(self, away: int = 0) -> None:
        self.told: dict[str, list[tuple[str, dict[str, Any]]]] = defaultdict(list)
        self.by: set[str] = set()
        self.events: set[str] = set()
        self.numbers: set[int] = set()
        self.away = away

    def deliver(self, message: Message, reply: Reply) -> None:
        """Take an actor's message; a second time it changes nothing."""
        if self.away:
            self.away -= 1
            reply(Refusal("unavailable", "not now"))
            return
        said = StoredWire().decode(message.body, Announce)
        if message.number not in self.numbers:
            self.numbers.add(message.number)
            self.by.add(said.by)
            self.events.add(said.type)
            for stream, data in {message.to: said.data, **said.also}.items():
                self.told[stream].append((said.type, data))
        reply(Done())

    def types(self, stream: str) -> list[str]:
        """Return the types of what was told on a stream."""
        return [event for event, _ in self.told[stream]]


@asynccontextmanager
async def telling(channels: Channels) -> AsyncIterator[School]:
    """Run all kinds, with Pat and Pit as parents of everybody."""
    kinds = dict.fromkeys((kind.name for kind in CHANNEL_KINDS), channels.deliver)
    async with open_school(guardians=lambda user: ("pat", "pit"), beyond=kinds) as school:
        yield school
        await trio.sleep(1)
    assert channels.events <= {event for kind in KINDS for event in kind.tells}, "the feed would refuse to look for it"


async def hold_exam(school: School, **settings: Any) -> None:
    """Let Ann sit an exam of the teacher, from the draft to the result."""
    create = Create("Midterm", course="cs1", minutes=30, questions=CLOSED, students=(Person("ann", "Ann"),), **settings)
    await school.do(EXAM, create, TEACHER)
    await school.do(EXAM, Edit(title="The midterm"), TEACHER)
    for command in (Publish(), Open()):
        await school.do(EXAM, command, TEACHER)
    await school.do(SITTING, Start("laptop"), ANN)
    await trio.sleep(1)
    for question, value in RIGHT.items():
        await school.do(SITTING, SaveAnswer(question, 1, value), ANN)


async def test_an_exam_tells_ids_to_its_table_and_to_teachers_and_its_course_when_it_is(
    autojump_clock: MockClock,
) -> None:
    channels = Channels()
    async with telling(channels) as school:
        await hold_exam(school)
        await school.do(SITTING, Submit(), ANN)
        await trio.sleep(1)
        await school.do(EXAM, Close(), TEACHER)
        await school.do(EXAM, Release(), TEACHER)
    whole = ["exam.created", "exam.updated", "exam.published", "exam.opened", "exam.submitted", "exam.closed"]
    assert channels.types("table:exams") == channels.types("role:teacher") == [*whole, "exam.results_released"]
    assert {tuple(data) for _, data in channels.told["role:teacher"]} == {("id", "operation", "version")}
    assert [data["operation"] for _, data in channels.told["table:exams"]] == ["INSERT", *["UPDATE"] * 6]
    course = ["exam.published", "exam.opened", "exam.closed", "exam.results_released"]
    assert channels.types("course:cs1") == course
    assert {data["title"] for _, data in channels.told["course:cs1"]} == {"The midterm"}
    assert {tuple(data) for _, data in channels.told["course:cs1"]} == {
        ("id", "title", "status", "opens", "closes", "minutes")
    }


async def test_a_sitting_tells_its_staff_and_its_student_and_the_result_only_the_family(
    autojump_clock: MockClock,
) -> None:
    channels = Channels()
    async with telling(channels) as school:
        await hold_exam(school)
        await school.do(SITTING, Submit(), ANN)
        await trio.sleep(1)
        assert channels.types("user:teacher") == ["exam.submitted", "exam.graded"]
        assert channels.types("user:ann") == ["exam.submitted"]
        await school.do(EXAM, Close(), TEACHER)
        await school.do(EXAM, Release(), TEACHER)
    assert channels.types("user:ann") == ["exam.submitted", "exam.result_released"]
    assert channels.types("user:pat") == channels.types("user:pit") == ["exam.result_released"]
    ((_, result),) = channels.told["user:pat"]
    assert (result["student"], result["score"], result["most"]) == ("ann", MOST, MOST)
    assert channels.types("user:teacher") == ["exam.submitted", "exam.graded"]
    beside = [data for stream, told in channels.told.items() if not stream.startswith("user:") for _, data in told]
    assert not [data for data in beside if "ann" in str(data)]


async def test_what_ends_by_itself_is_told_so(autojump_clock: MockClock) -> None:
    channels = Channels()
    async with telling(channels) as school:
        await hold_exam(school)
        await trio.sleep(31 * 60)
    assert channels.types("user:teacher") == ["exam.auto_submitted", "exam.graded"]


async def test_a_draft_and_its_end_are_no_matter_of_the_course(autojump_clock: MockClock) -> None:
    channels = Channels()
    async with telling(channels) as school:
        await school.do(EXAM, Create("Midterm", course="cs1"), TEACHER)
        await school.do(EXAM, Delete(), TEACHER)
    assert channels.types("table:exams") == ["exam.created", "exam.deleted"]
    assert "course:cs1" not in channels.told


@pytest.mark.parametrize(("audience", "told"), [("open", True), ("listed", False)])
async def test_a_session_tells_its_course_unless_nobody_else_may_know_of_it(
    autojump_clock: MockClock, audience: Audience, told: bool
) -> None:
    channels = Channels()
    async with telling(channels) as school:
        now = await MemoryJournal(school.store).now() + HOUR
        await school.do(SESSION, CreateSession("Algebra", now, course="cs1", audience=audience), TEACHER)
        await school.do(SESSION, Change(title="More algebra"), TEACHER)
        await school.do(SESSION, StartSession(), TEACHER)
        await school.do(SESSION, End(), TEACHER)
        await school.do("session:other", CreateSession("Other", now, course="cs1", audience=audience), TEACHER)
        await school.do("session:other", Cancel(), TEACHER)
    one = ["session.scheduled", "session.updated", "session.started", "session.ended"]
    assert channels.types("table:live-sessions") == [*one, "session.scheduled", "session.cancelled"]
    assert channels.types("course:cs1") == (channels.types("table:live-sessions") if told else [])
    assert channels.by == {"teacher"}


async def test_queues_and_study_groups_tell_their_tables_ids(autojump_clock: MockClock) -> None:
    channels = Channels()
    async with telling(channels) as school:
        await school.do("queue:teacher", CreateQueue("Algebra"), TEACHER)
        await school.do("queue:teacher", OpenQueue(), TEACHER)
        await school.do("queue:teacher", CloseQueue(), TEACHER)
        await school.do("group:chess", CreateGroup("Chess"), ANN)
        await school.do("group:chess", DeleteGroup(), ANN)
    assert channels.types("table:office-hours") == ["queue.created", "queue.opened", "queue.closed"]
    assert channels.types("table:study-groups") == ["group.created", "group.deleted"]
    assert set(channels.told) == {"table:office-hours", "table:study-groups"}


async def test_what_is_told_is_durable_with_its_event_and_waits_until_the_channels_are_there(
    autojump_clock: MockClock,
) -> None:
    channels = Channels(away=3)
    async with telling(channels) as school:
        await school.do(EXAM, Create("Midterm"), TEACHER)
        assert channels.told == {}
        assert "announce" in {message.do for message in school.store.messages.values()}
    assert channels.types("table:exams") == ["exam.created"]


async def test_without_channels_nobody_is_told_and_nothing_waits(autojump_clock: MockClock) -> None:
    async with open_school() as school:
        await school.do(EXAM, Create("Midterm"), TEACHER)
        assert "announce" not in {message.do for message in school.store.messages.values()}
