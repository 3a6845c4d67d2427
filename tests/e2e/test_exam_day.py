"""An exam over real sockets and PostgreSQL, through everything that can happen to it on the day; the counts are printed.

A class of thirty whose server is killed ten seconds before the deadline and comes back after it; a server that is frozen over the
deadline (E3); a crowd that hands in within the same second (E7). Every student keeps book of what was acknowledged (`exam_hall`), and
the sittings are compared with the books.
"""

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import trio

from homeroom.protocol.sitting import GRACE_MS
from tests.e2e.exam_hall import POINTS, RIGHT, WRONG, Device, Given, Hall, exam_hall, for_each, good
from tests.e2e.server import Server, signal_all
from tests.http.peer import Peer

CLASS = 30
KILLED_BEFORE_MS, BEGIN_MS = 10_000, 2_000
"""The server is killed so long before the deadline; so long before that the exam is opened."""
FROZEN_EXAM_MS = 3_000
CROWD, ACKNOWLEDGED_S = 250, 2.0


@pytest.fixture(scope="module")
def server(furnished: Path) -> Iterator[Server]:
    """One server with a PostgreSQL of its own, which syncs and dies with it."""
    with Server().furnish(furnished).opened() as made:
        yield made


async def test_thirty_sit_an_exam_whose_server_is_killed_before_the_deadline_and_comes_back_after_it(
    server: Server,
) -> None:
    async with exam_hall(server, "midterm", [f"pupil-{number}" for number in range(CLASS)]) as hall:
        extended, twofold, disconnected, *others = hall.students
        devices = await hall.enter_all(hall.students)
        closes = await open_hall(hall, KILLED_BEFORE_MS + BEGIN_MS)
        await for_each(devices, sit_down)
        await work_on_two_devices(hall, devices[1])
        await more_time(hall, devices[0])
        await devices[2].send_answer("river", RIGHT["river"])
        devices[2].reset()  # whose connection is lost now comes back for the result only
        await kill_in_the_middle(hall, closes, [*devices[:2], *devices[3:]])
        in_doubt = sum(len(student.unanswered) for student in hall.students)
        await sleep_until(closes + GRACE_MS)
        await trio.to_thread.run_sync(server.open)
        teacher = await hall.enter_teacher("after")
        devices = await hall.enter_all([extended, twofold, *others])
        await for_each(devices[1:], come_back_too_late)
        await hall.wait_submitted(teacher, CLASS - 1)
        await write_to_the_end(devices[0])
        await hall.wait_submitted(teacher, CLASS)
        await good(teacher.do(hall.address, "close"))
        await compare(hall, teacher)
        assert {word for student in hall.students for word in student.saw_a_secret()} == set()
        await good(teacher.do(hall.address, "release"))
        devices.append(await hall.enter(disconnected))
        await for_each(devices, read_the_result)
    verified = await trio.to_thread.run_sync(server.run, "exam", "verify", hall.exam)
    assert (verified.returncode, verified.stdout.splitlines()[-1]) == (0, f"{CLASS} sittings, 0 broken"), verified
    assert all("SECRETKEY" in student.saw_a_secret() for student in hall.students), "now everybody may see the keys"
    saved, late = sum(len(each.saved) for each in hall.students), sum(len(each.late) for each in hall.students)
    print(f"\nkilled before the deadline: {saved} acknowledged, 0 lost; {in_doubt} in doubt, {late} too late and kept")  # noqa: T201 - counts
    assert saved >= 3 * CLASS
    assert late > 0, "somebody's last answer came too late"
    assert server.complaints() == []


async def test_e3_what_reaches_a_frozen_server_after_the_deadline_is_too_late_and_what_it_had_read_is_kept(
    server: Server,
) -> None:
    async with exam_hall(server, "frozen", ["pupil-1", "pupil-2"]) as hall:
        early, late = await hall.enter_all(hall.students)
        closes = await open_hall(hall, FROZEN_EXAM_MS)
        await for_each([early, late], sit_down)
        await good(early.save("river", RIGHT["river"]))
        signal_all([server.pid], signal.SIGSTOP)
        try:
            await late.send_answer("river", RIGHT["river"])
            await sleep_until(closes + GRACE_MS + 100)
        finally:
            signal_all([server.pid], signal.SIGCONT)
        await late.hear_answers()
        teacher = await hall.enter_teacher()
        await hall.wait_submitted(teacher, 2)
        await compare(hall, teacher)
        assert [list(student.late) for student in hall.students] == [[], ["river"]]


