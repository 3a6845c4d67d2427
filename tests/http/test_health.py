"""What operators see: alive, ready, the figures."""

from dataclasses import replace

import trio
import trio.testing
from structlog.testing import capture_logs

from homeroom.engine.journal import Unavailable
from homeroom.engine.postgres import Disconnected
from homeroom.http.app import make_app
from homeroom.http.figures import FIGURES
from homeroom.http.health import Probe
from homeroom.http.metrics import Metrics, flatten
from homeroom.http.pipeline import WebSettings
from homeroom.protocol.room import Create
from tests.http.rest_school import School

ADMIN = ("ada", "admin")


def with_probes(school: School, **probes: Probe) -> School:
    """Have the application ask these probes."""
    school.app = make_app(replace(school.parts, probes=probes))
    return school


async def well() -> None:
    return None


async def refuses() -> None:
    raise Disconnected("secret host is away")


async def is_away() -> None:
    raise Unavailable("secret host is away")


async def test_alive_says_the_version(rest_school: School) -> None:
    reply = await rest_school.call("GET", "/healthz")
    assert (reply.status, reply.body) == (200, {"version": "0", "status": "ok"})


async def test_ready_when_every_probe_is_well(rest_school: School) -> None:
    school = with_probes(rest_school, database=well, schema=well)
    for path in ("/readyz", "/health"):
        reply = await school.call("GET", path)
        assert (reply.status, reply.body) == (200, {"ready": True, "checks": {"database": "ok", "schema": "ok"}})


async def test_not_ready_when_one_fails_and_its_words_stay_here(rest_school: School) -> None:
    school = with_probes(rest_school, database=refuses, journal=is_away, schema=well)
    reply = await school.call("GET", "/readyz")
    assert reply.status == 503
    assert reply.body == {"ready": False, "checks": {"database": "failed", "journal": "failed", "schema": "ok"}}


