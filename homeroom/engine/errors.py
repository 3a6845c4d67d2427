"""The exceptions of this floor, beside the journal's own.

    Exception
    ├── Refusal               (`behaviour`) they broke the rule, or it cannot be now
    │   └── AnotherBefore     a command's number was used for another command
    ├── JournalError          (`journal`) the journal did not do what was asked
    │   ├── Unavailable       no answer; after an append: in doubt
    │   └── Superseded        somebody else was first; nothing was written
    ├── EmbeddedError         the embedded database server cannot be had
    │   ├── NoBinaries            there is no PostgreSQL to start
    │   ├── DataDirectoryInUse    another program has this directory's server
    │   └── StartFailed           the server ended instead of starting; the end of its log is in the message
    └── ActorCrashed          we broke the rule: an actor's own code raised

Never here: who raises what, and the codes of the wire (`protocol.errors`).
"""

from homeroom.engine.behaviour import Refusal


class ActorCrashed(Exception):
    """An actor's code raised; its caller was answered, and the log holds the trace under `incident`."""

    def __init__(self, address: str, incident: str) -> None:
        super().__init__(f"{address}: incident {incident}")
        self.address, self.incident = address, incident


class AnotherBefore(Refusal):
    """The number of a command was that of another one before: `conflict`. A door where numbers have names says it by name."""

    def __init__(self, number: int) -> None:
        super().__init__("conflict", f"command {number} was another one before")


class EmbeddedError(Exception):
    """The embedded server cannot be had."""


class NoBinaries(EmbeddedError):
    """No PostgreSQL is installed."""


class DataDirectoryInUse(EmbeddedError):
    """Two servers on one data directory would destroy it."""


class StartFailed(EmbeddedError):
    """The server or its initialisation ended with an error."""


def internal(incident: str, retry_ms: int) -> Refusal:
    """Return the answer for our own fault: an incident id, never a trace."""
    return Refusal("internal", f"incident {incident}", retry_ms=retry_ms)


def unavailable(retry_ms: int, msg: str = "the journal or the owner is away") -> Refusal:
    """Return the answer while the journal does not answer, or the actor is suspended or moving."""
    return Refusal("unavailable", msg, retry_ms=retry_ms)


def overloaded(retry_ms: int) -> Refusal:
    """Return the answer of a full mailbox."""
    return Refusal("overloaded", "too much waits here already", retry_ms=retry_ms)
