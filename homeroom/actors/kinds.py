"""The table of actor kinds: one row each. Adding a kind is one new file beside this one, and a row here.

Never here: what a kind does.
"""

from homeroom.actors.board import BOARD
from homeroom.actors.board_persona import PERSONA
from homeroom.actors.exam import EXAM
from homeroom.actors.exam_proctor import PROCTOR
from homeroom.actors.group_kind import GROUP
from homeroom.actors.inbox import INBOX
from homeroom.actors.presence import PRESENCE
from homeroom.actors.queue import QUEUE
from homeroom.actors.queue_hall import HALL
from homeroom.actors.room import ROOM
from homeroom.actors.session import SESSION
from homeroom.actors.sitting import SITTING
from homeroom.engine.kind import Kind

KINDS: tuple[Kind, ...] = (
    ROOM,
    PRESENCE,
    GROUP,
    QUEUE,
    HALL,
    SESSION,
    INBOX,
    BOARD,
    PERSONA,
    EXAM,
    SITTING,
    PROCTOR,
)
