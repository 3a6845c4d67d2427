"""What every log of channels must do. A subclass of `ChannelLogContract` with a fixture `logged` runs it for one."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from homeroom.engine.channel_log import Announcement, ChannelLog, Place
from homeroom.engine.journal import Append, Journal, Outgoing, Record

CLASS, TABLE = "class:10a", "table:exams"


@dataclass
class Logged:
    """A log, the journal that it stands beside, and what it keeps of activity."""

    log: ChannelLog
    journal: Journal

    async def activity(self) -> Sequence[tuple[str, str, Any]]:
        """Return type, source and data of each row, the oldest first."""
        raise NotImplementedError

    async def told(self, *streams: str, at: int = 1_000, body: bytes = b"body") -> Announcement:
        """Return an announcement whose message is durable."""
        head = (await self.journal.load("exam:mid-2")).head
        record = Record(head + 1, "exam.published", at, "eve", b"{}")
        (message,) = await self.journal.append(
            Append("exam:mid-2", [record], tells=[Outgoing(streams[0], "announce", b"body")])
        )
        told = dict.fromkeys(streams, body)
        return Announcement(message.number, "exam:mid-2", "exam.published", at, "eve", told, {"id": "mid-2"})


class ChannelLogContract:
    async def test_an_announcement_stands_in_every_stream_once_and_its_message_is_gone(self, logged: Logged) -> None:
        announcement = await logged.told(TABLE, CLASS)
        assert await logged.log.announce(announcement) == {CLASS: Place(1, 1_000), TABLE: Place(1, 1_000)}
        for stream in (CLASS, TABLE):
            (record,) = await logged.journal.read(stream, 0, 9, 9)
            assert record == Record(1, "exam.published", 1_000, "eve", b"body")
        assert await logged.journal.messages() == []
        assert await logged.activity() == [("exam.published", "exam:mid-2", {"id": "mid-2"})]

    async def test_a_message_that_comes_again_writes_nothing(self, logged: Logged) -> None:
        announcement = await logged.told(CLASS)
        await logged.log.announce(announcement)
        assert await logged.log.announce(announcement) is None
        assert await logged.log.heads([CLASS]) == {CLASS: 1}
        assert len(await logged.activity()) == 1

    async def test_numbers_go_on_and_times_never_go_back(self, logged: Logged) -> None:
        await logged.log.announce(await logged.told(CLASS, at=2_000))
        assert await logged.log.announce(await logged.told(CLASS, at=1_000)) == {CLASS: Place(2, 2_000)}
        assert await logged.log.announce(await logged.told(CLASS, at=3_000)) == {CLASS: Place(3, 3_000)}
        assert [record.at for record in await logged.journal.read(CLASS, 0, 9, 9)] == [2_000, 2_000, 3_000]

    async def test_heads_are_told_of_all_that_are_asked_for(self, logged: Logged) -> None:
        await logged.log.announce(await logged.told(CLASS))
        assert await logged.log.heads([CLASS, "class:none"]) == {CLASS: 1, "class:none": 0}
        assert await logged.log.heads([]) == {}

    async def test_what_is_told_may_differ_from_stream_to_stream(self, logged: Logged) -> None:
        announcement = await logged.told(CLASS)
        await logged.log.announce(replace(announcement, told={CLASS: b"whole", TABLE: b"ids"}))
        (record,) = await logged.journal.read(TABLE, 0, 9, 9)
        assert record.body == b"ids"
