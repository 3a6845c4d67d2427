"""Uploads: what is known of each file that somebody gave. Its bytes lie in the file store under a name of their own.

A row begins when the file begins to come, and ends `completed` or `failed`; all three are told, and how much has come is a
signal between. A file may be read by its owner, by admins, and by whoever may read a study resource that points to it.
Never here: taking files in (`records.files.reception`), and what types there are (`records.files.content`).
"""

from typing import Annotated, Literal

from msgspec import Meta

from homeroom.protocol.access import ADMINS, ROLES, allow
from homeroom.protocol.ids import MAX_SEQ, Id
from homeroom.records.columns import LINE, Row
from homeroom.records.declare import RecordType, Reference, table, to
from homeroom.records.school.relations import (
    belongs_to,
    is_me,
)

FILE_NAME_MAX = 255

FileName = Annotated[
    str,
    Meta(min_length=1, max_length=FILE_NAME_MAX, extra=LINE, description="what its owner calls it; to us never a path"),
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
    made_by_server=frozenset({"owner_id", "declared_type", "type", "size", "sha256", "status", "reason"}),
    mine=frozenset({"owner_id"}),
    filters=("owner_id", "status", "type", "created_at"),
    sorts=("created_at", "name", "size"),
    indexes=(("owner_id", "status"),),
    words={"created": "upload.started"},
    own_id=True,
)
