"""The judge: every promise as a check, made at the moment at which it must hold; and the counts of what became of commands.

    P1  acknowledged = durable          `answered`, `acknowledged`, at the end `settle`
    P2  one command, one effect         `answered`, `settle`
    P3  one order, gapless, for all     `follower.Follower`
    P4  resumed or told, never a hole   `joined`, `follower.Follower`
    P5  snapshot + tail = replay        `saved`, `settle`

What each kind promises besides stands in `promises` (looked at whenever something becomes durable) and in `reckoning` (at the end).
Never here: making things happen.
"""

from collections import Counter
from collections.abc import Mapping

from homeroom.client import Refused, Reply
from homeroom.engine.behaviour import Refusal
from homeroom.engine.envelope import Done, Envelope, Joined, Watch
from homeroom.engine.journal import Saved
from homeroom.protocol.errors import ERRORS
from homeroom.protocol.sitting import GRACE_MS
from homeroom.protocol.sitting_events import Submitted
from tests.simulation.orders import Order
from tests.simulation.promises import check
from tests.simulation.reckoning import reckon
from tests.simulation.trace import Trace
from tests.simulation.truth import Stream, Truth, words_of

ANSWER_WITHIN_S = 12.0
"""The longest that a living engine may take to answer, be it `unavailable`: a few calls of the journal at 3 s each."""

LATE_MS = 1_000
"""A deadline that was carried out so much later fell into a time without a server, or without a journal."""


