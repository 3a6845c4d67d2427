"""One frozen, validated configuration: defaults, then the environment, then what the command line says.

Every field has the environment variable `HOMEROOM_<FIELD>`; `database_url` is also read from `DATABASE_URL`.
Never here: what a figure does (the docstring of the part that takes it says so), and reading files.
"""

from collections.abc import Mapping
from pathlib import Path
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

    direct_window_ms: Milliseconds = 20
    calm_window_ms: Milliseconds = 250
    commit_window_ms: Milliseconds = 20
    snapshot_every: Count = 500
    stop_grace_s: Annotated[float, Meta(gt=0, le=60)] = 9.0

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
        raise ConfigError(f"{variable} is no setting; `homeroom config show` lists them")
    value: Any = text.split(",") if get_origin(hints[name]) is tuple else text
    try:
        return msgspec.convert(value, hints[name], strict=False)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{variable}={text!r}: {error}") from None


def _checked(values: Mapping[str, Any]) -> Config:
    try:
        config = msgspec.convert(dict(values), Config)
    except msgspec.ValidationError as error:
        raise ConfigError(str(error)) from None
    if config.demo and not config.loopback:
        raise ConfigError(f"the demo school has known passwords: it refuses the public address {config.host!r}")
    return config


def allowed_shape(name: str) -> str:
    """Return what a setting takes, in words, for `config show`."""
    hint = get_type_hints(Config, include_extras=True)[name]
    if get_origin(hint) is Literal:
        return " | ".join(map(str, get_args(hint)))
    base = get_args(hint)[0] if get_origin(hint) is Annotated else hint
    return getattr(base, "__name__", str(base)) if isinstance(base, type) else str(base)
