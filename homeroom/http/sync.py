"""Catch-up over HTTP: what a client whose network blocks WebSocket, or that was away, asks for; with a long poll.

Each stream is read through its actor or its door, so access, filters and verdicts are those of a subscription. While a poll waits it is
joined to its streams like any subscriber, in a format whose frames say only *that* something happened; its token is checked
again before it is answered. An answer has a budget of bytes, and a person one for all answers that are not read yet.
Never here: the frames of the wire, and who may read what.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import takewhile
from typing import Annotated, Any, Literal

import msgspec
import trio
from msgspec import UNSET, Meta, Raw, Struct, UnsetType

from homeroom.engine.behaviour import Refusal
from homeroom.engine.clock import Clock
from homeroom.engine.envelope import Cursor
from homeroom.engine.hub import Hub
from homeroom.engine.journal import Journal
from homeroom.engine.switchboard import Ref
from homeroom.engine.wire import Wire
from homeroom.engine.words import Page
from homeroom.http.answer_bytes import AnswerBudget, HeldBytes
from homeroom.http.identity import Identity
from homeroom.http.routes import Call, Out, Route
from homeroom.protocol.errors import RemoteProtocolError
from homeroom.protocol.ids import MAX_SEQ, AddressText
from homeroom.protocol.opaque import seal, unseal
from homeroom.protocol.rest_json import encode_json, read_body

POLL_FORMAT = "poll"
STREAMS_MAX = 50
PAGE_EVENTS = 500
MARK = "c1."


class SyncQuery(Struct, frozen=True):
    """What to catch up on: at least one stream or table."""

    streams: Annotated[
        str,
        Meta(
            max_length=4_000,
            description=f"The streams' addresses, `kind:id`, separated by commas; with the tables at most {STREAMS_MAX}.",
            examples=["room:lobby"],
        ),
    ] = ""
    tables: Annotated[
        str,
        Meta(
            max_length=2_000,
            description="Names, separated by commas; each stands for the stream `table:<name>`, in the singular or the plural, with "
            "`_`, `-` or neither. The answer has the name that the stream itself has.",
            examples=["classes"],
        ),
    ] = ""
    since: Annotated[
        str,
        Meta(
            max_length=8_000,
            description="The `cursor` of the last answer, or a time in Unix ms; without it, each stream as it is now.",
        ),
    ] = ""
    wait: Annotated[
        float,
        Meta(ge=0, le=60, description="Hold the answer open for the next event, up to so many seconds."),
    ] = 0.0


class StreamAnswer(Struct, frozen=True):
    """One stream. `resumed`: the missed events, the first of which has number `seq`; `snapshot`: the state at `pos`.

    `refused`: the subscription would be refused with `code`, and nothing is said about the stream.
    """

    verdict: Literal["resumed", "snapshot", "refused"]
    pos: Cursor | UnsetType = UNSET
    seq: int | UnsetType = UNSET
    events: list[Any] | UnsetType = UNSET
    state: Any = UNSET
    code: str | UnsetType = UNSET
    msg: str | UnsetType = UNSET


class SyncAnswer(Struct, frozen=True):
    """The streams asked for; `cursor` is for the next request, `more`: ask again at once.

    An answer is bounded in bytes: with `more`, streams that did not fit are missing, and come with a next request.
    """

    cursor: str
    streams: dict[str, StreamAnswer]
    more: bool


class _Places(Struct, frozen=True):
    """What a cursor holds: how far each stream has been given."""

    at: dict[AddressText, tuple[Annotated[str, Meta(max_length=64)], Annotated[int, Meta(ge=0, le=MAX_SEQ)]]]


class PollFrames:
    """The long poll's format (an `engine.wire.FrameEncoder`): it does not carry events, it says that there are some."""

    def delta(self, stream: str, seq: int, events: Sequence[bytes]) -> bytes:
        """Return the word that something durable happened."""
        return b"ev"

    def signals(self, stream: str, events: Sequence[bytes]) -> bytes:
        """Return nothing: signals are not caught up on."""
        return b""

    def gone(self, stream: str, code: str) -> bytes:
        """Return the word that a subscription ended."""
        return b"gone"


class _PollOutlet:
    """An `Outlet` that rings a bell."""

    __slots__ = ("bell", "closed", "family", "format", "user")

    def __init__(self, who: Identity) -> None:
        self.user = who.id
        self.family = who.family
        self.format = POLL_FORMAT
        self.closed = False
        self.bell = trio.Event()

    def push(self, frame: bytes) -> None:
        if frame:
            self.bell.set()

    async def wait_room(self) -> None:
        await trio.lowlevel.checkpoint()


@dataclass(frozen=True, slots=True)
class SyncLimits:
    """Long polls at a time, of one person and in all, and the longest wait in seconds.

    `answer_bytes`: of all streams of one answer, but that a single larger state goes alone; `bytes_per_user`: of all answers
    of one person that are being made or read, each counted as `answer_bytes` until it is made.
    """

    polls_per_user: int = 10
    polls: int = 5_000
    wait_s: float = 30.0
    answer_bytes: int = 524_288
    bytes_per_user: int = 4 * 524_288


