"""Office hours from the door to the last note: those who help and five students, over real sockets and PostgreSQL.

Never here: each rule by itself, silence and closing times (`tests.actors`).
"""

from datetime import UTC, datetime, timedelta
from typing import Any

import trio

from homeroom.client import Refused
from homeroom.protocol.queue_state import look_out
from tests.e2e.journey import Person, School, Watch, agree, school_of
from tests.e2e.server import Server

TARA, THEO = "demo-teacher-1", "demo-teacher-2"
STUDENTS = ANN, BEN, EVE, DAN, FAY = tuple(f"demo-student-{number}" for number in range(1, 6))
ENTRIES = {student: str(number) for number, student in enumerate(STUDENTS, 1)}
"""The entry of each, in the order in which they join."""
DESK, OTHER_DESK = f"queue:{TARA}", f"queue:{THEO}"
LINK = {"name": "lemma.pdf", "size": 1024, "type": "application/pdf", "url": "https://example.org/lemma.pdf"}
PATH = f"/api/office-hours/{TARA}"


class Hours:
    """The office hours of Tara with their people, each of whom follows the queue."""

    def __init__(self, people: dict[str, Person]) -> None:
        self.people = people
        self.watches: dict[str, Watch] = {}
        self.talks: dict[str, Watch] = {}
        self.other: Watch
        """The other desk, as Theo is shown it."""

    async def do(self, who: str, verb: str, /, **fields: Any) -> Any:
        """Let somebody carry out a verb of the queue."""
        return await self.people[who].do(DESK, verb, **fields)

    async def refused(self, who: str, verb: str, /, **fields: Any) -> Refused:
        """Return the refusal of somebody."""
        return await self.people[who].refused(DESK, verb, **fields)

    async def shown(self, type: str, /, **fields: Any) -> None:
        """Wait until everybody was shown an event."""
        for watch in self.watches.values():
            await watch.event(type, **fields)

    async def line(self) -> list[str]:
        """Return the line, which everybody is shown alike."""
        return list((await agree(self.watches.values())).line)

    async def ticket(self, student: str) -> Any:
        """Return the ticket of a student."""
        return (await self.do(student, "mine"))["ticket"]


async def test_five_students_go_through_office_hours(server: Server) -> None:
    async with school_of(server) as school:
        hours = Hours({user: await school.enter(user) for user in (TARA, THEO, *STUDENTS)})
        await announce_hours(hours)
        await open_the_door(hours)
        await stand_in_line(hours)
        await refuse_a_second_line(hours)
        await hold_and_resume(hours)
        await keep_a_place(hours)
        room = await admit_the_first(hours)
        await talk_in_private(hours, room)
        await survive_a_kill(hours, school, room)
        await finish_the_first(hours, room)
        await skip_and_help_two(hours)
        await claim_at_the_same_time(hours)
        await estimate(hours)
        await close_the_door(hours)
        await look_back(hours)


async def announce_hours(hours: Hours) -> None:
    """Set up two desks, at one of which a student may stand, and write the hours on the door, in their own zone."""
    for teacher in (TARA, THEO):
        queue = {"title": "Ask", "exclusive": "school"}
        await hours.people[teacher].rest("PUT", f"/api/office-hours/{teacher}", queue, status=201)
    other_day = (datetime.now(UTC) + timedelta(days=3)).isoweekday() % 7
    weekly = [{"weekday": other_day, "start": "10:00", "end": "11:30", "zone": "Europe/Berlin"}]
    await hours.people[TARA].rest("POST", "/api/office-hours/schedule", {"hours": weekly})
    found = (await hours.people[ANN].rest("GET", f"/api/office-hours/instructor/{TARA}"))["data"]
    assert found["hours"] == weekly
    assert all(one["end"] - one["start"] == 90 * 60_000 for one in found["upcoming"])
    closed = await hours.refused(ANN, "join")
    assert (closed.code, closed.data["opens"]) == ("conflict", found["upcoming"][0]["start"])


async def open_the_door(hours: Hours) -> None:
    """Open the door before everybody's eyes, and let a second one help."""
    for user, person in hours.people.items():
        hours.watches[user] = await person.follow(DESK)
    assert (await hours.refused(ANN, "open")).code == "forbidden"
    await hours.do(TARA, "open")
    await hours.shown("queue.opened", how="hand")
    await hours.do(TARA, "appoint", user=THEO, name="Theo")
    await hours.shown("queue.appointed", user=THEO)
    hours.other = await hours.people[THEO].follow(OTHER_DESK)
    await hours.people[THEO].do(OTHER_DESK, "open")


