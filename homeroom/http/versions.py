"""Which version of a record an answer shows (`ETag`), and which one a change is meant for (`If-Match`).

Pure. Never here: comparing (the store does so, in the transaction of the change).
"""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from homeroom.engine.behaviour import Refusal

MATCH_PARAMETER: Mapping[str, Any] = {
    "name": "If-Match",
    "in": "header",
    "required": False,
    "description": "The `ETag` of the version that the change is meant for: a record that has changed since gets 409. `*`: any.",
    "schema": {"type": "string", "pattern": '^(\\*|"[0-9]{1,15}")$'},
}
ETAG_HEADER: Mapping[str, Any] = {"description": "the version of the record", "schema": {"type": "string"}}
KNOWN: Mapping[int, str] = MappingProxyType({304: "it is the version that one has (`If-None-Match`)"})
"""What a door that shows one record answers beside it."""

_VERSION = re.compile(r'\A"([0-9]{1,15})"\Z')


def etag(version: int) -> Mapping[str, str]:
    """Return the header of an answer that shows this version."""
    return {"ETag": f'"{version}"'}


def wanted_version(match: str | None) -> int | None:
    """Return the version that `If-Match` names, `None` for any; raises `bad_command` for what is no version of a record."""
    if match is None or match.strip() == "*":
        return None
    found = _VERSION.match(match.strip())
    if found is None:
        allowed = 'the ETag of the record, such as "3", or *'
        raise Refusal("bad_command", f"If-Match: {allowed}", data={"field": "If-Match", "allowed": allowed})
    return int(found[1])
