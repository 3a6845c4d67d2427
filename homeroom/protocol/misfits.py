"""All that is wrong with a body, field by field, for whoever fills in a form: asked only once it is known that something is.

Of each field the first fault is told; inside it there may be more. Never here: what is wrong with one value (`misfit`), and
which fields nobody knows (`stray`).
"""

from collections.abc import Collection, Iterator, Mapping
from itertools import islice
from typing import Any

import msgspec

from homeroom.protocol.codec import UNDECODABLE
from homeroom.protocol.errors import RemoteProtocolError
from homeroom.protocol.misfit import Misfit, allowed_at, find_misfit
from homeroom.protocol.stray import find_strays

ERRORS_MOST = 20
"""Wrong fields that one answer names at the most."""


def name_all(
    error: RemoteProtocolError, values: Mapping[str, Any], type: Any, *, elsewhere: Collection[str] = ()
) -> RemoteProtocolError:
    """Return `error`, which is about the first fault of `values` as a structure `type`, with all of them in the `errors` of its data.

    Each has its `field`, what is `wrong`, and what is `allowed`. One that is alone is told by the error itself.
    """
    found = list(islice(_misfits(values, type, elsewhere), ERRORS_MOST))
    if len(found) < 2:
        return error
    told = [{"field": one.field, "wrong": one.wrong, "allowed": one.allowed} for one in found]
    return RemoteProtocolError(error.code, error.msg, data={**error.data, "errors": told})


def _misfits(values: Mapping[str, Any], type: Any, elsewhere: Collection[str]) -> Iterator[Misfit]:
    for place, allowed in find_strays(values, type, elsewhere=elsewhere):
        yield Misfit(place, allowed, "no such field")
    for field in msgspec.structs.fields(type):
        name = field.encode_name
        if name not in values:
            if field.required:
                yield Misfit(name, allowed_at(type, f".{name}") or "a value", "missing")
            continue
        try:
            msgspec.convert(values[name], field.type)
        except UNDECODABLE as error:
            found = find_misfit(error, field.type, "")
            yield found._replace(field=_joined(name, found.field))


def _joined(name: str, inside: str) -> str:
    return f"{name}.{inside}" if inside and not inside.startswith("[") else f"{name}{inside}"
