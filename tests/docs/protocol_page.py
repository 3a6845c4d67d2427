"""Writes docs/protocol.md: `python -m tests.docs.protocol_page`, from the top of the tree."""

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, get_args, get_type_hints

from homeroom.actors.kinds import KINDS
from homeroom.config import Config
from homeroom.engine.kind import Kind, Verb
from homeroom.engine.settings import EngineSettings
from homeroom.http.budgets import Rate
from homeroom.http.pipeline import WebSettings
from homeroom.http.presence import KIND as PRESENCE
from homeroom.http.presence import PresenceDesk
from homeroom.http.rest import Done, twin_paths
from homeroom.http.roster import Roster, roster_path
from homeroom.http.routes import Route
from homeroom.http.sync import PAGE_EVENTS, STREAMS_MAX, SyncLimits
from homeroom.http.things import has_looks, replay_path, thing_path
from homeroom.protocol.access import Rule
from homeroom.protocol.errors import Close
from homeroom.protocol.reference import (
    BudgetEntry,
    DoorEntry,
    KindEntry,
    LimitEntry,
    ListEntry,
    RecordEntry,
    VerbEntry,
    describe_protocol,
)
from homeroom.records.declare import RecordType
from homeroom.records.types import RECORD_TYPES
from homeroom.tuning import budget_settings, gateway_settings

PAGE = Path(__file__).parents[2] / "docs" / "protocol.md"


@cache  # the code says the same as long as the process lives
def page() -> str:
    """Return the page as the code says it today."""
    return describe_protocol(map(_kind, KINDS), _limits(Config()), _budgets(Config()), map(_record, RECORD_TYPES))


def _kind(kind: Kind) -> KindEntry:
    verbs = [_verb(kind, verb) for verb in kind.verbs]
    lists = [ListEntry(one.path, one.query, one.reply, _rule(one.rule), one.budget) for one in kind.lists]
    return KindEntry(
        kind.name, verbs, kind.events, _rule(kind.watch), kind.shown, lists, _looks(kind), kind.ids, _doors(kind)
    )


def _record(type: RecordType) -> RecordEntry:
    events = [type.event(change) for change in ("created", "updated", "deleted")]
    actions = [action.event for action in type.actions]
    channels = [f"{channel.kind}:" + (" (ids)" if channel.shape == "ids" else "") for channel in type.channels]
    return RecordEntry(type.name, list(dict.fromkeys([*events, *actions])), list(dict.fromkeys(channels)))


def _looks(kind: Kind) -> list[str]:
    """Return the doors to a thing that are no verb's."""
    taken = {path for verb in kind.verbs for method, path in twin_paths(kind, verb) if method == "GET"}
    looks = [thing_path(kind), *([replay_path(kind)] if kind.replay else [])] if has_looks(kind) else []
    return [path for path in (*looks, *([roster_path(kind)] if kind.people else [])) if path not in taken]


def _doors(kind: Kind) -> list[DoorEntry]:
    """Return the doors to a kind that are neither a verb's nor a look at one thing: those to other people's presence."""
    nothing: Any = None  # what the desks work with: here they only tell their doors
    if kind.name != PRESENCE:
        return []
    routes = (*PresenceDesk(nothing, kind, nothing, nothing).routes(), *Roster(nothing, KINDS, nothing).routes()[:1])
    return list(map(_door, routes))


def _door(route: Route) -> DoorEntry:
    replies = issubclass(route.reply, Done)
    reply = get_args(get_type_hints(route.reply)["data"])[0] if replies else route.reply
    return DoorEntry(f"{route.method} {route.path}", route.summary, route.body or route.query, reply, replies)


def _verb(kind: Kind, verb: Verb) -> VerbEntry:
    doors = [" ".join(door) for door in twin_paths(kind, verb)]
    rest = doors[0] if doors else None
    return VerbEntry(verb.command, _rule(verb.rule), rest, verb.budget, verb.reply, doors[1:])


def _rule(rule: object) -> Rule:
    assert isinstance(rule, Rule)
    return rule


def _limits(config: Config) -> Iterator[LimitEntry]:
    """Yield the limits that a client meets, in the order in which it meets them."""
    gateway, sync = gateway_settings(config), SyncLimits()
    told, meter = gateway.limits, gateway.meter
    for name, figure, beyond in (
        ("message_bytes", f"{told.message_bytes:,} bytes a message", f"{Close.TOO_LARGE}"),
        ("nesting", f"{told.nesting} levels", f"{Close.NOT_A_FRAME}"),
        ("frames", f"{told.frames} frames an array", f"{Close.NOT_A_FRAME}"),
        ("elements", f"{told.elements:,} values a frame", f"{Close.NOT_A_FRAME}"),
        ("streams", f"{told.streams} followed by a connection", "`full`"),
    ):
        yield LimitEntry(f"`welcome.limits.{name}`", figure, beyond)
    yield LimitEntry("`hello` after the connection was opened", _seconds(gateway.hello_s), f"{Close.NO_HELLO}")
    asked = f"the WebSocket's ping; after {_seconds(gateway.silent_s)} {Close.HEARTBEAT_MISSED}"
    yield LimitEntry("silence of a connection", _seconds(gateway.ping_after_s), asked)
    yield LimitEntry("connections of one person", f"{gateway.per_user}", f"{Close.FLOOD}")
    yield LimitEntry("connections of one address", f"{config.connections_per_ip:,}", "503 to the handshake")
    yield LimitEntry("frames of one connection", _rate(meter.frames), f"{Close.FLOOD}")
    yield LimitEntry("bytes of one connection", _rate(meter.bytes), f"{Close.FLOOD}")
    yield LimitEntry("pings and pongs of the WebSocket itself", _rate(meter.control), f"{Close.FLOOD}")
    box = gateway.outbox
    waits = f"{box.bytes:,} bytes for {_seconds(box.grace_s)}, {box.at_once} times as much at once, or {_seconds(box.patience_s)}"
    yield LimitEntry("what waits for a slow reader", waits, f"{Close.SLOW_CONSUMER}")
    yield LimitEntry("how far a cursor may lie back", f"{EngineSettings().replay_events:,} events", "`snapshot`")
    yield LimitEntry("body of a REST request", f"{WebSettings().body_bytes:,} bytes", "`too_large`")
    yield LimitEntry("streams of one `sync` request", f"{STREAMS_MAX}", "`bad_command`")
    yield LimitEntry("events of one stream in one answer of `sync`", f"{PAGE_EVENTS}", "`more`")
    yield LimitEntry("`wait` of `sync`", _seconds(sync.wait_s), "cut to it; over 60 s `bad_command`")
    yield LimitEntry("waiting `sync` requests of one person", f"{sync.polls_per_user}", "`rate_limited`")


def _seconds(value: float) -> str:
    return f"{value:g} s"


def _rate(rate: Rate) -> str:
    return f"{rate.per_second:,.10g} a second, {rate.burst:,.0f} at once"


def _budgets(config: Config) -> Iterator[BudgetEntry]:
    for name, rate in budget_settings(config).rates.items():
        yield BudgetEntry(name, rate.per_second * 60, rate.burst)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
