"""Who calls: the Python client. It depends on the protocol and trio (with wsproto) alone.

async with open_client("ws://127.0.0.1:8000/ws", token) as client:
    reply = await client.call("room:lobby", "say", text="hello")
    async for item in client.subscribe("room:lobby"):
        ...
"""

from homeroom.client.backoff import Backoff
from homeroom.client.client import Client, Reply, open_client
from homeroom.client.errors import ClientClosed, ClientError, Refused
from homeroom.client.items import Event, Gone, Item, Resumed, Signal, Snapshot
from homeroom.client.settings import ClientSettings
from homeroom.client.status import Status
from homeroom.client.subscription import Fold, Subscription

__all__ = [
    "Backoff",
    "Client",
    "ClientClosed",
    "ClientError",
    "ClientSettings",
    "Event",
    "Fold",
    "Gone",
    "Item",
    "Refused",
    "Reply",
    "Resumed",
    "Signal",
    "Snapshot",
    "Status",
    "Subscription",
    "open_client",
]
