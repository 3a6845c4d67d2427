"""From a verb and its raw arguments to the command's structure, the same from msgpack, JSON and REST.

Built from plain mappings, kind -> verb -> structure, handed in by the composition root.
Never here: who may use a verb (its `Rule`, judged by the actor), and what it does.
"""

from codecs import BOM_UTF8
from collections.abc import Callable, Collection, Mapping
from hashlib import blake2b
from typing import Any

import msgspec
from msgspec import Raw

from homeroom.protocol.codec import UNDECODABLE
from homeroom.protocol.errors import RemoteProtocolError
from homeroom.protocol.frames import LIMITS, Limits
from homeroom.protocol.misfit import find_misfit
from homeroom.protocol.scan import scan_json
from homeroom.protocol.stray import check_fields, check_path

_NO_ARGUMENTS = {"msgpack": b"\x80", "json": b"{}"}
_encode_canonical = msgspec.msgpack.Encoder(order="deterministic").encode

Decode = Callable[[Any], Any]


class VerbTable:
    """All verbs of all kinds: kind -> verb -> the structure of its arguments.

    `inner` are, by kind, the verbs of the engine's own: they decode like others, and no answer names them.
    """

    def __init__(
        self, kinds: Mapping[str, Mapping[str, type[Any]]], inner: Mapping[str, Collection[str]] | None = None
    ) -> None:
        self._types = {kind: dict(verbs) for kind, verbs in kinds.items()}
        self._inner = inner or {}
        self._decoders: dict[str, dict[str, dict[str, Decode]]] = {
            "msgpack": self._make_decoders(lambda wanted: msgspec.msgpack.Decoder(wanted).decode),
            "json": self._make_decoders(lambda wanted: msgspec.json.Decoder(wanted).decode),
        }

    @property
    def types(self) -> Mapping[str, Mapping[str, type[Any]]]:
        """Return the mapping it was built from."""
        return self._types

    def decode(self, format: str, kind: str, do: str, raw: Raw | bytes) -> Any:
        """Return the command; `raw` are its arguments in `format`, empty for none.

        Raises `RemoteProtocolError`: `not_found` for an unknown kind, `bad_command` for an unknown verb or wrong
        arguments, whose `data` then is `{"field": "text", "allowed": "text, at most 4000"}`.
        """
        decode = self._find(self._decoders[format], kind, do)
        try:
            return decode(raw if bytes(raw) else _NO_ARGUMENTS[format])
        except UNDECODABLE as error:
            raise _wrong_arguments(do, error, self._find(self._types, kind, do)) from None

    def decode_body(self, kind: str, do: str, body: bytes, fields: Mapping[str, Any], limits: Limits = LIMITS) -> Any:
        """Return the command of a REST request: its JSON `body` (may be empty), and `fields` of the path and query beside it.

        Strings in `fields` are read leniently ("50" is the number 50). Raises as `decode` does, also for a field that the
        command does not know or that stands in `fields` with another value, and `bad_frame` when the body is not JSON or over a
        limit. Of a key that stands twice in the body, the last counts. The words begin with the field: the path says the verb.
        """
        given = decode_object(body, limits)
        check_fields(given, self._find(self._types, kind, do), elsewhere=fields)
        read = self._read_fields(kind, do, fields)
        check_path(given, read)
        return self._converted(kind, do, {**given, **read}, "")

    def convert(self, kind: str, do: str, values: Mapping[str, Any]) -> Any:
        """Return the command made of builtin types. Raises as `decode` does."""
        return self._converted(kind, do, values, do)

    def _converted(self, kind: str, do: str, values: Mapping[str, Any], told: str) -> Any:
        """Return the command; what is wrong is said of the verb `told`, empty where a path says what was meant."""
        wanted = self._find(self._types, kind, do)
        try:
            return msgspec.convert(values, wanted)
        except UNDECODABLE as error:
            raise _wrong_arguments(told, error, wanted) from None

    def _read_fields(self, kind: str, do: str, fields: Mapping[str, Any]) -> dict[str, Any]:
        """Turn the strings of a path or query into what the command's fields want."""
        types = {field.encode_name: field.type for field in msgspec.structs.fields(self._find(self._types, kind, do))}
        values = {}
        for name, value in fields.items():
            try:
                values[name] = msgspec.convert(value, types.get(name, Any), strict=False)
            except UNDECODABLE as error:
                raise _wrong_arguments("", error, types.get(name, Any), name) from None
        return values

    def _make_decoders(self, make: Callable[[type[Any]], Decode]) -> dict[str, dict[str, Decode]]:
        return {kind: {do: make(wanted) for do, wanted in verbs.items()} for kind, verbs in self._types.items()}

    def _find(self, table: Mapping[str, Mapping[str, Any]], kind: str, do: str) -> Any:
        verbs = table.get(kind)
        if verbs is None:
            raise RemoteProtocolError("not_found", "no such address")
        found = verbs.get(do)
        if found is None:
            allowed = ", ".join(sorted(verbs.keys() - set(self._inner.get(kind, ())))) or "none"
            raise RemoteProtocolError("bad_command", "no such verb", data={"field": "do", "allowed": allowed})
        return found


def command_digest(do: str, command: Any) -> bytes:
    """Return 16 bytes that are the same for the same verb and arguments, however they were sent."""
    return blake2b(_encode_canonical(command), digest_size=16, key=do.encode()).digest()


def decode_object(body: bytes, limits: Limits = LIMITS) -> dict[str, Any]:
    """Return the JSON object of a request's body, `{}` for an empty one; a byte order mark before it is overlooked (RFC 8259, 8.1).

    Raises `RemoteProtocolError` `bad_frame` when it is none, is not UTF-8, or is over a limit.
    """
    body = body.removeprefix(BOM_UTF8)
    scan_json(body, limits.nesting, limits.elements)
    try:
        return msgspec.json.decode(body or b"{}", type=dict[str, Any])
    except UNDECODABLE:
        raise RemoteProtocolError("bad_frame", "the body is not a JSON object", fatal=True) from None


def _wrong_arguments(do: str, error: BaseException, wanted: Any, whole: str = "d") -> RemoteProtocolError:
    """Say which argument is wrong, and what it takes; `do` is the verb of a frame, empty for a request."""
    misfit = find_misfit(error, wanted, whole)
    told = f"{do}: {misfit.field}" if do else misfit.field
    return RemoteProtocolError("bad_command", f"{told}: {misfit.wrong}", data=misfit.data)
