"""The people of a benchmark: one for each member, with a token each, and the rooms they meet in.

People and tokens are made as `homeroom user add` and `homeroom token create` make them, but all in one go, since a hundred
command lines would take a minute; rooms by `homeroom call`.
"""

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass

import trio

from bench.dialects import Homeroom
from bench.houses import ROOT, House
from homeroom.config import load_config
from homeroom.house import open_house

_LIFE_S = 6 * 3600.0


@dataclass(frozen=True, slots=True)
class People:
    """The tokens of all members, in their order, at one house."""

    house: House
    tokens: Sequence[str]

    def dialect(self, room: str) -> Homeroom:
        """Make the open room `room:<room>` and return the dialect whose members meet in it."""
        call(self.house, f"room:{room}", "create", '{"title": "A benchmark", "visibility": "open"}')
        return Homeroom(f"room:{room}", self.tokens)


def enrolled(house: House, count: int, role: str = "student", name: str = "member") -> People:
    """Add `count` people of `role` to the school of `house`, `name-0` and so on, and return them."""
    return People(house, trio.run(enrol, house, count, role, name))


async def enrol(house: House, count: int, role: str = "student", name: str = "member") -> list[str]:
    """Add `count` people of `role`, `name-0` and so on, and return their tokens."""
    config = load_config({}, {"data_dir": str(house.data)})
    async with open_house(config) as school:
        secret = await school.passwords.hash("a benchmark's own")
        for login in (logins := [f"{name}-{number}" for number in range(count)]):
            await school.users.add(login, login.title(), role, secret, id=login)
        return [school.tokens.issue(login, login.title(), role, ttl_s=_LIFE_S) for login in logins]


def call(house: House, address: str, verb: str, arguments: str, person: str = "demo-teacher-1") -> None:
    """Do `verb` at `address` as `person`; raises `CalledProcessError` when it is refused."""
    url, folder = f"http://127.0.0.1:{house.port}", str(house.data)
    words = ["call", address, verb, arguments, "--as", person, "--url", url, "--data-dir", folder]
    subprocess.run([sys.executable, "-m", "homeroom", *words], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
