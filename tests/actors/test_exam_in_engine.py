"""Exams and sittings in the real engine: deadlines over restarts, late values, many at once, what reaches whom, lists."""

from typing import Any

import pytest
import trio
from msgspec import convert
from trio.testing import MockClock

from homeroom.actors.exam_rows import ExamsQuery
from homeroom.actors.sitting_rows import SittingsQuery
from homeroom.engine.behaviour import Caller, Refusal
from homeroom.engine.envelope import Answer, Done, Envelope
from homeroom.protocol.chat import Say
from homeroom.protocol.exam import (
    Announce,
    Appoint,
    AskResults,
    AskSittings,
    AskStudents,
    Close,
    Create,
    Delete,
    Dismiss,
    Enroll,
    Expel,
    Join,
    Open,
    Pause,
    Person,
    Publish,
    Release,
    Resume,
)
from homeroom.protocol.sheet import sheet_time
from homeroom.protocol.sitting import GRACE_MS, AskResult, Review, SaveAnswer, Start, Submit
from tests.actors.exams import CLOSED, MOST, RIGHT
from tests.actors.people import ADMIN, ANN, BEN, COLLEAGUE, EVE, PARENT, TEACHER
from tests.actors.school import Onlooker, School, open_school

EXAM, SITTING = "exam:mid", "sitting:mid.ann"
PAT = Caller("pat", "parent", "Pat", frozenset({"ann"}))


async def open_exam(school: School, **settings: Any) -> None:
    """Make and open an exam of the teacher, with Ann and Ben listed."""
    given: dict[str, Any] = {"title": "Midterm", "minutes": 30, "questions": CLOSED, "specialty": "geo", **settings}
    people = (Person("ann", "Ann"), Person("ben", "Ben"))
    await school.do(EXAM, Create(**{"students": people, **given}), TEACHER)
    await school.do(EXAM, Publish(), TEACHER)
    await school.do(EXAM, Open(), TEACHER)


async def test_join_and_start_at_once_run_without_a_race(autojump_clock: MockClock) -> None:
    ann = Onlooker(ANN)
    async with open_school() as school:
        await open_exam(school)
        await school.watch(SITTING, ann)
        await school.do(EXAM, Join(), ANN)
        first = await school.do(SITTING, Start("laptop"), ANN)
        await trio.sleep(1)
        second = await school.do(SITTING, Start("laptop"), ANN)
        state = await school.state(SITTING, ANN)
    assert first.status in {"waiting", "running"}
    assert (second.status, second.closes) == ("running", state["closes"])
    assert [type_ for type_, _ in ann.events(SITTING)][-1] == "sitting.started"
    assert len(ann.events(SITTING)[-1][1]["questions"]) == 4


async def test_a_stranger_who_starts_is_told_at_once_that_there_is_nothing_and_leaves_no_record(
    autojump_clock: MockClock,
) -> None:
    async with open_school() as school:
        await open_exam(school)
        for address in ("sitting:mid.eve", "sitting:nowhere.eve"):
            with pytest.raises(Refusal, match="not_found"):
                await school.do(address, Start(), EVE)
        with pytest.raises(Refusal, match="not_found"):
            await school.do("sitting:mid.teacher", Start(), TEACHER)
        assert (await school.do("sitting:mid.ben", Start(), BEN)).status == "waiting"
        await trio.sleep(1)
        assert (await school.state("sitting:mid.ben", BEN))["status"] == "running"
        assert [row.user for row in (await school.do(EXAM, AskSittings(), TEACHER)).rows] == ["ben"]
    assert [school.store.stream(f"sitting:{each}.eve").records for each in ("mid", "nowhere")] == [[], []]
    assert school.store.stream("sitting:mid.teacher").records == []


async def test_p17_a_deadline_fires_after_a_server_was_down_and_submits_what_was_acknowledged(
    autojump_clock: MockClock,
) -> None:
    async with open_school() as school:
        await open_exam(school)
        await school.do(EXAM, Join(), ANN)
        await school.do(SITTING, Start(), ANN)
        await trio.sleep(1)
        for question, value in RIGHT.items():
            await school.do(SITTING, SaveAnswer(question, 1, value), ANN)
        await trio.sleep(29 * 60)
    await trio.sleep(3_600)
    async with open_school(school.store) as again:
        await trio.sleep(60)
        state = await again.state(SITTING, ANN)
        review = await again.do(SITTING, Review(), TEACHER)
        exam = await again.state(EXAM, TEACHER)
    assert (state["status"], state["reason"]) == ("submitted", "deadline")
    assert (review.score, exam["submitted"]) == (MOST, 1)


