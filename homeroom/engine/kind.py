"""The row by which a kind of actors joins the engine: its verbs, its lists, its read models, and what is told of it.

From these rows come the doors, the checks, the documents and the tables; `actors/kinds.py` lists them. Never here: what an
actor does (`behaviour`), and what becomes of a row (`blueprint`).
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from homeroom.engine.behaviour import Behaviour, Caller, Fact, Guardians, Lookup, Rule, Tell


@dataclass(frozen=True, slots=True)
class Turned:
    """Fields of other systems (`names`) that together say what one `field` says here.

    `turn` is given their values in that order, `None` for what is not there, and never refuses: the field's own check does. Pure.
    """

    names: tuple[str, ...]
    field: str
    turn: Callable[..., Any]


@dataclass(frozen=True, slots=True)
class Verb:
    """One verb: the structure of its arguments, who may, its REST twin, the budget it draws on, and what it replies.

    `rest` is `METHOD /path` with `{id}` and the command's own fields as placeholders (`{id}` absent: the caller's own id);
    empty means the pattern `POST /api/<plural>/{id}/<verb>`, `None` means that there is no door from outside. `reply` is the
    type of `Decision.reply` (or of what a look-up makes); `None`: the answer carries nothing. `remembered`: also when it
    caused no event, a command sent again gets its first answer; `False` for verbs that only read or signal. `also` are further
    doors of the same form, for the names that other systems have. `fresh`: it makes the thing, so its doors answer 201, and one
    without `{id}` makes the id too (the same one for the same `Idempotency-Key`) instead of taking the caller's, unless it is `own`. A GET whose `reply` is `protocol.sheet.Sheet`
    answers with CSV. `secret` names fields of which the receipt of a command that caused no event says nothing, so that nothing kept
    tells what its sender put there: sent again with others in them, it gets its first answer as well. `words` are further
    names of fields in the bodies of its doors, those that other systems give them: other word → field; `turned` are those whose values
    are others too. `people` are the places of ids of people who have to be there, `students[].id` or, for a thing whose id is a person's, `{id}`:
    whoever names somebody else is refused (`named`). `listed` are such places as well, of a list of students: who has left the school is
    refused there too. `anybody` are those of ids that may be anybody's, since the actor itself has the list of those
    who can be meant, who may have left the school by now.
    """

    command: type[Any]
    rule: Rule
    rest: str | None = ""
    budget: str = "chat"
    reply: type[Any] | None = None
    remembered: bool = True
    also: tuple[str, ...] = ()
    fresh: bool = False
    own: bool = False
    secret: tuple[str, ...] = ()
    words: Mapping[str, str] = field(default_factory=dict)
    turned: tuple[Turned, ...] = ()
    people: tuple[str, ...] = ()
    listed: tuple[str, ...] = ()
    anybody: tuple[str, ...] = ()

    @property
    def other_words(self) -> Mapping[str, str]:
        """Return every name that other systems give to a field here: other word → field."""
        return {**self.words, **{name: one.field for one in self.turned for name in one.names}}


@dataclass(frozen=True, slots=True)
class Listing:
    """A list over all things of a kind: the door `GET path`, the structures of its query and its answer, and who may by role.

    `ask(query, caller)` returns the question to the read models, `everywhere`; raises `Refusal`. Which rows a caller may see
    is a part of that question. `path` may have fields of the query as placeholders; `name` is the list's among all doors
    (`session_mine`). `words` are further names of the query's fields: other word → field. Pages and their `after`: `protocol.paging`.
    """

    path: str
    name: str
    query: type[Any]
    reply: type[Any]
    ask: Callable[[Any, Caller], Lookup]
    rule: Rule
    budget: str = "read"
    words: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Table:
    """A read model that a kind keeps: columns with their PostgreSQL types; `stream` comes first by itself.

    `key` may be empty: one row a stream. Each of `indexes` names the columns by which rows are looked for beside the key, first
    those that equal something, then the order; `stream` ends it by itself.
    """

    name: str
    key: tuple[str, ...]
    columns: Mapping[str, str]
    indexes: tuple[tuple[str, ...], ...] = ()


Told = Callable[[Behaviour[Any], Fact, Guardians], Iterable[Tell]]
"""(the actor as it is after the event, the event, who stands for whom) to messages for channels."""


@dataclass(frozen=True, slots=True)
class Kind:
    """The row by which an actor kind joins the engine.

    `events`: every durable or ephemeral event class; `calm`: durable event types that may wait for the coalesced lane;
    `state` is what is stored as the actor's snapshot, `version` its schema; `upgrades[v]` turns a decoded one (builtin types)
    of version v into v + 1. `view` is the type of what `Behaviour.view` gives to subscribers, `None` when that is `state`.
    `watch` says who may subscribe. `idle_s`: sleep after so long without message or watcher. `lists` are its lists in REST;
    with `replay`, `GET /api/<plural>/{id}/replay` pages its events with their times for those who may subscribe. `people`
    names those in a view whose presence is signalled onto its stream: the roster that `GET /api/presence/of/<kind>:<id>` shows.
    `told` says by event what is told to channels: messages that are durable with the event, where the engine has channels at all.
    `tells` are the types of those events. `ids` says what an id is made of, in words for the descriptions, where it is not just any. `restated` counts the releases that
    had more to say by `Behaviour.restate` than the ones before; raised, all things of the kind are restated once (`restating`).
    """

    name: str
    plural: str
    behaviour: type[Behaviour[Any]]
    state: type[Any]
    verbs: tuple[Verb, ...]
    events: tuple[type[Any], ...]
    watch: Rule
    calm: frozenset[str] = frozenset()
    version: int = 1
    upgrades: Mapping[int, Callable[[Any], Any]] = field(default_factory=dict)
    tables: tuple[Table, ...] = ()
    idle_s: float = 60.0
    view: type[Any] | None = None
    lists: tuple[Listing, ...] = ()
    replay: bool = False
    people: Callable[[Any], Iterable[str]] | None = None
    told: Mapping[type[Any], Told] = field(default_factory=dict)
    tells: tuple[str, ...] = ()
    ids: str = ""
    restated: int = 0

    @property
    def shown(self) -> type[Any]:
        """Return the type of the snapshot that subscribers get."""
        return self.state if self.view is None else self.view

    def verb(self, do: str) -> Verb | None:
        """Return the verb named `do`."""
        return next((verb for verb in self.verbs if verb.command.do == do), None)
