"""The words of the description that no declaration says: what each chapter is about, and what a field of a common name holds.

A field's own description, where its type has one, always comes first. Pure. Never here: which doors and fields there are.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from homeroom.protocol.ids import Id
from homeroom.protocol.summaries import summary_of
from homeroom.records.declare import RecordType

TAGS: Mapping[str, str] = {
    "authentication": "Logging in, the tokens of a login and their renewal, logging out, and one's own password.",
    "rooms": "Chat rooms: members, messages, reactions, threads, pins, and who has read how far.",
    "presence": "Who is here: one's own state, and that of others as far as one may see it.",
    "study-groups": "Groups of students: members, meetings, messages and figures.",
    "office-hours": "A teacher's queue: hours, tickets, turns and conversations. Its id is that of its teacher.",
    "live-sessions": "Lessons that happen now: the way in, hands, questions, polls, attendance.",
    "notifications": "One's inbox of notices: reading, counting, putting away, hours of quiet.",
    "leaderboards": "Boards of points: places, one's own standing, and who takes part.",
    "exams": "Exams: questions, students, opening and closing, extra time, results.",
    "sittings": "One student's part in an exam: starting, saving answers, submitting, the mark.",
    "proctors": "What those see who watch over an exam.",
    "people": "Names for ids, as far as one may know of people.",
    "activity": "What happened, as far as it concerns one, and the changes of a record with the values before and after.",
    "realtime": "Catching up and long polling over HTTP, for whom WebSocket is no way.",
    "operation": "Health and figures, for those who run the server.",
    "documents": "This description, and that of the WebSocket's side.",
    "dashboard": "Sums over the school, kept up to date: counted when something changes, never at a look.",
}
"""Chapter -> what it is about; those of records follow from their declarations."""

FORM = str(Id.__metadata__[0].description)  # type: ignore[attr-defined] # an `Annotated` has them
_PERSON = "the id of a user (`/api/users`)"
_STUDENT = "the id of the user who is the student (`/api/users`), not that of the student's record"

IDS: Mapping[str, str] = {
    **dict.fromkeys(("user_id", "user", "actor_id", "changed_by", "marked_by", "reviewed_by", "author_id"), _PERSON),
    **dict.fromkeys(("student_id", "student", "ward_id"), _STUDENT),
    **dict.fromkeys(("mentor_id", "teacher_id"), "the id of the user who is the teacher (`/api/users`)"),
    "guardian_id": "the id of the user who is the parent (`/api/users`)",
    "assignee_id": "the id of the user whose task it is (`/api/users`)",
    "uploader_id": "the id of the user who sent it (`/api/users`)",
    "class_id": "the id of a class (`/api/classes`)",
    "course_id": "the id of a course (`/api/courses`)",
    "course": "the id of a course (`/api/courses`)",
    "cohort_id": "the id of a cohort (`/api/cohorts`)",
    "term_id": "the id of a term (`/api/terms`)",
    "subject_id": "the id of a subject (`/api/subjects`)",
    "exam_id": "the id of an exam (`/api/exams`)",
    "upload_id": "the id of an upload (`/api/uploads`)",
    "vacancy_id": "the id of a vacancy (`/api/vacancies`)",
    "entry_id": "the id of an entry (`/api/entries`)",
    "question_id": "the id of a question of the exam",
    "series_id": "the id of the series that a slot belongs to",
}
"""Field or parameter -> whose id it holds; the form of ids is said behind it."""

FIELDS: Mapping[str, str] = {
    "accepted": "whether it was accepted",
    "access_token": "what proves who one is, for some minutes",
    "action": "what was decided, or is to be done",
    "active": "whether it is in force",
    "after": "leads to the next page, empty where there is none",
    "again": "whether it had been done before, and this is the first answer",
    "alias": "the name that stands on the boards instead of the person's own",
    "already": "how many were there before",
    "anonymous": "whether it is kept from everybody who said what",
    "answered": "how many are answered, or whether it is",
    "answers": "the answers, by question",
    "audience": "whom it is for",
    "author": "the id of the user who wrote it",
    "body": "the text itself",
    "by": "the id of the user who did it",
    "capacity": "how many there is room for",
    "chat": "whether people may write",
    "choices": "what was chosen",
    "code": "the name of the error, or the short name by which people know it",
    "comment": "a remark for people",
    "connections": "how many connections the person has",
    "conversations": "the conversations, in order of time",
    "correct": "the right answer",
    "count": "how many",
    "created_at": "when it was made, Unix milliseconds",
    "cursor": "where to go on: opaque, for the next request",
    "d": "more about it, for programs",
    "data": "what the verb replies, `null` for nothing",
    "description": "more about it, in a few sentences",
    "detail": "what was wrong, in words",
    "done": "whether it was carried out",
    "dry_run": "only check: nothing is changed, and the answer says what would be",
    "email": "the address of a mailbox, or whether mail is wanted, which a program of the school sends",
    "enrolled": "how many were enrolled, or who",
    "entries": "the entries, in order",
    "event_type": "the type of the event, such as `entry.created`",
    "events": "the events, in order",
    "exam": "the id of an exam",
    "expires": "when it ends, Unix milliseconds",
    "expires_at": "when it ends, Unix milliseconds; without one it does not",
    "fault": "why nothing came of it",
    "fields": "the columns that changed",
    "file": "a file that goes with it",
    "focus_stack": "what it is about: a subject, a technology",
    "groups": "the groups, in order",
    "history": "what became of it, the oldest first",
    "hours": "the weekly hours, with their zone",
    "id": "the id of this one",
    "in_app": "whether a notice is put into the inbox",
    "instance": "the id of the request, as in the header `X-Request-Id`",
    "invited": "the people who are invited, each by the id of the user",
    "is_group_session": "whether it is for a class or several people",
    "items": "the rows of this page, in the order that was asked for",
    "kind": "of which kind it is",
    "late": "whether it came after its time",
    "letter": "the letter of the applicant",
    "limit": "how many a page holds at the most",
    "line": "the number of the line, that of the names being 1",
    "lines": "what becomes of each line",
    "link": "where it takes place, or more about it is found: an https address",
    "mark": "the mark",
    "marked": "how many were marked for the first time",
    "marks": "the marks, one for each",
    "materials": "what goes with it, to read or to look at",
    "max_members": "how many members there may be",
    "members": "those who belong to it",
    "mentees": "how many students the mentor looks after",
    "mentions": "the people who are named in it, each by the id of the user",
    "message": "the id of a message, or its text",
    "messages": "the messages, in order",
    "minutes": "how long, in minutes",
    "mode": "how it works",
    "more": "whether there is more: ask again at once",
    "most": "how many at the most",
    "msg": "what was wrong, in words",
    "multiple": "whether several may be chosen",
    "muted": "who may not write for now, or which types are silent",
    "name": "the name that people see",
    "new_password": "the password from now on",
    "new_value": "the columns that changed, as they are since",
    "note": "a remark for people",
    "number": "the number that the school gave",
    "occurrences": "each time at which it takes place, in order",
    "old_password": "the password so far",
    "old_value": "the columns that changed, as they were before",
    "opened": "when it was opened, Unix milliseconds",
    "options": "what can be chosen",
    "order": "the place in the order",
    "owner": "the id of the user whose it is",
    "owner_name": "the name of the user whose it is",
    "part": "what the person is in it",
    "participants": "the people who take part",
    "password": "the password: at least as long as is said here, and never shown again",
    "path": "the address on this server, without its name",
    "payload": "ids of what it is about, the operation and the version",
    "people": "the people that it is about, each by the id of the user",
    "points": "how many points",
    "pos": "stream and number of the last event that it caused, `null` when nothing changed",
    "position": "the place in the order, the smallest first",
    "priority": "how urgent it is",
    "published": "whether everybody sees it",
    "push": "whether a message to devices is wanted, which a program of the school sends",
    "question": "the question",
    "questions": "the questions, in order",
    "queues": "the queues, in order",
    "rank": "the place, the best first",
    "reactions": "who reacted with what",
    "reason": "why, for people",
    "refresh_token": "good for one renewal of the login",
    "released": "whether the results are shown to the students",
    "retracted": "whether it was taken back",
    "retry_ms": "after how many milliseconds to come back",
    "role": "the role of the person",
    "room": "the room where it takes place",
    "rows": "the rows, in order",
    "scope": "which of them are meant",
    "score": "the points that were reached",
    "seconds": "how long, in seconds",
    "seq": "the number of the event in its stream",
    "series": "the rule by which it comes again (RRULE of RFC 5545): FREQ=WEEKLY;BYDAY=MO,WE;COUNT=20",
    "sessions": "the sessions, in order of time",
    "shuffle_options": "whether each student gets the options in another order",
    "shuffle_questions": "whether each student gets the questions in another order",
    "size": "how many bytes, or how many there are",
    "sound": "whether a notice makes a sound",
    "status": "how far it has come: one of the words that are allowed",
    "students": "the students, each by the id of the user",
    "submitted": "whether, or when, it was handed in",
    "suggestion": "what is suggested, and by whom",
    "target_id": "the id of what it happened to",
    "target_role": "the role that it is for; for everybody without one",
    "target_type": "of which type that is",
    "text": "the text that people read",
    "title": "what it is called",
    "token_type": "how the token is sent: `Authorization: Bearer …`",
    "topic": "what it is about",
    "type": "of which type it is",
    "typing": "whether somebody is writing",
    "unchanged": "how many were so already",
    "unread": "how many are not read yet",
    "updated": "how many were changed",
    "users": "people, each by the id of the user",
    "version": "grows by one with each change",
    "visibility": "who finds it and may come in",
    "wards": "the ids of the users for whom this parent stands",
    "wrong": "how many do not fit",
    "zone": "the time zone in which people speak of it, such as Europe/Berlin",
}
"""Field -> what it holds, wherever one of that name stands."""

OTHERWISE: Mapping[tuple[str, str], str] = {
    ("accepted", "array"): "the texts that count as right",
    ("active", "integer"): "how many members did something",
    ("after", "integer"): "the place behind which it begins",
    ("alias", "boolean"): "whether the name is one of the person's choice, with nothing that tells who it is",
    ("already", "array"): "those who were there before, each by the id of the user",
    ("answered", "integer"): "how many are answered",
    ("conversations", "integer"): "how many conversations",
    ("correct", "array"): "the right options, each by its id",
    ("course", "boolean"): "also all students of the exam's course, as they are now",
    ("email", "boolean"): "whether mail is wanted, which a program of the school sends",
    ("enrolled", "array"): "who is enrolled, each by the id of the user",
    ("enrolled", "integer"): "how many were enrolled",
    ("entries", "integer"): "how many entries",
    ("entries", "object"): "the entries, by id",
    ("late", "object"): "what came too late to count, by question",
    ("line", "array"): "who waits, in order, each by the id of the entry",
    ("members", "integer"): "how many belong to it",
    ("messages", "integer"): "how many messages",
    ("opened", "boolean"): "whether the exam is open",
    ("order", "string"): "who comes first",
    ("participants", "integer"): "how many take part",
    ("people", "integer"): "how many people",
    ("people", "object"): "the people that it is about, by the id of the user",
    ("questions", "integer"): "how many questions",
    ("questions", "object"): "the questions, by id",
    ("retracted", "string"): "the id of the user who took it back, `null` while nobody has",
    ("status", "integer"): "the status of the answer, as in its first line",
    ("student", "integer"): "how many students",
    ("submitted", "integer"): "when it was handed in, Unix milliseconds, 0: not yet",
    ("unread", "boolean"): "only those that are not read yet",
    ("version", "string"): "the version of the server",
}
"""Field and type of JSON -> what it holds where it is of that type."""

_PRESENT = "whether the student was there, and if not, or not in time, whether that is excused"
_STANDING = "whether the person takes part, or did once"
OWN: Mapping[str, str] = {
    **{f"Attendance{name}.status": _PRESENT for name in ("Shown", "New", "Whole", "Change", "Mark")},
    **{f"Enrolment{name}.status": _STANDING for name in ("Shown", "New", "Whole", "Change")},
    **{
        f"Student{name}.status": "whether the student is at the school"
        for name in ("", "Shown", "New", "Whole", "Change")
    },
    "Alive.status": "that the process answers",
    "DashboardAttendanceFigures.late": "how many came late",
    "ExamSittingRow.late": "how many answers came too late to count",
    "ExamState.submitted": "how many have handed in",
    "ListLine.status": "what becomes of the line, or would",
    "PresenceSetStatus.status": "whether one can be reached",
    "PresenceState.status": "whether the person can be reached",
}
"""Structure and field -> what it holds there, where others of its name and type hold something else."""

ROW_IDS: Mapping[str, str] = {
    "students": "the id of the student's record; with the user's, ask `GET /api/students?user_id=`",
}
"""Chapter -> what `{id}` is in its paths, where that is easily taken for another one."""


def tag_words(records: Iterable[RecordType] = ()) -> dict[str, str]:
    """Return what each chapter is about; of records it is the first line of their declaration."""
    own = {record.plural: summary_of(record.row.__doc__, record.name) for record in records}
    return {**TAGS, **own}


def with_words(name: str, schema: dict[str, Any], of: str = "") -> dict[str, Any]:
    """Return the schema of a field or parameter with words, if there are any and it has none of its own but the form of an id.

    `of` is the name of the structure that has the field.
    """
    told = _told(schema)
    if "$ref" in schema or (told and told != FORM):
        return schema
    words = f"{IDS[name]}: {FORM}" if told and name in IDS else "" if told else _words(name, schema, of)
    return {**schema, "description": words} if words else schema


def of_moment(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a moment in a body with words that say how else it is taken."""
    return {**schema, "description": f"{_told(schema)}; a text in ISO 8601 with an offset is taken as well"}


def _words(name: str, schema: dict[str, Any], of: str) -> str | None:
    """Return the words for a field: those of the structure, of its type, or of its name."""
    types = (one.get("type", "string") for one in schema.get("anyOf", (schema,)))
    own_type = next((one for one in types if one != "null"), "")
    return OWN.get(f"{of}.{name}") or OTHERWISE.get((name, own_type)) or IDS.get(name) or FIELDS.get(name)


def _told(schema: dict[str, Any]) -> str:
    """Return what a schema, or one of those it may be, says of itself."""
    return next((str(one["description"]) for one in (schema, *schema.get("anyOf", ())) if "description" in one), "")
