"""Coming, staying and coming back: welcome, heartbeat, backoff, close codes, tokens, and what observers see."""

from random import Random

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from homeroom.client import Backoff, ClientClosed, ClientSettings, Refused, Status
from homeroom.client.dial import parse_target
from homeroom.protocol.errors import Close
from homeroom.protocol.frames import Bye, Err
from tests.client.conftest import Opens
from tests.client.school import School


async def test_the_welcome_says_who_we_are(autojump_clock: MockClock, school: School, opened: Opens) -> None:
    async with opened(agent="tests") as client:
        assert client.status == Status("connecting")
        welcome = await client.wait_connected()
        assert (welcome.user.id, welcome.epoch) == ("ann", "e1")
        assert client.status == Status("connected")
    assert school.hellos[0].agent == "tests"
    assert client.status.phase == "closed"


def test_backoff_is_full_jitter_of_two_seconds_while_it_may_be_a_restart_and_then_of_thirty() -> None:
    random, backoff = Random(1), Backoff()
    for failures, ceiling in [
        (1, 0.25),
        (2, 0.5),
        (3, 1.0),
        (4, 2.0),
        (10, 2.0),
        (11, 4.0),
        (14, 30.0),
        (10_000, 30.0),
    ]:
        delays = [backoff.delay(failures, random) for _ in range(400)]
        assert 0.0 <= min(delays) < ceiling * 0.05
        assert ceiling * 0.95 < max(delays) <= ceiling


async def test_a_broken_connection_comes_back_by_itself(
    autojump_clock: MockClock, school: School, opened: Opens
) -> None:
    async with opened() as client:
        await client.wait_connected()
        school.cut()
        status = await client.wait_status(lambda status: status.phase == "reconnecting")
        assert (status.failures, status.code) == (1, 1006)
        await client.wait_connected()
    assert len(school.hellos) == 2


@pytest.mark.parametrize("code", [Close.SLOW_CONSUMER, Close.INTERNAL, Close.HEARTBEAT_MISSED, Close.DRAINING])
async def test_close_codes_45xx_mean_come_back(
    autojump_clock: MockClock, school: School, opened: Opens, code: Close
) -> None:
    async with opened() as client:
        await client.wait_connected()
        school.bye(code, "later")
        status = await client.wait_status(lambda status: status.phase == "reconnecting")
        assert (status.code, status.msg) == (code, "later")
        await client.wait_connected()


@pytest.mark.parametrize("code", [Close.NOT_A_FRAME, Close.REVOKED, Close.NO_HELLO, Close.FLOOD, Close.TOO_LARGE])
async def test_close_codes_44xx_mean_stay_away(
    autojump_clock: MockClock, school: School, opened: Opens, code: Close
) -> None:
    async with opened() as client:
        await client.wait_connected()
        school.bye(code, "no")
        await client.wait_status(lambda status: status.phase == "closed")
        with pytest.raises(ClientClosed) as caught:
            await client.call("room:a", "wave")
        assert (caught.value.code, caught.value.msg) == (code, "no")
        await trio.sleep(3_600)
    assert school.dials == 1


async def test_the_advised_delay_of_a_drain_is_honoured(
    autojump_clock: MockClock, school: School, opened: Opens
) -> None:
    async with opened() as client:
        await client.wait_connected()
        began = trio.current_time()
        school.bye(Close.DRAINING, "restart", reconnect_ms=7_500)
        await client.wait_status(lambda status: status.phase == "reconnecting")
        await client.wait_connected()
        assert trio.current_time() - began == pytest.approx(7.5, abs=0.01)


async def test_failures_in_a_row_wait_longer_and_a_steady_connection_ends_the_row(
    autojump_clock: MockClock, school: School, opened: Opens
) -> None:
    school.reachable = False
    async with opened() as client:
        await client.wait_status(lambda status: status.failures == 16)
        assert trio.current_time() > 20.0
        school.reachable = True
        await client.wait_connected()
        await trio.sleep(6)
        school.cut()
        await client.wait_status(lambda status: status.phase == "reconnecting")
        assert client.status.failures == 1


async def test_pings_go_out_every_heartbeat_and_a_silent_server_is_left(
    autojump_clock: MockClock, school: School, opened: Opens
) -> None:
    async with opened() as client:
        await client.wait_connected()
        await trio.sleep(300)
        assert 10 <= school.pings <= 12
        assert len(school.hellos) == 1
        school.silent = True
        began = trio.current_time()
        status = await client.wait_status(lambda status: status.phase == "reconnecting")
        assert status.msg == "the server is silent"
        assert trio.current_time() - began <= 60.0


async def test_a_server_that_never_says_welcome_is_left_in_time(
    autojump_clock: MockClock, school: School, opened: Opens
) -> None:
    school.silent = True
    async with opened() as client:
        status = await client.wait_status(lambda status: status.failures == 1)
        assert status.msg == "no welcome in time"
        assert trio.current_time() <= 11.0


@pytest.mark.parametrize("status", [400, 401, 403, 404])
async def test_a_handshake_refused_for_good_closes_the_client(
    autojump_clock: MockClock, school: School, opened: Opens, status: int
) -> None:
    school.reject = (status, [])
    async with opened() as client:
        with pytest.raises(ClientClosed) as caught:
            await client.wait_connected()
    assert caught.value.code == status


