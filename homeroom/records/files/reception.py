"""Files are taken in here, and let go: each from the first byte to a row that says `completed`, or to nothing.

The life of a file: (1) its row and its name in the store are durable, `upload.started`; (2) its bytes come, are counted against
the limits and written; (3) its content is held to what it was said to be; (4) it is flushed, and only then (5) the row says
`completed`. Whatever goes wrong, `upload.failed` says why, and nothing of the bytes is kept.

While it lives its server renews a lease; the sweep, of any server, removes what has none. A doubtful commit is no reason to
remove a file: whoever removes one takes its lease in the database first, and a completed file has none.

Rule of this file: the lock on a person's uploads is held before any row, as it stands for rows that are not there yet; then the
upload's row, then its file's. So no two tries of one file wait for each other.
Never here: HTTP, where bytes lie, and in which words is told what goes wrong (`terms`).
"""

from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from hashlib import sha256
from random import Random
from typing import Any, TypeVar

import msgspec
import structlog
import trio

from homeroom.engine.behaviour import SYSTEM_CALLER, Caller, Refusal
from homeroom.engine.clock import Clock
from homeroom.engine.database import Database
from homeroom.engine.errors import overloaded, unavailable
from homeroom.engine.postgres import DatabaseError
from homeroom.engine.wire import Wire
from homeroom.protocol.channels import UploadProgressed
from homeroom.records.declare import Unit
from homeroom.records.files import statements
from homeroom.records.files.coming import Coming, Opening, Pieces, Received, Signal, Still, check_same, lock_of
from homeroom.records.files.content import UnfitContent
from homeroom.records.files.failed import sweep_failed
from homeroom.records.files.intake import Found, Intake
from homeroom.records.files.pace import Paced
from homeroom.records.files.store import Away, FileError, FileStore, Missing, Source
from homeroom.records.files.terms import (
    RETRY_MS,
    Offer,
    UploadSettings,
    another,
    full,
    reason_of,
    refusal_of,
    taken_away,
    too_large,
    unfit,
)
from homeroom.records.ids import fresh_id
from homeroom.records.school.uploads import COMPLETED, FAILED, UPLOAD
from homeroom.records.store import Store
from homeroom.records.sweeping import keep_swept

log = structlog.get_logger(__name__)

T = TypeVar("T")

THREADS = 8
"""Worker threads for files at a time: a slow store holds up files, and nothing else that threads do."""