async def test_e7_of_a_crowd_that_hands_in_within_the_same_second_everybody_is_told_in_time_and_nothing_is_lost(
    server: Server,
) -> None:
    async with exam_hall(server, "crowd", [f"crowd-{number}" for number in range(CROWD)]) as hall:
        devices = await hall.enter_all(hall.students)
        await open_hall(hall, 3_600_000)
        opened = trio.current_time()
        await for_each(devices, Device.begin)
        begun = trio.current_time() - opened
        waits: list[float] = []

        async def hand_in(device: Device) -> None:
            waits.append(await device.hand_in("capital", RIGHT["capital"]))

        await for_each(devices, hand_in)
        server.kill()
        await trio.to_thread.run_sync(server.open)
        teacher = await hall.enter_teacher()
        await hall.wait_submitted(teacher, CROWD)
        rows = await hall.sittings(teacher)
        lost = CROWD - sum((row["status"], row["answered"], row["score"]) == ("submitted", 1, 2) for row in rows)
        p99 = sorted(waits)[len(waits) * 99 // 100]
        print(f"\n{CROWD} began within {begun:.2f} s and handed in, p99 {p99:.2f} s; killed then: {lost} lost")  # noqa: T201 - counts
        assert (len(waits), len(rows), lost) == (CROWD, CROWD, 0)
        assert p99 < ACKNOWLEDGED_S


# --- before the server dies


async def open_hall(hall: Hall, length_ms: int) -> int:
    """Open the exam for so long; returns when it closes (Unix ms)."""
    teacher = await hall.enter_teacher("opens")
    closes = int((await teacher.ping())["now"]) + length_ms
    await hall.open_exam(teacher, closes)
    return closes


async def sit_down(device: Device) -> None:
    """Follow all there is, start, answer, and change one's mind."""
    student = device.student
    await device.follow(f"exam:{student.exam}", f"inbox:{student.user}")
    await good(device.do(f"exam:{student.exam}", "join"))
    await device.begin()
    number = int(student.user.partition("-")[2])
    for place, question in enumerate(("capital", "primes", "pi")):
        await good(device.save(question, (RIGHT if number >> place & 1 else WRONG)[question]))
    await good(device.save("primes", RIGHT["primes"], 2, expected=1))


async def work_on_two_devices(hall: Hall, laptop: Device) -> None:
    """Go over to a second device and back; what the one does not know of the other it is told, and nothing is lost (E6)."""
    student = laptop.student
    tablet = await hall.enter(student, "tablet")
    await good(tablet.do(student.sitting, "start", device="tablet"))
    assert (await laptop.told("sitting.taken_over", student.sitting))["device"] == "tablet"
    await good(tablet.save("capital", "c", 2, expected=1))
    stale = await laptop.save("capital", "a", 2, expected=1)
    assert (stale["code"], stale["d"]) == ("conflict", {"device": "tablet"})
    await good(laptop.do(student.sitting, "start", device="laptop"))
    stale = await laptop.save("capital", "a", 2, expected=1)
    assert (stale["code"], stale["d"]) == ("conflict", {"rev": 2, "value": "c"})
    await good(laptop.save("capital", RIGHT["capital"], 3, expected=2))


async def more_time(hall: Hall, device: Device) -> None:
    """Give one student a minute more."""
    teacher = await hall.enter_teacher("extends")
    await good(teacher.do(hall.address, "extend", user=device.student.user, minutes=1))
    assert (await device.told("sitting.extended", device.student.sitting))["minutes"] == 1


async def kill_in_the_middle(hall: Hall, closes: int, devices: list[Device]) -> None:
    """Kill the server ten seconds before the deadline: half of the last answers were read by it, the others were not."""
    await sleep_until(closes - KILLED_BEFORE_MS)
    sent = [await device.send_answer("river", RIGHT["river"]) for device in devices[::2]]
    await devices[0].answer_to(sent[0])
    signal_all([hall.server.pid], signal.SIGSTOP)
    for device in devices[1::2]:
        await device.send_answer("river", RIGHT["river"])
    hall.server.kill()
    assert time.time() * 1000 < closes, "it took too long to get this far"
    await for_each(devices, Device.hear_out)


# --- after it is back


async def come_back_too_late(device: Device) -> None:
    """Send again what was never answered, and see that the server has handed in."""
    await device.send_again()
    (state,) = await device.follow(device.student.sitting)
    if state["status"] != "submitted":
        await device.told("sitting.submitted", device.student.sitting)
    again = await good(device.do(device.student.sitting, "submit"))
    assert again["d"]["reason"] == "deadline"


async def write_to_the_end(device: Device) -> None:
    """Go on answering after everybody else's deadline, and hand in."""
    await device.send_again()
    await good(device.do(device.student.sitting, "start", device="laptop"))
    await good(device.save("pi", RIGHT["pi"], 2, expected=1))
    handed_in = await good(device.do(device.student.sitting, "submit", device="laptop"))
    assert (handed_in["d"]["reason"], handed_in["d"]["answered"]) == ("student", len(POINTS))


async def compare(hall: Hall, teacher: Peer) -> None:
    """Compare every sitting with its student's book: all that was acknowledged is kept, and judged by the server."""
    for student in hall.students:
        review = await hall.review(teacher, student)
        kept = {question: Given(saved["rev"], saved["value"]) for question, saved in review["answers"].items()}
        unknown = {body["question"]: Given(body["rev"], body["value"]) for body in student.unanswered.values()}
        assert {question: given for question, given in kept.items() if unknown.get(question) != given} == student.saved
        assert {
            question: Given(late["rev"], late["value"]) for question, late in review["late"].items()
        } == student.late
        earned = sum(POINTS[question] for question, given in kept.items() if given.value == RIGHT[question])
        assert (review["score"], review["released"]) == (earned, False)
        assert review["submitted"] > 0


async def read_the_result(device: Device) -> None:
    """Wait for the notice of the result, and compare it with the result itself."""
    student = device.student
    (inbox,) = await device.follow(f"inbox:{student.user}")
    notices = [notice for notice in inbox["notices"] if notice["type"] == "exam.graded"]
    while not notices:
        frame = await device.wait("ev", to=f"inbox:{student.user}")
        notices = [event["d"]["notice"] for event in frame["e"] if event["type"] == "inbox.notified"]
    result = await good(device.do(student.sitting, "result"))
    assert notices[0]["data"]["score"] == result["d"]["score"]
    assert result["d"]["most"] == sum(POINTS.values())


async def sleep_until(when: int) -> None:
    """Let real time pass until `when`, Unix ms: nothing tells when a server that is down would be late."""
    await trio.sleep(max(0.0, when / 1000 - time.time()))
