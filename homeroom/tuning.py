"""What the configuration means to each part: its settings, made of the whole. A part of the composition root.

Never here: reading and checking the configuration (`config`), and joining the parts (`bootstrap`).
"""

from homeroom.config import Config
from homeroom.engine.settings import EngineSettings
from homeroom.house import version
from homeroom.http.budgets import DEFAULT_RATES, BudgetSettings, Rate
from homeroom.http.frame_meter import MeterSettings
from homeroom.http.gateway import GatewaySettings
from homeroom.http.outbox import OutboxSettings
from homeroom.http.pipeline import WebSettings
from homeroom.protocol.frames import Limits
from homeroom.records.files.terms import UploadSettings


def engine_settings(config: Config) -> EngineSettings:
    """Return how much an actor takes in at once, and how often it is written down whole."""
    return EngineSettings(mailbox=config.mailbox_posts, snapshot_events=config.snapshot_every)


def budget_settings(config: Config) -> BudgetSettings:
    """Return the rates: a minute's worth may come at once."""
    per_minute = {
        "chat": config.chat_per_minute,
        "typing": config.typing_per_minute,
        "control": config.control_per_minute,
        "read": config.read_per_minute,
        "write": config.write_per_minute,
    }
    return BudgetSettings({**DEFAULT_RATES, **{name: Rate(n / 60, float(n)) for name, n in per_minute.items()}})


def gateway_settings(config: Config) -> GatewaySettings:
    """Return what a connection may do."""
    frames, octets = float(config.frames_per_second), float(config.bytes_per_second)
    return GatewaySettings(
        limits=Limits(streams=config.streams_per_connection),
        meter=MeterSettings(frames=Rate(frames, frames * 5), bytes=Rate(octets, octets * 4)),
        outbox=OutboxSettings(bytes=config.outbox_bytes),
        heartbeat_ms=config.heartbeat_ms,
        per_user=config.connections_per_user,
    )


def web_settings(config: Config) -> WebSettings:
    """Return what holds for every request."""
    origins = frozenset(config.allowed_origins)
    return WebSettings(version=version(), cors_origins=origins, metrics_token=config.metrics_token)


def upload_settings(config: Config) -> UploadSettings:
    """Return the limits of files."""
    return UploadSettings(
        file_bytes=config.upload_bytes,
        person_bytes=config.upload_bytes_per_person,
        least_rate=config.upload_least_rate,
        types=frozenset(config.upload_types),
    )
