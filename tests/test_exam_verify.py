"""`homeroom exam verify` over a real database: a whole timeline, and what is found when somebody changed one."""

import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
import trio

from homeroom.actors.exam_rows import ExamsQuery
from homeroom.engine.behaviour import Refusal
from homeroom.engine.database import Database, open_database
from homeroom.protocol.chat import Say
from homeroom.protocol.exam import AskResults, AskSittings, Close, Create, Join, Open, Person, Publish, Release
from homeroom.protocol.sitting import Flag, Grade, Progress, Review, SaveAnswer, Start, Submit
from homeroom.protocol.sitting_chain import chained, genesis
from homeroom.protocol.sitting_events import Declined, Requested
from homeroom.verify import verify_stored
from tests.actors.exams import ITEMS, RIGHT
from tests.actors.people import ANN, BEN, TEACHER
from tests.actors.school import School, open_kept_school
from tests.conftest import TRIAL

EXAM, ANNS, BENS = "exam:mid", "sitting:mid.ann", "sitting:mid.ben"


@asynccontextmanager
async def open_stored(dsn: str) -> AsyncIterator[School]:
    """Run a school on a database, over connections of its own: they end with it, as with a server that is killed."""
    async with open_database(dsn, TRIAL) as database, open_kept_school(database) as school:
        yield school
        await school.engine.drain()


@pytest.fixture
async def written(database: Database, database_url: str) -> Database:
    """Return a database in which Ann and Ben sat an exam, with everything that leaves a record, and another one beside it."""
    async with open_stored(database_url) as school:
        await sit(school)
    return database


async def sit(school: School) -> None:
    people = (Person("ann", "Ann"), Person("ben", "Ben"))
    for exam in (EXAM, "exam:mid2"):
        await school.do(exam, Create("Midterm", questions=ITEMS, students=people, shuffle_questions=True), TEACHER)
        await school.do(exam, Publish(), TEACHER)
        await school.do(exam, Open(), TEACHER)
    for who, address in ((ANN, ANNS), (BEN, BENS), (ANN, "sitting:mid2.ann")):
        await school.do(f"exam:{address[8:].partition('.')[0]}", Join(), who)
        await wait_until(school, address, "prepared")
        await school.do(address, Start("laptop"), who)
        for rev in (1, 2):
            for question, value in RIGHT.items():
                await school.do(address, SaveAnswer(question, rev, value, client_at=rev), who)
        await school.do(address, Say("May I?"), who)
        await school.do(address, Say("You may."), TEACHER)
        await school.do(address, Flag("pi"), who)
        await school.do(address, SaveAnswer("pi", 3, 3), who)
        await school.do(address, SaveAnswer("essay", 1, "Grüße 🙂"), who)
        await school.do(address, Progress("essay", 5), who)
        await school.do(address, Start("phone"), who)
        await school.do(address, Submit(device="phone"), who)
        await school.do(address, Grade("essay", 5, "Good"), TEACHER)
    await school.do(EXAM, Close(), TEACHER)
    await school.do(EXAM, Release(), TEACHER)
    await wait_until(school, ANNS, "submitted", released=True)
    await wait_until(school, BENS, "submitted", released=True)


async def wait_until(school: School, address: str, status: str, *, released: bool = False) -> None:
    """Wait until the messages of the exam have come."""
    with trio.fail_after(10):
        while True:
            who = BEN if address.endswith("ben") else ANN
            state = await school.state(address, who)
            if state["status"] == status and (state["result"] is not None) >= released:
                return
            await trio.lowlevel.checkpoint()


async def places(database: Database, exam: str = "mid") -> dict[str, tuple[int, str]]:
    return {stream: (verdict.place, verdict.why) for stream, verdict in await verify_stored(database, exam)}


async def test_an_untouched_exam_is_whole_and_another_one_is_not_looked_at(written: Database) -> None:
    found = await verify_stored(written, "mid")
    assert [(stream, verdict.place) for stream, verdict in found] == [(ANNS, 0), (BENS, 0)]
    assert all(verdict.records > 20 and len(verdict.head) == 32 for _, verdict in found)
    assert await places(written, "mid2") == {"sitting:mid2.ann": (0, "")}


async def store_a_start_in_vain(database: Database, stream: str) -> None:
    """Write down the records of somebody who wanted to start, and was taken off the list before the exam was asked."""
    events = chained(genesis(stream), 1, 5, "eve", (Requested(), Declined("not_found", "no such exam")))
    for seq, event in enumerate(events, 1):
        await database.execute(
            "INSERT INTO journal (stream, seq, type, at, by, body) VALUES ($1, $2, $3, 5, 'eve', $4)",
            stream, seq, event.type, msgspec.msgpack.encode(event),
        )  # fmt: skip


async def test_who_asked_for_a_sitting_in_vain_has_none_unless_its_records_were_changed(written: Database) -> None:
    await store_a_start_in_vain(written, "sitting:mid2.eve")
    assert await places(written, "mid2") == {"sitting:mid2.ann": (0, "")}
    await written.execute("DELETE FROM journal WHERE stream = 'sitting:mid2.eve' AND seq = 1")
    assert (await places(written, "mid2"))["sitting:mid2.eve"] == (1, "the record is missing")


