"""Room and presence in the real engine: what only the joint can break."""

import msgspec
import pytest
import trio
from trio.testing import MockClock

from homeroom.actors.kinds import KINDS
from homeroom.actors.presence import GRACE_MS
from homeroom.engine.behaviour import Refusal
from homeroom.engine.journal import Saved
from homeroom.engine.kind import Kind
from homeroom.protocol.chat import Audit, Edit, History, Read, Retract, Say, Typing
from homeroom.protocol.inbox import FOREVER, Notify, Priority
from homeroom.protocol.presence import Asked, Beat, Connected, Disconnected, Hide, SetStatus
from homeroom.protocol.room import Create, Join, Leave, Remove
from tests.actors.people import ADMIN, ANN, BEN, TEACHER
from tests.actors.school import Onlooker, School, open_school

ROOM, PRESENCE = "room:physics", "presence:ann"


async def open_room(school: School) -> None:
    await school.do(ROOM, Create("Physics"), TEACHER)
    for who in (ANN, BEN):
        await school.do(ROOM, Join(), who)


async def test_e11_a_retracted_text_is_gone_live_in_replays_and_after_a_restart_and_the_audit_keeps_it(
    autojump_clock: MockClock,
) -> None:
    live, late, anew = Onlooker(BEN), Onlooker(BEN), Onlooker(BEN)
    async with open_school() as school:
        await open_room(school)
        message = (await school.do(ROOM, Say("first secret"), ANN)).id
        await school.watch(ROOM, live)
        await school.do(ROOM, Edit(message, "second secret"), ANN)
        await school.do(ROOM, Retract(message, "typo"), TEACHER)
        await trio.sleep(1)
        assert live.events(ROOM) == [
            ("room.message_edited", {"id": message, "text": "second secret"}),
            ("room.message_retracted", {"id": message, "reason": "typo"}),
        ]
        await school.watch(ROOM, late, since=0)
        await trio.sleep(1)
        history = await school.do(ROOM, History(), ANN)
        audit = await school.do(ROOM, Audit(), TEACHER)
    async with open_school(school.store) as second:
        await second.watch(ROOM, anew, since=0)
        await trio.sleep(1)
        state = await second.state(ROOM, BEN)
    assert len(late.events(ROOM)) == len(anew.events(ROOM)) > 4
    for shown in (late.frames, anew.frames, state, history):
        assert "secret" not in repr(shown)
    assert [row.before for row in audit.rows] == ["second secret", "first secret"]


async def test_a_room_whose_snapshot_does_not_tell_of_edits_is_made_anew_from_its_journal(
    autojump_clock: MockClock,
) -> None:
    async with open_school() as school:
        await open_room(school)
        message = (await school.do(ROOM, Say("AAA"), ANN)).id
        await school.do(ROOM, Edit(message, "BBB"), ANN)
        for number in range(220):
            await school.do(ROOM, Say(f"filler {number}"), BEN)
        await trio.sleep(120)
    kept = school.store.stream(ROOM).saved
    assert kept is not None
    old = msgspec.msgpack.decode(kept.body)
    assert old["chat"].pop("edited")
    school.store.stream(ROOM).saved = Saved(kept.seq, 1, msgspec.msgpack.encode(old))
    async with open_school(school.store) as second:
        await second.do(ROOM, Edit(message, "AAA"), ANN)
        audit = await second.do(ROOM, Audit(), TEACHER)
    assert [(row.before, row.after) for row in audit.rows] == [("BBB", "AAA"), ("AAA", "BBB")]


async def test_old_messages_are_reached_by_recall_after_a_restart(autojump_clock: MockClock) -> None:
    async with open_school() as school:
        await open_room(school)
        oldest = (await school.do(ROOM, Say("the oldest"), ANN)).id
        for number in range(220):
            await school.do(ROOM, Say(f"filler {number}"), BEN)
    async with open_school(school.store) as second:
        await second.do(ROOM, Edit(oldest, "the eldest"), ANN)
        await second.do(ROOM, Read(oldest), TEACHER)
        page = await second.do(ROOM, History(before=str(int(oldest) + 1)), ANN)
        assert [message.text for message in page.messages] == ["the eldest"]
        assert (await second.state(ROOM, ANN))["chat"]["posted"] == 221


