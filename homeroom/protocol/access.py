"""Who may do what: roles of the school, relations to one thing, and the rule that joins them.

A rule is declared with each verb and each stream and evaluated in one place, the actor's turn, for commands, REST,
subscriptions and sync alike. Never here: finding out a person's relation (each actor knows that of its own state).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, get_args

Role = Literal["super_admin", "admin", "teacher", "student", "parent"]
ROLES: tuple[str, ...] = get_args(Role)
RoleWord = Literal["super_admin", "admin", "teacher", "student", "parent", "instructor", "mentor"]
"""A role as it may be sent: by its name, or by one of the names it has elsewhere."""
ROLE_ALIASES = {"instructor": "teacher", "mentor": "teacher"}
STAFF = ("super_admin", "admin", "teacher")
ADMINS = ("super_admin", "admin")
GUARDIAN_ROLE = "parent"
"""The role that stands for children (wards): what it may see of theirs, each actor says by a relation."""
SYSTEM_ROLE = "system"
"""The engine's own voice: timers, other actors, the gateway. No token can carry it."""

ANY = "*"
"""Stands for every relation, that of a stranger included."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A set of (role, relation) pairs; whoever matches one of them may. Join rules with `|`."""

    pairs: frozenset[tuple[str, str]]

    def permits(self, role: str, relations: Iterable[str]) -> bool:
        """Tell whether somebody of `role`, standing in `relations` to the thing, may."""
        pairs = self.pairs
        if (role, ANY) in pairs:
            return True
        for relation in relations:  # noqa: SIM110 - once a command: `any` over a generator takes three times as long
            if (role, relation) in pairs:
                return True
        return False

    def __or__(self, other: "Rule") -> "Rule":
        """Return the rule that permits what either permits."""
        return Rule(self.pairs | other.pairs)


def allow(roles: Iterable[str], *relations: str) -> Rule:
    """Return the rule for each of `roles` in any of `relations` (`ANY` when none is named)."""
    return Rule(frozenset((role, relation) for role in roles for relation in relations or (ANY,)))


SYSTEM_ONLY = allow((SYSTEM_ROLE,))
EVERYBODY = allow(ROLES)
NOBODY = allow(())
"""What is not done at all: no door is made for it."""
