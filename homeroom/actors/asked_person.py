"""Whose things a list is asked for: one's own, or those of a child.

Never here: what is listed, and who stands for whom (the caller brings that along).
"""

from typing import Annotated

from msgspec import Meta

from homeroom.engine.behaviour import Caller, Refusal

Child = Annotated[str, Meta(pattern=r"\A[A-Za-z0-9_.\-]{0,64}\Z", description="a child's id, for parents")]
"""The field `user` of such a query; empty: oneself."""


def asked_person(user: str, caller: Caller) -> str:
    """Return whose things are asked for; raises `not_found` for a child that is not the caller's."""
    person = user or caller.user
    if person != caller.user and person not in caller.wards:
        raise Refusal("not_found", "no such thing, or not for you to know")
    return person