async def test_a_handshake_refused_for_now_is_tried_again_when_told(
    autojump_clock: MockClock, school: School, opened: Opens
) -> None:
    school.reject = (503, [(b"Retry-After", b"9")])
    async with opened() as client:
        await client.wait_status(lambda status: status.failures == 1)
        school.reject = None
        began = trio.current_time()
        await client.wait_connected()
        assert trio.current_time() - began == pytest.approx(9.0, abs=0.01)


async def test_a_hello_that_may_succeed_later_is_said_again(
    autojump_clock: MockClock, school: School, opened: Opens
) -> None:
    school.greeting = Err(None, "unavailable", "the database is away", 500)
    async with opened() as client:
        await client.wait_status(lambda status: status.failures == 2)
        school.greeting = None
        await client.wait_connected()


async def test_a_token_that_is_refused_closes_the_client(
    autojump_clock: MockClock, school: School, opened: Opens
) -> None:
    async with opened("bad") as client:
        with pytest.raises(ClientClosed) as caught:
            await client.wait_connected()
    assert caught.value.code == Close.UNAUTHENTICATED
    assert school.dials == 1


async def test_a_source_of_tokens_is_asked_again_when_one_is_refused(
    autojump_clock: MockClock, school: School, opened: Opens
) -> None:
    tokens = iter(["stale", "older", "good", "good"])

    async def source() -> str:
        await trio.lowlevel.checkpoint()
        return next(tokens)

    async with opened(source) as client:
        assert (await client.wait_connected()).user.id == "ann"


async def test_a_source_of_tokens_that_fails_is_asked_again(
    autojump_clock: MockClock, school: School, opened: Opens
) -> None:
    answers: list[str | OSError] = [OSError("no login now"), "good"]

    async def source() -> str:
        await trio.lowlevel.checkpoint()
        answer = answers.pop(0)
        if isinstance(answer, OSError):
            raise answer
        return answer

    async with opened(source) as client:
        await client.wait_connected()
    assert answers == []


async def test_the_token_is_renewed_a_minute_before_it_ends(
    autojump_clock: MockClock, school: School, opened: Opens
) -> None:
    asked: list[float] = []

    async def source() -> str:
        await trio.lowlevel.checkpoint()
        asked.append(trio.current_time())
        return "good" if len(asked) == 1 else "better"

    async with opened(source) as client:
        await client.wait_connected()
        await trio.sleep(7_000)
    assert asked[1] == pytest.approx(3_540, abs=1)
    assert len(asked) == 2
    assert len(school.hellos) == 1


async def test_a_token_is_replaced_here_and_on_later_connections(
    autojump_clock: MockClock, school: School, opened: Opens
) -> None:
    async with opened() as client:
        await client.wait_connected()
        assert await client.replace_token("better") == {"expires": 7_201_000}
        school.cut()
        await client.wait_status(lambda status: status.phase == "reconnecting")
        await client.wait_connected()
    assert [hello.token for hello in school.hellos] == ["good", "better"]


async def test_somebody_elses_token_is_refused(autojump_clock: MockClock, school: School, opened: Opens) -> None:
    async with opened() as client:
        await client.wait_connected()
        with pytest.raises(Refused, match="forbidden"):
            await client.replace_token("bens")


async def test_leaving_says_goodbye(
    autojump_clock: MockClock, school: School, opened: Opens, nursery: trio.Nursery
) -> None:
    async with opened() as client:
        await client.wait_connected()
    await wait_all_tasks_blocked()
    assert school.lines == []


async def test_a_bye_instead_of_welcome_is_understood(autojump_clock: MockClock, school: School, opened: Opens) -> None:
    school.greeting = Bye(Close.FLOOD, "too many connections")
    async with opened() as client:
        with pytest.raises(ClientClosed, match="4429: too many connections"):
            await client.wait_connected()


@pytest.mark.parametrize(
    ("url", "authority", "secure", "path"),
    [
        ("ws://127.0.0.1:8000/ws", "127.0.0.1:8000", False, "/ws"),
        ("http://localhost:8000", "localhost:8000", False, "/ws"),
        ("wss://school.example/live", "school.example:443", True, "/live"),
        ("https://[::1]/", "[::1]:443", True, "/ws"),
    ],
)
def test_urls_name_host_port_and_path(url: str, authority: str, secure: bool, path: str) -> None:
    target = parse_target(url)
    assert (target.authority, target.secure, target.path) == (authority, secure, path)
    assert target.http == f"{'https' if secure else 'http'}://{authority}"


@pytest.mark.parametrize("url", ["ftp://x/ws", "ws:///ws", "ws://x/ws?token=secret", "nonsense"])
def test_urls_that_are_none_are_refused(url: str) -> None:
    with pytest.raises(ValueError, match="is not like"):
        parse_target(url)


def test_settings_can_be_made_without_arguments() -> None:
    assert ClientSettings().backoff == Backoff(0.25, 2.0, 10, 30.0)
