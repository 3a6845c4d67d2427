"""Boards to start a test from, and what the engine does for them: what a board tells itself arrives."""

from typing import Any

from homeroom.actors.board import BOARD
from homeroom.engine.behaviour import Caller
from homeroom.protocol.board import Score
from homeroom.protocol.board_state import reduce_board
from tests.actors.driver import Driver
from tests.actors.people import EVE, SYSTEM


def new_board(id: str = "weekly.all") -> Driver:
    """Return a board on which nobody ever scored."""
    return Driver(BOARD, id, reduce_board)


def score(board: Driver, user: str, points: int, source: str = "", name: str = "") -> Any:
    """Have somebody score, for a source of its own unless one is named; returns the tally."""
    return board.do(Score(user, name or user.title(), points, source or f"quiz:{board.seq}"), SYSTEM)


def choose(board: Driver, command: Any, caller: Caller) -> None:
    """Let somebody choose, and the choice arrive."""
    board.do(command, caller)
    settle(board)


def settle(board: Driver) -> None:
    """Let what the board told itself arrive."""
    while board.tells:
        tell = board.tells.pop(0)
        assert tell.to == f"board:{board.id}"
        board.do(tell.command, SYSTEM)


def top(board: Driver) -> list[tuple[str, int]]:
    """Return names and points as a newcomer is shown them."""
    return [(entry.name, entry.points) for entry in board.behaviour.view(EVE).top]
