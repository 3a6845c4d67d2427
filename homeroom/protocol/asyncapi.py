"""The WebSocket side described as an AsyncAPI 3 document, generated from the types that validate the input.

Never here: REST (`http.openapi`), and prose about what verbs mean beyond their own docstrings.
"""

from collections.abc import Collection, Iterable, Mapping
from inspect import getdoc
from typing import Any, get_args

from msgspec import Struct

from homeroom.protocol.codec import tag_of
from homeroom.protocol.errors import ERRORS, Close
from homeroom.protocol.frames import ClientFrame, Cmd, ServerFrame, Verb
from homeroom.protocol.ids import AddressText, CommandId
from homeroom.protocol.rest_json import json_schemas

CHANNEL = "ws"
Verbs = Mapping[str, Mapping[str, type[Any]]]
Events = Mapping[str, Iterable[type[Any]]]


def describe_websocket(verbs: Verbs, events: Events, version: str) -> dict[str, Any]:
    """Return the document. `verbs`: kind → verb → structure of its arguments; `events`: kind → structures of its events."""
    messages = {**_frame_messages(), **_command_messages(verbs), **_event_messages(events)}
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
    "The message `cmd` carries in `d` the arguments of a verb (messages `cmd.<kind>.<verb>`); `ev` and `sig` carry events "
    "`{type, at, by, d}`, the `d` of which is one of the messages `event.<domain>.<action>`."
)


def _frame_messages() -> dict[str, dict[str, Any]]:
    frames = (*get_args(ClientFrame), *get_args(ServerFrame))
    return {tag_of(frame): _message(tag_of(frame), _CmdText if frame is Cmd else frame) for frame in frames}


class _CmdText(Struct, frozen=True, tag_field="t", tag="cmd"):
    """Do `do` at the actor `to`; `d` holds the arguments, as the message `cmd.<kind>.<verb>` says."""

    id: CommandId
    to: AddressText
    do: Verb
    d: dict[str, Any] = {}


def _command_messages(verbs: Verbs) -> dict[str, dict[str, Any]]:
    named = ((f"cmd.{kind}.{do}", command) for kind, table in verbs.items() for do, command in table.items())
    return {name: _message(name, command) for name, command in named}


def _event_messages(events: Events) -> dict[str, dict[str, Any]]:
    types = (event for kind in events.values() for event in kind)
    return {f"event.{event.type}": _message(f"event.{event.type}", event) for event in types}


def _message(name: str, type: type[Any]) -> dict[str, Any]:
    return {"name": name, "summary": (getdoc(type) or name).splitlines()[0], "payload": type}


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
