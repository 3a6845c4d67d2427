"""What goes on beside lessons: presence over several tabs, talk in a room, notices, a leaderboard; over real sockets and PostgreSQL.

Presence's grace is shortened (`planted`). Never here: each rule by itself (`tests.actors`), kills (`test_comings_and_goings`).
"""

from collections.abc import Iterator

import pytest

from tests.e2e.journey import GRACE_MS, Person, School, Watch, agree, school_of
from tests.e2e.server import Server

ADA, TARA = "demo-admin", "demo-teacher-1"
ANN, BEN, EVE = (f"demo-student-{number}" for number in range(4, 7))
"""Not those of the class sessions, who are to be as they are by default."""


@pytest.fixture
def server(brisk: Server) -> Iterator[Server]:
    """Give the school with the short grace."""
    with brisk.lent():
        yield brisk


async def test_who_is_here_and_what_they_do_is_seen_by_those_concerned(server: Server) -> None:
    async with school_of(server) as school:
        tara, ann, ben = await school.enter_all(TARA, ANN, BEN)
        await tara.rest("PUT", "/api/rooms/yard", {"title": "Yard"}, status=201)
        for person in (ann, ben):
            await person.do("room:yard", "join")
        mate, staff = await ann.follow("room:yard"), await tara.follow(f"presence:{BEN}")
        await mate.signal("room.presence", user=BEN, status="online")
        await say_what_one_does(ben, mate, staff)
        other_tab = await open_another_tab(school, ben, mate, staff)
        await look_at_the_list(tara, ann)
        await keep_it_private(other_tab, mate, staff)
        await be_cut_off(other_tab, mate, staff, tara)


async def say_what_one_does(ben: Person, mate: Watch, staff: Watch) -> None:
    """Choose a status and an activity, which are seen at once where the person is seen at all."""
    await ben.rest("PUT", "/api/presence/status", {"status": "busy", "activity": "Viewing Course: JavaScript"})
    await mate.signal("room.presence", user=BEN, status="busy", activity="Viewing Course: JavaScript")
    await staff.event("presence.changed", status="busy", activity="Viewing Course: JavaScript")
    await ben.rest("PUT", "/api/presence/activity", {"activity": "Taking a quiz"})
    await mate.signal("room.presence", user=BEN, status="busy", activity="Taking a quiz")
    await ben.rest("POST", "/api/presence/heartbeat", {})


async def open_another_tab(school: School, ben: Person, mate: Watch, staff: Watch) -> Person:
    """Open a second tab, which changes nothing, nor does the end of the first one."""
    other_tab = await school.enter(BEN)
    ben.leave()
    await other_tab.do(f"presence:{BEN}", "set", status="dnd")
    await staff.event("presence.changed", status="dnd", activity="Taking a quiz")
    await mate.signal("room.presence", user=BEN, status="dnd")
    return other_tab


async def look_at_the_list(tara: Person, ann: Person) -> None:
    """Look who is here: staff see everybody; a student sees itself, and its companions where they are together."""
    here = (await tara.rest("GET", "/api/presence/online?limit=50"))["users"]
    assert {one["user"] for one in here} >= {TARA, ANN, BEN}
    eve = await tara.follow(f"presence:{EVE}")
    await eve.until(
        lambda state: state.status == "offline", "offline"
    )  # she may have been here a moment ago, in another test
    several = (await tara.rest("POST", "/api/presence/bulk", {"users": [BEN, EVE]}))["users"]
    assert [(one["user"], one["status"]) for one in several] == [(BEN, "dnd"), (EVE, "offline")]
    assert [one["user"] for one in (await ann.rest("GET", "/api/presence/online?limit=50"))["users"]] == [ANN]
    roster = await ann.rest("GET", "/api/presence/room/yard")
    assert {one["user"]: one["status"] for one in roster["users"]} == {TARA: "online", ANN: "online", BEN: "dnd"}


