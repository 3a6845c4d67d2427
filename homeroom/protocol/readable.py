"""The frames as documents show them: what the wire carries as it is, because somebody else encodes or decodes it, is typed.

Never here: frames that are sent (`frames`).
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from msgspec import Struct

from homeroom.protocol.frames import Cmd, Ev, Event, Sig, Verb
from homeroom.protocol.ids import AddressText, CommandId, Seq


class CmdShown(Struct, frozen=True, tag_field="t", tag="cmd"):
    """Do `do` at the actor `to`; `d` holds the arguments of the verb."""

    id: CommandId
    to: AddressText
    do: Verb
    d: dict[str, Any] = {}


class EvShown(Struct, frozen=True, tag_field="t", tag="ev"):
    """A batch of durable events; the first has number `seq`, the next `seq + 1`, and so on."""

    to: AddressText
    seq: Seq
    e: list[Event]


class SigShown(Struct, frozen=True, tag_field="t", tag="sig"):
    """Ephemeral events: not numbered, not stored, newest wins."""

    to: AddressText
    e: list[Event]


READABLE: Mapping[type[Any], type[Any]] = MappingProxyType({Cmd: CmdShown, Ev: EvShown, Sig: SigShown})
"""Frame -> the structure that describes it, where that is another one."""