async def test_e3_an_answer_in_the_mailbox_when_the_deadline_fires_counts_by_when_it_came_in(
    autojump_clock: MockClock,
) -> None:
    answers: list[Answer] = []
    async with open_school() as school:
        await open_exam(school)
        await school.do(EXAM, Join(), ANN)
        await trio.sleep(1)
        closes = (await school.do(SITTING, Start(), ANN)).closes
        await trio.sleep(30 * 60 + 10)
        assert (await school.state(SITTING, ANN))["status"] == "submitted"
        for arrived in (closes + GRACE_MS, closes + GRACE_MS + 1):
            command = SaveAnswer("pi", len(answers) + 1, 3.14)
            school.engine.ref(SITTING).tell(Envelope(command, ANN, answers.append, arrived=arrived))
            await trio.sleep(1)
        review = await school.do(SITTING, Review(), TEACHER)
    assert isinstance(answers[0], Done)
    assert isinstance(answers[1], Refusal)
    assert (answers[1].code, answers[1].data["kept"]) == ("too_late", True)
    assert (review.answers["pi"].verdict, review.late["pi"].rev, review.score) == ("in_grace", 2, 2)


async def test_e5_the_same_id_with_another_body_is_a_conflict_and_a_late_save_again_gets_its_first_answer(
    autojump_clock: MockClock,
) -> None:
    async with open_school() as school:
        await open_exam(school)
        await school.do(EXAM, Join(), ANN)
        await trio.sleep(1)
        await school.do(SITTING, Start(), ANN)

        async def save(number: int, command: SaveAnswer, digest: bytes) -> Answer:
            return await school.engine.ref(SITTING).ask(command, ANN, client="ann/tab", number=number, digest=digest)

        saved = await save(1, SaveAnswer("pi", 1, 3.0), b"a")
        other = await save(1, SaveAnswer("pi", 2, 3.1), b"b")
        again = await save(1, SaveAnswer("pi", 1, 3.0), b"a")
        await trio.sleep(31 * 60)
        late = [await save(2, SaveAnswer("pi", 2, 3.14), b"c") for _ in range(2)]
        kept = [record.type for record in school.store.stream(SITTING).records]
        review = await school.do(SITTING, Review(), TEACHER)
    assert isinstance(saved, Done)
    assert isinstance(again, Done)
    assert (again.again, again.seq) == (True, saved.seq)
    assert isinstance(other, Refusal)
    assert other.code == "conflict"
    assert [(answer.code, answer.data["kept"]) for answer in late if isinstance(answer, Refusal)] == [
        ("too_late", True)
    ] * 2
    assert kept.count("sitting.late_answer_kept") == 1
    assert (review.answers["pi"].value, review.late["pi"].value) == (3.0, 3.14)


async def test_e7_a_class_that_submits_in_the_last_second_is_answered_whole(autojump_clock: MockClock) -> None:
    students = [Caller(f"s{number}", "student", f"Student {number}") for number in range(500)]
    done: list[Any] = []
    async with open_school() as school:
        await open_exam(school, students=tuple(Person(student.user, student.name) for student in students[:200]))
        for student in students[200:]:
            await school.do(EXAM, Enroll((Person(student.user, student.name),)), TEACHER)
        for student in students:
            await school.do(EXAM, Join(), student)
        await trio.sleep(5)
        for student in students:
            await school.do(f"sitting:mid.{student.user}", Start(), student)
        await trio.sleep(30 * 60 - 1)

        async def hand_in(student: Caller) -> None:
            address = f"sitting:mid.{student.user}"
            await school.do(address, SaveAnswer("capital", 1, "b"), student)
            done.append(await school.do(address, Submit(), student))

        async with trio.open_nursery() as nursery:
            for student in students:
                nursery.start_soon(hand_in, student)
        await trio.sleep(20)
        exam = await school.state(EXAM, TEACHER)
        page = await school.do(EXAM, AskSittings(limit=100), TEACHER)
    assert [(reply.answered, reply.reason) for reply in done] == [(1, "student")] * 500
    assert (exam["started"], exam["submitted"]) == (500, 500)
    assert ({row.score for row in page.rows}, page.more) == ({2}, True)


