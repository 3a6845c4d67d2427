"""Study groups to start a test from."""

from typing import Any

from homeroom.actors.group_kind import GROUP
from homeroom.protocol.group import Create, Invite, Join
from homeroom.protocol.group_state import reduce_group
from tests.actors.driver import Driver
from tests.actors.people import ANN, BEN, EVE


def new_group() -> Driver:
    """Return a group that does not exist yet."""
    return Driver(GROUP, "algebra", reduce_group)


def public_group(**given: Any) -> Driver:
    """Return a public group of Ann's with Ben in it."""
    group = new_group()
    group.do(Create("Algebra", **given), ANN)
    group.do(Join(), BEN)
    return group


def private_group() -> Driver:
    """Return a private group of Ann's, with Ben in it and Eve invited."""
    group = new_group()
    group.do(Create("Algebra", visibility="private"), ANN)
    for who in (BEN, EVE):
        group.do(Invite(who.user), ANN)
    group.do(Join(), BEN)
    return group
