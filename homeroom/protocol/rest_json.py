"""JSON for REST: bodies and queries into typed structures, structures into JSON, types into JSON Schema.

Never here: the arguments of verbs (`verbs`), the frames of the WebSocket (`codec`).
"""

import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any, TypeVar

import msgspec

from homeroom.protocol.codec import UNDECODABLE
from homeroom.protocol.errors import RemoteProtocolError
from homeroom.protocol.frames import Limits
from homeroom.protocol.misfit import find_misfit
from homeroom.protocol.misfits import name_all
from homeroom.protocol.stray import check_fields
from homeroom.protocol.verbs import decode_object

T = TypeVar("T")
LIMITS = Limits()
SCHEMA_PLACE = "#/components/schemas/{name}"


def encode_json(value: Any) -> bytes:
    """Return the UTF-8 JSON text of a structure."""
    return msgspec.json.encode(value)


def read_body(body: bytes, type: type[T], limits: Limits = LIMITS) -> T:
    """Return a request's JSON body as the structure `type`.

    Raises `RemoteProtocolError`: `bad_frame` when it is no JSON object or over a limit, `bad_command` when it does not fit, or
    has a field that the type does not know.
    """
    return read_values(decode_object(body, limits), type)


def read_values(values: Mapping[str, Any], type: type[T], *, elsewhere: Collection[str] = ()) -> T:
    """Return a decoded JSON object as the structure `type`; what came from `elsewhere` (the path) is not told among the known fields.

    Raises `RemoteProtocolError` `bad_command` as `read_body` does; where several fields are wrong, its data have all of them as `errors`.
    """
    try:
        check_fields(values, type, elsewhere=elsewhere)
        return _fit(values, type, strict=True)
    except RemoteProtocolError as error:
        raise name_all(error, values, type, elsewhere=elsewhere) from None


def read_query(values: Mapping[str, str], type: type[T]) -> T:
    """Return a request's query, whose values are all text, as the structure `type`. Raises as `read_body` does."""
    return _fit(dict(values), type, strict=False)


def _fit(values: Mapping[str, Any], type: type[T], *, strict: bool) -> T:
    try:
        return msgspec.convert(values, type, strict=strict)
    except UNDECODABLE as error:
        misfit = find_misfit(error, type, "body")
        raise RemoteProtocolError("bad_command", f"{misfit.field}: {misfit.wrong}", data=misfit.data) from None


def json_schemas(types: Iterable[Any]) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Return the schema of each type, and the shared components they refer to at `SCHEMA_PLACE`."""
    schemas, components = msgspec.json.schema_components(list(types), ref_template=SCHEMA_PLACE)
    return _portable(list(schemas)), _portable(components)


_PARTS = ("items", "prefixItems")


def _portable(value: Any, key: str = "") -> Any:
    """Write a schema as other languages and tools know it: `^…$` for `\\A…\\Z`, and the end of a pair told by `maxItems` alone.

    `"items": false` beside `prefixItems` says the same again; generators of clients fall over it, and over lists that say nothing of
    what is in them.
    """
    if isinstance(value, dict):
        said = {
            name: _portable(inside, name) for name, inside in value.items() if name != "items" or inside is not False
        }
        return {**said, "items": {}} if said.get("type") == "array" and said.keys().isdisjoint(_PARTS) else said
    if isinstance(value, list):
        return [_portable(inside) for inside in value]
    if key == "pattern" and isinstance(value, str):
        return re.sub(r"\\Z\Z", "$", re.sub(r"\A\\A", "^", value))
    return value
