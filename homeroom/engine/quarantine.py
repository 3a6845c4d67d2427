"""Commands that crash their actor, counted; after a few crashes they are not run any more.

Rules of this file: bounded, in memory only: a new start of the server gives every command another chance, with a program
that may have been repaired. Never here: deciding what a crash is.
"""

from collections import OrderedDict
from dataclasses import dataclass

Fingerprint = tuple[str, bytes]
"""A verb, and a digest of its arguments with the caller."""
_PER_ACTOR = 64


@dataclass(slots=True)
class _Suspect:
    """How often a command crashed its actor, and the incident of the last time."""

    crashes: int
    incident: str


class Quarantine:
    """Who crashed whom. `after` crashes of one command at one actor isolate it; at most `actors` actors are remembered."""

    def __init__(self, after: int, actors: int) -> None:
        self._after = after
        self._limit = actors
        self._suspects: OrderedDict[str, dict[Fingerprint, _Suspect]] = OrderedDict()

    def suspects(self, address: str) -> bool:
        """Tell whether anything crashed this actor: fingerprints are made only then."""
        return address in self._suspects

    def incident(self, address: str, fingerprint: Fingerprint) -> str | None:
        """Return the incident id when this command is not to be run."""
        suspect = self._suspects.get(address, {}).get(fingerprint)
        return suspect.incident if suspect and suspect.crashes >= self._after else None

    def note_crash(self, address: str, fingerprint: Fingerprint, incident: str) -> None:
        """Count one crash."""
        suspects = self._suspects.setdefault(address, {})
        self._suspects.move_to_end(address)
        suspect = suspects.setdefault(fingerprint, _Suspect(0, incident))
        suspect.crashes += 1
        suspect.incident = incident
        if len(suspects) > _PER_ACTOR:
            del suspects[next(iter(suspects))]
        if len(self._suspects) > self._limit:
            self._suspects.popitem(last=False)

    def __len__(self) -> int:
        return sum(
            suspect.crashes >= self._after for suspects in self._suspects.values() for suspect in suspects.values()
        )
