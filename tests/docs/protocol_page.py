"""Writes docs/protocol.md: `python -m tests.docs.protocol_page`, from the top of the tree."""

from pathlib import Path

from homeroom.actors.kinds import KINDS
from homeroom.engine.behaviour import Kind, Verb
from homeroom.protocol.access import Rule
from homeroom.protocol.reference import KindEntry, VerbEntry, describe_protocol

PAGE = Path(__file__).parents[2] / "docs" / "protocol.md"


def page() -> str:
    """Return the page as the code says it today."""
    return describe_protocol(map(_kind, KINDS))


def _kind(kind: Kind) -> KindEntry:
    verbs = [_verb(kind, verb) for verb in kind.verbs]
    return KindEntry(kind.name, verbs, kind.events, _rule(kind.watch), kind.state)


def _verb(kind: Kind, verb: Verb) -> VerbEntry:
    pattern = f"POST /api/{kind.plural}/{{id}}/{verb.command.do}"
    return VerbEntry(verb.command, _rule(verb.rule), None if verb.rest is None else verb.rest or pattern, verb.budget)


def _rule(rule: object) -> Rule:
    assert isinstance(rule, Rule)
    return rule


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
