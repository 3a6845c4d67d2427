"""What a connection to PostgreSQL is told, and how long it waits. Pure. Never here: the driver (`postgres`), and where the server is."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PostgresSettings:
    """Bounds of a connection in seconds. `allow_unsafe` takes a server that may forget what it acknowledged.

    `timeout_s` leaves room in the three seconds within which a client is told that the database is away.
    """

    timeout_s: float = 2.7
    statement_timeout_s: float = 2.5
    lock_timeout_s: float = 2.0
    idle_in_transaction_s: float = 5.0
    allow_unsafe: bool = False
    application: str = "homeroom"

    def server_settings(self) -> dict[str, str]:
        """Return what the server is told at the start of each session."""
        return {
            "application_name": self.application,
            "statement_timeout": _milliseconds(self.statement_timeout_s),
            "lock_timeout": _milliseconds(self.lock_timeout_s),
            "idle_in_transaction_session_timeout": _milliseconds(self.idle_in_transaction_s),
            "tcp_keepalives_idle": "5",
            "tcp_keepalives_interval": "2",
            "tcp_keepalives_count": "3",
            "jit": "off",
            "plan_cache_mode": "force_generic_plan",
        }


def _milliseconds(seconds: float) -> str:
    return str(int(seconds * 1000))
