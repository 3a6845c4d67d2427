"""Whose course may stand with a thing: what becomes of the thing is told to that course.

Schools without courses of their own here write what they like: there is no such place, so nobody is told. Never here: telling.
"""

from homeroom.engine.behaviour import SYSTEM, Context, Refusal
from homeroom.protocol.access import ADMINS


def check_own_course(course: str, context: Context, *, known: bool = False) -> None:
    """Raise `forbidden` for a course to which the caller does not belong; `known`: also where nobody knows of such a course."""
    place, caller = f"course:{course}", context.caller
    if not course or place in caller.places or caller.role in (SYSTEM, *ADMINS):
        return
    if known or context.knows(place):
        raise Refusal("forbidden", "you do not belong to this course", data={"field": "course"})
