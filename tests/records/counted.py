"""What the counters must hold, counted by SQL that knows nothing of how they are kept."""

from homeroom.engine.database import Database

ZONE = "Europe/Berlin"
_DAY = f"to_char(to_timestamp(start_at / 1000.0) AT TIME ZONE '{ZONE}', 'YYYY-MM-DD')"
_SLOTS = "FROM schedules WHERE status IN ('scheduled', 'completed')"
_ACTIVE = "role = 'student' AND deleted_at IS NULL AND id NOT IN (SELECT user_id FROM students WHERE status IN ('withdrawn', 'graduated'))"
_COUNTS = f"""
SELECT 'student:' || student_id AS scope, 'entries_' || status AS name, '' AS day, count(*) AS value FROM entries GROUP BY 1, 2
UNION ALL SELECT 'school', 'entries_' || status, '', count(*) FROM entries GROUP BY 2
UNION ALL SELECT 'mentor:' || mentor_id, 'tasks_open', '', count(*) FROM tasks WHERE status NOT IN ('done', 'cancelled') GROUP BY 1
UNION ALL SELECT 'student:' || student_id, 'tasks_open', '', count(*) FROM tasks WHERE status NOT IN ('done', 'cancelled') GROUP BY 1
UNION ALL SELECT 'student:' || id, 'active_students', '', 1 FROM users WHERE {_ACTIVE}
UNION ALL SELECT 'school', 'active_students', '', count(*) FROM users WHERE {_ACTIVE}
UNION ALL SELECT 'mentor:' || mentor_id, 'mentees', '', count(*) FROM mentorships WHERE active GROUP BY 1
UNION ALL SELECT 'school', 'classes', '', count(*) FROM classes
UNION ALL SELECT 'school', 'courses', '', count(*) FROM courses
UNION ALL SELECT 'class:' || class_id, part || 's', '', count(*) FROM class_memberships GROUP BY 1, 2
UNION ALL SELECT 'mentor:' || user_id, 'teachers', '', count(*) FROM class_memberships WHERE part = 'teacher' GROUP BY 1
UNION ALL SELECT 'student:' || user_id, 'students', '', count(*) FROM class_memberships WHERE part = 'student' GROUP BY 1
UNION ALL SELECT 'class:' || class_id, 'teachings', '', count(*) FROM teachings GROUP BY 1
UNION ALL SELECT 'mentor:' || teacher_id, 'teachings', '', count(*) FROM teachings GROUP BY 1
UNION ALL SELECT 'terms', 'active', '', count(*) FROM terms WHERE active
UNION ALL SELECT 'class:' || class_id, 'attendance_' || status, date, count(*) FROM attendance GROUP BY 1, 2, 3
UNION ALL SELECT 'student:' || student_id, 'attendance_' || status, date, count(*) FROM attendance GROUP BY 1, 2, 3
UNION ALL SELECT 'school', 'attendance_' || status, date, count(*) FROM attendance GROUP BY 2, 3
UNION ALL SELECT 'mentor:' || mentor_id, 'schedules', {_DAY}, count(*) {_SLOTS} GROUP BY 1, 3
UNION ALL SELECT 'student:' || student_id, 'schedules', {_DAY}, count(*) {_SLOTS} AND student_id IS NOT NULL GROUP BY 1, 3
UNION ALL SELECT 'class:' || class_id, 'schedules', {_DAY}, count(*) {_SLOTS} AND class_id IS NOT NULL GROUP BY 1, 3
UNION ALL SELECT 'mentor:' || assignee_id, 'gradings_open', '', count(*) FROM grading_tasks WHERE status = 'open' GROUP BY 1
UNION ALL SELECT 'school', 'applications_waiting', '', count(*) FROM applications WHERE status IN ('submitted', 'reviewing')
UNION ALL SELECT 'school', 'users_' || role, '', count(*) FROM users WHERE active GROUP BY 2"""  # noqa: S608 - constants
_TEACHER = f"""SELECT
(SELECT count(*) FROM users WHERE {_ACTIVE} AND id IN (
    SELECT student_id FROM mentorships WHERE mentor_id = $1 AND active
    UNION SELECT s.user_id FROM class_memberships s WHERE s.part = 'student' AND s.class_id IN (
        SELECT class_id FROM class_memberships WHERE user_id = $1 AND part = 'teacher'
        UNION SELECT class_id FROM teachings WHERE teacher_id = $1))) AS active_students,
(SELECT count(*) FROM entries e JOIN mentorships m ON m.student_id = e.student_id WHERE m.mentor_id = $1 AND m.active) AS entries,
(SELECT count(*) FROM entries e JOIN mentorships m ON m.student_id = e.student_id WHERE m.mentor_id = $1 AND m.active
    AND e.status = 'pending') AS pending,
(SELECT count(*) FROM attendance WHERE date = $2 AND status = 'present' AND class_id IN (
    SELECT class_id FROM class_memberships WHERE user_id = $1 AND part = 'teacher'
    UNION SELECT class_id FROM teachings WHERE teacher_id = $1)) AS present,
(SELECT count(*) FROM grading_tasks WHERE assignee_id = $1 AND status = 'open') AS gradings,
(SELECT count(*) FROM tasks WHERE mentor_id = $1 AND status IN ('pending', 'in_progress')) AS tasks,
(SELECT count(*) {_SLOTS} AND mentor_id = $1 AND {_DAY} = $2) AS slots"""  # noqa: S608 - constants
_STUDENT = f"""SELECT
(SELECT count(*) FROM entries WHERE student_id = $1) AS entries,
(SELECT count(*) FROM entries WHERE student_id = $1 AND status = 'approved') AS approved,
(SELECT count(*) FROM tasks WHERE student_id = $1 AND status IN ('pending', 'in_progress')) AS tasks,
(SELECT count(*) FROM attendance a WHERE a.student_id = $1 AND a.status = 'late' AND (NOT EXISTS (SELECT FROM terms WHERE active)
    OR EXISTS (SELECT FROM terms t WHERE t.active AND a.date BETWEEN t.starts_on AND t.ends_on))) AS late,
(SELECT count(*) {_SLOTS} AND {_DAY} = $2 AND (student_id = $1 OR class_id IN (
    SELECT class_id FROM class_memberships WHERE user_id = $1 AND part = 'student'))) AS slots"""  # noqa: S608 - constants

Counters = dict[tuple[str, str, str], int]


async def kept_counters(database: Database) -> Counters:
    """Return the counters that are not zero."""
    return _as_counters(await database.fetch("SELECT scope, name, day, value FROM counters WHERE value <> 0"))


async def true_counters(database: Database) -> Counters:
    """Return what they must be."""
    return _as_counters(await database.fetch(f"SELECT * FROM ({_COUNTS}) AS counted WHERE value <> 0"))  # noqa: S608 - constants


async def true_teacher(database: Database, id: str, today: str) -> dict[str, int]:
    """Return some figures of a teacher, counted."""
    return dict(*await database.fetch(_TEACHER, id, today))


async def true_student(database: Database, id: str, today: str) -> dict[str, int]:
    """Return some figures of a student, counted."""
    return dict(*await database.fetch(_STUDENT, id, today))


def _as_counters(rows: list[dict[str, int]]) -> Counters:
    return {(row["scope"], row["name"], row["day"]): row["value"] for row in rows}  # type: ignore[misc]  # texts
