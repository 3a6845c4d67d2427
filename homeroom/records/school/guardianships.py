"""That a parent stands for a child. A link is never removed but ended, so that servers that ask what has changed hear of it too.

Never here: what a parent may see (each record type's rules), and who stands for whom this moment (`http.wards`).
"""

from msgspec import Struct

from homeroom.engine.behaviour import Refusal
from homeroom.protocol.access import ADMINS, GUARDIAN_ROLE, NOBODY, allow
from homeroom.protocol.ids import Id
from homeroom.records.audit import WRITE
from homeroom.records.columns import Row
from homeroom.records.declare import Moment, RecordType, Reference, Unit, table, to
from homeroom.records.intake import misfit

WARDS_MAX = 100
"""Children that one parent stands for at the most."""
GUARDIANS_MAX = 20
"""Parents that stand for one child at the most: each is told of its results."""
WARD_ROLE = "student"

_LOCK = "SELECT FROM users WHERE id = ANY($1::text[]) ORDER BY id FOR NO KEY UPDATE"
_COUNT = """SELECT count(*) FILTER (WHERE guardian = $1) AS wards, count(*) FILTER (WHERE ward = $2) AS guardians
FROM guardians WHERE (guardian = $1 OR ward = $2) AND active"""
_ABOVE = """WITH RECURSIVE above (id) AS (SELECT guardian FROM guardians WHERE ward = $1 AND active
UNION SELECT g.guardian FROM guardians g JOIN above ON g.ward = above.id WHERE g.active)
SELECT FROM above WHERE id = $2"""
_OF = "SELECT id FROM guardianships WHERE (guardian_id = $1 OR ward_id = $1) AND active ORDER BY id"


class Link(Struct, frozen=True):
    """That a parent stands for a child, or, no longer `active`, did so until `at` (Unix ms of the last change)."""

    guardian: str
    ward: str
    active: bool
    at: int


class Guardianship(Row, frozen=True, kw_only=True):
    """That a parent stands for a child, and sees what concerns it."""

    guardian_id: Id
    ward_id: Id


def _check(row: Guardianship, moment: Moment) -> None:
    if row.guardian_id == row.ward_id:
        raise misfit("ward_id", "nobody stands for themselves", "the id of somebody else")


async def _before(unit: Unit, old: Guardianship | None, new: Guardianship | None) -> None:
    """Raise `conflict` for links in a ring and `full` for too many; both people are held, so that their links come one by one."""
    if new is None:
        return
    await unit.fetch(_LOCK, [new.guardian_id, new.ward_id])
    if await unit.fetch(_ABOVE, new.guardian_id, new.ward_id):
        data = {"fields": ["guardian_id", "ward_id"], "cycle": [new.guardian_id, new.ward_id]}
        raise Refusal(
            "conflict", f"cyclic guardian link: {new.ward_id} stands for {new.guardian_id} already", data=data
        )
    (row,) = await unit.fetch(_COUNT, new.guardian_id, new.ward_id)
    if row["wards"] >= WARDS_MAX:
        raise Refusal("full", f"a parent stands for {WARDS_MAX} children at the most", data={"field": "guardian_id"})
    if row["guardians"] >= GUARDIANS_MAX:
        raise Refusal("full", f"{GUARDIANS_MAX} parents stand for a child at the most", data={"field": "ward_id"})


async def _follow(unit: Unit, old: Guardianship | None, new: Guardianship | None) -> None:
    """Write the change down for both, and have this server know of it at once."""
    row, did = (new, "linked") if new is not None else (old, "unlinked")
    if row is None:
        return
    by, at = unit.caller.user, unit.now
    await unit.execute(WRITE, "user", row.guardian_id, f"ward_{did}", by, row.ward_id, at)
    await unit.execute(WRITE, "user", row.ward_id, f"guardian_{did}", by, row.guardian_id, at)
    unit.news(Link(row.guardian_id, row.ward_id, new is not None, at))


async def end_links(unit: Unit, user: str) -> None:
    """End all links of a person."""
    for row in await unit.fetch(_OF, user):
        await unit.delete(GUARDIANSHIP, row["id"])


_BY_ADMINS = allow(ADMINS, "there")

GUARDIANSHIP = RecordType(
    name="guardianship",
    plural="guardianships",
    row=Guardianship,
    channels=(table("guardians"), to("user", "guardian_id"), to("user", "ward_id")),
    read=_BY_ADMINS | allow((GUARDIAN_ROLE, WARD_ROLE), "own"),
    create=_BY_ADMINS,
    update=NOBODY,
    delete=_BY_ADMINS,
    relations={
        "there": "r.active",
        "own": "r.active AND (r.guardian_id = :me OR r.ward_id = :me)",
    },
    references={
        "guardian_id": Reference("user", role=GUARDIAN_ROLE),
        "ward_id": Reference("user", role=WARD_ROLE),
    },
    filters=("guardian_id", "ward_id"),
    sorts=("created_at",),
    unique=(("guardian_id", "ward_id"),),
    checks=_check,
    before=_before,
    after=_follow,
    words={"created": "guardian.linked", "deleted": "guardian.unlinked"},
    aliases={"student_id": "ward_id", "parent_id": "guardian_id"},
    by_hand=True,
    farewell="active = false, updated_at = :now, version = version + 1",
    path="guardians",
)