async def test_what_students_follow_tells_counts_and_what_proctors_follow_tells_who(autojump_clock: MockClock) -> None:
    ann, eve, teacher, late = Onlooker(ANN), Onlooker(EVE), Onlooker(TEACHER), Onlooker(TEACHER)
    async with open_school() as school:
        await open_exam(school)
        await school.watch(EXAM, ann)
        await school.watch("proctor:mid", teacher)
        for refused in (EXAM, "proctor:mid", SITTING):
            with pytest.raises(Refusal, match="not_found"):
                await school.watch(refused, eve)
        with pytest.raises(Refusal, match="not_found"):
            await school.watch("proctor:mid", Onlooker(ANN))
        await school.do(EXAM, Join(), BEN)
        await trio.sleep(1)
        await school.do("sitting:mid.ben", Start(), BEN)
        await school.do("sitting:mid.ben", SaveAnswer("pi", 1, 3.14), BEN)
        await trio.sleep(1)
        await school.watch("proctor:mid", late)
        await school.do(EXAM, Announce("Quiet, please"), TEACHER)
        await trio.sleep(1)
    told = dict(ann.events(EXAM))
    assert told["exam.sitting_began"] == {"started": 1, "submitted": 0}
    assert told["exam.announced"]["text"] == "Quiet, please"
    assert ann.events(EXAM, "sig") == []
    for onlooker in (teacher, late):
        type_, newest = onlooker.events("proctor:mid", "sig")[-1]
        assert (type_, newest["user"], newest["answered"], newest["questions"]) == ("proctor.progressed", "ben", 1, 4)


async def test_z3_a_student_who_resumes_from_the_first_event_is_shown_no_key(autojump_clock: MockClock) -> None:
    ann, parent = Onlooker(ANN), Onlooker(PAT)
    async with open_school() as school:
        await open_exam(school)
        await school.do(EXAM, Join(), ANN)
        await trio.sleep(1)
        await school.do(SITTING, Start(), ANN)
        await school.do(SITTING, SaveAnswer("pi", 1, 3.14), ANN)
        await school.do(SITTING, Submit(), ANN)
        for stream in (EXAM, SITTING):
            await school.watch(stream, ann, since=0)
        await trio.sleep(1)
        states = [await school.state(stream, ANN) for stream in (EXAM, SITTING)]
        with pytest.raises(Refusal, match="forbidden"):
            await school.watch(SITTING, parent)
        before = repr((ann.frames, states))
        await school.do(EXAM, Close(), TEACHER)
        await school.do(EXAM, Release(), TEACHER)
        await trio.sleep(1)
        await school.watch(SITTING, parent)
        result = await school.do(SITTING, AskResult(), PAT)
    assert len(ann.events(EXAM)) > 8
    assert "sitting.prepared" in dict(ann.events(SITTING))
    for secret in ("SECRETKEY", "accepted", "correct", "tolerance", "prev", "marks", "seed"):
        assert secret not in before
    assert result.score == 2
    assert [type_ for type_, _ in ann.events(SITTING)][-1] == "sitting.released"


async def test_a_release_reaches_inbox_boards_and_presence_once(autojump_clock: MockClock) -> None:
    async with open_school() as school:
        await open_exam(school, release="at_close")
        await school.do(EXAM, Join(), ANN)
        await trio.sleep(1)
        await school.do(SITTING, Start(), ANN)
        await trio.sleep(1)
        during = await school.state("inbox:ann", ANN)
        for question, value in RIGHT.items():
            await school.do(SITTING, SaveAnswer(question, 1, value), ANN)
        await school.do(EXAM, Close(), TEACHER)
        await trio.sleep(2)
        inbox = await school.state("inbox:ann", ANN)
        boards = [
            await school.state(f"board:{period}.{of}", ANN)
            for period in ("weekly", "all_time")
            for of in ("geo", "all")
        ]
    assert "sitting:mid.ann" in during["hushed"]
    assert "Result: Midterm" in repr(inbox)
    assert inbox["hushed"] == {}
    for board in boards:
        assert f"'points': {MOST}" in repr(board)


