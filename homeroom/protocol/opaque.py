"""Opaque texts that a server gives away and gets back: octets behind a mark, in letters that stand in any URL.

Whoever holds one could make another, so it grants nothing. Never here: what the octets say.
"""

import base64
import binascii


def seal(mark: str, data: bytes) -> str:
    """Return `data` as text behind `mark`."""
    return mark + base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unseal(mark: str, text: str) -> bytes | None:
    """Return what `seal` made a text of, `None` for a text that it did not make behind this mark."""
    body = text.removeprefix(mark)
    if body == text:
        return None
    try:
        return base64.b64decode(body + "=" * (-len(body) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
