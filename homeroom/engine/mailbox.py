"""What waits at one actor, in order: bounded, and refused visibly when full.

Rules of this file: nothing is dropped; `put_urgent` is for the engine's own posts, whose number is bounded by their nature
(one message a sender in flight, one post a deadline). Never here: what a post means.
"""

from collections.abc import Awaitable, Sequence

import trio

from homeroom.engine.clock import Clock
from homeroom.engine.envelope import Post
from homeroom.engine.words import Word


class Mailbox:
    """A bounded queue with one reader. A plain list, made for the first post: an empty `deque` costs twelve times its memory."""

    __slots__ = ("_capacity", "_clock", "_posts", "_reader", "_since")

    def __init__(self, capacity: int, clock: Clock) -> None:
        self._capacity = capacity
        self._clock = clock
        self._posts: list[Post | Word] | None = None  # never an empty list: most mailboxes are empty
        self._reader: trio.lowlevel.Task | None = None
        self._since = 0

    def __len__(self) -> int:
        return len(self._posts) if self._posts else 0

    def put_nowait(self, post: Post | Word) -> None:
        """Add a post at the end; raises `trio.WouldBlock` when the mailbox is full."""
        if len(self) >= self._capacity:
            raise trio.WouldBlock
        self.put_urgent(post)

    def put_urgent(self, post: Post | Word) -> None:
        """Add a post of the engine's own at the end, also when full."""
        if self._posts:
            self._posts.append(post)
        else:
            self._since = self._clock.now()
            self._posts = [post]
        self._wake()

    def put_back(self, posts: Sequence[Post | Word]) -> None:
        """Put what was taken out, or must come first, in front of all that waits; order is kept."""
        if posts:
            self._posts = [*posts, *(self._posts or ())]
            self._wake()

    def take_all(self) -> list[Post | Word]:
        """Take out all that waits, without waiting."""
        posts, self._posts = self._posts, None
        return posts or []

    def take(self, limit: int) -> list[Post | Word]:
        """Take out up to `limit` posts, without waiting."""
        posts = self.take_all()
        if len(posts) > limit:
            self._posts = posts[limit:]
            self._since = self._clock.now()
            del posts[limit:]
        return posts

    def arrival(self) -> Awaitable[object]:
        """Return what the one reader awaits at once, until there is something: always a checkpoint; it takes nothing.

        Not a coroutine itself: every idle actor waits here, and a frame of its own would be held for each of them.
        """
        if self._posts:
            return trio.lowlevel.checkpoint()  # noqa: ASYNC105 - awaited by the reader
        self._reader = trio.lowlevel.current_task()
        return trio.lowlevel.wait_task_rescheduled(self._abort)  # noqa: ASYNC105 - the same

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
