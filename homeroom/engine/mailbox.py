"""What waits at one actor, in order: bounded, and refused visibly when full.

Rules of this file: nothing is dropped; `put_urgent` is for the engine's own posts, whose number is bounded by their nature
(one message a sender in flight, one post a deadline). Never here: what a post means.
"""

from collections.abc import Callable, Sequence

import trio

from homeroom.engine.clock import Clock
from homeroom.engine.envelope import Post
from homeroom.engine.words import Word


def _at_once() -> float:
    return 0.0


class Mailbox:
    """A bounded queue with one reader. A plain list, since an empty `deque` costs twelve times its memory."""

    __slots__ = ("_capacity", "_clock", "_posts", "_reader", "_since")

    def __init__(self, capacity: int, clock: Clock) -> None:
        self._capacity = capacity
        self._clock = clock
        self._posts: list[Post | Word] = []
        self._reader: trio.lowlevel.Task | None = None
        self._since = 0

    def __len__(self) -> int:
        return len(self._posts)

    def put_nowait(self, post: Post | Word) -> None:
        """Add a post at the end; raises `trio.WouldBlock` when the mailbox is full."""
        if len(self._posts) >= self._capacity:
            raise trio.WouldBlock
        self.put_urgent(post)

    def put_urgent(self, post: Post | Word) -> None:
        """Add a post of the engine's own at the end, also when full."""
        if not self._posts:
            self._since = self._clock.now()
        self._posts.append(post)
        self._wake()

    def put_back(self, posts: Sequence[Post | Word]) -> None:
        """Put what was taken out, or must come first, in front of all that waits; order is kept."""
        if posts:
            self._posts[:0] = posts
            self._wake()

    def take_all(self) -> list[Post | Word]:
        """Take out all that waits, without waiting."""
        posts, self._posts = self._posts, []
        return posts

    async def receive_batch(self, limit: int, linger_s: Callable[[], float] = _at_once) -> list[Post | Word]:
        """Wait until there is something, and take up to `limit` posts. Always a checkpoint; cancelled, it took nothing.

        `linger_s()`, asked when there is something, is how long to leave it lying for company.
        """
        if self._posts:
            await trio.lowlevel.checkpoint()
        else:
            self._reader = trio.lowlevel.current_task()
            await trio.lowlevel.wait_task_rescheduled(self._abort)
        seconds = linger_s()
        if seconds:
            await trio.sleep(seconds)
        if len(self._posts) <= limit:
            return self.take_all()
        batch, self._posts = self._posts[:limit], self._posts[limit:]
        self._since = self._clock.now()
        return batch

    def lag(self, now: int) -> int:
        """Return for how many ms the oldest waiting post has been waiting."""
        return now - self._since if self._posts else 0

    def _abort(self, _: object) -> trio.lowlevel.Abort:
        self._reader = None
        return trio.lowlevel.Abort.SUCCEEDED

    def _wake(self) -> None:
        reader, self._reader = self._reader, None
        if reader is not None:
            trio.lowlevel.reschedule(reader)
