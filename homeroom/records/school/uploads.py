"""Uploads: what is known of each file that somebody gave. Its bytes lie in the file store under a name of their own.

A row begins when the file begins to come, and ends `completed` or `failed`; all three are told, and how much has come is a
signal between. A file may be read by its owner, by admins, and by whoever may read a study resource that points to it; only its
owner and admins let a record point to it, and as long as one does it stays.
Never here: taking files in (`records.files.reception`), and what types there are (`records.files.content`).
"""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from msgspec import Meta

from homeroom.engine.behaviour import Refusal
from homeroom.protocol.access import ADMINS, ROLES, SYSTEM_ROLE, allow
from homeroom.protocol.ids import MAX_SEQ, Id
from homeroom.protocol.text import UnfitText, clean_name
from homeroom.records.columns import LINE, Row
from homeroom.records.declare import Moment, RecordType, Reference, Unit, table, to
from homeroom.records.intake import misfit
from homeroom.records.school.relations import (
    belongs_to,
    is_me,
)

FILE_NAME_MAX = 255
_PATH = re.compile(r"[/\\]")

FileName = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=FILE_NAME_MAX,
        extra=LINE,
        description="what its owner calls it; of a path, the last part is kept",
    ),
]
MimeType = Annotated[
    str, Meta(pattern=r"\A([a-z]+/[a-z0-9.+\-]{1,100})?\Z", description="such as image/png, or nothing")
]
Sha256 = Annotated[str, Meta(pattern=r"\A([0-9a-f]{64})?\Z", description="of the content, once all of it is there")]
Bytes = Annotated[int, Meta(ge=0, le=MAX_SEQ)]
Reason = Literal["", "too_large", "unfit_content", "full", "no_room", "unavailable", "interrupted"]

COMPLETED, FAILED = "upload.completed", "upload.failed"


class Upload(Row, frozen=True, kw_only=True):
    """A file. `type` is what its content was found to be, `declared_type` what its owner said; `size` in bytes, `reason` why it failed."""

    owner_id: Id
    name: FileName
    declared_type: MimeType = ""
    type: MimeType = ""
    size: Bytes = 0
    sha256: Sha256 = ""
    status: Literal["receiving", "completed", "failed"] = "receiving"
    reason: Reason = ""


def clean_file_name(given: str) -> str:
    """Return a file's name as it is kept: a line of text, of a path its last part; raises `UnfitText` when nothing is left."""
    name = clean_name(_PATH.split(given)[-1])
    if name in {".", ".."}:
        raise UnfitText("the text names a folder")
    return name


def _fill(old: Upload | None, new: Upload, moment: Moment) -> Mapping[str, Any]:
    try:
        return {"name": clean_file_name(new.name)}
    except UnfitText as error:
        raise misfit("name", str(error), "a text") from None


async def check_own_file(unit: Unit, old: Any, new: Any) -> None:
    """Let only a file's owner, and admins, have the `upload_id` of a record point to it: others would open it to people of their choice.

    A file that the caller may not read is not there, as everywhere. Raises `bad_command`, `forbidden`, both with the field.
    """
    pointed = None if new is None else new.upload_id
    if pointed is None or (old is not None and old.upload_id == pointed):
        return
    try:
        upload: Upload = await unit.get(UPLOAD, pointed)
    except Refusal as refusal:
        if refusal.code != "not_found":
            raise
        raise misfit("upload_id", "there is no such thing", "the id of an upload of yours") from None
    if upload.owner_id != unit.caller.user and unit.caller.role not in {*ADMINS, SYSTEM_ROLE}:
        msg = "upload_id: only its owner, or an admin, can share this file"
        raise Refusal("forbidden", msg, data={"field": "upload_id"})
    if upload.status != "completed":
        raise misfit("upload_id", "this file has not come in whole", "the id of a completed upload")


HOLDERS_MAX = 10
"""Records that a refusal names at the most."""
_HOLDERS = """SELECT h.type, h.id, h.title, h.owner_id, u.name FROM (
SELECT 'resource' AS type, f.id, f.title, f.author_id AS owner_id FROM study_resources f WHERE f.upload_id = $1
UNION ALL SELECT 'application', a.id, v.title, a.applicant_id FROM applications a JOIN vacancies v ON v.id = a.vacancy_id
WHERE a.upload_id = $1) h JOIN users u ON u.id = h.owner_id ORDER BY h.type DESC, h.id LIMIT $2"""


async def _check_free(unit: Unit, old: Upload | None, new: Upload | None) -> None:
    """Raise `conflict` that names the records which still point to a file that is to go: it would be missing there."""
    if old is None or new is not None:
        return
    found = await unit.fetch(_HOLDERS, old.id, HOLDERS_MAX)
    if found:
        first = f"the {found[0]['type']} {found[0]['title']!r} of {found[0]['name']}"
        others = f" and {len(found) - 1} more" if len(found) > 1 else ""
        records = [{name: row[name] for name in ("type", "id", "title", "owner_id")} for row in found]
        data = {"by": found[0]["type"], "field": "upload_id", "records": records}
        raise Refusal("conflict", f"this file is still in use: take {first}{others} away first", data=data)


_MEMBERS = belongs_to("f.class_id", "f.course_id")
_SHARED = (
    "EXISTS (SELECT FROM study_resources f WHERE f.upload_id = r.id"
    f" AND (f.author_id = :me OR (f.class_id IS NULL AND f.course_id IS NULL) OR {_MEMBERS}))"
)

UPLOAD = RecordType(
    name="upload",
    plural="uploads",
    row=Upload,
    channels=(table(), to("user", "owner_id")),
    read=allow(ADMINS) | allow(ROLES, "own", "shared"),
    create=allow(ROLES, "own"),
    update=allow(ADMINS) | allow(ROLES, "own"),
    delete=allow(ADMINS) | allow(ROLES, "own"),
    relations={"own": is_me("r.owner_id"), "shared": _SHARED},
    references={"owner_id": Reference("user", on_delete="cascade")},
    fill=_fill,
    before=_check_free,
    made_by_server=frozenset({"owner_id", "declared_type", "type", "size", "sha256", "status", "reason"}),
    mine=frozenset({"owner_id"}),
    filters=("owner_id", "status", "type", "created_at"),
    sorts=("created_at", "name", "size"),
    indexes=(("owner_id", "status"),),
    words={"created": "upload.started"},
    tells=(COMPLETED, FAILED),
    own_id=True,
)