@dataclass(slots=True)
class Reception:
    """Takes files in, opens and sweeps them. Its life: `run`, which sweeps at once and then again and again."""

    store: Store
    database: Database
    files: FileStore
    clock: Clock
    wire: Wire
    random: Random
    signal: Signal
    settings: UploadSettings = field(default_factory=UploadSettings)
    _threads: trio.CapacityLimiter = field(init=False, default_factory=lambda: trio.CapacityLimiter(THREADS))
    _wake: trio.Event = field(init=False, default_factory=trio.Event)
    _coming: Counter[str] = field(init=False, default_factory=Counter)
    _counts: dict[str, int] = field(init=False, default_factory=lambda: {"completed": 0, "failed": 0, "swept": 0})

    # --- in

    async def receive(
        self, id: str, offer: Offer, pieces: Pieces, caller: Caller, still: Still = trio.lowlevel.checkpoint
    ) -> Received:
        """Take a file in. With the `id` of one that is here already it is only read: the same gets the row again.

        `still` is asked with every piece, and before the file counts: what it raises ends the file, as the end of a login must.

        Raises `Refusal`: `too_large`, `bad_command` for content that belies its type or a type that is not taken, `full` at the
        person's quota, `rate_limited` and `overloaded` when too many come at once, `conflict` while it is on its way already or
        when another file is here, `timeout` when it comes too slowly, `unavailable` when there is no room or the store is away.
        Cancelled: the same as a connection that ends.
        """
        self._check(offer)

        async def bare(paced: Pieces) -> tuple[Offer, Pieces]:
            return offer, paced

        return await self.receive_from(id, bare, pieces, caller, still)

    async def receive_from(
        self, id: str, opening: Opening, pieces: Pieces, caller: Caller, still: Still = trio.lowlevel.checkpoint
    ) -> Received:
        """Do the same with a file that `opening` finds in `pieces`, such as that of a form: what it reads has a place and a pace, too."""
        paced = Paced(pieces, self.settings.least_rate, self.settings.pace_s)
        with self._place(caller.user):
            with self._in_time():
                offer, inner = await opening(paced)
            self._check(offer)
            coming = await self._start(id, offer, caller)
            if coming is not None:
                return Received(await self._bring(coming, inner, still))
        row = await self.store.read(UPLOAD, id, caller)
        await self._compare(row, inner)
        await still()
        return Received(row, again=True)

    @contextmanager
    def _in_time(self) -> Iterator[None]:
        """Bound how long something is read, and have what goes wrong told as a client is to hear it."""
        try:
            with trio.fail_after(self.settings.longest_s):
                yield
        except Exception as error:
            refusal = refusal_of(error, self.settings)
            if refusal is None or refusal is error:
                raise
            raise refusal from error

    @contextmanager
    def _place(self, person: str) -> Iterator[None]:
        """Lend a place to a file that comes in. Of the second half of all places everybody gets one: a few leave some to others."""
        taken, most = self._coming.total(), self.settings.at_once
        if taken >= most:
            raise overloaded(RETRY_MS)
        if self._coming[person] and taken * 2 >= most:
            raise Refusal("rate_limited", "so many files come in that each person has one place", retry_ms=RETRY_MS)
        self._coming[person] += 1
        try:
            yield
        finally:
            self._coming[person] -= 1
            self._coming = +self._coming  # only those who are there

    def _check(self, offer: Offer) -> None:
        """Refuse what needs no look at a byte."""
        if offer.length is not None and offer.length > self.settings.file_bytes:
            raise too_large(self.settings)
        if offer.declared and offer.declared not in self.settings.types:
            raise unfit(UnfitContent("files of this type are not taken", offer.declared), self.settings)

    async def _start(self, id: str, offer: Offer, caller: Caller) -> Coming | None:
        """Make it durable that a file comes; returns `None` when it is here already."""
        now = self.clock.now()

        async def begin(unit: Unit) -> Coming | None:
            await unit.lock(lock_of(caller))
            held = await unit.fetch(statements.HELD, id)
            if held and held[0]["status"] != "failed":
                check_same(held[0], offer, caller)
                if held[0]["status"] == "completed":
                    return None
                await self._check_left(unit, id, now)
            if not held and await unit.fetch(statements.WAS_HERE, id):
                raise taken_away()
            name = fresh_id(self.random)
            room = await self._enter(unit, id, offer, retried=bool(held))
            await unit.fetch(statements.LEASED, name, id, self._lease(now))
            return Coming(id, name, caller, offer, room, Intake(self.files, name), now)

        return await self._in_a_unit(caller, begin)

    async def _check_left(self, unit: Unit, id: str, now: int) -> None:
        """Raise `conflict` as long as a server brings the file in, and says so by its lease; it is told until when at the latest."""
        await unit.fetch(statements.ENDED, id, now)
        leases = [row["lease"] for row in await unit.fetch(statements.COMING, id)]
        if leases:
            raise Refusal("conflict", "this file is on its way already", retry_ms=max(1, max(leases) - now))

    async def _enter(self, unit: Unit, id: str, offer: Offer, *, retried: bool) -> int:
        """Write the row of a file that comes; returns how many bytes may come."""
        me = unit.caller.user
        (used,) = await unit.fetch(statements.USED, me, id)
        room = self._room(used, offer)
        values = {"name": offer.name, "declared_type": offer.declared, "size": offer.length or 0, "status": "receiving"}
        if retried:
            await unit.update(UPLOAD, id, {**values, "reason": ""}, UPLOAD.event("created"))
        else:
            await unit.insert(UPLOAD, {"id": id, "owner_id": me, **values})
        return room

    async def _compare(self, row: Mapping[str, Any], pieces: Pieces) -> None:
        """Read a file that came with the key of one that is here, and keep nothing of it; raises `conflict` unless it is the same."""
        size, hashed = 0, sha256()
        with self._in_time():
            async for piece in pieces:
                size += len(piece)
                if size > row["size"]:
                    raise another()
                await self._in_thread(hashed.update, piece)
        if hashed.hexdigest() != row["sha256"]:
            raise another()

    def _room(self, used: Any, offer: Offer) -> int:
        """Return how many bytes may come; raises `Refusal` for none."""
        if used["coming"] >= self.settings.person_at_once:
            raise Refusal("rate_limited", "other files of yours are still on their way", retry_ms=RETRY_MS)
        room = self.settings.person_bytes - used["bytes"]
        if room <= 0 or (offer.length or 0) > room:
            raise full(self.settings)
        return int(min(room, self.settings.file_bytes))

    async def _bring(self, coming: Coming, pieces: Pieces, still: Still) -> Mapping[str, Any]:
        """Bring it in whole, or leave nothing behind."""
        try:
            with trio.fail_after(self.settings.longest_s):
                async for piece in pieces:
                    await still()
                    await self._take(coming, piece)
                found = await self._in_thread(coming.intake.finish, coming.offer.declared, self.settings.types)
                await still()
                return await self._complete(coming, found)
        except BaseException as error:
            refusal = refusal_of(error, self.settings)
            await self._fail(coming, reason_of(error, refusal))
            if refusal is not None:
                raise refusal from error
            raise

    async def _take(self, coming: Coming, piece: bytes) -> None:
        coming.received += len(piece)
        if coming.received > coming.room:
            whole = coming.room == self.settings.file_bytes
            raise too_large(self.settings) if whole else full(self.settings)
        await self._in_thread(coming.intake.take, piece)
        await self._renew(coming)
        self._tell(coming)

    async def _renew(self, coming: Coming) -> None:
        """Renew the lease when a quarter of it is over; raises `Refusal` when it is lost."""
        now = self.clock.now()
        if now - coming.renewed < self.settings.lease_s * 250:
            return
        if not await self.database.fetch(statements.RENEWED, coming.name, self._lease(now)):
            raise unavailable(RETRY_MS)
        coming.renewed = now

    def _tell(self, coming: Coming) -> None:
        """Give the owner a signal of how much has come."""
        progress = UploadProgressed(coming.id, coming.received, coming.offer.length)
        owner = coming.caller.user
        event = self.wire.event(progress.type, self.clock.now(), owner, self.wire.encode(progress))
        self.signal(f"user:{owner}", f"upload:{coming.id}", event)

    async def _complete(self, coming: Coming, found: Found) -> Mapping[str, Any]:
        """Make it durable that the file is here; only now it can be read."""
        changes = {"type": found.type, "size": found.size, "sha256": found.sha256, "status": "completed"}

        async def end(unit: Unit) -> Any:
            await unit.lock(lock_of(coming.caller))
            row = await unit.update(UPLOAD, coming.id, changes, COMPLETED)
            (used,) = await unit.fetch(statements.USED, coming.caller.user, coming.id)
            if used["bytes"] + found.size > self.settings.person_bytes:
                raise full(self.settings)
            if not await unit.fetch(statements.KEPT, coming.name):
                raise unavailable(RETRY_MS)
            return row

        row = await self._in_a_unit(coming.caller, end)
        self._counts["completed"] += 1
        shown: Mapping[str, Any] = msgspec.to_builtins(row)
        return shown

    async def _fail(self, coming: Coming, reason: str) -> None:
        """Remove what came, and say that it failed; what cannot be done now the sweep does."""

        async def end(unit: Unit) -> None:
            await unit.fetch(statements.HELD, coming.id)
            if await unit.fetch(statements.LOST, coming.name):
                await unit.update(UPLOAD, coming.id, {"status": "failed", "reason": reason}, FAILED)

        self._counts["failed"] += 1
        with trio.CancelScope(shield=True):
            if not coming.intake.kept:
                await self._in_thread(coming.intake.discard)
            try:
                await self._in_a_unit(coming.caller, end)
            except (Refusal, DatabaseError) as error:
                log.warning("a failed upload is left to the sweep", upload=coming.id, error=str(error))
        self.sweep_soon()

    # --- out

    async def look(self, id: str, caller: Caller) -> tuple[Mapping[str, Any], str]:
        """Return the row of a whole file and its name in the store; raises `not_found`, also for what is not the caller's to see."""
        row = await self.store.read(UPLOAD, id, caller)
        found = await self.database.fetch_row(statements.NAME, id) if row["status"] == "completed" else None
        if found is None:
            raise Refusal("not_found", "this file is not here")
        return row, found["name"]

    async def open(self, name: str, start: int, length: int) -> Source:
        """Open a part of a file; raises `Refusal`."""
        try:
            source: Source = await self._in_thread(self.files.open, name, start, length)
        except Missing as error:
            raise Refusal("not_found", "this file is not here any more") from error
        except FileError as error:
            raise unavailable(RETRY_MS, str(error)) from error
        return source

    async def read(self, source: Source) -> bytes:
        """Return the next bytes, none at the end; raises `Away`."""
        data: bytes = await self._in_thread(source.read)
        return data

    # --- what is left over

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Sweep files at once, whenever something was left, and every `sweep_s`, rows now and then; a database that is away is asked again."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(keep_swept, "failed uploads", partial(sweep_failed, self.store, self.clock))
            nursery.start_soon(self._keep_files_swept)
            task_status.started()

    async def _keep_files_swept(self) -> None:
        while True:
            self._wake = trio.Event()
            try:
                await self.sweep()
            except (Refusal, DatabaseError) as error:
                log.warning("uploads could not be swept", error=str(error))
            with trio.move_on_after(self.settings.sweep_s):
                await self._wake.wait()

    def sweep_soon(self) -> None:
        """Have `run` sweep now."""
        self._wake.set()

    async def sweep(self) -> int:
        """Remove the files that nobody brings in any more, or that nobody has any more; returns how many. Raises as the database does."""
        removed = 0
        for row in await self.database.fetch(statements.DEAD, self.clock.now()):
            try:
                await self._in_thread(self.files.remove, row["name"])
            except Away as error:
                log.warning("a file is left to the next sweep", error=str(error))
                continue
            await self._forget(row["name"], row["upload_id"])
            removed += 1
        self._counts["swept"] += removed
        return removed

    async def _forget(self, name: str, upload: str) -> None:
        """Forget a removed file, and say of its upload that it failed, if it is still said to come and no other try of it does."""

        async def end(unit: Unit) -> None:
            if await unit.fetch(statements.ABANDONED, upload, name):
                await unit.update(UPLOAD, upload, {"status": "failed", "reason": "interrupted"}, FAILED)
            await unit.fetch(statements.FORGOTTEN, name)

        await self._in_a_unit(SYSTEM_CALLER, end)

    def statistics(self) -> Mapping[str, float]:
        """Return the figures: files on their way in now, and since the start completed, failed and swept."""
        return {"coming": self._coming.total(), **self._counts}

    def _lease(self, now: int) -> int:
        return now + int(self.settings.lease_s * 1000)

    async def _in_a_unit(self, caller: Caller, work: Callable[[Unit], Awaitable[T]]) -> T:
        """Carry out `work` in a transaction; the store begins it again when others were in a ring with it."""
        return await self.store.once((UPLOAD.name,), caller, None, work)

    async def _in_thread(self, call: Callable[..., Any], *args: Any) -> Any:
        return await trio.to_thread.run_sync(call, *args, limiter=self._threads)
