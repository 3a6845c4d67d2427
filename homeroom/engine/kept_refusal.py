"""A refusal that was decided together with events, as its receipt keeps it: a command sent again is refused alike.

Rules of this file: a kept refusal begins with the byte that no stored reply begins with (msgpack never uses it).
Never here: deciding one (`Decision.refusal`).
"""

from homeroom.engine.behaviour import Refusal
from homeroom.engine.envelope import Answer, Done
from homeroom.engine.wire import Wire

_MARK = b"\xc1"


def store_refusal(refusal: Refusal, wire: Wire) -> bytes:
    """Return the stored bytes of a refusal."""
    return _MARK + wire.encode((refusal.code, refusal.msg, refusal.retry_ms, refusal.data))


def first_answer(answer: Answer | None, wire: Wire) -> Answer | None:
    """Return what a ledger found as the answer it was: the refusal, where that was kept."""
    if not isinstance(answer, Done) or answer.encoded is None or not answer.encoded.startswith(_MARK):
        return answer
    code, msg, retry_ms, data = wire.decode_plain(answer.encoded[len(_MARK) :])
    return Refusal(code, msg, retry_ms=retry_ms, data=data)
