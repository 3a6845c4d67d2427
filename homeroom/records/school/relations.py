"""How people stand to one another and to classes and courses, as SQL predicates and queries that declarations put together.

Each takes an expression for the column that it is about; `:me` is whoever asks. A parent's link counts while it is active,
so does a mentorship, an enrolment; a membership of a class or cohort counts as long as it is there. What somebody stands in is gathered
once for a statement (`_among`), so a list goes by an index of the column, and asks nothing of each row. Where the column is NULL a predicate
may be NULL as well: not true. Never here: rules.
"""

NOW_MS = "(extract(epoch FROM now()) * 1000)::bigint"
"""The time of the database in Unix ms, for what appears and ends by the clock."""


def _among(column: str, query: str) -> str:
    """Return that the column holds one of what `query`, which knows nothing of the row, finds."""
    return f"{column} = ANY(ARRAY({query}))"


def is_me(column: str) -> str:
    """Return that the person is the caller."""
    return f"{column} = :me"


def as_role(role: str, relation: str) -> str:
    """Return that the relation holds and the caller has the role that it is for, this moment: tokens may say what was."""
    return f"((SELECT u.role FROM users u WHERE u.id = :me) = '{role}' AND ({relation}))"


def guardian_of(student: str) -> str:
    """Return that the caller is a parent of the student."""
    return _among(student, "SELECT g.ward FROM guardians g WHERE g.guardian = :me AND g.active")


def mentor_of(student: str) -> str:
    """Return that the caller is a mentor of the student."""
    return _among(student, "SELECT m.student_id FROM mentorships m WHERE m.mentor_id = :me AND m.active")


def teaches_class(class_id: str) -> str:
    """Return that the caller is a teacher of the class, or teaches a subject in it."""
    return _among(
        class_id,
        "SELECT t.class_id FROM class_memberships t WHERE t.user_id = :me AND t.part = 'teacher'"
        " UNION ALL SELECT t.class_id FROM teachings t WHERE t.teacher_id = :me",
    )


def in_class(class_id: str) -> str:
    """Return that the caller is a student of the class."""
    return _among(class_id, "SELECT s.class_id FROM class_memberships s WHERE s.user_id = :me AND s.part = 'student'")


def guardian_in_class(class_id: str) -> str:
    """Return that a child of the caller is a student of the class."""
    return _among(
        class_id,
        "SELECT s.class_id FROM class_memberships s JOIN guardians g ON g.ward = s.user_id"
        " WHERE s.part = 'student' AND g.guardian = :me AND g.active",
    )


def teaches_student(student: str) -> str:
    """Return that the caller teaches a class of the student."""
    return (
        "EXISTS (SELECT FROM class_memberships s"
        f" WHERE s.user_id = {student} AND s.part = 'student' AND ({teaches_class('s.class_id')}))"
    )


def teaches_course(course_id: str) -> str:
    """Return that the caller is the teacher of the course, a further one, or an assistant."""
    return _among(
        course_id,
        "SELECT c.id FROM courses c WHERE c.teacher_id = :me"
        " UNION ALL SELECT t.course_id FROM enrolments t WHERE t.user_id = :me AND t.part <> 'student' AND t.status = 'active'",
    )


def in_course(course_id: str) -> str:
    """Return that the caller takes part in the course."""
    return _among(course_id, "SELECT s.course_id FROM enrolments s WHERE s.user_id = :me AND s.status = 'active'")


def guardian_in_course(course_id: str) -> str:
    """Return that a child of the caller takes part in the course."""
    return _among(
        course_id,
        "SELECT s.course_id FROM enrolments s JOIN guardians g ON g.ward = s.user_id"
        " WHERE s.status = 'active' AND g.guardian = :me AND g.active",
    )


def belongs_to(class_id: str, course_id: str) -> str:
    """Return that the caller learns or teaches in the class or the course, or that a child of theirs learns there, in that role."""
    return " OR ".join(
        as_role(role, f"{of_class(class_id)} OR {of_course(course_id)}") for role, of_class, of_course in _BELONG
    )


_BELONG = (
    ("student", in_class, in_course),
    ("parent", guardian_in_class, guardian_in_course),
    ("teacher", teaches_class, teaches_course),
)


def in_cohort(cohort_id: str) -> str:
    """Return that the caller belongs to the cohort."""
    return _among(cohort_id, "SELECT s.cohort_id FROM cohort_memberships s WHERE s.user_id = :me")


def leads_cohort(cohort_id: str) -> str:
    """Return that the caller is a mentor of the cohort."""
    return _among(cohort_id, "SELECT t.cohort_id FROM cohort_memberships t WHERE t.user_id = :me AND t.part = 'mentor'")


def leads_student(student: str) -> str:
    """Return that the caller is a mentor of a cohort of the student."""
    return (
        "EXISTS (SELECT FROM cohort_memberships s"
        f" WHERE s.user_id = {student} AND s.part = 'member' AND {leads_cohort('s.cohort_id')})"
    )


def leaders_of(student: str) -> str:
    """Return the query for the mentors of the cohorts of the student."""
    return (
        "SELECT t.user_id FROM cohort_memberships s JOIN cohort_memberships t ON t.cohort_id = s.cohort_id AND t.part = 'mentor'"
        f" WHERE s.user_id = {student} AND s.part = 'member'"
    )


def guardian_in_cohort(cohort_id: str) -> str:
    """Return that a child of the caller belongs to the cohort."""
    return _among(
        cohort_id,
        "SELECT s.cohort_id FROM cohort_memberships s JOIN guardians g ON g.ward = s.user_id"
        " WHERE g.guardian = :me AND g.active",
    )


def guardians_of(student: str) -> str:
    """Return the query for the parents of the student."""
    return f"SELECT g.guardian FROM guardians g WHERE g.ward = {student} AND g.active"


def mentors_of(student: str) -> str:
    """Return the query for the mentors of the student."""
    return f"SELECT m.mentor_id FROM mentorships m WHERE m.student_id = {student} AND m.active"


def teachers_of_class(class_id: str) -> str:
    """Return the query for those who teach the class."""
    return (
        f"SELECT t.user_id FROM class_memberships t WHERE t.class_id = {class_id} AND t.part = 'teacher'"
        f" UNION SELECT t.teacher_id FROM teachings t WHERE t.class_id = {class_id}"
    )
