"""What is taught, and who teaches it in which class."""

from homeroom.protocol.access import ADMINS, EVERYBODY, STAFF, allow
from homeroom.protocol.ids import Id
from homeroom.records.columns import Code, Description, Row, Title
from homeroom.records.declare import RecordType, Reference, role, table, to
from homeroom.records.place import Place
from homeroom.records.school.relations import guardian_in_class, in_class
from homeroom.records.tallies import Tally

_BY_ADMINS = allow(ADMINS)


class Subject(Row, frozen=True, kw_only=True):
    """A subject; its code is its own."""

    code: Code
    title: Title
    description: Description = ""


SUBJECT = RecordType(
    name="subject",
    plural="subjects",
    row=Subject,
    channels=(table(), role("admin", "teacher")),
    read=EVERYBODY,
    create=_BY_ADMINS,
    update=_BY_ADMINS,
    delete=_BY_ADMINS,
    filters=("code",),
    sorts=("code", "title", "created_at"),
    unique=(("code",),),
    own_id=True,
)


class Teaching(Row, frozen=True, kw_only=True):
    """That a teacher teaches a subject in a class."""

    class_id: Id
    subject_id: Id
    teacher_id: Id


TEACHING = RecordType(
    name="teaching",
    plural="teachings",
    row=Teaching,
    channels=(table(), to("class", "class_id"), to("user", "teacher_id")),
    read=allow(STAFF) | allow(("student",), "member") | allow(("parent",), "guardian"),
    create=_BY_ADMINS,
    update=_BY_ADMINS,
    delete=_BY_ADMINS,
    relations={"member": in_class("r.class_id"), "guardian": guardian_in_class("r.class_id")},
    references={
        "class_id": Reference("class", on_delete="cascade"),
        "subject_id": Reference("subject"),
        "teacher_id": Reference("user", role="teacher", first=True),
    },
    filters=("class_id", "subject_id", "teacher_id"),
    sorts=("created_at",),
    unique=(("class_id", "subject_id", "teacher_id"),),
    indexes=(("teacher_id", "class_id"),),
    tallies=(Tally("teachings", {"class": "class_id", "mentor": "teacher_id"}),),
    place=Place("class", "teacher_id", "class_id", part="teacher"),
)
