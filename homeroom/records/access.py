"""Who may what with which row, as SQL: one predicate for single reads, lists and the checks of writes.

For a caller's role it joins the predicates of the relations that a rule permits. It speaks of the row `r` and of the
caller's id, an argument of the statement. Never here: what the relations are (the declarations), and running SQL.
"""

import re
from collections.abc import Mapping
from functools import lru_cache

from homeroom.protocol.access import ANY, SYSTEM_ROLE, Rule
from homeroom.records.declare import RecordType

ALL, NONE = "TRUE", "FALSE"
_ME = re.compile(r"(?<!:):me\b")


@lru_cache(maxsize=4_096)
def allowed(type: RecordType, rule: Rule, role: str, me: str = "$1") -> str:
    """Return the predicate over the row `r` of `type` that `rule` means for callers of `role`.

    `me` is the caller's id in SQL. `TRUE` where the rule asks for no relation, `FALSE` where it names none of the role's;
    the engine's own voice may everything.
    """
    relations = {relation for who, relation in rule.pairs if who == role}
    if role == SYSTEM_ROLE or ANY in relations:
        return ALL
    found = [said(type.relations[name], me) for name in type.relations if name in relations]
    return "(" + " OR ".join(found) + ")" if found else NONE


def role_may(rule: Rule, role: str) -> bool:
    """Tell whether somebody of `role` may at all, in one relation or another."""
    return role == SYSTEM_ROLE or any(who == role for who, _ in rule.pairs)


def verdicts(type: RecordType, role: str, rules: Mapping[str, Rule], me: str = "$1") -> str:
    """Return columns for a SELECT over `r`: for each of `rules` a boolean of its name that says whether it permits."""
    return ", ".join(f'{allowed(type, rule, role, me)} AS "{name}"' for name, rule in rules.items())


def sights(type: RecordType, role: str, me: str = "$1") -> dict[str, str]:
    """Return for each column of `hidden` the predicate under which the caller sees it."""
    return {name: allowed(type, rule, role, me) for name, rule in type.hidden.items()}


def said(predicate: str, me: str = "$1") -> str:
    """Return a predicate of a declaration with the caller's id in its place."""
    return "(" + _ME.sub(lambda _: me, predicate) + ")"