async def test_who_leaves_or_is_removed_is_let_go_of_after_its_last_event(autojump_clock: MockClock) -> None:
    async with open_school() as school:
        await open_room(school)
        ann, ben = Onlooker(ANN), Onlooker(BEN)
        for onlooker in (ann, ben):
            await school.watch(ROOM, onlooker)
        await school.do(ROOM, Leave(), ANN)
        await school.do(ROOM, Remove("ben"), TEACHER)
        await school.do(ROOM, Say("now we are alone"), TEACHER)
        await trio.sleep(1)
        for onlooker, left in ((ann, 1), (ben, 2)):
            assert [type_ for type_, _ in onlooker.events(ROOM)] == ["room.left"] * left
            assert onlooker.frames[-1] == {"t": "gone", "to": ROOM, "code": "forbidden"}
        with pytest.raises(Refusal, match="forbidden"):
            await school.watch(ROOM, ann, since=1)


async def test_members_see_each_others_presence_through_the_room_also_when_they_come_later(
    autojump_clock: MockClock,
) -> None:
    async with open_school() as school:
        await open_room(school)
        early, late = Onlooker(BEN), Onlooker(ADMIN)
        await school.watch(ROOM, early)
        await school.do(PRESENCE, Connected("c1"))
        await school.do(PRESENCE, SetStatus("busy", "Quiz"), ANN)
        await trio.sleep(1)
        await school.watch(ROOM, late)
        await trio.sleep(1)
        assert early.events(ROOM, "sig")[-1][1]["status"] == "busy"
        assert [d["status"] for _, d in late.events(ROOM, "sig")] == ["busy"]
        await school.do(PRESENCE, Hide(), ANN)
        await trio.sleep(1)
        assert early.events(ROOM, "sig")[-1][1]["status"] == "offline"
        stranger = Onlooker(TEACHER)
        await school.watch(ROOM, stranger)
        await trio.sleep(1)
        assert stranger.events(ROOM, "sig") == []


async def test_nothing_that_somebody_hidden_does_leaves_the_engine(autojump_clock: MockClock) -> None:
    async with open_school() as school:
        await school.do(PRESENCE, Connected("c1"))
        await school.do(PRESENCE, Hide(), ANN)
        teacher = Onlooker(TEACHER)
        await school.watch(PRESENCE, teacher, since=0)
        await school.do(PRESENCE, SetStatus("dnd", "Secret"), ANN)
        await school.do(PRESENCE, Beat(), ANN)
        await trio.sleep(60)
        assert "Secret" not in repr(teacher.frames)
        assert "dnd" not in repr(teacher.frames)
        assert "own" not in repr(teacher.frames)
        assert {d["status"] for _, d in teacher.events(PRESENCE)} == {"online", "offline"}


async def test_dnd_reaches_the_inbox_where_only_what_is_urgent_interrupts_until_it_ends(
    autojump_clock: MockClock,
) -> None:
    async with open_school() as school:
        await school.do(PRESENCE, Connected("c1"))

        choices: tuple[tuple[Asked, Priority, str], ...] = (
            ("busy", "high", ""),
            ("dnd", "high", "dnd"),
            ("dnd", "urgent", ""),
            ("online", "high", ""),
            ("dnd", "normal", "dnd"),
        )
        for number, (status, priority, why) in enumerate(choices, 1):
            await school.do(PRESENCE, SetStatus(status), ANN)
            await trio.sleep(1)
            await school.do("inbox:ann", Notify(f"t{number}", "News", priority=priority))
            inbox = await school.state("inbox:ann", ANN)
            notice = inbox["notices"][-1]
            assert (notice.get("why", ""), notice.get("toast", True)) == (why, not why)
            assert inbox["unread"] == number, "all are kept and counted"
        await school.do(PRESENCE, Disconnected("c1"))
        await trio.sleep(60)
    async with open_school(school.store) as again:
        await trio.sleep(60)
        assert (await again.state("inbox:ann", ANN))["hushed"] == {"presence:ann": FOREVER}
        await again.do(PRESENCE, Connected("c2"))
        await again.do(PRESENCE, SetStatus("available"), ANN)
        await trio.sleep(1)
        assert (await again.state("inbox:ann", ANN))["hushed"] == {}


