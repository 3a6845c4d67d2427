"""One reader of one stream: checks each item at the moment at which it arrives, and folds the state as a client does."""

from typing import Any

import msgspec

from homeroom.client import Event, Gone, Item, Resumed, Signal, Snapshot, Subscription
from homeroom.protocol.chat_state import Happened
from tests.simulation.judge import Judge
from tests.simulation.truth import FACES, Stream


class Follower:
    """What one client knows of one stream. It may outlive subscriptions, which then go on from `last`."""

    def __init__(self, name: str, stream: Stream, judge: Judge, replay_events: int) -> None:
        self.name = name
        self.stream = stream
        self.last: int | None = None
        self.state: Any = None
        self.subscription: Subscription | None = None
        self.roster: dict[str, str] = {}
        """Who is here, by the newest signal of each; a session and a group show it as a room does."""
        self._judge = judge
        self._replay_events = replay_events
        self._face = FACES[stream.name.partition(":")[0]]
        self._replayed_upto = 0
        self._connection = ""

    @property
    def where(self) -> str:
        """Return how it is called in a trace."""
        return f"{self.name} at {self.stream.name}"

    @property
    def live(self) -> bool:
        """Tell whether the server serves it now, as far as the client knows."""
        return self.subscription is not None and self.subscription.statistics()["standing"] == "live"

    def forget(self) -> None:
        """Begin anew, without a cursor."""
        self.last, self.state, self._connection = None, None, ""
        self.roster.clear()

    def reopen(self) -> None:
        """Expect another verdict on the same connection, since we asked for one."""
        self._connection = ""

    def take(self, item: Item, connection: str) -> None:
        """Check an item, that came over `connection` (empty: by polling), and take it in."""
        if isinstance(item, Event):
            self._take_event(item)
        elif isinstance(item, Signal):
            self._take_signal(item)
        elif isinstance(item, Gone):
            self.forget()
        else:
            self._take_verdict(item, connection)

    def finish(self) -> None:
        """Check, when all is quiet, that everything has arrived, and that it adds up."""
        head = self.stream.head
        if self.last is None:
            self._judge.blame(f"{self.where} got no state")
        elif self.last != head:
            self._judge.counts["missing"] += head - self.last
            self._judge.blame(f"{self.where} misses events {self.last + 1} to {head}")
        else:
            self._check_state("at the end")

    def _take_verdict(self, item: Resumed | Snapshot, connection: str) -> None:
        if connection and connection == self._connection:
            self._judge.blame(f"{self.where} had a hole on an open connection, healed at {item.seq}")
        self._connection = connection
        self.roster.clear()
        if isinstance(item, Resumed):
            self._take_resumed(item)
        else:
            self._take_snapshot(item, polled=not connection)

    def _take_resumed(self, item: Resumed) -> None:
        self._replayed_upto = item.seq
        at = item.seq - item.count
        self._judge.expect(at == self.last, f"{self.where} stands at {self.last} and was resumed at {at}")

    def _take_snapshot(self, item: Snapshot, *, polled: bool) -> None:
        if self.last is not None and not polled:
            behind = item.seq - self.last
            self._judge.expect(
                behind > self._replay_events, f"{self.where} at {self.last} was given a snapshot at {item.seq}"
            )
        self.last = self._replayed_upto = item.seq
        self.state = msgspec.convert(item.state, self._face.state)
        if item.seq > self.stream.head:
            self._judge.blame(f"{self.where} was shown a state at {item.seq}, durable are {self.stream.head}")
        else:
            self._check_state("in a snapshot")

    def _take_event(self, item: Event) -> None:
        if self.last is None or item.seq != self.last + 1:
            self._judge.blame(f"{self.where} stands at {self.last} and got {item.seq}")
            return
        self.last = item.seq
        if item.seq > self.stream.head:
            self._judge.blame(f"{self.where} was shown {item.seq} before it was durable ({self.stream.head} are)")
            return
        self._check_event(item)
        event = msgspec.convert(item.d, self._face.events[item.type])
        self._face.reduce(self.state, Happened(item.seq, item.at, item.by, event))

    def _check_event(self, item: Event) -> None:
        fact = self.stream.facts()[item.seq - 1]
        if (item.at, item.by) != (fact.at, self.stream.signer(item.seq)):
            self._judge.blame(f"{self.where} got {item}, durable is {fact}")
        elif not self._may_be_shown(item):
            self._judge.blame(f"{self.where} got {item}, which was to be shown otherwise: {fact}")
        gone = self.stream.taken_back.get(item.d.get("id", ""), self._replayed_upto + 1)
        if item.seq <= self._replayed_upto and gone <= self._replayed_upto and item.d.get("text"):
            self._judge.blame(f"{self.where} got the words of {item.seq}, taken back at {gone}")

    def _may_be_shown(self, item: Event) -> bool:
        """Tell whether the words are right: live as they are for everybody, replayed as they are fit to be shown since."""
        shown, live = (item.type, item.d), item.seq > self._replayed_upto
        if (live and shown == self.stream.public(item.seq)) or shown == self.stream.redacted(item.seq):
            return True
        return shown in self.stream.shown_since(item.seq, self._replayed_upto)

    def _take_signal(self, item: Signal) -> None:
        if item.type == "room.presence":
            self.roster[item.d["user"]] = item.d["status"]

    def _check_state(self, when: str) -> None:
        mine = msgspec.msgpack.decode(msgspec.msgpack.encode(self.state))
        right = self.stream.view_at(self.last or 0)
        self._judge.expect(mine == right, f"{self.where} has another state {when} ({self.last}): {mine} != {right}")
