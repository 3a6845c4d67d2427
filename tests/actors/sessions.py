"""Class sessions to start a test from, and the presences that would answer them."""

from typing import Any

from homeroom.actors.session import SESSION
from homeroom.engine.behaviour import Caller
from homeroom.protocol.inbox import Notify
from homeroom.protocol.session_floor import PollMark, PollResume
from homeroom.protocol.session_state import SessionState, reduce_session
from homeroom.protocol.session_words import Create, Enroll, Join, Start
from tests.actors.driver import START, Driver
from tests.actors.people import ANN, BEN, EVE, TEACHER

MINUTE = 60_000
STARTS = START + 60 * MINUTE
WARD_PARENT = Caller("parent", "parent", "Pat Parent", frozenset({"ann"}))
"""Ann's parent."""


def new_session() -> Driver:
    """Return a session that does not exist yet."""
    return Driver(SESSION, "algebra", reduce_session)


def planned(**plan: Any) -> Driver:
    """Return a session of the teacher that starts in an hour."""
    session = new_session()
    session.do(Create(**{"title": "Algebra", "starts": STARTS, **plan}), TEACHER)
    return session


def listed(**plan: Any) -> Driver:
    """Return a planned session for Ann and Ben alone."""
    session = planned(audience="listed", **plan)
    session.do(Enroll(("ann", "ben")), TEACHER)
    return session


def live(**plan: Any) -> Driver:
    """Return an open session that is live since its planned start, with Ann and Ben in it."""
    session = planned(**plan)
    session.advance(60 * MINUTE)
    session.do(Start(), TEACHER)
    session.do(Join(), ANN)
    session.do(Join(), BEN)
    return session


def class_of_three(**plan: Any) -> Driver:
    """Return the live session with Eve in it too."""
    session = live(**plan)
    session.do(Join(), EVE)
    return session


def shown(session: Driver) -> SessionState:
    """Return what the session shows."""
    state: SessionState = session.behaviour.state.shown
    return state


def notices(session: Driver) -> list[tuple[str, str]]:
    """Return whom it told of what, and forget it."""
    told = [
        (tell.to.removeprefix("inbox:"), tell.command.type)
        for tell in session.tells
        if isinstance(tell.command, Notify)
    ]
    session.tells.clear()
    return told


def deliver(session: Driver) -> None:
    """Carry what the session told itself."""
    own = [tell.command for tell in session.tells if isinstance(tell.command, PollMark | PollResume)]
    session.tells = [tell for tell in session.tells if not isinstance(tell.command, PollMark | PollResume)]
    for command in own:
        session.do(command)