async def test_a_lost_connection_is_forgiven_for_the_grace_and_then_shown(autojump_clock: MockClock) -> None:
    async with open_school() as school:
        await school.do(PRESENCE, Connected("c1"))
        await school.do(PRESENCE, Disconnected("c1"))
        await trio.sleep(GRACE_MS / 1_000 - 1)
        assert (await school.state(PRESENCE, TEACHER))["status"] == "online"
        await trio.sleep(2)
        assert (await school.state(PRESENCE, TEACHER))["status"] == "offline"


async def test_a_person_is_offline_after_the_grace_of_every_new_start_unless_it_comes_back(
    autojump_clock: MockClock,
) -> None:
    async with open_school() as school:
        await school.do(PRESENCE, Connected("c1"))
    for _ in range(2):
        async with open_school(school.store) as again:
            await trio.sleep(5)
            await again.do(PRESENCE, Connected("c2"))
            await trio.sleep(120)
            assert (await again.state(PRESENCE, TEACHER))["status"] == "online"
    async with open_school(school.store) as last:
        await trio.sleep(GRACE_MS / 1_000 + 1)
        assert school.store.peek(PRESENCE).records[-1].type == "presence.changed"
        assert (await last.state(PRESENCE, TEACHER))["status"] == "offline"
        assert school.store.peek(PRESENCE).deadlines == {}


async def test_a_silent_connection_keeps_its_person_here_and_the_idle_away(autojump_clock: MockClock) -> None:
    async with open_school() as school:
        await school.do(PRESENCE, Connected("c1"))
        await trio.sleep(3_600)
        assert (await school.state(PRESENCE, TEACHER))["status"] == "away"
        await school.do(PRESENCE, Beat(), ANN)
        assert (await school.state(PRESENCE, TEACHER))["status"] == "online"


async def test_typing_ends_by_itself_and_leaves_no_trace(autojump_clock: MockClock) -> None:
    async with open_school() as school:
        await open_room(school)
        before = len(school.store.peek(ROOM).records)
        ben = Onlooker(BEN)
        await school.watch(ROOM, ben)
        await school.do(ROOM, Typing(), ANN)
        await trio.sleep(10)
        assert [d["typing"] for _, d in ben.events(ROOM, "sig")] == [True, False]
        assert len(school.store.peek(ROOM).records) == before


async def test_a_leave_that_changed_nothing_does_not_undo_the_join_after_it_when_both_are_sent_again(
    autojump_clock: MockClock,
) -> None:
    async with open_school() as school:
        await school.do(ROOM, Create("Physics"), TEACHER)
        actor = school.engine.ref(ROOM)
        answers = [
            await actor.ask(command, ANN, client="ann/tab", number=number, digest=command.do.encode())
            for command, number in ((Leave(), 5), (Join(), 6)) * 2
        ]
        assert [getattr(answer, "again", None) for answer in answers] == [False, False, True, True]
        await school.do(ROOM, Say("still here"), ANN)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_what_only_reads_signals_or_moves_a_receipt_forward_leaves_no_receipt(kind: Kind) -> None:
    forgotten = {verb.command.do for verb in kind.verbs if not verb.remembered}
    reading = {verb.command.do for verb in kind.verbs if (verb.rest or "").startswith("GET ")}
    assert forgotten == reading | ({"typing", "beat", "read"} & {verb.command.do for verb in kind.verbs})


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_what_a_verb_keeps_secret_is_a_field_of_its_command(kind: Kind) -> None:
    for verb in kind.verbs:
        assert set(verb.secret) <= set(verb.command.__struct_fields__)
