"""The least pace of a file that comes in: who sends a byte now and then keeps no place that others wait for.

Only the time that is spent waiting for pieces counts: a slow disk of ours is not the client's fault.
Never here: pauses in which nothing comes at all (the server of HTTP cuts them), and what becomes of the pieces.
"""

from collections.abc import AsyncIterator

import trio


class TooSlow(Exception):
    """In a whole window less came than the least rate asks for."""


class Paced:
    """`pieces`, as long as they come at `rate` bytes a second or more over each `window_s`; raises `TooSlow` in the middle of waiting.

    A window ends early when all that it asks for has come. No generator, since it may be left in the middle.
    """

    def __init__(self, pieces: AsyncIterator[bytes], rate: int, window_s: float) -> None:
        self._pieces = pieces
        self._least = rate * window_s
        self._window_s = window_s
        self._open()

    def _open(self) -> None:
        """Begin a window: so many bytes are missing of what it asks for, and so many seconds are left."""
        self._missing, self._left_s = self._least, self._window_s

    def __aiter__(self) -> "Paced":
        return self

    async def __anext__(self) -> bytes:
        with trio.move_on_after(max(0.0, self._left_s)) as waiting:
            piece = await anext(self._pieces, None)
        if waiting.cancelled_caught:
            raise TooSlow
        if piece is None:
            raise StopAsyncIteration
        self._left_s = waiting.deadline - trio.current_time()
        self._missing -= len(piece)
        if self._missing <= 0:
            self._open()
        return piece
