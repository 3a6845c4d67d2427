"""What can be chosen about a client, with the defaults. Times in seconds."""

from dataclasses import dataclass, field

from homeroom.client.backoff import Backoff


@dataclass(frozen=True, slots=True)
class ClientSettings:
    """`buffer` items a subscription before it is laid aside; `in_flight` commands without an answer, more wait their turn."""

    backoff: Backoff = field(default_factory=Backoff)
    buffer: int = 1_024
    in_flight: int = 256
    dial_s: float = 10.0
    greet_s: float = 10.0
    send_s: float = 10.0
    steady_s: float = 5.0
    """A connection that lived so long ends a row of failures."""
    poll_after: int = 5
    """Failures in a row after which the client also catches up over HTTP,"""
    poll_s: float = 30.0
    """so often."""
    message_bytes: int = 16 * 1024 * 1024
    """The largest message taken from the server."""
