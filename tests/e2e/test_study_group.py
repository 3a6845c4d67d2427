"""A study group of four from its making to its end, over real sockets and PostgreSQL.

Never here: each rule by itself (`tests.actors`).
"""

from time import time
from typing import Any

from tests.e2e.journey import Person, School, Watch, agree, school_of
from tests.e2e.server import Server

FOUR = ANN, BEN, EVE, DAN = tuple(f"demo-student-{number}" for number in range(3, 7))
FAY = "demo-student-2"
"""The first of them are in sessions of other tests, which stand in their lists."""
ROOT = "/api/study-groups"
TOMORROW_MS = 86_400_000


class Circle:
    """A group with its people, and what each member is shown of it."""

    def __init__(self, id: str, people: dict[str, Person]) -> None:
        self.id, self.address, self.path = id, f"group:{id}", f"{ROOT}/{id}"
        self.people = people
        self.watches: dict[str, Watch] = {}

    async def do(self, who: str, verb: str, /, **fields: Any) -> Any:
        """Let somebody carry out a verb of the group."""
        return await self.people[who].do(self.address, verb, **fields)

    async def refused(self, who: str, verb: str, /, **fields: Any) -> str:
        """Return the code by which somebody is refused."""
        return (await self.people[who].refused(self.address, verb, **fields)).code

    async def follow(self, who: str) -> None:
        """Let somebody follow the group."""
        self.watches[who] = await self.people[who].follow(self.address)

    async def shown(self, type: str, /, **fields: Any) -> None:
        """Wait until everybody who follows was shown an event."""
        for watch in self.watches.values():
            await watch.event(type, **fields)


async def test_four_students_live_through_a_study_group(server: Server) -> None:
    async with school_of(server) as school:
        people = {user: await school.enter(user) for user in (*FOUR, FAY)}
        about = {"name": "Proofs", "course": "math-1", "specialty": "Algebra", "max_members": 4}
        made = await people[ANN].rest("POST", ROOT, about, status=201)
        circle = Circle(made["id"], people)
        await circle.follow(ANN)
        await find_and_join(circle)
        await invite_and_accept(circle)
        await show_presence(circle)
        await promote(circle)
        await talk(circle)
        session = await meet(circle)
        await keep_the_limit(circle)
        await remove(circle, session)
        await look_back(circle, school)
        await delete(circle)


async def find_and_join(circle: Circle) -> None:
    """Find a public group by course and specialty, and join it; its members see who comes."""
    for found in ("search?text=proof", "search?specialty=algebra", "course/math-1"):
        (card,) = (await circle.people[BEN].rest("GET", f"{ROOT}/{found}"))["groups"]
        assert (card["id"], card["members"], card["max_members"]) == (circle.id, 1, 4)
    assert (await circle.people[BEN].rest("GET", f"{ROOT}/course/math-2"))["groups"] == []
    assert await circle.refused(BEN, "say", text="Hello") == "forbidden"
    await circle.people[BEN].rest("POST", f"{circle.path}/join", {})
    await circle.shown("group.joined", user=BEN, role="member")
    await circle.follow(BEN)
    (mine,) = (await circle.people[BEN].rest("GET", ROOT))["groups"]
    assert (mine["id"], mine["members"]) == (circle.id, 2)


async def invite_and_accept(circle: Circle) -> None:
    """Make it private, and it is not found; who is invited is told, accepts, and is seen to come."""
    await circle.people[ANN].rest("PUT", circle.path, {"visibility": "private", "name": "Proofs only"})
    await circle.shown("group.changed", visibility="private", name="Proofs only")
    assert (await circle.people[EVE].rest("GET", f"{ROOT}/search?text=proof"))["groups"] == []
    assert await circle.refused(EVE, "join") == "not_found"
    assert await circle.refused(BEN, "invite", user=BEN) == "conflict"
    assert await circle.refused(BEN, "invite", user="nobody") == "bad_command"
    for invited, inviter in ((EVE, BEN), (DAN, ANN)):
        await circle.do(inviter, "invite", user=invited)
        await circle.shown("group.invited", user=invited)
        notice = await circle.people[invited].notice("group.invited")
        assert (notice["url"], notice["data"]["by"]) == (f"/study-groups/{circle.id}", inviter)
        await circle.do(invited, "accept")
        await circle.shown("group.joined", user=invited)
        await circle.follow(invited)
    assert await circle.refused(FAY, "accept") == "not_found"
    members = (await circle.people[DAN].rest("GET", f"{circle.path}/members"))["data"]["members"]
    assert [(one["user"], one["role"]) for one in members] == [(ANN, "admin"), *((user, "member") for user in FOUR[1:])]


async def show_presence(circle: Circle) -> None:
    """Show the members who of them is here, what each does, and who goes."""
    dan = circle.people[DAN]
    await circle.watches[ANN].signal("room.presence", user=DAN, status="online")
    await dan.rest("PUT", "/api/presence/status", {"status": "busy", "activity": "Reading Halmos"})
    for member in (ANN, BEN, EVE):
        await circle.watches[member].signal("room.presence", user=DAN, status="busy", activity="Reading Halmos")
    roster = await circle.people[EVE].rest("GET", f"/api/presence/group/{circle.id}")
    assert (roster["count"], roster["online"]) == (4, 4)
    await circle.people[FAY].rest("GET", f"/api/presence/group/{circle.id}", status=404)
    await dan.do(f"presence:{DAN}", "hide")
    await circle.watches[ANN].signal("room.presence", user=DAN, status="offline")
    await dan.do(f"presence:{DAN}", "show")
    await circle.watches[ANN].signal("room.presence", user=DAN, status="busy")


