"""All record types of the school, in the order in which they are described."""

from homeroom.records.declare import RecordType
from homeroom.records.school.announcements import ANNOUNCEMENT
from homeroom.records.school.attendance import ATTENDANCE
from homeroom.records.school.classes import CLASS, CLASS_MEMBERSHIP
from homeroom.records.school.cohorts import COHORT, COHORT_MEMBERSHIP
from homeroom.records.school.courses import COURSE, ENROLMENT
from homeroom.records.school.entries import COMMENT, ENTRY
from homeroom.records.school.grading_tasks import GRADING_TASK
from homeroom.records.school.guardianships import GUARDIANSHIP
from homeroom.records.school.homepage import HOMEPAGE
from homeroom.records.school.preferences import PREFERENCE
from homeroom.records.school.report_cards import REPORT_CARD
from homeroom.records.school.resources import RESOURCE
from homeroom.records.school.schedules import SCHEDULE
from homeroom.records.school.students import MENTORSHIP, STUDENT
from homeroom.records.school.subjects import SUBJECT, TEACHING
from homeroom.records.school.tasks import TASK
from homeroom.records.school.terms import TERM
from homeroom.records.school.uploads import UPLOAD
from homeroom.records.school.users import USER
from homeroom.records.school.vacancies import APPLICATION, VACANCY

RECORD_TYPES: tuple[RecordType, ...] = (
    USER,
    GUARDIANSHIP,
    TERM,
    SUBJECT,
    CLASS,
    CLASS_MEMBERSHIP,
    TEACHING,
    COHORT,
    COHORT_MEMBERSHIP,
    COURSE,
    ENROLMENT,
    STUDENT,
    MENTORSHIP,
    ATTENDANCE,
    REPORT_CARD,
    ANNOUNCEMENT,
    ENTRY,
    COMMENT,
    SCHEDULE,
    TASK,
    UPLOAD,
    RESOURCE,
    VACANCY,
    APPLICATION,
    HOMEPAGE,
    GRADING_TASK,
    PREFERENCE,
)
