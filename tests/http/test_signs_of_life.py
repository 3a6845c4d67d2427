"""What the gateway passes on to a person's presence, beside the opening and the end of connections.

Found by the simulation: a presence that was loaded anew learned of no connection, and its silent person went offline.
"""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from homeroom.engine.behaviour import Refusal
from homeroom.http.gateway import Gateway, GatewaySettings
from homeroom.protocol.presence import Beat, Disconnected
from tests.http.harness import LOBBY, House, open_house


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Return what presences are told from now on."""
    commands: list[Any] = []
    monkeypatch.setattr(Gateway, "_tell_presence", lambda self, user, command: commands.append(command))
    return commands


@pytest.fixture
async def house(told: list[Any]) -> AsyncIterator[House]:
    async with open_house(gateway=GatewaySettings(beat_s=0.0)) as opened:
        yield opened


async def test_a_ping_names_its_connection_and_is_no_activity(house: House, told: list[Any]) -> None:
    peer = await house.connect()
    welcome = await peer.hello("ann")
    told.clear()
    await peer.ping()
    assert told == [Beat(active=False, conn=welcome["conn"])]


async def test_a_command_is_activity(house: House, told: list[Any]) -> None:
    peer = await house.connect()
    welcome = await peer.hello("ann")
    told.clear()
    await peer.do(LOBBY, "join")
    assert told == [Beat(active=True, conn=welcome["conn"])]


async def test_a_beat_of_the_client_speaks_for_itself(house: House, told: list[Any]) -> None:
    peer = await house.enter("ann")
    told.clear()
    await peer.do("presence:ann", "beat", active=False)
    assert told == []


async def test_signs_of_life_are_rare_and_a_ping_hides_no_activity(told: list[Any]) -> None:
    async with open_house(gateway=GatewaySettings(beat_s=30.0)) as house:
        peer = await house.enter("ann")
        told.clear()
        for _ in range(2):
            await peer.ping()
            await peer.do(LOBBY, "join")
    assert [command.active for command in told if isinstance(command, Beat)] == [False, True]


async def test_an_actor_that_ends_after_the_gateway_can_still_refuse() -> None:
    async with open_house() as house:
        peer = await house.enter("ann")
        await peer.ping()
        gateway, ended = house.gateway, Refusal("unavailable", "the engine is ending", retry_ms=500)
    gateway._presence_answered("ann", Disconnected("c"), ended)
    assert gateway.statistics()["connections"] == 0
