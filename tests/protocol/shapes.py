"""What can be said, as hypothesis strategies: every frame of both sides with every field."""

from typing import Any

from hypothesis import strategies as st

from homeroom.protocol.codec import CODECS, Codec
from homeroom.protocol.errors import RemoteProtocolError
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
    Sig,
    Sub,
    Unsub,
    User,
    Welcome,
)
from homeroom.protocol.ids import MAX_SEQ

BOTH = tuple(CODECS.values())
MSGPACK, JSON = BOTH

ids = st.from_regex(r"\A[A-Za-z0-9_.\-]{1,64}\Z")
addresses = st.from_regex(r"\A[a-z]{2,16}:[A-Za-z0-9_.\-]{1,64}\Z")
verbs = st.from_regex(r"\A[a-z_]{1,32}\Z")
numbers = st.integers(1, MAX_SEQ)
seqs = st.integers(0, MAX_SEQ)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)
cursors = st.tuples(texts, seqs)
floats = st.floats(allow_nan=False, allow_infinity=False)
leaves = st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | floats | texts
values: st.SearchStrategy[Any] = st.recursive(
    leaves, lambda inside: st.lists(inside, max_size=4) | st.dictionaries(texts, inside, max_size=4), max_leaves=12
)
maps = st.dictionaries(texts, values, max_size=5)
events = st.builds(Event, texts, seqs, ids, maps)

plain_client_frames = st.one_of(
    st.builds(Hello, st.text("abc.-_", min_size=1, max_size=300), ids, st.none() | texts),
    st.builds(Auth, numbers, st.text("abc.-_", min_size=1, max_size=300)),
    st.builds(Ping, seqs),
    st.builds(Sub, numbers, addresses, st.none() | cursors),
    st.builds(Unsub, numbers, addresses),
    st.builds(Cmd, numbers, addresses, verbs),
)
server_frames = st.one_of(
    st.builds(Welcome, ids, st.builds(User, ids, texts, ids), seqs, ids, seqs, st.builds(Limits), seqs),
    st.builds(Pong, seqs, seqs, st.dictionaries(addresses, seqs, max_size=4)),
    st.builds(Ok, numbers, values, st.none() | st.tuples(addresses, seqs), st.booleans()),
    st.builds(Err, st.none() | numbers, ids, texts, st.none() | seqs, values),
    st.builds(Ev, addresses, seqs, st.lists(events, max_size=3)),
    st.builds(Sig, addresses, st.lists(events, max_size=3)),
    st.builds(Gone, addresses, ids),
    st.builds(Bye, st.integers(1000, 4999), texts, st.none() | seqs),
)


def message(codec: Codec, encoded: bytes) -> bytes | str:
    """Return a message as the WebSocket hands it over."""
    return encoded.decode() if codec.is_text else encoded


def taken(codec: Codec, data: bytes | str) -> list[Any]:
    """Return what the codec makes of a message: frames and errors, or the one fatal error of the whole."""
    try:
        return list(codec.decode_frames(data))
    except RemoteProtocolError as error:
        return [error] if error.fatal else []
