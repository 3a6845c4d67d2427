"""Presences to start a test from."""

from homeroom.actors.presence import PRESENCE
from homeroom.protocol.presence import Connected, reduce_presence
from tests.actors.driver import Driver
from tests.actors.people import BEN


def new_presence() -> Driver:
    """Return Ann, who was never here."""
    return Driver(PRESENCE, "ann", reduce_presence)


def present(*connections: str) -> Driver:
    """Return Ann with connections, `c1` when none is named."""
    ann = new_presence()
    for conn in connections or ("c1",):
        ann.do(Connected(conn))
    return ann


def shown(ann: Driver) -> tuple[str, str, int]:
    """Return status, activity and last sign of life as Ben sees them."""
    state = ann.behaviour.view(BEN)
    return state.status, state.activity, state.last_heard
