"""Inboxes to start a test from."""

from typing import Any

from homeroom.actors.inbox import INBOX
from homeroom.protocol.inbox import Notify, Priority
from homeroom.protocol.inbox_state import reduce_inbox
from tests.actors.driver import Driver

NIGHT = 1_700_002_800_000
"""14 November 2023, 23:00 in London, midnight in Berlin."""


def new_inbox() -> Driver:
    """Return Ann's inbox, in which nothing is; it looks into its own table."""
    inbox = Driver(INBOX, "ann", reduce_inbox)
    inbox.consult = lambda asked: inbox.look_up(asked.lookup)
    return inbox


def notice(type: str = "exam.graded", priority: Priority = "normal", key: str = "", title: str = "Graded") -> Notify:
    """Return a notice as an actor tells it."""
    return Notify(type, title, priority=priority, key=key)


def bring(inbox: Driver, *commands: Notify) -> list[Any]:
    """Have notices come in; returns each as it stands afterwards."""
    before = inbox.seq
    for command in commands:
        inbox.do(command)
    return [n for n in inbox.behaviour.state.shown.notices if int(n.id) > before]
