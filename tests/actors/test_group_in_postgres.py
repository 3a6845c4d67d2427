"""The lists of study groups in the real database: they answer as they do from memory, pages and all."""

from homeroom.actors.group_rows import find_public, list_mine
from homeroom.engine.behaviour import Lookup
from homeroom.engine.database import Database
from homeroom.protocol.chat import Say
from homeroom.protocol.group import Create, Delete, Join, Leave
from homeroom.protocol.group_lists import FindGroups, MyGroups
from tests.actors.people import ANN, BEN, EVE
from tests.actors.school import School, open_kept_school, open_school

QUESTIONS: tuple[Lookup, ...] = (
    find_public(FindGroups(), EVE),
    find_public(FindGroups(course="math-1"), EVE),
    find_public(FindGroups(specialty="ALGEBRA", text="monday"), EVE),
    find_public(FindGroups(text="100%_"), EVE),
    find_public(FindGroups(text="'; DROP TABLE study_groups; --"), EVE),
    list_mine(MyGroups(), ANN),
    list_mine(MyGroups(), BEN),
    list_mine(MyGroups(), EVE),
)
Found = list[tuple[str, int, int]]


async def live(school: School) -> list[Found]:
    """Let some groups come about, and return what each question finds, page by page."""
    made = {
        "one": Create("Linear Algebra", "on Mondays", "math-1", "Algebra"),
        "two": Create("Topology 100%_", "", "math-1", "Shapes", 3),
        "three": Create("Secret Algebra", "", "math-1", "Algebra", visibility="private"),
        "four": Create("Gone"),
    }
    for name, create in made.items():
        await school.do(f"group:{name}", create, ANN)
    for name in ("one", "two"):
        await school.do(f"group:{name}", Join(), BEN)
    await school.do("group:one", Say("hello"), BEN)
    await school.do("group:two", Leave(), BEN)
    await school.do("group:four", Delete(), ANN)
    return [await found(school, question) for question in QUESTIONS]


async def found(school: School, question: Lookup) -> Found:
    """Return what a question finds, sorted: several groups may be of the same millisecond."""
    page = await school.engine.look_up(question)
    return sorted((card.id, card.members, card.max_members) for card in page.groups)


async def one_by_one(school: School) -> list[str]:
    """Return Ann's groups, asked for one at a time."""
    cards: list[str] = []
    after = ""
    while True:
        page = await school.engine.look_up(list_mine(MyGroups(limit=1, after=after), ANN))
        cards += [card.id for card in page.groups]
        after = page.after
        if not after:
            return cards


async def test_the_lists_answer_from_the_database_as_from_memory(database: Database) -> None:
    async with open_kept_school(database) as school:
        kept, singly = await live(school), await one_by_one(school)
    async with open_school() as school:
        assert await live(school) == kept
    one, two, three = ("one", 2, 10), ("two", 1, 3), ("three", 1, 10)
    assert kept == [[one, two], [one, two], [one], [two], [], [one, three, two], [one], []]
    assert sorted(singly) == ["one", "three", "two"]
