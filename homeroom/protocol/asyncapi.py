"""The WebSocket side described as an AsyncAPI 3 document, generated from the types that validate the input.

Never here: REST (`http.openapi`), and prose about what verbs mean beyond their own docstrings.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from inspect import getdoc
from typing import Any, Protocol, get_args

from homeroom.protocol.channels import CHANNEL_KINDS, Change
from homeroom.protocol.codec import tag_of
from homeroom.protocol.errors import ERRORS, Close
from homeroom.protocol.frames import ClientFrame, Resumed, ServerFrame, Snapshot
from homeroom.protocol.readable import READABLE
from homeroom.protocol.rest_json import json_schemas
from homeroom.protocol.summaries import summary_of

CHANNEL = "ws"


class VerbWords(Protocol):
    """What is described of a verb; a row of the engine's is one."""

    @property
    def command(self) -> Any:
        """The structure of its arguments, whose `do` is its name."""

    @property
    def reply(self) -> type[Any] | None:
        """What its answer carries, `None` for nothing."""


class KindWords(Protocol):
    """What is described of a kind; a row of the engine's is one."""

    @property
    def name(self) -> str:
        """The first half of its addresses."""

    @property
    def verbs(self) -> Sequence[VerbWords]:
        """Its verbs."""

    @property
    def events(self) -> Sequence[Any]:
        """Its structures of events, each with its `type`."""

    @property
    def shown(self) -> type[Any]:
        """The snapshot that a subscriber gets."""


def describe_websocket(kinds: Iterable[KindWords], version: str) -> dict[str, Any]:
    """Return the document that describes the frames, and what `kinds` put into them."""
    messages = {name: _message(name, shape) for name, shape in _shapes(list(kinds))}
    schemas = _name_payloads(messages.values())
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "Homeroom", "version": version, "description": _DESCRIPTION},
        "defaultContentType": "application/msgpack",
        "channels": {CHANNEL: _channel(messages)},
        "operations": _operations(),
        "components": {"schemas": schemas, "messages": messages},
        "x-errors": {code: row._asdict() for code, row in ERRORS.items()},
        "x-close-codes": {str(int(code)): code.name.lower() for code in Close},
    }


_DESCRIPTION = (
    "One WebSocket message carries one frame or an array of frames. Subprotocols: homeroom.v1.msgpack, homeroom.v1.json. "
    "What stands inside the frames is described as messages too: the `d` of `cmd` as `cmd.<kind>.<verb>`; the `d` of the "
    "`ok` that answers it as `reply.<kind>.<verb>`, where there is one; the `d` of the `ok` to a `sub` as `sub.resumed` or "
    "`sub.snapshot`, and the latter's `state` as `snapshot.<kind>`; the `d` of an event inside `ev` and `sig` as "
    "`event.<domain>.<action>`. Channels of records have a `snapshot.<kind>` too, and no commands; the `d` of the events that a "
    "change of a record makes (`<record>.created`, `.updated`, `.deleted`, and those of its actions) is described as `change`."
)


def _shapes(kinds: Sequence[KindWords]) -> Iterator[tuple[str, type[Any]]]:
    """Yield the name and the type of every message."""
    for frame in (*get_args(ClientFrame), *get_args(ServerFrame)):
        yield tag_of(frame), READABLE.get(frame, frame)
    yield from (("sub.resumed", Resumed), ("sub.snapshot", Snapshot))
    for kind in kinds:
        yield f"snapshot.{kind.name}", kind.shown
        for verb in kind.verbs:
            yield f"cmd.{kind.name}.{verb.command.do}", verb.command
            if verb.reply is not None:
                yield f"reply.{kind.name}.{verb.command.do}", verb.reply
        yield from ((f"event.{event.type}", event) for event in kind.events)
    yield from ((f"snapshot.{channel.name}", channel.state) for channel in CHANNEL_KINDS)
    yield from ((f"event.{signal.type}", signal) for channel in CHANNEL_KINDS for signal in channel.signals)
    yield "change", Change


def _message(name: str, shape: type[Any]) -> dict[str, Any]:
    return {"name": name, "summary": summary_of(getdoc(shape), name), "payload": shape}


def _name_payloads(messages: Collection[dict[str, Any]]) -> dict[str, Any]:
    """Replace each payload's type by a reference to its schema; returns the schemas."""
    types = list(dict.fromkeys(message["payload"] for message in messages))
    references, schemas = json_schemas(types)
    named = dict(zip(types, references, strict=True))
    for message in messages:
        message["payload"] = named[message["payload"]]
    return schemas


def _channel(messages: Iterable[str]) -> dict[str, Any]:
    return {"address": "/ws", "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in messages}}


def _operations() -> dict[str, Any]:
    """Return what a client does: it sends its frames, and receives the server's."""
    return {
        "fromClient": _operation("receive", get_args(ClientFrame)),
        "fromServer": _operation("send", get_args(ServerFrame)),
    }


def _operation(action: str, frames: Iterable[type[Any]]) -> dict[str, Any]:
    refs = [{"$ref": f"#/channels/{CHANNEL}/messages/{tag_of(frame)}"} for frame in frames]
    return {"action": action, "channel": {"$ref": f"#/channels/{CHANNEL}"}, "messages": refs}