class Judge:
    """Notes each broken promise."""

    def __init__(self, truth: Truth, trace: Trace) -> None:
        self.blames: list[str] = []
        self.counts: Counter[str] = Counter()
        self.reach: Counter[str] = Counter()
        """What the server went through, in all of its lives."""
        self.orders: list[Order] = []
        self.past: list[tuple[str, Envelope, int | None]] = []
        """Commands that were carried out: where, what, and the number of their last event; from all lives of the server."""
        self.disputed: set[tuple[str, int] | str] = set()
        """Commands, and their words, that went to two owners: what one of them refused the other may have carried out."""
        self._truth = truth
        self._trace = trace
        self._claims: dict[tuple[str, str, int], Order] = {}

    def blame(self, what: str) -> None:
        """Note a broken promise."""
        self._trace.note("BLAME", what)
        self.blames.append(what)

    def expect(self, holds: bool, what: str) -> None:
        """Blame unless it holds."""
        if not holds:
            self.blame(what)

    def reached(self, counters: Mapping[str, int], closed: Mapping[int, int]) -> None:
        """Add up what a life of the server went through, by the engine's counters and the codes of closed connections."""
        self.reach.update(counters)
        self.reach.update({f"closed {code}": count for code, count in closed.items()})

    # --- at the door of the engine

    def answered(self, to: str, envelope: Envelope, answer: Done | Refusal, waited_s: float) -> None:
        """Look at an answer of an actor, at the moment at which it is given."""
        if waited_s > ANSWER_WITHIN_S:
            self.blame(f"{to} {envelope.command.do} was answered after {waited_s:.1f} s")
        if not envelope.number:
            return
        found = self._truth.stream(to).receipt(envelope.client, envelope.number)
        alone = self._truth.stream(to).receipt_alone(envelope.client, envelope.number)
        name = f"{envelope.client}#{envelope.number} {envelope.command.do} at {to}"
        if isinstance(answer, Refusal):
            final = not ERRORS[answer.code].retry and (envelope.client, envelope.number) not in self.disputed
            final = final and not (isinstance(answer.data, Mapping) and answer.data.get("kept"))  # refused and kept
            self.expect(not (final and (found or alone)), f"{name} was refused ({answer.code}) and has an effect")
        elif answer.seq is not None:
            right = found is not None and found[1] == answer.seq and found[0].digest == envelope.digest
            self.expect(right, f"{name} was acknowledged at {answer.seq} and is not durable there: {found}")
            self.past.append((to, envelope, answer.seq))
        else:
            self.expect(found is None, f"{name} was told that nothing happened, and has an effect")
            self.expect(
                not answer.again or alone is not None or bool(envelope.message), f"{name} was never carried out"
            )
            if alone is not None:
                self.counts["alone"] += 1
                self.past.append((to, envelope, None))

    def repeated(self, to: str, envelope: Envelope, seq: int | None, answer: Done | Refusal) -> None:
        """Look at the answer to a command that was carried out long ago, and was sent once more."""
        name = f"{envelope.client}#{envelope.number} {envelope.command.do} at {to}"
        if isinstance(answer, Refusal):
            self.expect(ERRORS[answer.code].retry, f"{name} was repeated and refused: {answer}")
        else:
            self.counts["repeated"] += 1
            self.expect(answer.again and answer.seq == seq, f"{name} was done at {seq}, and again at {answer.seq}")

    def forged(self, to: str, envelope: Envelope, answer: Done | Refusal) -> None:
        """Look at the answer to another command under the number of one that was carried out."""
        code = answer.code if isinstance(answer, Refusal) else "done"
        self.counts["forged"] += 1
        right = code == "conflict" or (isinstance(answer, Refusal) and ERRORS[code].retry)
        self.expect(right, f"another command as {envelope.client}#{envelope.number} at {to} was answered {code}")

    def joined(self, to: str, watch: Watch, joined: Joined, replay_events: int) -> None:
        """Look at the verdict of a subscription."""
        head = self._truth.stream(to).head
        self.expect(joined.seq <= head, f"{watch.caller.user} joined {to} at {joined.seq}, durable are {head}")
        if watch.since is None:
            return
        behind = joined.seq - watch.since[1]
        self.expect(behind >= 0, f"{watch.caller.user} has seen {watch.since} of {to}, which is at {joined.seq}")
        if joined.state is None:
            self.expect(joined.count == behind, f"{to} promised {joined.count} events, missed were {behind}")
        else:
            self.expect(behind > replay_events, f"{to} gave a snapshot to one who missed only {behind} events")

    def published(self, to: str, last: int) -> None:
        """Look at events on their way to the subscribers."""
        head = self._truth.stream(to).head
        self.expect(last <= head, f"{to}@{last} was shown before it was durable (durable: {head})")
        for complaint in check(self._truth.stream(to), self._truth):
            self.blame(f"{to}: {complaint}")

    def saved(self, to: str, saved: Saved) -> None:
        """Look at a snapshot, which is the live state of an actor."""
        stream = self._truth.stream(to)
        if saved.seq > stream.head:
            self.blame(f"the snapshot of {to} is at {saved.seq}, durable are {stream.head}")
        elif stream.differs(saved):
            self.blame(f"the snapshot of {to} at {saved.seq} is not what a replay gives")

    # --- at the client

    def acknowledged(self, order: Order, reply: Reply) -> None:
        """Take what the client was told."""
        order.fate, order.reply = "acknowledged", reply.data
        if reply.pos is None:
            return
        self.counts["acknowledged"] += 1
        self.counts["again"] += reply.again
        name, seq = reply.pos
        order.seq = seq
        stream = self._truth.stream(name)
        receipt = stream.records[seq - 1].receipt if seq <= stream.head else None
        if receipt is None or receipt.client != order.client or name != order.to:
            self.blame(f"{order.client} {order.do} was told {name}@{seq}, where {receipt} stands")
            return
        other = self._claims.setdefault((name, receipt.client, receipt.command), order)
        self.expect(other is order, f"two commands of {order.client} were told the same {name}@{seq}")
        if order.word:
            self._look_for_word(order, stream)

    def _look_for_word(self, order: Order, stream: Stream) -> None:
        """Expect the words of an acknowledged order among its events, and the number of a message in its answer."""
        found = [fact for fact in stream.caused(order.seq) if words_of(fact.event) == order.word]
        where = f"{order.client} said {order.word!r}, at {stream.name}@{order.seq}"
        self.expect(len(found) == 1, f"{where} stands {stream.facts()[order.seq - 1]}")
        if order.do == "say" and found:
            right = {"id": str(found[0].seq)}
            self.expect(order.reply == right, f"{where}, and was answered {order.reply} instead of {right}")

    def refused(self, order: Order, refused: Refused) -> None:
        """Take what the client was refused."""
        order.fate = "refused" if not refused.may_retry else "unsure"
        self.counts[order.fate] += 1

    # --- at the end

    def settle(self, now: int) -> None:
        """Compare everything that was ever said to anybody with the journal; `now` is when the last server stopped, Unix ms."""
        words = Counter(words_of(fact.event) for stream in self._truth.streams() for fact in stream.facts())
        for order in self.orders:
            if order.fate == "unanswered":
                self.counts["unanswered"] += 1
            if order.word:
                self._settle_word(order, words[order.word])
        for stream in self._truth.streams():
            self._settle_stream(stream)
        for complaint in reckon(self._truth, self.orders, now):
            self.blame(complaint)

    def _settle_word(self, order: Order, times: int) -> None:
        if times > 1:
            self.counts["doubled"] += 1
            self.blame(f"{order.word!r} of {order.client} stands in the journal {times} times")
        elif times == 0 and order.fate == "acknowledged" and (order.seq or order.do == "send"):
            self.counts["lost"] += 1
            self.blame(f"{order.word!r} of {order.client} was acknowledged and is lost")
        elif times and order.fate == "refused" and order.word not in self.disputed:
            self.blame(f"{order.word!r} of {order.client} was refused and has an effect")

    def _settle_stream(self, stream: Stream) -> None:
        self.reach.update(record.type for record in stream.records)
        for fact in stream.facts():
            if isinstance(fact.event, Submitted) and fact.event.reason == "deadline":
                late = fact.at > fact.event.closes + GRACE_MS + LATE_MS
                self.reach["ended by the deadline"] += 1
                self.reach["ended by a deadline missed"] += late
        seqs = [record.seq for record in stream.records]
        self.expect(seqs == [*range(1, len(seqs) + 1)], f"the numbers of {stream.name} have holes: {seqs}")
        saved = self._truth.store.peek(stream.name).saved
        if saved is None:
            return
        found = stream.blueprint.restore(stream.name, saved)
        if found is not None:
            for fact in stream.facts()[saved.seq :]:
                found.apply(fact)
            same = found.state == stream.behaviour().state
            self.expect(same, f"snapshot + tail of {stream.name} differs from a replay of everything")
