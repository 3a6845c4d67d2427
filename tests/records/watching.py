"""An outlet that says when something has come; what it makes of that is the test's own."""

import trio

from tests.engine.trial import Sink


class Watching(Sink):
    """A person's outlet; `came` is set with every frame."""

    def __init__(self, user: str) -> None:
        super().__init__(user)
        self.came = trio.Event()

    def push(self, frame: bytes) -> None:
        super().push(frame)
        self.came.set()
