"""What the command line does without a server, beside a running one or on its own.

Never here: how parts are joined (`house`, `bootstrap`), and words for people (`cli`).
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from homeroom.config import Config
from homeroom.engine.behaviour import Refusal
from homeroom.engine.clock import TrioClock
from homeroom.engine.database import open_database
from homeroom.engine.migrate import migrate as carry_out_migrations
from homeroom.first_admin import is_led
from homeroom.house import MIGRATIONS, House, load_key_ring, open_dsn, open_house, postgres_settings, prepare_data_path
from homeroom.http.tokens import TokenRules, Tokens
from homeroom.records.users import Person


async def migrate(config: Config) -> Sequence[str]:
    """Carry out the migrations that are new; returns their names."""
    prepare_data_path(config.data_path)
    async with open_dsn(config) as dsn, open_database(dsn, postgres_settings(config)) as database:
        return await carry_out_migrations(database, MIGRATIONS)


async def add_user(config: Config, login: str, name: str, role: str, password: str) -> bool:
    """Add a person whose id is the login; tells whether the school has a super_admin now. Raises `Refusal` for a taken login or unfit words."""
    async with open_house(config) as house:
        await house.users.add(login, name, role, await house.passwords.hash(password), id=login)
        return await is_led(house.database)


async def change_password(config: Config, login: str, password: str) -> None:
    """Give a person another password and end all logins; raises `Refusal` for nobody with that login, and for an unfit password."""
    async with open_house(config, make=False) as house:
        person = await _find_person(house, login)
        await house.users.change_password(person.id, await house.passwords.hash(password))


async def list_users(config: Config, role: str | None) -> Sequence[tuple[Person, Sequence[str]]]:
    """Return all people, or those of one role, by id, each with the ids of the children they stand for."""
    async with open_house(config, make=False) as house:
        people = [person for person in await house.users.everybody() if role in {None, person.role}]
        wards: dict[str, list[str]] = {}
        for link in await house.guardians.changed_since(0):
            if link.active:
                wards.setdefault(link.guardian, []).append(link.ward)
        return [(person, sorted(wards.get(person.id, ()))) for person in people]


async def link_user(config: Config, guardian: str, ward: str) -> bool:
    """Let a parent stand for a child; tells whether that is new. Raises `Refusal` for people who cannot be linked."""
    async with open_house(config, make=False) as house:
        parent, child = await _find_person(house, guardian), await _find_person(house, ward)
        return await house.guardians.link(parent.id, child.id)


async def unlink_user(config: Config, guardian: str, ward: str) -> None:
    """Let a parent stand for a child no longer; raises `Refusal` when they are not linked."""
    async with open_house(config, make=False) as house:
        parent, child = await _find_person(house, guardian), await _find_person(house, ward)
        await house.guardians.unlink(parent.id, child.id)


async def create_token(config: Config, login: str, ttl_s: float) -> str:
    """Return an access token for a person who exists; raises `Refusal`."""
    async with open_house(config, make=False) as house:
        person = await _find_person(house, login)
        return house.tokens.issue(person.id, person.name, person.role, ttl_s=ttl_s)


async def _find_person(house: House, login: str) -> Person:
    """Return a person who may come in, by login or id; raises `Refusal`."""
    found = await house.users.find_login(login)
    person = found[0] if found else await house.users.find(login)
    if person is None or not person.active:
        where = "the database" if house.config.database_url else house.config.data_path
        raise Refusal(
            "not_found", f"there is nobody with the login {login!r} in {where}; `homeroom user add` adds people"
        )
    return person


async def check_token(config: Config, token: str) -> Mapping[str, str]:
    """Return whom a token speaks for and until when, by this directory's keys; raises `Refusal`."""
    clock = TrioClock(int(datetime.now(UTC).timestamp() * 1000))
    rules = TokenRules(config.token_issuer, config.token_audience, config.access_ttl_s)
    who = await Tokens(load_key_ring(config, make=False), clock, rules).authenticate(token)
    expires = datetime.fromtimestamp(who.expires / 1000, UTC).isoformat()
    return {"user": who.id, "name": who.name, "role": who.role, "expires": expires}
