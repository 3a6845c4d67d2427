"""Writes the golden vectors: `python tests/vectors/write.py`, from the top of the tree.

Every frame, and every command and event of the room and of presence, once with all its fields and once with as few as
possible, as msgpack (hex) and as JSON. Other implementations of the protocol, in any language, are held to this file.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from homeroom.protocol import chat, presence, room
from homeroom.protocol.codec import CODECS
from homeroom.protocol.frames import (
    Auth,
    Bye,
    Cmd,
    Err,
    Ev,
    Event,
    Gone,
    Hello,
    Limits,
    Ok,
    Ping,
    Pong,
    Resumed,
    Sig,
    Snapshot,
    Sub,
    Unsub,
    User,
    Welcome,
)

FILE = Path(__file__).parent / "vectors.json"
MSGPACK, JSON = CODECS.values()
TIME = 1_789_000_000_000
FILE_INFO = chat.File("plan ✓.pdf", 2**33, "application/pdf", "https://files.example/1")

CLIENT_FRAMES: dict[str, Any] = {
    "hello": Hello("a.b.c", "tab-1", "Mozilla/5.0"),
    "hello, least": Hello("t", "c"),
    "auth": Auth(3, "d.e.f"),
    "ping": Ping(0),
    "ping, largest": Ping(2**53 - 1),
    "sub": Sub(4, "room:physics-1", ("e-2026", 17)),
    "sub, from a snapshot": Sub(5, "presence:demo-student-1"),
    "unsub": Unsub(6, "room:physics-1"),
    "cmd, without arguments": Cmd(7, "room:physics-1", "join"),
}
SERVER_FRAMES: dict[str, Any] = {
    "welcome": Welcome("c9", User("ann", "Ann Ä. 安", "student"), TIME, "e-2026", 30_000, Limits(), TIME + 3_600_000),
    "pong": Pong(2**53 - 1, TIME, {"room:physics-1": 17, "room:b": 0}),
    "pong, of nothing": Pong(0, TIME, {}),
    "ok": Ok(7, {"id": "18"}, ("room:physics-1", 18)),
    "ok, again": Ok(7, {"id": "18"}, ("room:physics-1", 18), again=True),
    "ok, least": Ok(1),
    "ok, resumed": Ok(4, Resumed(2, ("e-2026", 19))),
    "ok, snapshot": Ok(5, Snapshot(("e-2026", 19), {"title": "Physics", "members": {}})),
    "err": Err(7, "rate_limited", "slowly", 1_500, {"field": "text", "allowed": "Expected `str`"}),
    "err, of no request": Err(None, "bad_frame", "Expected `int`"),
    "ev": Ev("room:physics-1", 18, [Event("room.left", TIME, "ann", room.Left("ann", "left"))] * 2),
    "sig": Sig("room:physics-1", [Event("room.typing", TIME, "ann", chat.TypingChanged("ann", typing=True))]),
    "gone": Gone("room:physics-1", "forbidden"),
    "bye": Bye(4501, "the server restarts", 2_750),
    "bye, least": Bye(4400, "not a frame"),
}
COMMANDS: dict[str, tuple[Any, ...]] = {
    "room": (
        room.Create("Physics"),
        room.Create("Physics", "open"),
        room.Join(),
        room.Leave(),
        room.Invite("ben"),
        room.Remove("ben"),
        room.Release("ben"),
        room.Promote("ben", "moderator"),
        room.Convene("Office hours", (room.Person("t", "Tia", "owner"), room.Person("ann")), "queue:t-1"),
        room.Convene("Office hours"),
        room.Disband(),
        room.Disband("Finished."),
        chat.Say("<b>hé</b>\n\u2028 👩🏽‍🎓"),
        chat.Say("", "file", "17", FILE_INFO, ("ann", "ben")),
        chat.Edit("17", "better"),
        chat.Retract("17"),
        chat.Retract("17", "rude"),
        chat.React("17", "👍"),
        chat.React("17", "👍", on=False),
        chat.Typing(),
        chat.Typing(typing=False),
        chat.Read("17"),
        chat.Pin("17"),
        chat.Unpin("17"),
        chat.SetMode("moderated"),
        chat.SlowMode(30),
        chat.Mute("ben"),
        chat.Mute("ben", 3_600),
        chat.Unmute("ben"),
        chat.History(),
        chat.History("17", 100, "3"),
        chat.Unread(),
        chat.Audit(),
        chat.Audit(90, 10),
    ),
    "presence": (
        presence.SetStatus(),
        presence.SetStatus("busy", "in a lesson"),
        presence.Beat(),
        presence.Beat(active=False, conn="c9"),
        presence.Hide(),
        presence.Show(),
        presence.Mine(),
        presence.Connected("c9"),
        presence.Disconnected("c9"),
        presence.Enter("physics-1"),
        presence.Exit("physics-1"),
        presence.Enter("group:chess"),
        presence.Exit("session:s-1"),
        presence.Engage("sitting:mid-2.ann", "Taking an exam"),
        presence.Disengage("sitting:mid-2.ann"),
        presence.Privacy("hidden"),
    ),
}
EVENTS: dict[str, tuple[Any, ...]] = {
    "room": (
        room.Created("Physics", "closed", "ann"),
        room.Joined("ben", "member"),
        room.Joined("ben", "member", "Ben"),
        room.Left("ben", "removed"),
        room.Invited("ben"),
        room.InviteWithdrawn("ben"),
        room.RoleChanged("ben", "owner"),
        room.Convened("queue:t-1"),
        room.Disbanded(),
        room.Disbanded("Finished."),
        chat.MessagePosted("17", 9, "hé"),
        chat.MessagePosted("18", 10, "", "file", "Ben", "17", FILE_INFO, ("ann",)),
        chat.MessageEdited("17", "better"),
        chat.MessageRetracted("17"),
        chat.MessageRetracted("17", "rude"),
        chat.ReactionChanged("17", "👍"),
        chat.ReactionChanged("17", "👍", ("ann", "ben")),
        chat.MessagesRead("ben", "17", 9),
        chat.MessagePinned("17"),
        chat.MessageUnpinned("17"),
        chat.ModeChanged("announce"),
        chat.SlowModeChanged(0),
        chat.Muted("ben", TIME),
        chat.Unmuted("ben"),
        chat.TypingChanged("ben", typing=False),
        presence.RoomPresence("ben", "offline"),
    ),
    "presence": (
        presence.PresenceChanged("offline"),
        presence.PresenceChanged("busy", "in a lesson", TIME),
        presence.RoomEntered(),
        presence.RoomExited(),
        presence.Heard("ben", TIME),
        presence.RoomPresence("ben", "away", "reading", TIME),
    ),
}


def vectors() -> Iterator[dict[str, str]]:
    """Yield every vector: its name, who sends it, and both forms."""
    for name, frame in CLIENT_FRAMES.items():
        yield _vector(name, "client", frame, frame)
    for number, (kind, command) in enumerate(_pairs(COMMANDS), 100):
        frames = [Cmd(number, f"{kind}:a", command.do, codec.arguments(command)) for codec in (MSGPACK, JSON)]
        yield _vector(f"cmd {kind} {command.do} {number}", "client", *frames)
    for name, frame in SERVER_FRAMES.items():
        yield _vector(name, "server", frame, frame)
    for number, (kind, event) in enumerate(_pairs(EVENTS), 200):
        frame = Ev(f"{kind}:a", number, [Event(event.type, TIME, "ann", event)])
        yield _vector(f"ev {event.type} {number}", "server", frame, frame)


def _pairs(table: dict[str, tuple[Any, ...]]) -> Iterator[tuple[str, Any]]:
    return ((kind, one) for kind, several in table.items() for one in several)


def _vector(name: str, sender: str, packed: Any, text: Any) -> dict[str, str]:
    return {"name": name, "from": sender, "msgpack": MSGPACK.encode(packed).hex(), "json": JSON.encode(text).decode()}


def document() -> str:
    """Return the whole file."""
    head = "Written by tests/vectors/write.py. msgpack: hex of the message's bytes; json: its text."
    return json.dumps({"about": head, "vectors": list(vectors())}, indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    FILE.write_text(document(), encoding="utf-8")
    print(f"{FILE}: {len(msgspec.json.decode(FILE.read_bytes())['vectors'])} vectors")  # noqa: T201  # a script tells what it did
