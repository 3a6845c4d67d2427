"""One connection's conversation as a table, without a socket: frames in, what to do with them out.

    OPENING ──hello──▶ GREETED ──opened()──▶ OPEN ──closing()──▶ CLOSING ──closed()──▶ CLOSED
       │                  │                    │                    ▲
       └──── anything that breaks the order, or is no frame ────────┘

The gateway feeds it every frame and performs the answer. Never here: tokens, actors, time, bytes.
"""

from collections.abc import Mapping
from enum import Enum
from typing import Final

from homeroom.protocol.codec import tag_of
from homeroom.protocol.errors import Close, LocalProtocolError, RemoteProtocolError
from homeroom.protocol.frames import LIMITS, Auth, Bye, ClientFrame, Cmd, Err, Hello, Limits, Ping, Sub, Unsub


class State(Enum):
    """Where a conversation stands."""

    OPENING = "opening"
    """Nobody has said hello."""
    GREETED = "greeted"
    """The token is being looked at."""
    OPEN = "open"
    """Welcomed."""
    CLOSING = "closing"
    """`bye` is on its way; what still comes in is not looked at."""
    CLOSED = "closed"
    """Nothing comes any more."""


class Act(Enum):
    """What the gateway does with the frame that it has just fed in."""

    AUTHENTICATE = "check the hello's token; then opened() and welcome, else closing() and bye 4401"
    RENEW = "check the auth's token; the same user goes on with it, another is forbidden"
    PONG = "answer the ping"
    SUBSCRIBE = "ask the actor to let the connection watch; left() when it refuses"
    UNSUBSCRIBE = "end the subscription and answer ok"
    COMMAND = "decode the arguments and tell the actor"
    IGNORE = "nothing"


Answer = Act | Err | Bye
"""`Err`: send it and go on. `Bye`: send it, close with its code; the session is `CLOSING` already."""

_BEFORE_HELLO = Bye(Close.UNAUTHENTICATED, "the first frame is hello")
_BEFORE_WELCOME = Bye(Close.UNAUTHENTICATED, "nothing is taken before welcome")
_HELLO_AGAIN = Err(None, "conflict", "hello has been said; a token is replaced by auth")

_OPEN: dict[type, Answer] = {
    Hello: _HELLO_AGAIN,
    Auth: Act.RENEW,
    Ping: Act.PONG,
    Sub: Act.SUBSCRIBE,
    Unsub: Act.UNSUBSCRIBE,
    Cmd: Act.COMMAND,
}
TABLE: Final[Mapping[State, Mapping[type, Answer]]] = {
    State.OPENING: {**dict.fromkeys(_OPEN, _BEFORE_HELLO), Hello: Act.AUTHENTICATE},
    State.GREETED: dict.fromkeys(_OPEN, _BEFORE_WELCOME),
    State.OPEN: _OPEN,
    State.CLOSING: dict.fromkeys(_OPEN, Act.IGNORE),
    State.CLOSED: dict.fromkeys(_OPEN, Act.IGNORE),
}
"""State and frame -> answer: the whole of the order in which things may be said."""

_HELLO_TAG = tag_of(Hello)
_NEXT: Final[Mapping[State, frozenset[State]]] = {
    State.OPENING: frozenset({State.GREETED, State.CLOSING, State.CLOSED}),
    State.GREETED: frozenset({State.OPEN, State.CLOSING, State.CLOSED}),
    State.OPEN: frozenset({State.CLOSING, State.CLOSED}),
    State.CLOSING: frozenset({State.CLOSING, State.CLOSED}),
    State.CLOSED: frozenset({State.CLOSED}),
}


class Session:
    """The conversation of one connection.

    Its life: (1) `receive` hello, which says `Act.AUTHENTICATE`; (2) `opened` when the token is good; (3) `receive` each
    frame and do what it says; (4) `closing` when our side ends it (a `Bye` answered by `receive` has done so itself);
    (5) `closed` when the transport is gone.
    """

    __slots__ = ("limits", "state", "streams")

    def __init__(self, limits: Limits = LIMITS) -> None:
        self.limits = limits
        self.state = State.OPENING
        self.streams: set[str] = set()
        """Streams subscribed, or asked for and not yet refused."""

    def receive(self, frame: ClientFrame | RemoteProtocolError) -> Answer:
        """Return what to do with a frame, or with the codec's word on what was no frame.

        An `Act` to perform with this frame; an `Err` to send, after which all goes on; or a `Bye` to send before closing
        with its code: out of order is 4401, what is no frame 4400. In `CLOSING` and `CLOSED` always `Act.IGNORE`.
        """
        if isinstance(frame, RemoteProtocolError):
            return self._close_if_bye(self._receive_error(frame))
        answer = TABLE[self.state][type(frame)]
        if answer is Act.AUTHENTICATE:
            self.state = State.GREETED
        elif answer is Act.SUBSCRIBE and isinstance(frame, Sub):
            return self._take_stream(frame)
        elif answer is Act.UNSUBSCRIBE and isinstance(frame, Unsub):
            self.streams.discard(frame.to)
        return self._close_if_bye(answer)

    def opened(self) -> None:
        """Note that the token was good and `welcome` goes out. Raises `LocalProtocolError` unless `GREETED`."""
        self._move(State.OPEN)

    def left(self, stream: str) -> None:
        """Note that a subscription was refused, or ended from the other side (`gone`)."""
        self.streams.discard(stream)

    def closing(self) -> bool:
        """End it from our side. Return whether it is now ours to send `bye`: false when that has happened already."""
        if self.state in {State.CLOSING, State.CLOSED}:
            return False
        self._move(State.CLOSING)
        return True

    def closed(self) -> None:
        """Note that the transport is gone; may be said at any time, and twice."""
        self._move(State.CLOSED)
        self.streams.clear()

    def _receive_error(self, error: RemoteProtocolError) -> Answer:
        if self.state in {State.CLOSING, State.CLOSED}:
            return Act.IGNORE
        if error.fatal:
            return Bye(Close.NOT_A_FRAME, error.msg)
        if self.state is State.GREETED:
            return _BEFORE_WELCOME
        if self.state is State.OPENING and error.frame != _HELLO_TAG:
            return _BEFORE_HELLO
        return Err(error.id, error.code, error.msg, d=error.data)

    def _take_stream(self, frame: Sub) -> Answer:
        if frame.to not in self.streams and len(self.streams) >= self.limits.streams:
            return Err(frame.id, "full", f"a connection has at most {self.limits.streams} streams")
        self.streams.add(frame.to)
        return Act.SUBSCRIBE

    def _close_if_bye(self, answer: Answer) -> Answer:
        if isinstance(answer, Bye):
            self._move(State.CLOSING)
        return answer

    def _move(self, state: State) -> None:
        if state not in _NEXT[self.state]:
            raise LocalProtocolError(f"a connection that is {self.state.value} does not become {state.value}")
        self.state = state
