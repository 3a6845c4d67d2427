"""Who may be looked up by id, name and role: staff find everybody, others those whom they meet at school.

A student meets whoever shares a class, a course or a cohort, and its mentors and parents; a parent those who teach or mentor its
children. Never here: all else that there is of a person (`school.users`).
"""

from collections.abc import Collection, Iterable, Mapping, Sequence

from msgspec import Struct

from homeroom.engine.behaviour import Caller
from homeroom.engine.named import NOBODY
from homeroom.protocol.access import STAFF, SYSTEM_ROLE
from homeroom.protocol.paging import encode_after
from homeroom.records.faults import told_as_refusals
from homeroom.records.intake import check_storable
from homeroom.records.named import Named
from homeroom.records.pages import read_after
from homeroom.records.reads import Reads
from homeroom.records.school.people import LEFT_AS
from homeroom.records.school.users import SEARCHED
from homeroom.records.search import all_words_in, maybe_in

_MET = """WITH us (id) AS (SELECT $1 UNION SELECT ward FROM guardians WHERE guardian = $1 AND active),
classes_of_us (id) AS (SELECT class_id FROM class_memberships WHERE user_id IN (SELECT id FROM us)),
courses_of_us (id) AS (SELECT course_id FROM enrolments WHERE status = 'active' AND user_id IN (SELECT id FROM us)),
met (id) AS (SELECT id FROM us
UNION SELECT guardian FROM guardians WHERE ward = $1 AND active
UNION SELECT user_id FROM class_memberships WHERE class_id IN (SELECT id FROM classes_of_us)
UNION SELECT teacher_id FROM teachings WHERE class_id IN (SELECT id FROM classes_of_us)
UNION SELECT user_id FROM enrolments WHERE status = 'active' AND course_id IN (SELECT id FROM courses_of_us)
UNION SELECT teacher_id FROM courses WHERE id IN (SELECT id FROM courses_of_us)
UNION SELECT b.user_id FROM cohort_memberships a JOIN cohort_memberships b USING (cohort_id)
WHERE a.user_id IN (SELECT id FROM us)
UNION SELECT mentor_id FROM mentorships WHERE active AND student_id IN (SELECT id FROM us)) """
_FOUND = """SELECT r.id, r.name, r.role, r.active FROM users r
WHERE $1::text IS NOT NULL AND r.id > $2::text AND (cardinality($3::text[]) > 0 OR r.active)
AND (cardinality($3::text[]) = 0 OR r.id = ANY($3::text[])) AND ($4::text = '' OR r.role = $4) AND """
_STUDENT = "r.id IN (SELECT id FROM met) AND "
_PARENT = "r.id IN (SELECT id FROM met) AND (r.role = ANY(ARRAY['super_admin', 'admin', 'teacher']) OR r.id IN (SELECT id FROM us)) AND "
_WORDS = f"{maybe_in(SEARCHED, '$5::text')} AND {all_words_in('r.name', '$5::text')}"
_NO_WORDS = "$5::text IS NOT NULL"
_PAGE = " ORDER BY r.id LIMIT $6::bigint"
_SEEN: Mapping[str, tuple[str, str]] = {"student": (_MET, _STUDENT), "parent": (_MET, _PARENT)}
"""Role -> what its statement begins with, and whom it finds; others find everybody."""
_NAMES = "SELECT r.id, r.name, r.role FROM users r WHERE $1::text IS NOT NULL AND r.id = ANY($2::text[])"
_STAFF_OR = "(r.role = ANY(ARRAY['super_admin', 'admin', 'teacher']) OR r.id IN (SELECT id FROM {them}))"
_NAMED: Mapping[str, str] = {
    role: f"{_MET}{_NAMES} AND {_STAFF_OR.format(them=them)}"
    for role, them in {"student": "met", "parent": "us"}.items()
}
"""Role -> the names of those whom it sees named somewhere; others are told all of them."""
_THERE = f"SELECT u.id, {LEFT_AS} FROM users u WHERE u.id = ANY($1::text[]) AND u.deleted_at IS NULL"  # noqa: S608 - a constant


class Entry(Struct, frozen=True):
    """A person by name. Who is not `active` has left: journals still name the id."""

    id: str
    name: str
    role: str
    active: bool


class Entries(Struct, frozen=True):
    """A page of people in the order of their ids; `after` leads to the next one, empty when there is none."""

    items: tuple[Entry, ...]
    after: str = ""


class Directory:
    """Looks people up."""

    def __init__(self, reads: Reads) -> None:
        self._reads = reads

    async def page(  # noqa: PLR0917 - what a query has
        self, caller: Caller, ids: Sequence[str], role: str, words: str, limit: int, after: str
    ) -> Entries:
        """Return those of `ids` whom the caller may know of, of all who are active when there are none.

        Raises `bad_command` for an `after` of another list.
        """
        known = _statement(caller.role, bool(words.strip()))
        args = (_behind(after), list(ids), role, check_storable("words", words), limit + 1)
        with told_as_refusals():
            rows = await self._reads.fetch(caller.user, known, caller.user, *args)
        found = tuple(Entry(row["id"], row["name"], row["role"], row["active"]) for row in rows[:limit])
        return Entries(found, encode_after(found[-1].id, "person:row") if len(rows) > limit else "")

    async def names(self, caller: Caller, ids: Iterable[str]) -> dict[str, Named]:
        """Return who those of `ids` are of whom the caller may know.

        They are named by rows that the caller sees: who is of the staff is known to everybody then, of others whom they meet.
        """
        wanted = sorted(set(ids))
        if not wanted:
            return {}
        with told_as_refusals():
            rows = await self._reads.fetch(caller.user, _NAMED.get(caller.role, _NAMES), caller.user, wanted)
        return {row["id"]: Named(row["name"], row["role"]) for row in rows}

    async def strangers(self, ids: Collection[str]) -> Mapping[str, str]:
        """Return those of `ids` who are not at the school: `NOBODY` of people who never were, or were deleted; or as what a student left.

        For whoever may name them, which is to be asked before. Raises `unavailable`.
        """
        with told_as_refusals():
            rows = await self._reads.database.fetch(_THERE, sorted(ids))
        there = {row["id"]: row["left_as"] for row in rows}
        return {one: left for one in ids if (left := there.get(one, NOBODY)) is not None}


def _statement(role: str, words: bool) -> str:
    """Return who finds whom as SQL; without words the index of texts is left alone."""
    met, seen = ("", "") if role in (*STAFF, SYSTEM_ROLE) else _SEEN[role]
    return f"{met}{_FOUND}{seen}{_WORDS if words else _NO_WORDS}{_PAGE}"


def _behind(after: str) -> str:
    place = read_after(after, str)
    return "" if place is None else check_storable("after", place[0])
