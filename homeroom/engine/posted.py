"""What was appended to one channel in one transaction: handed to `Channels.publish` after the commit.

Never here: who is given it (`hub`), and how it became durable (`channel_log`, or whoever wrote the transaction).
"""

from collections.abc import Sequence
from typing import NamedTuple


class Posted(NamedTuple):
    """Events of `stream`, the first of which has number `seq`; each as `Wire.event` makes it, so ready for a frame."""

    stream: str
    seq: int
    events: Sequence[bytes]
