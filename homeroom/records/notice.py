"""What a record type's declaration says of a notice: what is told, to whom, and when. Never here: the telling (`notices`)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from homeroom.protocol.inbox import Priority

NAME = "{name}"
"""Where in a title the name stands of whom it is about."""
Says = Callable[[Any], str]
"""(row) to a line for people."""
When = Callable[[Any, Any], bool]
"""(row before or `None`, row after or `None`) to whether; pure."""


@dataclass(frozen=True, slots=True)
class Notice:
    """What the inboxes of some people are told when a row has come to be so; never that of whoever did it.

    type      type of the notice, by which people mute it
    to        SQL: a query of one column, people's ids, that may use the row `r` (of a row that is gone: as it was)
    when      whether a change is told. Without one, only a deed or a hook tells it
    over      whether a change hides the row from some whom it told, both rows being there: it is taken back from all who have it, and
              told anew only if `when` says so of the same change. Without one, it is taken back when the row is gone
    until     (row) -> when it is over by the clock, Unix ms, or `None`; only with `wide`
    title     (row) -> its title, cut to fit; `message` likewise
    data      columns that stand in its data beside `id`
    url       where it leads, with `{id}`
    about     (row) -> what it is about, its id unless said: in one transaction it is told of each once
    named     column with a person's id, whose name stands in the data as `name`, and in the title for `{name}`; not with `wide`
    wide      for so many that they are told in pages, by an errand, as soon as the change is durable
    lasting   stays in inboxes when the row is gone, because what it says is true then as well; all others are taken back
    """

    type: str
    to: str
    title: Says
    when: When | None = None
    over: When | None = None
    until: Callable[[Any], int | None] | None = None
    message: Says | None = None
    data: tuple[str, ...] = ()
    url: str = ""
    priority: Priority = "normal"
    about: Says | None = None
    named: str = ""
    wide: bool = False
    lasting: bool = False

    def __post_init__(self) -> None:
        """Raise `ValueError` for one that would end by the clock, and has no pages to be taken back by."""
        if self.until is not None and not self.wide:
            msg = f"{self.type}: what ends by the clock is told in pages"
            raise ValueError(msg)
