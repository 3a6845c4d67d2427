"""How an address finds its door: werkzeug's rules, made for matching alone. Never here: which doors there are (`app`)."""

from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any

from quart.routing import QuartMap, QuartRule
from werkzeug.routing.rules import RulePart


class _Matching(QuartRule):
    """A rule that is good for matching alone until a URL is made of it, which nobody does: preparing that is most of a rule's making."""

    def _compile_builder(self, append_unknown: bool = True) -> Callable[..., tuple[str, str]]:
        def build(self: _Matching, **values: Any) -> tuple[str, str]:
            return QuartRule._compile_builder(self, append_unknown)(self, **values)

        return build


class Rule(_Matching):
    """A rule whose pattern is read once, however many methods are taken there and however many applications a process makes."""

    def _parse_rule(self, rule: str) -> Iterable[RulePart]:
        read = _read(rule)
        self._trace += read._trace[1:]  # behind the mark between host and path
        self._converters |= read._converters
        self.arguments |= read.arguments
        return read._parts[1:]  # behind the host's


@lru_cache(maxsize=1_000)
def _read(pattern: str) -> QuartRule:
    """Return a rule of the pattern that is taken nowhere: what werkzeug has read in it."""
    rule = _Matching(pattern)
    QuartMap(merge_slashes=False).add(rule)
    return rule