async def test_not_ready_when_a_probe_does_not_answer(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    school = with_probes(await School().open(nursery), database=trio.sleep_forever, schema=well)
    reply = await school.call("GET", "/readyz")
    assert reply.status == 503
    assert reply.body["checks"] == {"database": "timeout", "schema": "ok"}
    assert trio.current_time() < 1e9


async def test_the_figures_of_all_parts_are_shown_when_somebody_scrapes(rest_school: School) -> None:
    await rest_school.do("room:r", Create("Room"))
    reply = await rest_school.call("GET", "/metrics")
    assert reply.status == 200
    assert reply.headers["Content-Type"].startswith("text/plain; version=")
    assert reply.headers["Content-Type"].count("charset") == 1
    for name in ("homeroom_hub_streams", "homeroom_sync_polls", "homeroom_budgets_refused_total", "process_open_fds"):
        assert f"\n{name} " in reply.body
    assert any(line.startswith("homeroom_engine_") for line in reply.body.splitlines())


async def test_figures_are_read_at_the_scrape_and_not_before() -> None:
    reads: list[int] = []

    def statistics() -> dict[str, object]:
        reads.append(1)
        return {"Depth": len(reads), "inner part": {"sent_total": 7, "flag": True, "name": "text is left out"}}

    metrics = Metrics({"box": statistics})
    metrics.observe("GET", "/x", 200, 0.01)
    assert reads == []
    text = (await metrics.scrape()).decode()
    assert reads == [1]
    assert "homeroom_box_depth 1.0" in text
    assert "# TYPE homeroom_box_inner_part_sent_total counter" in text
    assert "# HELP homeroom_box_depth Box: depth." in text
    assert "left out" not in text


async def test_a_text_serves_all_who_ask_within_a_second_and_is_written_in_small_pieces(
    autojump_clock: trio.testing.MockClock,
) -> None:
    reads: list[int] = []

    def statistics() -> dict[str, object]:
        reads.append(1)
        return {"depth": len(reads)}

    metrics = Metrics({"box": statistics})
    texts: list[bytes] = []
    for route in range(30):
        for status in (200, 404):
            metrics.observe("GET", f"/a/{route}", status, 0.01)

    async def scrape() -> None:
        texts.append(await metrics.scrape())

    async with trio.open_nursery() as nursery:
        for _ in range(5):
            nursery.start_soon(scrape)
    assert (len(reads), len(set(texts))) == (1, 1)
    lines = texts[0].decode().splitlines()
    assert 'homeroom_http_requests_total{method="GET",route="/a/29",status="404"} 1.0' in lines
    assert 'homeroom_http_request_seconds_count{route="/a/29"} 2.0' in lines
    assert 'homeroom_http_request_seconds_bucket{le="+Inf",route="/a/0"} 2.0' in lines
    named = [line.split()[2] for line in lines if line.startswith("# TYPE")]
    assert len(named) == len(set(named))
    assert len(lines) == len(set(lines))
    await trio.sleep(1.5)
    assert b"homeroom_box_depth 2.0" in await metrics.scrape()


async def test_every_figure_of_the_parts_is_described_and_what_only_grows_is_a_counter(rest_school: School) -> None:
    await rest_school.do("room:r", Create("Room"))
    text = (await rest_school.call("GET", "/metrics")).body
    assert "# HELP homeroom_engine_journal_pending Appends waiting for their commit.\n" in text
    assert "# TYPE homeroom_engine_journal_pending gauge\n" in text
    assert "# HELP homeroom_engine_counters_commands_total Commands taken by actors.\n" in text
    assert "# TYPE homeroom_engine_counters_commands_total counter\n" in text
    assert "\nhomeroom_engine_counters_commands_total 1.0\n" in text


async def test_no_figure_of_the_engine_is_without_its_words(rest_school: School) -> None:
    found = {sample.way for sample in flatten(rest_school.engine.statistics(), "engine")}
    assert found
    assert found - set(FIGURES) == set()


async def test_what_is_counted_by_a_code_or_a_name_is_one_counter_with_a_label() -> None:
    figures = {
        "closed": {4500: 2, 1000: 3},
        "faults": {"OSError": 1},
    }
    actors = {"actors": {"busiest": {"room:a-1": {"depth": 4, "refusing": False}}}}
    metrics = Metrics({"gateway": lambda: figures, "engine": lambda: actors})
    text = (await metrics.scrape()).decode()
    assert text.count("# TYPE homeroom_gateway_closed_total counter") == 1
    assert 'homeroom_gateway_closed_total{code="4500"} 2.0' in text
    assert 'homeroom_gateway_closed_total{code="1000"} 3.0' in text
    assert 'homeroom_gateway_faults_total{name="OSError"} 1.0' in text
    assert 'homeroom_engine_actors_busiest_depth{actor="room:a-1"} 4.0' in text
    assert 'homeroom_engine_actors_busiest_refusing{actor="room:a-1"} 0.0' in text


async def test_what_comes_all_day_is_logged_for_those_who_look_closely_only(rest_school: School) -> None:
    with capture_logs() as lines:
        for path in ("/", "/docs", "/static/app.js", "/docs/docs.js", "/healthz", "/readyz", "/health", "/metrics"):
            assert (await rest_school.call("GET", path)).status == 200
        for path in ("/static/none.js", "/api/auth/me", "/openapi.json"):
            await rest_school.call("GET", path)
    told = [(line["route"], line["log_level"]) for line in lines if line["event"] == "request"]
    assert told == [
        ("/", "debug"),
        ("/docs", "debug"),
        ("/static/{name}", "debug"),
        ("/docs/{name}", "debug"),
        *[(path, "debug") for path in ("/healthz", "/readyz", "/health", "/metrics")],
        ("/static/{name}", "info"),
        ("/api/auth/me", "info"),
        ("/openapi.json", "info"),
    ]


async def test_a_server_that_is_not_ready_is_told_to_everybody(rest_school: School) -> None:
    school = with_probes(rest_school, database=refuses)
    with capture_logs() as lines:
        await school.call("GET", "/readyz")
    assert [line["log_level"] for line in lines if line["event"] == "request"] == ["info"]


async def test_two_servers_in_one_process_do_not_mix_their_figures() -> None:
    one, two = Metrics({}), Metrics({})
    one.observe("GET", "/x", 200, 0.01)
    assert b'route="/x"' in await one.scrape()
    assert b'route="/x"' not in await two.scrape()


async def test_a_method_that_nobody_knows_makes_no_label_of_its_own() -> None:
    metrics = Metrics({})
    for number in range(5):
        metrics.observe(f"EVIL{number}", "(none)", 405, 0.01)
    assert b"EVIL" not in await metrics.scrape()


async def test_the_figures_can_be_kept_behind_a_token_of_their_own(nursery: trio.Nursery) -> None:
    school = await School(settings=WebSettings(metrics_token="scrape-me-please")).open(nursery)
    for headers in ({}, {"Authorization": "Bearer other"}, school.bearer(*ADMIN)):
        assert (await school.call("GET", "/metrics", headers=headers)).status == 401
    assert (await school.call("GET", "/metrics", headers={"Authorization": "Bearer scrape-me-please"})).status == 200


async def test_admins_see_the_figures_as_json(rest_school: School) -> None:
    reply = await rest_school.call("GET", "/api/realtime/stats", ADMIN)
    assert reply.status == 200
    assert {"engine", "hub", "sync", "budgets"} <= set(reply.body)
    assert (await rest_school.call("GET", "/api/realtime/stats", ("tess", "teacher"))).code == "forbidden"
