"""One frozen, validated configuration: defaults, then the environment, then what the command line says.

Every field has the environment variable `HOMEROOM_<FIELD>`; `database_url` is also read from `DATABASE_URL`.
Never here: what a figure does (the docstring of the part that takes it says so), and reading files.
"""

from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Meta, Struct

PREFIX = "HOMEROOM_"

Port = Annotated[int, Meta(ge=0, le=65535)]
Count = Annotated[int, Meta(ge=1, le=10_000_000)]
Seconds = Annotated[float, Meta(gt=0, le=86_400 * 365)]
Milliseconds = Annotated[int, Meta(ge=0, le=60_000)]


class ConfigError(ValueError):
    """A setting is not of its allowed shape; the text names the variable, its value and what is allowed."""


class Config(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything that can be set. Times in seconds unless the name says `_ms`; rates are per user and minute."""

    host: str = "127.0.0.1"
    port: Port = 8000
    data_dir: str = "data"
    database_url: str | None = None
    demo: bool = False
    allowed_origins: tuple[str, ...] = ()
    allow_unsafe_database: bool = False
    self_registration: bool = False

    token_issuer: str = "homeroom"  # noqa: S105 - a name, not a secret
    token_audience: str = "homeroom"  # noqa: S105 - a name, not a secret
    token_keys: str | None = None
    access_ttl_s: Annotated[float, Meta(gt=0, le=43_200)] = 900.0
    refresh_ttl_s: Seconds = 86_400.0 * 30

    chat_per_minute: Count = 60
    typing_per_minute: Count = 120
    control_per_minute: Count = 600
    connections_per_user: Count = 10
    connections_per_ip: Count = 2_000
    streams_per_connection: Count = 100
    frames_per_second: Count = 200
    bytes_per_second: Count = 1_048_576
    outbox_bytes: Count = 1_048_576
    mailbox_posts: Count = 1_000
    heartbeat_ms: Annotated[int, Meta(ge=1_000, le=600_000)] = 30_000

    direct_window_ms: Milliseconds = 10
    calm_window_ms: Milliseconds = 250
    commit_window_ms: Milliseconds = 38
    snapshot_every: Count = 500
    stop_grace_s: Annotated[float, Meta(gt=0, le=60)] = 8.0

    metrics_token: str | None = None
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["auto", "console", "json"] = "auto"

    @property
    def data_path(self) -> Path:
        """Return the data directory."""
        return Path(self.data_dir).absolute()

    @property
    def loopback(self) -> bool:
        """Tell whether only this machine can reach the listening address."""
        return self.host in {"localhost", "::1"} or self.host.startswith("127.")

    @property
    def url(self) -> str:
        """Return where a server with this configuration is reached from its own machine; only for a `port` other than 0."""
        host = _HERE.get(self.host, self.host)
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"


_HERE: Mapping[str, str] = MappingProxyType({"0.0.0.0": "127.0.0.1", "::": "::1"})  # noqa: S104 - not listened on here
"""What reaches a server that listens on all addresses."""


def load_config(environment: Mapping[str, str], overrides: Mapping[str, Any] | None = None) -> Config:
    """Return the configuration; `overrides` (from the command line) win, `None` among them means not given.

    Raises `ConfigError` for a value of the wrong shape and for a `HOMEROOM_` variable that names no setting.
    """
    values: dict[str, Any] = {}
    if environment.get("DATABASE_URL"):
        values["database_url"] = environment["DATABASE_URL"]
    hints = get_type_hints(Config, include_extras=True)
    for variable, text in environment.items():
        if variable.startswith(PREFIX) and variable not in FOREIGN:
            name = variable.removeprefix(PREFIX).lower()
            values[name] = _parse(variable, name, text, hints)
    values |= {name: value for name, value in (overrides or {}).items() if value is not None}
    return _checked(values)


FOREIGN = frozenset({"HOMEROOM_TOKEN", "HOMEROOM_URL"})
"""Variables of the command line's own, which are no settings of the server."""


def _parse(variable: str, name: str, text: str, hints: Mapping[str, Any]) -> Any:
    if name not in hints:
        raise ConfigError(f"{variable} is no setting{_guess(name, hints)}; docs/operating.md lists them")
    value: Any = text.split(",") if get_origin(hints[name]) is tuple else text
    try:
        return msgspec.convert(value, hints[name], strict=False)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{variable}={text!r}: {error}; it takes {allowed_shape(name)}") from None


def _guess(name: str, hints: Mapping[str, Any]) -> str:
    close = get_close_matches(name, hints, n=1)
    return f"; did you mean {PREFIX}{close[0].upper()}?" if close else ""


def _checked(values: Mapping[str, Any]) -> Config:
    try:
        config = msgspec.convert(dict(values), Config)
    except msgspec.ValidationError as error:
        raise ConfigError(str(error)) from None
    if config.demo and not config.loopback:
        raise ConfigError(f"the demo school has known passwords: it refuses the public address {config.host!r}")
    return config


MEANINGS: Mapping[str, str] = MappingProxyType(
    {
        "host": "the address to listen on",
        "port": "the port to listen on; 0: any free one",
        "data_dir": "where the embedded database and the secret that signs tokens live",
        "database_url": "a PostgreSQL 15 or newer instead of the embedded one; DATABASE_URL is read too",
        "demo": "people of every role with a known password, and an open room; loopback only",
        "allowed_origins": "other sites whose pages may connect, such as https://school.example",
        "allow_unsafe_database": "bear a database with fsync or synchronous_commit off: a power cut then loses what was acknowledged",
        "self_registration": "people may register themselves, as students",
        "token_issuer": "the `iss` of every token",
        "token_audience": "the `aud` of every token",
        "token_keys": "a TOML file with [[keys]]: kid, algorithm (HS256 RS256 ES256 EdDSA) and a secret, private or public file",
        "access_ttl_s": "the life of an access token",
        "refresh_ttl_s": "the life of a login that is not used",
        "chat_per_minute": "messages, edits and reactions of one person",
        "typing_per_minute": "typing signs of one person",
        "control_per_minute": "other commands of one person",
        "connections_per_user": "WebSockets of one person at a time",
        "connections_per_ip": "connections of one address at a time: a school may share one",
        "streams_per_connection": "subscriptions of one connection",
        "frames_per_second": "what one connection may send for long; five times as much at once",
        "bytes_per_second": "what one connection may send for long; four times as much at once",
        "outbox_bytes": "what may wait for one slow reader before it is cut",
        "mailbox_posts": "commands that may wait for one actor before `overloaded`",
        "heartbeat_ms": "how often clients are told to ping",
        "direct_window_ms": "how long messages may wait for company while a stream is busy",
        "calm_window_ms": "the same for presence, typing and receipts",
        "commit_window_ms": "how long appends may wait for company while commits are frequent",
        "snapshot_every": "events between two snapshots of an actor",
        "stop_grace_s": "how long a stop may take",
        "metrics_token": "the bearer that /metrics wants; nothing: open to all who reach the port",
        "log_level": "what is logged",
        "log_format": "lines for people (console) or programs (json); auto: by whether a terminal looks",
    }
)
"""What each setting does, for `config show` and docs/operating.md."""


def allowed_shape(name: str) -> str:
    """Return what a setting takes, in words."""
    hint = get_type_hints(Config, include_extras=True)[name]
    if get_origin(hint) is Literal:
        return " | ".join(map(str, get_args(hint)))
    base, *metas = get_args(hint) if get_origin(hint) is Annotated else (hint,)
    return " ".join([_SHAPES.get(base, "a text"), *(_bounds(meta) for meta in metas)])


_SHAPES: Mapping[Any, str] = MappingProxyType(
    {int: "a whole number", float: "a number", bool: "true or false", tuple[str, ...]: "texts with commas between"}
)


def _bounds(meta: Meta) -> str:
    low = f"over {meta.gt}" if meta.gt is not None else f"from {meta.ge}"
    return f"{low} to {meta.le}"
