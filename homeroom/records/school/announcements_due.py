"""Announcements whose time has come: published, if their author may still publish them; else they are drafts again, and it is told.

An author may have lost the class, the role or the account since the time was set. Never here: when somebody looks (`chores`).
"""

from homeroom.protocol.access import ROLES
from homeroom.records.access import allowed
from homeroom.records.declare import Unit
from homeroom.records.school.announcements import ANNOUNCEMENT, KEPT_BACK

(_PUBLISH,) = ANNOUNCEMENT.actions
_TO_COME = "status = 'scheduled' AND (expires_at IS NULL OR expires_at > greatest(publish_at, $1))"
_BY_ROLE = " OR ".join(
    f"u.role = '{role}' AND {allowed(ANNOUNCEMENT, _PUBLISH.rule, role, 'r.author_id')}" for role in ROLES
)
_MAY = f"EXISTS (SELECT FROM users u WHERE u.id = r.author_id AND u.active AND u.deleted_at IS NULL AND ({_BY_ROLE}))"
_DUE = f"""SELECT r.id, {_MAY} AS may FROM announcements r WHERE publish_at <= $1 AND {_TO_COME}
ORDER BY r.id LIMIT 100 FOR NO KEY UPDATE OF r"""
_NEXT = f"SELECT min(publish_at) AS at FROM announcements WHERE {_TO_COME}"


async def publish_due(unit: Unit) -> int | None:
    """Publish up to a hundred announcements whose time has come; returns when the next one is due, Unix ms, `None` when none waits.

    The unit is the system's own. One that has ended before it could be published stays as it is; one that its author may not publish
    any more is a draft from then on, of which the author and the admins are told.
    """
    due = await unit.fetch(_DUE, unit.now)
    for row in due:
        await (_publish if row["may"] else _keep_back)(unit, row["id"])
    ((at,),) = await unit.fetch(_NEXT, unit.now)
    return None if at is None else int(at)


async def _publish(unit: Unit, id: str) -> None:
    await unit.update(ANNOUNCEMENT, id, {"status": "published", "published_at": unit.now}, _PUBLISH.event)


async def _keep_back(unit: Unit, id: str) -> None:
    await unit.notify(ANNOUNCEMENT, KEPT_BACK, (await unit.update(ANNOUNCEMENT, id, {"status": "draft"}),))
