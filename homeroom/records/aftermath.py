"""What a transaction of records leaves to be done once it is committed. Never here: doing it (`commit`)."""

from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(slots=True)
class Aftermath:
    """What is done once the commit has returned: subscriptions that end, what this server is to know at once, and calls."""

    withdrawn: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)
    calls: list[Callable[[], None]] = field(default_factory=list)
    news: list[object] = field(default_factory=list)