async def stand_in_line(hours: Hours) -> None:
    """Join one by one: each sees where it stands; who stands there and what is asked only those who help see."""
    for place, student in enumerate(STUDENTS, 1):
        question = f"About lemma {place}?"
        joined = await hours.people[student].rest(
            "POST", f"/api/office-hours/join-queue/{TARA}", {"question": question}
        )
        assert (joined["data"]["entry"], joined["data"]["question"]) == (ENTRIES[student], question)
        await hours.shown("queue.confirmed", entry=ENTRIES[student], position=place)
        ticket = await hours.ticket(student)
        assert (ticket["status"], ticket["position"], ticket.get("estimate")) == ("waiting", place, None)
    assert (await hours.do(BEN, "join"))["entry"] == ENTRIES[BEN], "one entry a student"
    rows = (await hours.people[TARA].rest("GET", "/api/office-hours/queue"))["data"]["entries"]
    assert [(row["student"], row["question"]) for row in rows] == [
        (student, f"About lemma {place}?") for place, student in enumerate(STUDENTS, 1)
    ]
    assert (await hours.refused(ANN, "entries")).code == "forbidden"
    assert (await hours.refused(FAY, "join", question="x" * 501)).code == "bad_command"
    told = repr(hours.watches[BEN].events)
    assert not [word for word in (*STUDENTS, "lemma") if word in told]


async def refuse_a_second_line(hours: Hours) -> None:
    """Refuse whoever stands in line here at the other desk, as soon as that was told of it."""
    for _ in STUDENTS:
        noted = await hours.other.event("queue.group_noted")
        assert noted.d == {}
    refused = await hours.people[ANN].refused(OTHER_DESK, "join")
    assert (refused.code, refused.data) == ("conflict", {"queue": TARA, "exclusive": "school"})


async def hold_and_resume(hours: Hours) -> None:
    """Hold a place, which is passed over and kept; the next one is told to be next."""
    held = await hours.do(ANN, "hold")
    assert (held["position"], held["held"]) == (1, True)
    await hours.shown("queue.held", entry=ENTRIES[ANN])
    notice = await hours.people[BEN].notice("office_hours.next")
    assert (notice["title"], notice["priority"]) == ("You are next", "high")
    assert (await hours.refused(TARA, "admit", entry=ENTRIES[ANN])).code == "conflict"
    await hours.do(ANN, "resume")
    await hours.shown("queue.resumed", entry=ENTRIES[ANN])
    await hours.people[ANN].notice("office_hours.next")


async def keep_a_place(hours: Hours) -> None:
    """Cut one off, who stands where it stood, and is shown what happened meanwhile."""
    eve = hours.people[EVE]
    eve.cable.pull()
    await eve.client.wait_status(lambda status: status.phase != "connected")
    await hours.do(TARA, "announce", text="Five minutes late")
    await hours.watches[DAN].event("queue.announced", text="Five minutes late")
    eve.cable.plug()
    await hours.watches[EVE].event("queue.announced", text="Five minutes late")
    assert await hours.line() == list(ENTRIES.values())
    assert (await hours.ticket(EVE))["position"] == 3


async def admit_the_first(hours: Hours) -> str:
    """Admit one, who is told where; all others see that the line moves, and not into which room."""
    looking = await hours.people[THEO].follow(f"presence:{ANN}")
    talk = (await hours.people[TARA].rest("POST", f"/api/office-hours/admit/{ENTRIES[ANN]}", {}))["data"]
    room: str = talk["room"]
    notice = await hours.people[ANN].notice("office_hours.admitted")
    assert (notice["title"], f"room:{notice['data']['room']}") == ("Instructor is ready for you", room)
    await looking.event("presence.changed", activity="In office hours")
    await hours.shown("queue.admitted", entries=[ENTRIES[ANN]], assistant=TARA)
    assert [look_out(hours.watches[BEN].state, ENTRIES[student]).position for student in STUDENTS] == [0, 1, 2, 3, 4]
    ticket = await hours.ticket(ANN)
    assert (ticket["status"], ticket["room"]) == ("admitted", room)
    assert (await hours.refused(THEO, "admit", entry=ENTRIES[ANN])).code == "conflict"
    assert room.partition(":")[2] not in repr(hours.watches[BEN].events)
    return room


async def talk_in_private(hours: Hours, room: str) -> None:
    """Talk in a room of which nobody else knows."""
    for user in (TARA, ANN):
        hours.talks[user] = await hours.people[user].follow(room)
    await hours.people[TARA].do(room, "say", text="What is it?")
    await hours.talks[ANN].event("room.message_posted", text="What is it?")
    await hours.people[ANN].do(room, "say", text="Lemma 1.", file=LINK)
    shown = await hours.talks[TARA].event("room.message_posted", text="Lemma 1.")
    assert shown.d["file"] == LINK
    assert (await hours.people[BEN].refused(room, "say", text="Me too")).code == "not_found"