async def find(database: Database, type_: str) -> tuple[int, dict[str, Any]]:
    """Return the number and the body of the first record of a type in Ben's sitting."""
    rows = await database.fetch(
        "SELECT seq, body FROM journal WHERE stream = $1 AND type = $2 ORDER BY seq LIMIT 1", BENS, type_
    )
    return rows[0]["seq"], msgspec.msgpack.decode(rows[0]["body"])


async def rewrite(database: Database, seq: int, body: dict[str, Any]) -> None:
    encoded = msgspec.msgpack.encode(body)
    assert (
        await database.execute("UPDATE journal SET body = $1 WHERE stream = $2 AND seq = $3", encoded, BENS, seq) == 1
    )


async def test_a_tampered_answer_is_found_in_its_sitting_alone(written: Database) -> None:
    seq, body = await find(written, "sitting.answer_saved")
    await rewrite(written, seq, {**body, "value": "a"})
    found = await places(written)
    assert found == {ANNS: (0, ""), BENS: (seq + 1, "what stands before it was changed")}


async def test_a_tampered_word_of_the_chat_is_found_by_the_next_record(written: Database) -> None:
    seq, body = await find(written, "room.message_posted")
    await rewrite(written, seq, {**body, "text": "No, you may not."})
    place, why = (await places(written))[BENS]
    assert seq < place <= seq + 2
    assert why == "what stands before it was changed"


@pytest.mark.parametrize("change", ["at = at - 60000", "by = 'ann'", "type = 'sitting.locked'", "seq = seq + 100000"])
async def test_time_author_kind_and_place_of_the_last_record_are_held_by_the_seal(
    written: Database, change: str
) -> None:
    last = "(SELECT max(seq) FROM journal WHERE stream = $1)"
    statement = f"UPDATE journal SET {change} WHERE stream = $1 AND seq = {last}"  # noqa: S608 - the change is the test's own
    assert await written.execute(statement, BENS) == 1
    place, _ = (await places(written))[BENS]
    (verdict,) = [verdict for stream, verdict in await verify_stored(written, "mid") if stream == BENS]
    assert place == verdict.records + (change.startswith("seq"))


async def test_records_taken_out_of_the_middle_the_end_or_altogether_are_missed(written: Database) -> None:
    seq, _ = await find(written, "sitting.flagged")
    await written.execute("DELETE FROM journal WHERE stream = $1 AND seq = $2", BENS, seq)
    assert (await places(written))[BENS] == (seq, "the record is missing")
    await written.execute("DELETE FROM journal WHERE stream = $1 AND seq >= $2", BENS, seq)
    assert (await places(written))[BENS] == (seq, "the record is missing")
    await written.execute("DELETE FROM journal WHERE stream = $1", BENS)
    await written.execute("DELETE FROM read_sittings WHERE stream = $1", BENS)
    assert (await places(written))[BENS] == (1, "the record is missing")


async def test_an_exam_that_is_not_there_is_not_found(database: Database) -> None:
    with pytest.raises(Refusal, match="not_found"):
        await verify_stored(database, "nowhere")


async def homeroom(database_url: str, home: Path, *words: str, say: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """Run the command line to its end."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("HOMEROOM_")}
    school = {"DATABASE_URL": database_url, "HOMEROOM_ALLOW_UNSAFE_DATABASE": "true", "HOMEROOM_DATA_DIR": str(home)}
    command = [sys.executable, "-m", "homeroom", *words]
    with trio.fail_after(60):
        return await trio.run_process(
            command, env={**clean, **school}, stdin=say, capture_stdout=True, capture_stderr=True, check=False
        )


async def test_the_command_line_prints_a_verdict_for_each_sitting_and_its_exit_code_tells(
    written: Database, database_url: str, home: Path
) -> None:
    await homeroom(database_url, home, "user", "add", "ada", "--password-stdin", say=b"long enough 1\n")
    whole = await homeroom(database_url, home, "exam", "verify", "mid")
    assert (whole.returncode, whole.stderr) == (0, b"")
    lines = [line.split()[:2] for line in whole.stdout.decode().splitlines()]
    assert lines == [["ok", f"{ANNS}:"], ["ok", f"{BENS}:"], ["2", "sittings,"]]
    seq, body = await find(written, "sitting.submitted")
    await rewrite(written, seq, {**body, "answered": 0})
    broken = await homeroom(database_url, home, "exam", "verify", "mid")
    assert broken.returncode == 1
    assert f"broken {BENS}: record {seq + 1}: what stands before it was changed" in broken.stdout.decode()
    assert "2 sittings, 1 broken" in broken.stdout.decode()
    missing = await homeroom(database_url, home, "exam", "verify", "nowhere")
    assert (missing.returncode, b"no exam 'nowhere'" in missing.stderr) == (1, True)


async def test_reviews_and_lists_answer_from_the_database(written: Database, database_url: str) -> None:
    async with open_stored(database_url) as school:
        review = await school.do(BENS, Review(), TEACHER)
        page = await school.do(EXAM, AskSittings(limit=1), TEACHER)
        rest = await school.do(EXAM, AskSittings(limit=1, after=page.rows[0].user), TEACHER)
        sheet = await school.do(EXAM, AskResults(), TEACHER)
        mine = await school.ask("exams", ExamsQuery(search="mid"), BEN)
    assert (page.rows[0].user, page.more, rest.rows[0].user, rest.more) == ("ann", True, "ben", False)
    assert review.score == rest.rows[0].score == sheet.rows[1][sheet.columns.index("score")] == 2 + 3 + 1 + 5
    assert {item.id for item in mine.items} == {"mid", "mid2"}
