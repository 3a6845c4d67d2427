"""Boards to start a test from, and what the engine does for them: what boards and personas tell each other arrives."""

from typing import Any

from homeroom.actors.board import BOARD
from homeroom.actors.board_persona import PERSONA
from homeroom.engine.behaviour import Caller
from homeroom.protocol.board import Score
from homeroom.protocol.board_persona import reduce_persona
from homeroom.protocol.board_state import reduce_board
from tests.actors.driver import Driver
from tests.actors.people import EVE, SYSTEM


def new_board(id: str = "weekly.all") -> Driver:
    """Return a board on which nobody ever scored."""
    return Driver(BOARD, id, reduce_board)


def score(board: Driver, user: str, points: int, source: str = "", name: str = "") -> Any:
    """Have somebody score, for a source of its own unless one is named, and be shown; returns the tally."""
    tally = board.do(Score(user, name or user.title(), points, source or f"quiz:{board.seq}"), SYSTEM)
    settle(board)
    return tally


def choose(board: Driver, command: Any, caller: Caller) -> None:
    """Let somebody choose, and the choice arrive."""
    board.do(command, caller)
    settle(board)


def settle(*boards: Driver) -> None:
    """Let what these boards told people's personas arrive, and what they answer."""
    there = {f"board:{board.id}": board for board in boards}
    people: dict[str, Driver] = boards[0].__dict__.setdefault("people", {})
    while waiting := next((board for board in (*boards, *people.values()) if board.tells), None):
        tell = waiting.tells.pop(0)
        kind, _, user = tell.to.partition(":")
        if kind == "persona" and user not in people:
            people[user] = Driver(PERSONA, user, reduce_persona)
        (people[user] if kind == "persona" else there[tell.to]).do(tell.command, SYSTEM)


def top(board: Driver) -> list[tuple[str, int]]:
    """Return names and points as a newcomer is shown them."""
    return [(entry.name, entry.points) for entry in board.behaviour.view(EVE).top]