async def test_the_proctoring_chat_is_between_the_student_and_the_staff(autojump_clock: MockClock) -> None:
    teacher = Onlooker(TEACHER)
    async with open_school() as school:
        await open_exam(school)
        await school.do(EXAM, Join(), ANN)
        await trio.sleep(1)
        await school.watch(SITTING, teacher)
        await school.do(SITTING, Say("May I open the window?"), ANN)
        await school.do(SITTING, Say("You may."), TEACHER)
        for outsider in (BEN, EVE, PARENT):
            with pytest.raises(Refusal, match="not_found"):
                await school.do(SITTING, Say("Psst"), outsider)
        await trio.sleep(1)
    assert [data["text"] for _, data in teacher.events(SITTING)] == ["May I open the window?", "You may."]


async def test_lists_show_everybody_what_is_theirs(autojump_clock: MockClock) -> None:
    async with open_school() as school:
        await open_exam(school)
        await school.do("exam:draft", Create("Later", students=(Person("ann"),)), TEACHER)
        await school.do(EXAM, Join(), ANN)
        await trio.sleep(1)
        await school.do(SITTING, Start(), ANN)
        await school.do(SITTING, SaveAnswer("pi", 1, 3.14), ANN)
        await school.do(SITTING, Submit(), ANN)
        await trio.sleep(1)

        async def exams(who: Caller, **query: Any) -> set[str]:
            return {item.id for item in (await school.ask("exams", convert(query, ExamsQuery), who)).items}

        assert await exams(ANN) == {"mid"}
        assert await exams(EVE) == set()
        assert await exams(TEACHER) == await exams(ADMIN) == {"mid", "draft"}
        assert await exams(PAT, user="ann") == {"mid"}
        assert await exams(PAT) == set()
        assert await exams(TEACHER, search="MIDT", status="open") == {"mid"}
        with pytest.raises(Refusal, match="not_found"):
            await exams(PARENT, user="ann")
        (first,) = (await school.ask("exams", ExamsQuery(limit=1), TEACHER)).items
        page = await school.ask("exams", ExamsQuery(limit=1), TEACHER)
        rest = await school.ask("exams", ExamsQuery(limit=1, after=page.after), TEACHER)
        assert {first.id, rest.items[0].id} == {"mid", "draft"}
        (mine,) = (await school.ask("sittings", SittingsQuery(), ANN)).items
        assert (mine.exam, mine.status, mine.score) == ("mid", "submitted", None)
        (row,) = (await school.do(EXAM, AskSittings(), TEACHER)).rows
        assert (row.user, row.status, row.score, row.most) == ("ann", "submitted", 2, MOST)
        await school.do(EXAM, Close(), TEACHER)
        await school.do(EXAM, Release(), TEACHER)
        await trio.sleep(1)
        assert (await school.ask("sittings", SittingsQuery(user="ann"), PAT)).items[0].score == 2
        sheet = await school.do(EXAM, AskResults(), TEACHER)
        assert sheet.columns[0] == "student"
        assert sheet.rows[0][0] == "ann"
        assert len(sheet.rows[0]) == len(sheet.columns)
        assert sheet.rows[0][sheet.columns.index("submitted")] == sheet_time(row.submitted)
        await school.do("exam:draft", Enroll((Person("eve"),)), TEACHER)
        assert await exams(EVE) == set()
        await school.do("exam:draft", Delete(), TEACHER)
        assert await exams(TEACHER) == await exams(ADMIN) == {"mid"}
        assert await exams(ANN) == {"mid"}
        with pytest.raises(Refusal, match="not_found"):
            await school.state("exam:draft", TEACHER)


