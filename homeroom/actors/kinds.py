"""The table of actor kinds: one row each. Adding a kind is one new file beside this one, and a row here.

Never here: what a kind does.
"""

from homeroom.actors.presence import PRESENCE
from homeroom.actors.room import ROOM
from homeroom.engine.behaviour import Kind

KINDS: tuple[Kind, ...] = (
    ROOM,
    PRESENCE,
)