class Sync:
    """The desk for catch-up.

    `take(user, budget)` is `None` or the ms to wait; `check(token)` raises `Refusal` for one that counts no more; `table(word)` is
    the name of the table that is meant.
    """

    def __init__(
        self,
        ref: Callable[[str], Ref],
        hub: Hub,
        journal: Journal,
        wire: Wire,
        *,
        take: Callable[[str, str], int | None],
        check: Callable[[str], Identity],
        clock: Clock,
        limits: SyncLimits = SyncLimits(),
        table: Callable[[str], str] = str,
    ) -> None:
        self._ref, self._hub, self._journal, self._wire = ref, hub, journal, wire
        self._take, self._check, self._clock = take, check, clock
        self._limits, self._table = limits, table
        self._held: dict[str, int] = {}
        self._polls: dict[str, int] = {}
        self._open: set[_PollOutlet] = set()
        self._stopped = False

    def routes(self) -> list[Route]:
        """Return the door."""
        return [
            Route(
                "GET",
                "/api/realtime/sync",
                name="sync",
                summary="Catch up on streams since a cursor, or wait for the next event.",
                handler=self.handle,
                tag="realtime",
                query=SyncQuery,
                reply=SyncAnswer,
                errors=("rate_limited", "overloaded", "unavailable", "timeout"),
            )
        ]

    def statistics(self) -> Mapping[str, float]:
        """Return how many polls are held open, of how many people, and the bytes of answers being made or read."""
        return {"polls": len(self._open), "people": len(self._polls), "held_bytes": sum(self._held.values())}

    def revoke(self, user: str, family: str | None = None) -> int:
        """Wake the polls of `user`, or those of one login, whose tokens count no more; returns how many."""
        found = [poll for poll in self._open if poll.user == user and family in (None, poll.family)]
        for outlet in found:
            outlet.bell.set()
        return len(found)

    def stop(self) -> None:
        """Answer all that wait, and hold nothing open any more."""
        self._stopped = True
        for outlet in self._open:
            outlet.bell.set()

    async def handle(self, call: Call) -> Out:
        """Answer `GET /api/realtime/sync`."""
        who, query = call.person, call.query
        names = _names(query, self._table)
        wait_ms = self._take(who.id, "subscribe")
        if wait_ms is not None:
            raise Refusal("rate_limited", "the budget `subscribe` is used up", retry_ms=wait_ms)
        held = self._begin(who.id, call.ends)
        since = await self._places(names, query.since)
        answer = await self._read_all(who, names, since, held)
        if query.wait and not _news(answer) and not self._stopped:
            held.release()  # whoever waits holds nothing
            answer = await self._hold(call, names, min(query.wait, self._limits.wait_s), answer, held)
        return Out(answer)

    def _begin(self, user: str, ends: ExitStack) -> HeldBytes:
        """Reserve the memory of an answer until it has been sent; raises `rate_limited` while too much is not read yet."""
        if self._held.get(user, 0) + self._limits.answer_bytes > self._limits.bytes_per_user:
            raise Refusal("rate_limited", "read the answers to your other requests first", retry_ms=1_000)
        held = HeldBytes(self._held, user)
        ends.callback(held.release)
        held.hold(self._limits.answer_bytes)
        return held

    async def _hold(
        self, call: Call, names: Sequence[str], wait_s: float, answer: SyncAnswer, held: HeldBytes
    ) -> SyncAnswer:
        """Wait for the next event of the streams that may be read, then read again: access is checked anew.

        Never waits longer than the token counts, and gives no late answer to one that counts no more.
        """
        who, refused = call.person, _refused(answer)
        outlet = _PollOutlet(who)
        wait_s = min(wait_s, (who.expires - self._clock.now()) / 1000)
        with self._counted(outlet), trio.move_on_after(max(wait_s, 0.0)):
            while not _news(answer) and _refused(answer) == refused and not self._stopped:
                self._check(call.bearer)
                self._join(outlet, answer)
                places = _read_cursor(answer.cursor, names)
                answer = await self._read_all(who, names, places, held)  # what came between reading and joining
                if not _news(answer):
                    await outlet.bell.wait()
                    self._hub.forget(outlet)
                    outlet.bell = trio.Event()
                    answer = await self._read_all(who, names, places, held)
        self._check(call.bearer)
        return answer

    def _join(self, outlet: _PollOutlet, answer: SyncAnswer) -> None:
        for name, stream in answer.streams.items():
            if stream.pos is not UNSET:
                self._hub.subscribe(name, outlet, stream.pos[1])

    @contextmanager
    def _counted(self, outlet: _PollOutlet) -> Iterator[None]:
        mine = self._polls.get(outlet.user, 0)
        if mine >= self._limits.polls_per_user:
            raise Refusal("rate_limited", "too many long polls of yours are open", retry_ms=1_000)
        if len(self._open) >= self._limits.polls:
            raise Refusal("overloaded", "too many long polls are open", retry_ms=5_000)
        self._polls[outlet.user] = mine + 1
        self._open.add(outlet)
        try:
            yield
        finally:
            outlet.closed = True
            self._hub.forget(outlet)
            self._open.discard(outlet)
            self._polls[outlet.user] -= 1
            if not self._polls[outlet.user]:
                del self._polls[outlet.user]

    async def _places(self, names: Sequence[str], since: str) -> dict[str, Cursor]:
        """Return where to go on in each stream: nowhere for one that the cursor does not name (a snapshot)."""
        if not since:
            return {}
        if not since.isascii() or not since.isdecimal():
            return _read_cursor(since, names)
        at = min(int(since[:16]), MAX_SEQ)
        epoch = await self._journal.epoch()
        return {name: (epoch, await self._journal.seq_at(name, at)) for name in names}

    async def _read_all(
        self, who: Identity, names: Sequence[str], since: Mapping[str, Cursor], held: HeldBytes
    ) -> SyncAnswer:
        """Read stream by stream until the budget of bytes is used up; what does not fit stays where it was."""
        budget = AnswerBudget(self._limits.answer_bytes)
        answers: dict[str, StreamAnswer] = {}
        places = dict(since)
        more = False
        for name in names:
            if budget.full:
                break
            places.pop(name, None)
            try:
                page = await self._ref(name).read(who.caller, since.get(name), PAGE_EVENTS)
            except Refusal as refusal:
                if refusal.code not in _SAID_OF_A_STREAM:
                    raise
                answers[name] = StreamAnswer("refused", code=refusal.code, msg=refusal.msg)
                continue
            answer = self._fit(page, budget)
            if answer is not None and answer.pos is not UNSET:
                answers[name], places[name] = answer, answer.pos
            elif name in since:
                places[name] = since[name]
            more = more or page.more
        held.hold(budget.spent)
        return SyncAnswer(_write_cursor(places), answers, more or budget.full)

    def _fit(self, page: Page, budget: AnswerBudget) -> StreamAnswer | None:
        """Return what of a page the budget has room for; `None` when that is nothing of it."""
        if page.state is not None:
            state = encode_json(page.state)
            return (
                StreamAnswer("snapshot", pos=(page.epoch, page.seq), state=Raw(state)) if budget.take(state) else None
            )
        first = page.seq - len(page.events) + 1
        events = (encode_json(self._wire.decode_plain(event)) for event in page.events)
        fit = [Raw(event) for event in takewhile(budget.take, events)]
        if page.events and not fit:
            return None
        return StreamAnswer("resumed", pos=(page.epoch, first + len(fit) - 1), seq=first, events=fit)