async def keep_it_private(ben: Person, mate: Watch, staff: Watch) -> None:
    """Hide what one does, and that one is here at all."""
    await ben.rest("PUT", "/api/presence/privacy", {"activity": "hidden"})
    await mate.signal("room.presence", user=BEN, status="dnd", activity="")
    assert (await ben.do(f"presence:{BEN}", "mine"))["activity"] == "Taking a quiz"
    await ben.rest("POST", "/api/presence/hide", {})
    await mate.signal("room.presence", user=BEN, status="offline")
    await staff.event("presence.changed", status="offline")
    await ben.rest("POST", "/api/presence/show", {})
    await mate.signal("room.presence", user=BEN, status="dnd")


async def be_cut_off(ben: Person, mate: Watch, staff: Watch, tara: Person) -> None:
    """Stay away, and be offline with the time of the last sign of life; and here again with the next one.

    All that staff were shown: two activities, a status, a secret, hiding, showing, and this. So the first tab went unnoticed.
    """
    ben.cable.pull()
    offline = await mate.signal("room.presence", user=BEN, status="offline")
    gone = await staff.event("presence.changed", status="offline", last_heard=offline.d["last_heard"])
    assert GRACE_MS <= gone.at - gone.d["last_heard"] <= GRACE_MS + 3_000
    seen = await tara.rest("GET", f"/api/presence/user/{BEN}")
    assert (seen["status"], seen["last_heard"]) == ("offline", gone.d["last_heard"])
    ben.cable.plug()
    await mate.signal("room.presence", user=BEN, status="dnd")
    await staff.event("presence.changed", status="dnd")
    statuses = [event.d["status"] for event in staff.of("presence.changed")]
    assert statuses == ["busy", "busy", "dnd", "dnd", "offline", "dnd", "offline", "dnd"]


async def test_whoever_joins_a_room_is_shown_what_was_said_and_what_is_being_said(server: Server) -> None:
    async with school_of(server) as school:
        tara, ann, ben = await school.enter_all(TARA, ANN, BEN)
        await tara.rest("PUT", "/api/rooms/mentoring", {"title": "Mentoring", "visibility": "closed"}, status=201)
        assert (await ann.refused("room:mentoring", "join")).code == "not_found"
        for student in (ANN, BEN):
            await tara.do("room:mentoring", "invite", user=student)
        await ann.do("room:mentoring", "join")
        paper = {"name": "plan.pdf", "size": 2048, "type": "application/pdf", "url": "https://example.org/plan.pdf"}
        sent = {"text": "<i>Here</i>", "kind": "file", "file": paper}
        posted = (await ann.rest("POST", "/api/rooms/mentoring/messages", sent))["data"]
        await ben.do("room:mentoring", "join")
        mine = await ben.follow("room:mentoring")
        (message,) = mine.state.chat.messages
        assert (message.id, message.text, message.kind, message.by) == (posted["id"], "<i>Here</i>", "file", ANN)
        watch = await tara.follow("room:mentoring")
        await ben.do("room:mentoring", "typing")
        await watch.signal("room.typing", user=BEN, typing=True)
        said = await ben.do("room:mentoring", "say", text="Thanks")
        await watch.event("room.message_posted", id=said["id"], text="Thanks", name="Student 5")
        await watch.signal("room.typing", user=BEN, typing=False)
        await ann.do("room:mentoring", "read", upto=said["id"])
        await watch.event("room.read", user=ANN, upto=said["id"])
        await tara.do("room:mentoring", "set_mode", mode="announce")
        await mine.event("room.mode_changed", mode="announce")
        assert (await ben.refused("room:mentoring", "say", text="May I?")).code == "forbidden"
        assert await agree((mine, watch)) == await ben.look("room:mentoring")


async def test_a_notice_reaches_every_tab_and_is_read_in_all_of_them(server: Server) -> None:
    async with school_of(server) as school:
        tara, ann, tablet, ben = await school.enter_all(TARA, EVE, EVE, BEN)
        words = {"type": "EXAM_UPDATE", "title": "Your exam starts in 5 minutes", "priority": "high"}
        await tara.rest("POST", "/api/notifications/send", {**words, "user": EVE, "url": "/exams/123"})
        for tab in (ann, tablet):
            notice = await tab.notice("EXAM_UPDATE", url="/exams/123", priority="high")
            assert (notice["title"], notice["data"]["from"]) == (words["title"], TARA)
            assert tab.inbox.state.unread == 1
        assert (await ben.refused(f"inbox:{BEN}", "send", **words, user=EVE)).code == "forbidden"
        await ben.do(f"inbox:{BEN}", "send", **words)
        await ben.notice("EXAM_UPDATE")
        await ann.rest("POST", f"/api/notifications/{notice['id']}/read", {})
        await tablet.inbox.event("inbox.read", notifications=[notice["id"]], unread=0)
        await be_undisturbed(tara, ann, tablet)
        await read_all(ann, tablet)


