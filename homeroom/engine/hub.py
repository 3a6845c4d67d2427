"""From one actor to everybody who looks: streams, their outlets, and the windows in which events are put together.

Rules of this file:
 1. A frame is encoded once for each format that has a receiver, and the same bytes object goes to all of them.
 2. The order of a stream's events is never changed, and a number that was published is never published again.
 3. Nothing here waits for a receiver; the flusher waits for time only.

Never here: the journal, access, and what bytes mean.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush
from math import inf

import trio

from homeroom.engine.envelope import Outlet
from homeroom.engine.wire import FrameEncoder

FRAME_BYTES = 65_536
"""A batch that has grown to this size is not held back any longer, so that no frame grows without bound."""


@dataclass(frozen=True, slots=True)
class Windows:
    """How long, in ms, events may wait for company; both widen under measured overload, up to `ceiling_ms`.

    `late_ms`: a flusher that comes this much too late doubles the windows, one that comes in half of it narrows them.
    """

    direct_ms: int = 20
    calm_ms: int = 250
    ceiling_ms: int = 2000
    late_ms: int = 50


class _Lane:
    """What waits in one lane of a stream: when it was last emptied and when it is to be emptied (`inf`: nothing waits)."""

    __slots__ = ("due", "flushed")

    def __init__(self) -> None:
        self.flushed = -inf
        self.due = inf


class _Stream:
    """One stream that somebody follows."""

    __slots__ = (
        "events",
        "first",
        "held",
        "log",
        "name",
        "outlets",
        "receivers",
        "seq",
        "signals",
        "waiting",
    )

    def __init__(self, name: str) -> None:
        self.name = name
        self.seq = 0  # the newest number that the outlets have been given
        self.outlets: dict[Outlet, None] = {}
        self.receivers: tuple[tuple[str, tuple[Outlet, ...]], ...] | None = ()  # by format; None: to be grouped anew
        self.events: list[bytes] = []
        self.first = 0  # the number of events[0]
        self.held = 0  # their bytes
        self.log = _Lane()
        self.signals = _Lane()
        self.waiting: dict[str, bytes] = {}

    def by_format(self) -> tuple[tuple[str, tuple[Outlet, ...]], ...]:
        """Return the outlets grouped by format; made again only after a change, as it is needed for every frame."""
        if self.receivers is None:
            groups: dict[str, list[Outlet]] = {}
            for outlet in self.outlets:
                groups.setdefault(outlet.format, []).append(outlet)
            self.receivers = tuple((name, tuple(group)) for name, group in groups.items())
        return self.receivers


class Hub:
    """Who follows which stream, and what they are given.

    Lanes. *Direct*: at once when nothing of the stream was sent within the window, else at the window's end. *Calm*: the
    same with the longer window; a direct event takes waiting calm ones along. *Signals*: the same with the longer window,
    and of several signals of one key only the newest is sent.
    """

    def __init__(self, encoders: Mapping[str, FrameEncoder], windows: Windows = Windows()) -> None:
        self.encoders = encoders
        self._windows = windows
        self._streams: dict[str, _Stream] = {}
        # Not in `_Stream`, which is large: many a stream retains signals that nobody follows.
        self._retained: dict[str, dict[str, bytes]] = {}
        self._followed: dict[
            Outlet, list[str]
        ] = {}  # lists: most outlets follow one stream, and there are many outlets
        self._when_ended: Callable[[str, Outlet], None] | None = None
        self._queue: list[tuple[float, int, _Stream, _Lane]] = []
        self._queued = 0
        self._alarm = trio.CancelScope()
        self._widening = 1.0
        self._lag = 0.0
        self._frames = 0
        self._deliveries = 0
        self._direct = windows.direct_ms / 1000
        self._calm = windows.calm_ms / 1000

    # --- who follows

    def subscribe(self, stream: str, outlet: Outlet, seq: int) -> None:
        """Join `outlet`, which has been given everything up to `seq`; a closed outlet is not taken in.

        The others get what waits first, so that the newcomer gets exactly what follows; retained signals come as one `sig`.
        """
        if outlet.closed:
            return
        entry = self._streams.get(stream)
        if entry is None:
            entry = self._streams[stream] = _Stream(stream)
        self._flush_events(entry)
        if not entry.outlets:
            entry.seq = seq
        if outlet not in entry.outlets:
            entry.outlets[outlet] = None
            entry.receivers = None
            self._followed.setdefault(outlet, []).append(stream)
        retained = self._retained.get(stream)
        if retained:
            outlet.push(self.encoders[outlet.format].signals(stream, tuple(retained.values())))

    def unsubscribe(self, stream: str, outlet: Outlet) -> bool:
        """Let go of one stream; tells whether `outlet` followed it."""
        entry = self._streams.get(stream)
        if entry is None or outlet not in entry.outlets:
            return False
        self._leave(entry, outlet)
        followed = self._followed[outlet]
        followed.remove(stream)
        if not followed:
            del self._followed[outlet]
        return True

    def forget(self, outlet: Outlet) -> None:
        """Let go of all its streams: the connection is closed."""
        for stream in self._followed.pop(outlet, ()):
            self._leave(self._streams[stream], outlet)

    def end(self, stream: str, outlet: Outlet | None, code: str) -> None:
        """End one subscription, or with `None` all of them, with the frame `gone`; what waits is sent before it.

        An outlet named here gets its `gone` also when it has not joined yet (a feeder serves it).
        """
        entry = self._streams.get(stream)
        if entry is not None:
            self._flush_events(entry)
        for one in [*entry.outlets] if entry is not None and outlet is None else [outlet]:
            if one is not None:
                self._end(stream, one, code)

    def end_for(self, stream: str, users: Collection[str], code: str) -> None:
        """End the subscriptions that `users` have to `stream` (access was withdrawn), like `end`."""
        entry = self._streams.get(stream)
        if entry is not None:
            self._flush_events(entry)
            for outlet in [outlet for outlet in entry.outlets if outlet.user in users]:
                self._end(stream, outlet, code)

    def when_ended(self, call: Callable[[str, Outlet], None]) -> None:
        """Have `call(stream, outlet)` called for each subscription that `end` or `end_for` ends, after its `gone`."""
        self._when_ended = call

    def follows(self, stream: str, outlet: Outlet) -> bool:
        """Tell whether `outlet` is joined to `stream`."""
        entry = self._streams.get(stream)
        return entry is not None and outlet in entry.outlets

    def watchers(self, stream: str) -> int:
        """Return how many outlets follow `stream`."""
        entry = self._streams.get(stream)
        return len(entry.outlets) if entry else 0

    def newest(self, stream: str) -> int:
        """Return the newest number that the followers were given; 0 when nobody follows.

        Events that wait for their window do not count: whoever compares this with what arrived must not see a hole.
        """
        entry = self._streams.get(stream)
        return entry.seq if entry else 0

    def retained(self, stream: str) -> Mapping[str, bytes]:
        """Return the signals that somebody who subscribes now is given, by key."""
        return dict(self._retained.get(stream, ()))

    # --- what they are given

    def publish(self, stream: str, seq: int, events: Sequence[bytes], *, calm: bool = False) -> None:
        """Give durable events, the first of which has number `seq`; numbers published before are left out."""
        entry = self._streams.get(stream)
        if entry is None or not entry.outlets or not events:
            return
        seq, events = self._unseen(entry, seq, events)
        if not events:
            return
        if not entry.events:
            entry.first = seq
        elif entry.first + len(entry.events) != seq:
            self._flush_events(entry)
            entry.first = seq
        entry.events += events
        entry.held += sum(map(len, events))
        if entry.held >= FRAME_BYTES:
            self._flush_events(entry)
        else:
            self._flush_or_arm(entry, entry.log, self._calm if calm else self._direct)

    def signal(self, stream: str, key: str, event: bytes, *, retain: bool = False, drop: bool = False) -> None:
        """Give an ephemeral event: the newest of each `key` wins.

        `retain` keeps it for those who come later, `drop` forgets what was retained under `key`.
        """
        if drop:
            self._drop(stream, key)
        elif retain:
            self._retained.setdefault(stream, {})[key] = event
        entry = self._streams.get(stream)
        if entry is not None:
            entry.waiting[key] = event
            self._flush_or_arm(entry, entry.signals, self._calm)

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Flush what is due, for ever. Cancellation loses what waits, which followers then see as a hole."""
        task_status.started()
        while True:
            with trio.CancelScope(deadline=self._next_due()) as self._alarm:
                await trio.sleep_forever()
            self._flush_due(trio.current_time())

    @property
    def deliveries(self) -> int:
        """Return how many frames were handed to outlets so far."""
        return self._deliveries

    def flush(self) -> None:
        """Send all that waits at once: before a stop."""
        for entry in [*self._streams.values()]:
            self._flush_events(entry)
            self._flush_signals(entry)

    def statistics(self) -> Mapping[str, float]:
        """Return the figures: streams, subscriptions, frames made, deliveries, the windows in force and the flusher's lag."""
        return {
            "streams": sum(1 for _ in self),
            "subscriptions": sum(len(entry.outlets) for entry in self._streams.values()),
            "waiting": sum(len(entry.events) + len(entry.waiting) for entry in self._streams.values()),
            "frames": self._frames,
            "deliveries": self._deliveries,
            "direct_window_ms": self._direct * 1000,
            "calm_window_ms": self._calm * 1000,
            "lag_ms": self._lag * 1000,
        }

    # --- inside

    def _unseen(self, entry: _Stream, seq: int, events: Sequence[bytes]) -> tuple[int, Sequence[bytes]]:
        """Leave out what has been published: an actor that reloads publishes again what it is not sure of."""
        newest = entry.first + len(entry.events) - 1 if entry.events else entry.seq
        seen = newest + 1 - seq
        return (seq + seen, events[seen:]) if seen > 0 else (seq, events)

    def _flush_or_arm(self, entry: _Stream, lane: _Lane, window: float) -> None:
        now = trio.current_time()
        due = lane.flushed + window
        if due <= now:
            (self._flush_signals if lane is entry.signals else self._flush_events)(entry)
        elif due < lane.due:
            lane.due = due
            self._queued += 1
            heappush(self._queue, (due, self._queued, entry, lane))
            self._alarm.deadline = min(self._alarm.deadline, due)

    def _next_due(self) -> float:
        return self._queue[0][0] if self._queue else inf

    def _flush_due(self, now: float) -> None:
        lag = 0.0
        while self._queue and self._queue[0][0] <= now:
            due, _, entry, lane = heappop(self._queue)
            if lane.due == due:  # else flushed meanwhile, or moved to an earlier time
                lag = max(lag, now - due)
                (self._flush_signals if lane is entry.signals else self._flush_events)(entry)
        self._adapt(lag)

    def _adapt(self, lag: float) -> None:
        """Widen the windows while the event loop is late, narrow them again when it is not."""
        windows = self._windows
        self._lag = lag
        if lag * 1000 > windows.late_ms:
            self._widening = min(self._widening * 2, windows.ceiling_ms / max(windows.direct_ms, 1))
        elif self._widening > 1 and lag * 2000 < windows.late_ms:
            self._widening = max(self._widening * 0.8, 1.0)
        self._direct = min(windows.direct_ms * self._widening, windows.ceiling_ms) / 1000
        self._calm = min(windows.calm_ms * self._widening, windows.ceiling_ms) / 1000

    def _flush_events(self, entry: _Stream) -> None:
        events = entry.events
        if not events:
            return
        entry.events, entry.held = [], 0
        entry.seq = entry.first + len(events) - 1
        entry.log.flushed, entry.log.due = trio.current_time(), inf
        for name, outlets in entry.by_format():
            self._push(self.encoders[name].delta(entry.name, entry.first, events), outlets)

    def _flush_signals(self, entry: _Stream) -> None:
        waiting = entry.waiting
        if not waiting:
            return
        entry.waiting = {}
        entry.signals.flushed, entry.signals.due = trio.current_time(), inf
        for name, outlets in entry.by_format():
            self._push(self.encoders[name].signals(entry.name, tuple(waiting.values())), outlets)

    def _push(self, frame: bytes, outlets: tuple[Outlet, ...]) -> None:
        self._frames += 1
        self._deliveries += len(outlets)
        for outlet in outlets:
            outlet.push(frame)

    def _end(self, stream: str, outlet: Outlet, code: str) -> None:
        self.unsubscribe(stream, outlet)
        outlet.push(self.encoders[outlet.format].gone(stream, code))
        if self._when_ended is not None:
            self._when_ended(stream, outlet)

    def _leave(self, entry: _Stream, outlet: Outlet) -> None:
        entry.outlets.pop(outlet, None)
        entry.receivers = None
        if not entry.outlets:
            entry.events, entry.held, entry.waiting = [], 0, {}
            entry.log.due = entry.signals.due = inf
            del self._streams[entry.name]

    def _drop(self, stream: str, key: str) -> None:
        retained = self._retained.get(stream)
        if retained is not None:
            retained.pop(key, None)
            if not retained:
                del self._retained[stream]

    def __iter__(self) -> Iterator[str]:
        """Name the streams that are followed or retain signals."""
        yield from self._streams
        yield from (name for name in self._retained if name not in self._streams)