_SAID_OF_A_STREAM = frozenset({"forbidden", "not_found"})
"""Refusals that belong to one stream; any other one is the answer to the whole request."""


def _news(answer: SyncAnswer) -> bool:
    """Tell whether there is anything to say: an event, a state, more of it, or nothing to wait for."""
    if answer.more or not any(stream.pos is not UNSET for stream in answer.streams.values()):
        return True
    return any(bool(stream.events) or stream.state is not UNSET for stream in answer.streams.values())


def _refused(answer: SyncAnswer) -> list[str]:
    return [name for name, stream in answer.streams.items() if stream.pos is UNSET]


def _names(query: SyncQuery, table: Callable[[str], str]) -> list[str]:
    """Return the streams asked for, each once; raises `bad_command` for none, too many, or what is no address."""
    tables = [f"table:{table(word)}" for word in query.tables.split(",") if word]
    asked = [name for name in query.streams.split(",") if name]
    names = list(dict.fromkeys(asked + tables))
    if not 1 <= len(names) <= STREAMS_MAX:
        raise Refusal("bad_command", f"name 1 to {STREAMS_MAX} streams", data={"field": "streams"})
    for field, some, form in (("streams", asked, "kind:id"), ("tables", tables, "the name of a table")):
        if not all(map(_is_address, some)):
            raise Refusal("bad_command", f"one of the {field} is not {form}", data={"field": field, "allowed": form})
    return names


def _is_address(name: str) -> bool:
    try:
        msgspec.convert(name, AddressText)
    except msgspec.ValidationError:
        return False
    return True


def _write_cursor(places: Mapping[str, Cursor]) -> str:
    """Return the opaque cursor. It grants nothing: each reading checks access anew."""
    return seal(MARK, encode_json(_Places(dict(places))))


def _read_cursor(text: str, names: Sequence[str]) -> dict[str, Cursor]:
    data, unfit = unseal(MARK, text), "`since` is the cursor of an earlier answer, or a time in Unix ms"
    try:
        places = read_body(data, _Places).at if data is not None else None
    except RemoteProtocolError:
        places = None
    if places is None:
        raise Refusal("bad_command", unfit, data={"field": "since"})
    return {name: places[name] for name in names if name in places}
