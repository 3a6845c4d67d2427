"""The first super admin of a new school: whether there is one, and the command that makes one.

Never here: making anybody (`errands`), and who says it, and where.
"""

import shlex
from typing import TYPE_CHECKING

from homeroom.config import Config

if TYPE_CHECKING:
    from homeroom.engine.database import Database

NOBODY_YET = "nobody can look after the school yet: there is no super_admin"


async def is_led(database: "Database") -> bool:
    """Tell whether somebody is there who may everything: make admins, who add all others."""
    from homeroom.records.school.users import LED  # noqa: PLC0415 - the command line starts without the records

    return bool(await database.fetch(LED))


def first_admin(config: Config) -> str:
    """Return the command that makes a first super admin of this school, for another terminal in the same folder and environment."""
    where = "" if config.data_dir == Config().data_dir else f" --data-dir {shlex.quote(config.data_dir)}"
    return f"homeroom user add LOGIN --role super_admin{where}"