async def be_undisturbed(tara: Person, ann: Person, tablet: Person) -> None:
    """Ask not to be disturbed, and be told later, but for what is urgent."""
    await ann.do(f"inbox:{EVE}", "dnd")
    await tablet.inbox.event("inbox.dnd_changed")
    for about, priority, toast in (("NEWS", "normal", False), ("FIRE", "urgent", True)):
        await tara.do(f"inbox:{EVE}", "send", type=about, title="Read this", priority=priority)
        await tablet.notice(about, toast=toast, why="" if toast else "dnd")
    await ann.do(f"inbox:{EVE}", "dnd", on=False)
    await tablet.inbox.event("inbox.digested", count=1, types={"NEWS": 1})


async def read_all(ann: Person, tablet: Person) -> None:
    """Read all at once, and take one away; what is left is the same in all tabs."""
    assert tablet.inbox.state.unread == 2
    await ann.rest("POST", "/api/notifications/read-all", {})
    await tablet.inbox.event("inbox.all_read", unread=0)
    newest = tablet.inbox.state.notices[-1].id
    await ann.rest("DELETE", f"/api/notifications/{newest}")
    await tablet.inbox.event("inbox.dismissed", notification=newest, unread=0)
    left = (await ann.rest("GET", "/api/notifications"))["data"]
    assert [one["id"] for one in left["notifications"]] == [one.id for one in reversed(tablet.inbox.state.notices)]
    assert left["unread"] == 0
    assert (await agree((ann.inbox, tablet.inbox))).unread == 0


async def test_a_leaderboard_moves_before_everybodys_eyes(server: Server) -> None:
    async with school_of(server) as school:
        ada, tara, ann, ben, eve = await school.enter_all(ADA, TARA, ANN, BEN, EVE)
        board = "board:all_time.algebra"
        watch = await ben.follow(board)
        for place, (student, name, points) in enumerate(((ANN, "Ann", 7), (BEN, "Ben", 9), (EVE, "Eve", 7))):
            await tara.do(board, "score", user=student, name=name, points=points, source=f"quiz-{place}")
            await watch.event("board.entry_changed", entries=place + 1, entry={"name": name})
        assert [(entry.name, entry.points) for entry in watch.state.top] == [("Ben", 9), ("Ann", 7), ("Eve", 7)]
        assert (await ann.refused(board, "score", user=ANN, name="Ann", points=99, source="me")).code == "forbidden"
        await eve.rest("PUT", "/api/leaderboards/all_time.algebra/alias", {"alias": "Noether"})
        changed = await watch.event("board.entry_changed", entry={"name": "Noether", "user": ""})
        assert (changed.by, EVE in repr(changed.d)) == ("system", False)
        await ann.rest("POST", "/api/leaderboards/all_time.algebra/opt-out", {})
        await watch.event("board.entry_changed", entries=2)
        assert [entry.name for entry in watch.state.top] == ["Ben", "Noether"]
        own = (await ann.rest("GET", "/api/leaderboards/all_time.algebra/standing"))["data"]["own"]
        assert (own["shown"], own["row"]["place"]) == (False, 2)
        asked = (await eve.rest("GET", "/api/leaderboards/all_time.algebra/entries?limit=10"))["data"]
        assert [(row["rank"], row["name"]) for row in asked["rows"]] == [(1, "Ben"), (2, "Noether")]
        assert asked["own"]["row"]["place"] == 2
        assert (await tara.refused(board, "recompute")).code == "forbidden"
        await ada.do(board, "recompute")
        await watch.event("board.recomputed", entries=2)
        assert await agree((watch,)) == await eve.look(board)
