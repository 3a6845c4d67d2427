"""Every kind of channel × every role × every relation: who may follow it is what the line written by hand in `access_lines` says.

A refusal is `not_found` where the thing is hidden, else `forbidden`, and is the same to subscribers, to readers and to those who look again.
"""

import pytest
import trio

from homeroom.engine.behaviour import Caller, Refusal
from homeroom.engine.channel_door import Follower
from homeroom.engine.channels import Channels
from homeroom.engine.database import Database
from homeroom.engine.envelope import Joined, Watch
from homeroom.engine.waiter import Waiter
from homeroom.protocol.access import ADMINS, ROLES
from homeroom.protocol.channels import CHANNEL_KINDS
from homeroom.records.doors import THINGS, Doors, tables_of
from homeroom.records.types import RECORD_TYPES
from tests.engine.trial import Sink
from tests.http.access_lines import CHANNELS
from tests.http.channel_school import CHILD, address_of, open_channels, person, stage
from tests.http.test_access_matrix import in_set


async def watched(channels: Channels, address: str, caller: Caller) -> str:
    """Subscribe, and return the outcome."""
    waiter: Waiter[Joined | Refusal] = Waiter()
    channels.ref(address).tell(Watch(Sink(caller.user), caller, None, waiter.take))
    with trio.fail_after(10):
        answer = await waiter.wait()
    return answer.code if isinstance(answer, Refusal) else "ok"


async def was_read(channels: Channels, address: str, caller: Caller) -> str:
    """Catch up once, and return the outcome."""
    try:
        await channels.ref(address).read(caller, None, 1)
    except Refusal as refusal:
        return refusal.code
    return "ok"


def test_every_kind_of_channel_has_a_line() -> None:
    assert set(CHANNELS) == {kind.name for kind in CHANNEL_KINDS}
    assert set(CHANNELS["role"]) == set(ROLES)


@pytest.mark.parametrize("kind", [kind.name for kind in CHANNEL_KINDS])
async def test_every_channel_opens_to_those_on_its_line_alone(database: Database, kind: str) -> None:
    lines = CHANNELS[kind]
    await stage(database, () if kind == "table" else lines)
    doors = Doors(database, tables_of(RECORD_TYPES))
    async with open_channels(database) as channels:
        for relation, line in lines.items():
            for role in ROLES:
                user = person(relation, role) if kind != "table" else "boss"
                caller, address = Caller(user, role), address_of(kind, relation, user)
                may = in_set(line, role)
                expected = "ok" if may else "not_found" if kind in THINGS else "forbidden"
                assert await watched(channels, address, caller) == expected, (relation, role)
                assert await was_read(channels, address, caller) == expected, (relation, role)
                follower = Follower(address, user, role)
                lost = await doors.lost([follower]) if kind in THINGS else {}
                assert lost == ({} if may or kind not in THINGS else {follower: "forbidden"}), (relation, role)


@pytest.mark.parametrize("role", ROLES)
async def test_what_is_not_there_cannot_be_told_from_what_is_hidden(database: Database, role: str) -> None:
    await stage(database, ())
    async with open_channels(database) as channels:
        for address in ("class:none", "course:none", "cohort:none", "reportcard:none", "table:none", "role:none"):
            assert await watched(channels, address, Caller("boss", role)) == "not_found", address
        assert await watched(channels, "user:none", Caller("boss", role)) == "forbidden"


async def test_whose_thing_is_gone_has_lost_it_whatever_their_role(database: Database) -> None:
    doors = Doors(database, ())
    followers = [Follower(f"{kind}:none", "boss", role) for kind in THINGS for role in ROLES]
    assert await doors.lost(followers) == dict.fromkeys(followers, "not_found")


async def test_who_lost_a_thing_is_told_from_those_who_have_it(database: Database) -> None:
    await stage(database, ("stranger",))
    doors = Doors(database, ())
    keeps = [Follower(address, CHILD, "student") for address in ("class:10a", "course:physics")]
    loses = [Follower("class:10a", person("stranger", "teacher"), "teacher")]
    admin = [Follower("class:10a", person("stranger", role), role) for role in ADMINS]
    assert await doors.lost([*keeps, *loses, *admin]) == dict.fromkeys(loses, "forbidden")


async def test_while_the_database_is_away_nobody_can_tell(database: Database) -> None:
    await database.execute("ALTER TABLE channels RENAME TO elsewhere")
    await database.execute("ALTER TABLE classes RENAME TO nowhere")
    doors = Doors(database, {"classes"})
    with pytest.raises(Refusal, match="unavailable"):
        await doors.look("table:classes", Caller("boss", "admin"))
    with pytest.raises(Refusal, match="unavailable"):
        await doors.lost([Follower("class:10a", "boss", "teacher")])


async def test_the_snapshot_says_what_the_channel_is_about(database: Database) -> None:
    await stage(database, ())
    async with open_channels(database) as channels:
        admin = Caller("boss", "admin")
        page = await channels.ref("class:10a").read(admin, None, 1)
        assert (page.state.id, page.state.title, page.state.version, page.seq) == ("10a", "Class 10a", 3, 0)
        assert (await channels.ref("table:classes").read(admin, None, 1)).state.changed_at is None
        assert (await channels.ref("user:boss").read(admin, None, 1)).state.role == "teacher"
        assert (await channels.ref("reportcard:draft").read(admin, None, 1)).state.version == 1
