"""What was decided about people in this server, known here at once: other servers find it in the tables, seconds later.

Never here: deciding it (the records), and reading what others decided (`revocations`, `wards`).
"""

from collections.abc import Callable
from dataclasses import dataclass

from homeroom.http.revocations import Revocations
from homeroom.http.wards import Wards
from homeroom.records.logins import Ended
from homeroom.records.school.guardianships import Link


@dataclass(frozen=True, slots=True)
class News:
    """Takes what a store has committed. `revoke(user, family)` closes connections: of one login, or with `None` of the person."""

    revocations: Revocations
    wards: Wards
    revoke: Callable[[str, str | None], object]

    def learn(self, news: object) -> None:
        """Let ended logins and links of parents count from now on; anything else is not for us."""
        if isinstance(news, Ended):
            if self.revocations.add(news):
                self.revoke(news.user, news.family or None)
        elif isinstance(news, Link) and self.wards.take(news):
            self.revoke(news.guardian, None)
