"""The bounds in time that a query names: the same rule, in the same words, for every door that looks back."""

from homeroom.engine.behaviour import Refusal


def check_span(start: int | None, end: int | None) -> None:
    """Raise `bad_command` for a span that ends before it begins; times in Unix ms, `None` without a bound."""
    if start is not None and end is not None and end < start:
        data = {"field": "end", "allowed": "a time at or after `start`"}
        raise Refusal("bad_command", "end: before the start", data=data)