async def promote(circle: Circle) -> None:
    """Make another admin, which only an admin can."""
    assert await circle.refused(BEN, "promote", user=EVE) == "forbidden"
    assert await circle.refused(ANN, "leave") == "conflict"
    await circle.do(ANN, "promote", user=BEN)
    await circle.shown("group.role_changed", user=BEN, role="admin")


async def talk(circle: Circle) -> None:
    """Type, say, answer, like, read and take back, which the others see at once."""
    await circle.do(EVE, "typing")
    await circle.watches[DAN].signal("room.typing", user=EVE, typing=True)
    said = (await circle.people[EVE].rest("POST", f"{circle.path}/message", {"text": "Induction?"}))["data"]
    await circle.shown("room.message_posted", id=said["id"], text="Induction?")
    answer = await circle.do(DAN, "say", text="Yes.", reply_to=said["id"], mentions=[EVE])
    await circle.shown("room.message_posted", id=answer["id"], reply_to=said["id"], mentions=[EVE])
    await circle.do(BEN, "react", message=answer["id"], emoji="👍")
    await circle.watches[EVE].event("room.reaction_changed", id=answer["id"], users=[BEN])
    await circle.do(EVE, "read", upto=answer["id"])
    await circle.watches[DAN].event("room.read", user=EVE, upto=answer["id"])
    await circle.do(BEN, "retract", message=said["id"], reason="Answered")
    await circle.shown("room.message_retracted", id=said["id"], reason="Answered")
    history = (await circle.people[ANN].rest("GET", f"{circle.path}/messages"))["data"]["messages"]
    assert [(one["id"], one.get("text", "")) for one in history] == [(said["id"], ""), (answer["id"], "Yes.")]


async def meet(circle: Circle) -> str:
    """Plan a session of the group: its members are told, and no others know of it. Returns its address."""
    starts = int(time() * 1000) + TOMORROW_MS
    planned = await circle.do(EVE, "schedule", title="Revision", starts=starts, minutes=30)
    await circle.shown("group.session_scheduled", session=planned["session"], ends=starts + 30 * 60_000)
    session = f"session:{planned['session']}"
    for member in (ANN, BEN, DAN):
        notice = await circle.people[member].notice("session.scheduled")
        assert notice["data"] == {"session": planned["session"], "starts": starts}
    (card,) = (await circle.people[BEN].rest("GET", "/api/live-sessions?status=scheduled"))["sessions"]
    assert (card["id"], card["owner"], card["audience"]) == (planned["session"], EVE, "listed")
    assert (await circle.people[FAY].refused(session, "join")).code == "not_found"
    assert (await circle.people[ANN].refused(session, "start")).code == "forbidden"
    watch = await circle.people[BEN].follow(session)
    await circle.people[EVE].do(session, "admit_early")
    await watch.event("session.doors_opened")
    await circle.people[DAN].do(session, "join")
    await watch.event("session.participant_joined", user=DAN)
    return session


async def keep_the_limit(circle: Circle) -> None:
    """Invite a fifth, who finds it full; with another limit it joins, and is expected in the planned session."""
    await circle.do(ANN, "invite", user=FAY)
    await circle.people[FAY].notice("group.invited")
    await circle.people[FAY].rest("POST", f"{circle.path}/accept", {}, status=409)
    assert await circle.refused(FAY, "accept") == "full"
    assert await circle.refused(ANN, "change", max_members=3) == "conflict"
    await circle.do(ANN, "change", max_members=5)
    await circle.shown("group.changed", max_members=5)
    await circle.do(FAY, "accept")
    await circle.shown("group.joined", user=FAY)
    await circle.follow(FAY)
    await circle.people[FAY].notice("session.scheduled")


async def remove(circle: Circle, session: str) -> None:
    """Remove one, who is shown nothing more, of the group and of its sessions, and does not come back by itself."""
    assert await circle.refused(EVE, "remove", user=DAN) == "forbidden"
    inside = await circle.people[DAN].follow(session)
    await circle.do(BEN, "remove", user=DAN)
    removed = circle.watches.pop(DAN)
    await circle.shown("group.left", user=DAN, reason="removed")
    assert await removed.gone() == "forbidden"
    assert await inside.gone() == "forbidden"
    assert await circle.refused(DAN, "accept") == "not_found"
    assert (await circle.people[DAN].refused(session, "join")).code == "not_found"
    assert (await circle.people[DAN].rest("GET", ROOT))["groups"] == []


async def look_back(circle: Circle, school: School) -> None:
    """Look at the figures; everybody was shown the same, before the server was killed and after."""
    figures = (await circle.people[EVE].rest("GET", f"{circle.path}/activity"))["data"]
    assert (figures["messages"], figures["members"], figures["weeks"][0]["messages"]) == (2, 4, 2)
    await school.kill()
    await circle.do(FAY, "say", text="Still here")
    await circle.shown("room.message_posted", text="Still here")
    (mine,) = (await circle.people[BEN].rest("GET", ROOT))["groups"]
    assert (mine["members"], mine["max_members"]) == (4, 5)
    state = await agree(circle.watches.values())
    assert state == await circle.people[ANN].look(circle.address)
    assert set(state.members) == {ANN, BEN, EVE, FAY}


async def delete(circle: Circle) -> None:
    """Delete it, and it is over for everybody."""
    assert await circle.refused(EVE, "delete") == "forbidden"
    await circle.people[BEN].rest("DELETE", circle.path)
    await circle.shown("group.deleted", reason="deleted")
    for watch in circle.watches.values():
        assert await watch.gone() == "forbidden"
    assert await circle.refused(ANN, "say", text="Hello?") == "not_found"
    assert (await circle.people[ANN].rest("GET", ROOT))["groups"] == []