async def survive_a_kill(hours: Hours, school: School, room: str) -> None:
    """Kill the server amid words and a hold: it comes back with the same line, the same talk, and everything done once."""
    async with trio.open_nursery() as nursery:
        for user in (TARA, ANN):
            nursery.start_soon(talk_on, hours, user, room)
        nursery.start_soon(hours.do, FAY, "hold")
        await school.kill()
    await hours.shown("queue.held", entry=ENTRIES[FAY])
    assert len(hours.watches[BEN].of("queue.held")) == 2
    last = await hours.people[TARA].do(room, "say", text="Go on.")
    for watch in hours.talks.values():
        await watch.event("room.message_posted", id=last["id"])
        words = [event.d["text"] for event in watch.of("room.message_posted")]
        assert sorted(word for word in words if "over the kill" in word) == sorted(
            f"{user} over the kill, {number}" for user in (TARA, ANN) for number in range(3)
        )
    assert await hours.line() == [ENTRIES[student] for student in (BEN, EVE, DAN, FAY)]
    (talk,) = (await hours.people[THEO].rest("GET", f"{PATH}/conversations"))["data"]["conversations"]
    assert (talk["room"], talk["entries"], talk["assistant"]) == (room, [ENTRIES[ANN]], TARA)
    assert (await hours.ticket(FAY))["held"] is True
    await hours.do(FAY, "resume")
    await hours.shown("queue.resumed", entry=ENTRIES[FAY])


async def talk_on(hours: Hours, user: str, room: str) -> None:
    """Say three things, whatever happens to the server."""
    for number in range(3):
        await hours.people[user].do(room, "say", text=f"{user} over the kill, {number}")


async def finish_the_first(hours: Hours, room: str) -> None:
    """Finish the talk, and the room is over; the note is for those who help alone."""
    await hours.do(TARA, "complete", entry=ENTRIES[ANN], note="Mixes up signs")
    await hours.shown("queue.completed", entries=[ENTRIES[ANN]], reason="completed")
    await hours.talks[ANN].event("room.disbanded")
    assert (await hours.people[ANN].refused(room, "say", text="One more")).code == "conflict"
    assert await hours.ticket(ANN) is None
    (mine,) = (await hours.people[ANN].rest("GET", "/api/office-hours/mine"))["entries"]
    assert (mine["queue"], mine["status"]) == (TARA, "completed")
    assert "Mixes up" not in repr((mine, hours.watches[ANN].events))


async def skip_and_help_two(hours: Hours) -> None:
    """Skip one, who changes places with the one behind; help two together, until one is sent back."""
    await hours.do(TARA, "skip", entry=ENTRIES[BEN])
    await hours.shown("queue.skipped", entry=ENTRIES[BEN], position=2)
    await hours.people[EVE].notice("office_hours.next")
    both = [ENTRIES[EVE], ENTRIES[BEN]]
    room = (await hours.do(TARA, "admit", entries=both))["room"]
    await hours.shown("queue.admitted", entries=both)
    for student in (EVE, BEN):
        await hours.people[student].notice("office_hours.admitted", data={"room": room.partition(":")[2]})
        hours.talks[student] = await hours.people[student].follow(room)
    await hours.people[EVE].do(room, "say", text="Same question")
    await hours.talks[BEN].event("room.message_posted", text="Same question")
    await hours.do(TARA, "requeue", entry=ENTRIES[BEN])
    await hours.shown("queue.requeued", entry=ENTRIES[BEN], position=1, why="front")
    assert await hours.line() == [ENTRIES[student] for student in (BEN, DAN, FAY)]
    await hours.do(TARA, "complete", entry=ENTRIES[EVE])
    await hours.shown("queue.completed", entries=[ENTRIES[EVE]])
    await hours.talks[EVE].event("room.disbanded")


async def claim_at_the_same_time(hours: Hours) -> None:
    """Take the same entry twice at the same moment, and one has it (P18); given back, it stands where it stood."""
    codes: dict[str, str] = {}
    async with trio.open_nursery() as nursery:
        for helper in (TARA, THEO):
            nursery.start_soon(claim, hours, helper, codes)
    assert sorted(codes.values()) == ["conflict", "ok"]
    first = next(helper for helper, code in codes.items() if code == "ok")
    await hours.shown("queue.claimed", entry=ENTRIES[BEN], assistant=first)
    assert all(len(watch.of("queue.claimed")) == 1 for watch in hours.watches.values())
    await hours.do(first, "release", entry=ENTRIES[BEN])
    await hours.shown("queue.returned", entry=ENTRIES[BEN], position=1, why="released")


