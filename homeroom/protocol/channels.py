"""The streams that belong to no actor: kinds, what a subscriber is shown of each, and who may follow it, in words.

They take no commands; what is written by REST, and what actors announce, is told on them. Never here: the check (`records.doors`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from msgspec import UNSET, Struct, UnsetType

from homeroom.protocol.access import Role
from homeroom.protocol.dashboard import Figures
from homeroom.protocol.ids import Id, Millis, Seq


class UserState(Struct, frozen=True, omit_defaults=True):
    """A person's own channel: what concerns nobody else, such as marks, tasks and notices.

    `metrics`: the figures of the person's dashboard; the signal `metrics.updated` holds all of them anew when one has changed.
    """

    id: Id
    name: str
    role: Role
    metrics: Figures | UnsetType = UNSET


class RoleState(Struct, frozen=True):
    """The channel of all people of a role."""

    role: Role


class TableState(Struct, frozen=True):
    """The channel of a table: each event holds `{id, operation, version}` and no more. `changed_at` is the newest one's `at`."""

    table: str
    changed_at: Millis | None = None


class ThingState(Struct, frozen=True):
    """The channel of a class, a course or a cohort: what its members have in common. `version` is that of its record."""

    id: Id
    title: str
    version: Seq


class ReportCardState(Struct, frozen=True):
    """The channel of a report card. `version` is that of its record; marks come with the events of a published one, and by REST."""

    id: Id
    version: Seq


class Change(Struct, frozen=True, omit_defaults=True):
    """The data of an event that tells of one record. `row` is the record as it is now, where its readers may see it.

    It is missing on `table:`, on streams that the record has left, and when the record is gone.
    """

    id: Id
    operation: Literal["INSERT", "UPDATE", "DELETE"]
    version: Seq
    row: dict[str, Any] | UnsetType = UNSET


class UploadProgressed(Struct, frozen=True, omit_defaults=True):
    """How many bytes of a file have come, `of` how many if that was said."""

    type: ClassVar[str] = "upload.progressed"
    id: Id
    received: Seq
    of: Seq | None = None


@dataclass(frozen=True, slots=True)
class ChannelKind:
    """One kind: its name, what its id is, the `state` of its snapshot, who may follow it, in words, and the data of its signals."""

    name: str
    id: str
    state: type[Any]
    followers: str
    signals: tuple[type[Any], ...] = ()


CHANNEL_KINDS: Sequence[ChannelKind] = (
    ChannelKind("user", "a person", UserState, "that person alone", (Figures, UploadProgressed)),
    ChannelKind("role", "a role", RoleState, "people of that role; `role:admin` by `super_admin` too"),
    ChannelKind("table", "a table, such as `exams`", TableState, "`super_admin` and `admin`"),
    ChannelKind("class", "a class", ThingState, "`super_admin` and `admin`, its teachers and its students"),
    ChannelKind("course", "a course", ThingState, "`super_admin` and `admin`, its teacher and whoever is enrolled"),
    ChannelKind("cohort", "a cohort", ThingState, "`super_admin` and `admin`, its mentors and its members"),
    ChannelKind(
        "reportcard",
        "a report card",
        ReportCardState,
        "`super_admin` and `admin`, and teachers of its class; once it is published, by its student and their parents",
    ),
)
"""All kinds, in the order in which the reference tells of them."""
