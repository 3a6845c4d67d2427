"""Looking through descriptions: JSON documents of any depth."""

from collections.abc import Iterator
from typing import Any


def texts_at(key: str, value: Any) -> Iterator[str]:
    """Yield every text that stands at `key` of an object, wherever it is inside `value`."""
    if isinstance(value, dict):
        if isinstance(value.get(key), str):
            yield value[key]
        for inside in value.values():
            yield from texts_at(key, inside)
    elif isinstance(value, list):
        for inside in value:
            yield from texts_at(key, inside)
