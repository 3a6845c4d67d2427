"""Which streams of things a person may follow, as SQL that begins at the person: the scope of the activity feed.

Says for all things at once what `doors` says of one, each relation in the role that it is for; a test holds the two together. Admins, who follow everything, are no
matter of this file. `:me` is the person. Never here: one's own stream and that of one's role, which need no look-up.
"""

from collections.abc import Mapping
from types import MappingProxyType

_ROLE = "(SELECT u.role FROM users u WHERE u.id = :me)"
_WARDS = "SELECT g.ward FROM guardians g WHERE g.guardian = :me AND g.active"
_TEACHES = (
    "SELECT m.class_id FROM class_memberships m WHERE m.user_id = :me AND m.part = 'teacher' "
    "UNION SELECT t.class_id FROM teachings t WHERE t.teacher_id = :me"
)

MEMBERSHIPS: Mapping[str, str] = MappingProxyType(
    {
        "class": f"SELECT q.id FROM ({_TEACHES}) AS q (id) WHERE {_ROLE} = 'teacher' UNION "  # noqa: S608 - constants
        f"SELECT m.class_id FROM class_memberships m WHERE m.user_id = :me AND m.part = 'student' AND {_ROLE} = 'student'",
        "course": f"SELECT c.id FROM courses c WHERE c.teacher_id = :me AND {_ROLE} = 'teacher' "  # noqa: S608 - constants
        "UNION SELECT e.course_id FROM enrolments e WHERE e.user_id = :me AND e.status = 'active' "
        f"AND ({_ROLE} = 'student' OR ({_ROLE} = 'teacher' AND e.part <> 'student'))",
        "cohort": "SELECT m.cohort_id FROM cohort_memberships m WHERE m.user_id = :me "  # noqa: S608 - constants
        f"AND ({_ROLE} = 'student' OR ({_ROLE} = 'teacher' AND m.part = 'mentor'))",
        "reportcard": f"SELECT r.id FROM report_cards r WHERE r.class_id IN ({_TEACHES}) AND {_ROLE} = 'teacher' UNION "  # noqa: S608 - constants
        f"SELECT r.id FROM report_cards r WHERE r.status = 'published' AND "
        f"((r.student_id = :me AND {_ROLE} = 'student') OR (r.student_id IN ({_WARDS}) AND {_ROLE} = 'parent'))",
    }
)
"""Kind of stream → the ids of those that a person may follow."""
