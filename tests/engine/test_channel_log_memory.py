"""The log of channels in memory keeps the contract."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from homeroom.engine.channel_log_memory import MemoryChannelLog
from homeroom.engine.journal_memory import MemoryJournal, MemoryStore
from tests.engine.channel_log_contract import ChannelLogContract, Logged


@dataclass
class MemoryLogged(Logged):
    log: MemoryChannelLog

    async def activity(self) -> Sequence[tuple[str, str, Any]]:
        return [(one.type, one.source, one.payload) for one in self.log.activity]


class TestMemoryChannelLog(ChannelLogContract):
    @pytest.fixture
    def logged(self) -> Logged:
        store = MemoryStore()
        return MemoryLogged(MemoryChannelLog(store), MemoryJournal(store))