async def claim(hours: Hours, helper: str, codes: dict[str, str]) -> None:
    """Claim Ben's entry, and note the answer."""
    try:
        await hours.do(helper, "claim", entry=ENTRIES[BEN])
        codes[helper] = "ok"
    except Refused as refusal:
        codes[helper] = refusal.code


async def estimate(hours: Hours) -> None:
    """Finish a third conversation: those in line are told how long it may take, and what that is taken from."""
    assert hours.watches[DAN].state.pace is None
    await hours.do(TARA, "admit")
    await hours.shown("queue.admitted", entries=[ENTRIES[BEN]])
    await hours.do(TARA, "complete", entry=ENTRIES[BEN])
    await hours.shown("queue.completed", entries=[ENTRIES[BEN]], pace={"basis": 3})
    for place, student in enumerate((DAN, FAY), 1):
        ticket = await hours.ticket(student)
        pushed = look_out(hours.watches[student].state, ENTRIES[student])
        assert pushed.estimate is not None
        assert (ticket["position"], pushed.position) == (place, place)
        assert ticket["estimate"] == {
            "low_ms": pushed.estimate.low_ms,
            "high_ms": pushed.estimate.high_ms,
            "basis": 3,
        }
        assert pushed.estimate.low_ms < pushed.estimate.high_ms


async def close_the_door(hours: Hours) -> None:
    """Close, and nobody joins; open again, and the line stands as it stood; at the end send the rest away, who are free for others."""
    await hours.do(TARA, "close")
    await hours.shown("queue.closed", how="hand")
    assert (await hours.refused(ANN, "join")).code == "conflict"
    await hours.do(TARA, "reopen")
    await hours.shown("queue.opened", again=True)
    assert (await hours.do(ANN, "join"))["entry"] == "6"
    await hours.shown("queue.confirmed", entry="6", position=3)
    await hours.do(TARA, "close", dismiss=True)
    for entry in (ENTRIES[DAN], ENTRIES[FAY], "6"):
        await hours.shown("queue.left", entry=entry, reason="closed")
    for student in (DAN, FAY, ANN):
        await hours.people[student].notice("office_hours.dismissed")
    assert await hours.line() == []
    moves = 2 * (len(STUDENTS) + 1)  # five students and Ann's second entry, each of which began and ended
    await hours.other.until(lambda _: len(hours.other.of("queue.group_noted")) == moves, "the word that all have gone")
    ticket = await hours.people[ANN].do(OTHER_DESK, "join")
    await hours.other.event("queue.confirmed", entry=ticket["entry"], position=1)


async def look_back(hours: Hours) -> None:
    """Look at the figures and the notes; everybody was shown the same state all the while."""
    figures = await hours.do(THEO, "statistics")
    assert [figures[name] for name in ("in_line", "served_today", "students_helped", "conversations")] == [0, 3, 3, 3]
    rows = (await hours.people[THEO].rest("GET", f"{PATH}/history?student={ANN}"))["data"]["entries"]
    assert [(row["status"], row.get("note", "")) for row in rows] == [
        ("cancelled", ""),
        ("completed", "Mixes up signs"),
    ]
    state = await agree(hours.watches.values())
    assert state == await hours.people[TARA].look(DESK)
    assert (state.status, state.line, state.entries) == ("closed", [], {})


async def test_whoever_drops_in_is_in_the_conversation_at_once(server: Server) -> None:
    async with school_of(server) as school:
        theo, dan, fay = await school.enter_all(THEO, DAN, FAY)
        further = "dropin".ljust(26, "2")  # his own exists: a further one has an id of the form that the server makes
        await theo.rest("PUT", f"/api/office-hours/{further}", {"title": "Drop in", "mode": "drop_in"}, status=201)
        desk = f"queue:{further}"
        watch = await theo.follow(desk)
        await theo.do(desk, "open")
        await dan.do(desk, "join", question="Which page?")
        first = await dan.notice("office_hours.admitted")
        await watch.event("queue.admitted", entries=["1"], assistant=THEO)
        await fay.do(desk, "join")
        assert (await fay.notice("office_hours.admitted"))["data"]["room"] == first["data"]["room"]
        room = f"room:{first['data']['room']}"
        talk = await dan.follow(room)
        await talk.until(lambda state: FAY in state.members, "Fay in the room")
        await fay.do(room, "say", text="Page 7")
        await talk.event("room.message_posted", text="Page 7")
        await dan.do(desk, "leave")
        await watch.event("queue.completed", entries=["1"], reason="left")
        assert list(watch.state.entries) == ["2"]
