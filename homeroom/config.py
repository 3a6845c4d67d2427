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

from homeroom.protocol.hours import Zone
from homeroom.protocol.zones import UnknownZone, find_zone
from homeroom.records.files.content import FILE_TYPES

PREFIX = "HOMEROOM_"

PublicUrl = Annotated[
    str,
    Meta(max_length=300, pattern=r"\A(?:https?://[A-Za-z0-9.\-\[\]:]+)?\Z", description="scheme, host and port alone"),
]
Port = Annotated[int, Meta(ge=0, le=65535)]
Count = Annotated[int, Meta(ge=1, le=10_000_000)]
Bytes = Annotated[int, Meta(ge=1, le=1_099_511_627_776)]
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
    demo_size: Literal["bare", "small"] = "small"
    allowed_origins: tuple[str, ...] = ()
    allow_unsafe_database: bool = False
    self_registration: bool = False
    zone: Zone = "UTC"
    public_url: PublicUrl = ""

    token_issuer: str = "homeroom"  # noqa: S105 - a name, not a secret
    token_audience: str = "homeroom"  # noqa: S105 - a name, not a secret
    token_keys: str | None = None
    access_ttl_s: Annotated[float, Meta(gt=0, le=43_200)] = 900.0
    refresh_ttl_s: Seconds = 86_400.0 * 30

    chat_per_minute: Count = 60
    typing_per_minute: Count = 120
    control_per_minute: Count = 600
    read_per_minute: Count = 300
    write_per_minute: Count = 600
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
    record_connections: Annotated[int, Meta(ge=1, le=100)] = 8
    record_writes_each: Annotated[int, Meta(ge=1, le=100)] = 2
    snapshot_every: Count = 500
    stop_grace_s: Annotated[float, Meta(gt=0, le=60)] = 8.0

    upload_dir: str | None = None
    upload_bucket: str | None = None
    upload_endpoint: str | None = None
    upload_region: str = "us-east-1"
    upload_bytes: Bytes = 52_428_800
    upload_bytes_per_person: Bytes = 1_073_741_824
    upload_least_rate: Count = 1_024
    upload_types: tuple[str, ...] = tuple(FILE_TYPES)

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


def _check_types(config: Config) -> None:
    for name in config.upload_types:
        if name not in FILE_TYPES:
            known = ", ".join(FILE_TYPES)
            raise ConfigError(f"HOMEROOM_UPLOAD_TYPES: {name!r} is no type whose content is known; it takes {known}")


def _checked(values: Mapping[str, Any]) -> Config:
    try:
        config = msgspec.convert(dict(values), Config)
    except msgspec.ValidationError as error:
        raise ConfigError(str(error)) from None
    _check_types(config)
    if config.demo and not config.loopback:
        raise ConfigError(f"the demo school has known passwords: it refuses the public address {config.host!r}")
    try:
        find_zone(config.zone)
    except UnknownZone:
        raise ConfigError(f"HOMEROOM_ZONE={config.zone!r}: there is no such zone; it takes an IANA zone") from None
    return config


MEANINGS: Mapping[str, str] = MappingProxyType(
    {
        "host": "the address to listen on",
        "port": "the port to listen on; 0: any free one",
        "data_dir": "where the embedded database and the secret that signs tokens live",
        "database_url": "a PostgreSQL 15 or newer instead of the embedded one; DATABASE_URL is read too",
        "demo": "a school to try things in: people of every role with a known password; loopback only",
        "demo_size": "what the demo's people have around them: nothing but an open room (bare), or a whole small school",
        "allowed_origins": "other sites whose pages may connect, such as https://school.example",
        "allow_unsafe_database": "bear a database with fsync or synchronous_commit off: a power cut then loses what was acknowledged",
        "self_registration": "people may register themselves, as students",
        "zone": "the school's IANA zone, such as Europe/Berlin: that of days which are asked for and slots which are made without one, and of today's figures",
        "public_url": "the address under which people reach this server, such as https://school.example: links in answers begin with it",
        "token_issuer": "the `iss` of every token",
        "token_audience": "the `aud` of every token",
        "token_keys": "a TOML file with [[keys]]: kid, algorithm (HS256 RS256 ES256 EdDSA) and a secret, private or public file",
        "access_ttl_s": "the life of an access token",
        "refresh_ttl_s": "the life of a login that is not used",
        "chat_per_minute": "messages, edits and reactions of one person",
        "typing_per_minute": "typing signs of one person",
        "control_per_minute": "other commands of one person",
        "read_per_minute": "lists and rows that one person looks at over REST",
        "write_per_minute": "changes of records by one person",
        "connections_per_user": "WebSockets of one person at a time",
        "connections_per_ip": "connections of one address at a time: a school may share one",
        "streams_per_connection": "subscriptions of one connection",
        "frames_per_second": "what one connection may send for long; five times as much at once",
        "bytes_per_second": "what one connection may send for long; four times as much at once",
        "outbox_bytes": "what may wait for one reader for a second before it is cut; four times as much at once",
        "mailbox_posts": "commands that may wait for one actor before `overloaded`",
        "heartbeat_ms": "how often clients are told to ping",
        "direct_window_ms": "how long messages may wait for company while a stream is busy",
        "calm_window_ms": "the same for presence, typing and receipts",
        "commit_window_ms": "how long appends may wait for company while commits are frequent",
        "record_connections": "connections to the database for the records, beside 4 for logins and subscriptions",
        "record_writes_each": "writes of one person that hold such a connection at a time, the others wait; a quarter of them is for reads alone",
        "snapshot_every": "events between two snapshots of an actor",
        "stop_grace_s": "how long a stop may take",
        "upload_dir": "where uploaded files live; nothing: `files` in the data directory",
        "upload_bucket": "a bucket of an S3-like store for uploaded files, instead of a directory",
        "upload_endpoint": "where that store is, such as https://s3.school.example; nothing: Amazon's",
        "upload_region": "the region of the bucket",
        "upload_bytes": "the largest file that is taken",
        "upload_bytes_per_person": "all files of one person together",
        "upload_least_rate": "bytes a second that a file has to come at least, over each 30 seconds",
        "upload_types": "the types of files that are taken, found in their content",
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
    if meta.le is None:
        return f"({meta.description})"
    low = f"over {meta.gt}" if meta.gt is not None else f"from {meta.ge}"
    return f"{low} to {meta.le}"
