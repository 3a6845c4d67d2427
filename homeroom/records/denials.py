"""What somebody is told who may not: what is missing, as far as they know the thing already, and never more.

Never here: whether they may (`access`), and what is not there for them at all, which is `not_found`.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import msgspec

from homeroom.engine.behaviour import Refusal
from homeroom.protocol.access import ROLES, Rule
from homeroom.records.access import role_may
from homeroom.records.columns import Row
from homeroom.records.declare import RecordType
from homeroom.records.intake import misfit
from homeroom.records.rows import Kept


def denied(type: RecordType, rule: Rule, role: str, rows: Sequence[Row | Mapping[str, Any]] = ()) -> Refusal:
    """Return the refusal `forbidden` for somebody of `role` whom `rule` does not permit `rows`, which they know or have sent.

    Whose role may not at all is told whose may; others, in the words of the type (`wants`), which relation they lack.
    """
    what = type.name.replace("_", " ")
    if not any(who == role for who, _ in rule.pairs):
        return _for_others(f"this {what}", rule, role)
    said = {_lacking(type, rule, role, row) for row in rows}
    reason = said.pop() if len(said) == 1 else ""
    return Refusal("forbidden", reason or f"this {what} is not yours")


def denied_deed(rule: Rule, deed: str, role: str) -> Refusal:
    """Return the refusal `forbidden` for somebody of `role` who may do no such thing at all: it tells whose role may."""
    return _for_others(f"`{deed}`", rule, role)


def denied_to_set(type: RecordType, name: str, role: str) -> Refusal:
    """Return the refusal `forbidden` for somebody of `role` who may not set the column `name`: it tells whose role may."""
    may = [one for one in ROLES if one != role and role_may(type.settable[name], one)]
    return Refusal("forbidden", f"{name}: set by {_listed(may)}, and not by you", data={"field": name})


def check_closed(type: RecordType, closed: Collection[str], names: Iterable[str], role: str) -> None:
    """Raise `forbidden` when one of the columns `names` is among those that are `closed` to somebody of `role`."""
    for name in names:
        if name in closed:
            raise denied_to_set(type, name, role)


def check_written(new: Kept, may: bool, named: Collection[str], rule: Rule, role: str) -> None:
    """Raise what the statement that wrote a row has found: `bad_command` for people who do not fit, `forbidden` unless it `may` be."""
    for name in new.unfit:
        if name in named:
            wanted = new.type.references[name].role
            raise misfit(name, f"this person is no {wanted}", f"the id of a {wanted}")
    if not may:
        raise denied(new.type, rule, role, (new.values,))


def _for_others(what: str, rule: Rule, role: str) -> Refusal:
    may = [one for one in ROLES if role_may(rule, one)]
    return Refusal("forbidden", f"{what} is for {_listed(may)}, and you are {_listed((role,))}", data={"roles": may})


def _lacking(type: RecordType, rule: Rule, role: str, row: Row | Mapping[str, Any]) -> str:
    """Return what the caller would have to be to the row: one of what the rule names for the role."""
    values = {**dict.fromkeys(type.columns), **msgspec.to_builtins(row)}
    wants = [type.wants[name] for name in type.relations if (role, name) in rule.pairs and name in type.wants]
    return " and ".join(dict.fromkeys(want.format_map(values) for want in wants))


def _listed(roles: Iterable[str]) -> str:
    return " or ".join(f"a {role}" if role[0] not in "aeiou" else f"an {role}" for role in roles) or "nobody"