async def test_the_sheet_has_a_line_for_everybody_on_the_list_also_for_who_never_came(
    autojump_clock: MockClock,
) -> None:
    async with open_school() as school:
        await open_exam(school)
        late = Enroll((Person("abe", "Abe"), Person("eve", "Eve"), Person("zoe", "Zoe"), Person("off", "Off")))
        await school.do(EXAM, late, TEACHER)
        for who in (ANN, BEN, EVE):
            await school.do(EXAM, Join(), who)
        await trio.sleep(1)
        await school.do(SITTING, Start(), ANN)
        await school.do("sitting:mid.eve", Start(), EVE)
        await school.do(SITTING, Submit(), ANN)
        for gone in ("off", "eve"):
            await school.do(EXAM, Expel(gone), TEACHER)
        await school.do(EXAM, Close(), TEACHER)
        await school.do(EXAM, Release(), TEACHER)
        await trio.sleep(1)
        sheet = await school.do(EXAM, AskResults(), TEACHER)
        lines = [dict(zip(sheet.columns, row, strict=True)) for row in sheet.rows]
        assert [(line["student"], line["status"], line["score"]) for line in lines] == [
            ("abe", "listed", None), ("ann", "submitted", 0), ("ben", "prepared", None), ("eve", "submitted", 0),
            ("zoe", "listed", None),
        ]  # fmt: skip
        came, never = lines[2], lines[0]
        assert never == {**came, "student": "abe", "name": "Abe", "status": "listed"}
        assert (never["submitted"], never["most"], never["questions"]) == (None, MOST, len(CLOSED))
        page = await school.do(EXAM, AskSittings(), TEACHER)
        assert [row.user for row in page.rows] == ["ann", "ben", "eve"]
        state = await school.state(EXAM, TEACHER)
        assert (state["enrolled"], state["started"], state["submitted"]) == (4, 2, 1)


async def test_the_list_shows_a_draft_to_those_who_watch_over_it_and_to_nobody_on_its_list_of_any_role(
    autojump_clock: MockClock,
) -> None:
    async with open_school() as school:
        people = (Person("colleague"), Person("admin"), Person("teacher"), Person("ann"))
        await school.do("exam:draft", Create("SECRET", questions=CLOSED, students=people), TEACHER)

        async def listed(who: Caller) -> bool:
            return bool((await school.ask("exams", ExamsQuery(), who)).items)

        assert await listed(TEACHER), "its owner, who is on the list as well"
        assert not await listed(COLLEAGUE)
        assert not await listed(ANN)
        await school.do("exam:draft", Expel("teacher"), TEACHER)
        assert await listed(TEACHER)
        await school.do("exam:draft", Expel("colleague"), TEACHER)
        await school.do("exam:draft", Appoint("colleague"), TEACHER)
        assert await listed(COLLEAGUE)
        await school.do("exam:draft", Dismiss("colleague"), TEACHER)
        assert not await listed(COLLEAGUE)
        await school.do("exam:draft", Publish(), TEACHER)
        assert await listed(ANN)
        assert not await listed(COLLEAGUE)
        await school.do("exam:draft", Enroll((Person("colleague"),)), TEACHER)
        assert await listed(COLLEAGUE)
        await school.do("exam:draft", Expel("ann"), TEACHER)
        assert not await listed(ANN)


async def test_a_result_reaches_the_parents_also_when_nobody_served_at_the_deadline(autojump_clock: MockClock) -> None:
    family = {"ann": ("pat", "pia")}

    def guardians(user: str) -> tuple[str, ...]:
        return family.get(user, ())

    async with open_school(guardians=guardians) as school:
        closes = school.store.start_ms + int(trio.current_time() * 1_000) + 3_600_000
        await open_exam(school, closes=closes, release="at_close")
        await school.do(EXAM, Join(), ANN)
        await trio.sleep(1)
        await school.do(SITTING, Start(), ANN)
        await trio.sleep(1)
    await trio.sleep(7_200)
    async with open_school(school.store, guardians) as again:
        await trio.sleep(60)
        told = [await again.state(f"inbox:{who}", Caller(who, "parent")) for who in family["ann"]]
    for inbox in told:
        (notice,) = inbox["notices"]
        assert (notice["type"], notice["title"]) == ("exam.graded", "Result of Ann: Midterm")
        assert notice["data"]["student"] == "ann"


async def test_a_pause_over_a_restart_keeps_the_clock_standing(autojump_clock: MockClock) -> None:
    async with open_school() as school:
        await open_exam(school)
        await school.do(EXAM, Join(), ANN)
        await trio.sleep(1)
        closes = (await school.do(SITTING, Start(), ANN)).closes
        await school.do(EXAM, Pause(), TEACHER)
        await trio.sleep(1)
    async with open_school(school.store) as again:
        await trio.sleep(3_600)
        assert (await again.state(SITTING, ANN))["status"] == "running"
        await again.do(EXAM, Resume(), TEACHER)
        await trio.sleep(1)
        state = await again.state(SITTING, ANN)
        students = (await again.do(EXAM, AskStudents(), TEACHER)).students
    assert state["closes"] > closes
    assert students["ann"].closes == state["closes"]
