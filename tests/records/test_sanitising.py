"""Rich texts: what is left of them, that they are looked at after the right to write them, once, and the heavy ones in a thread."""

import threading
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeroom.engine.database import Database
from homeroom.protocol.text import UnfitText, clean_text
from homeroom.records import rich_text, sanitising
from homeroom.records.rich_text import TAGS_MOST, is_light, is_marked, sanitise
from homeroom.records.school.announcements import ANNOUNCEMENT
from tests.records.school_rows import put_school
from tests.records.school_store import CALLERS, SchoolStore, refused

OURS = "/api/uploads/aB1-x/content"
HEAVY = "<li><ul>" * (TAGS_MOST // 2)
Looked = list[tuple[str, int]]


@pytest.fixture
async def school(database: Database) -> SchoolStore:
    await put_school(database)
    return SchoolStore(database)


@pytest.fixture
def looked(monkeypatch: pytest.MonkeyPatch) -> Looked:
    """Return which texts are sanitised, each with the thread that does it."""
    found: Looked = []

    def watched(plain: Callable[[str], str]) -> Callable[[str], str]:
        def look(text: str) -> str:
            found.append((text, threading.get_ident()))
            return plain(text)

        return look

    monkeypatch.setattr(sanitising, "sanitise", watched(rich_text.sanitise))
    return found


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        (f'<img src="{OURS}" alt="us">', f'<img src="{OURS}" alt="us">'),
        (f"<IMAGE SRC={OURS}>", f'<img src="{OURS}">'),
        ("<img src=/api/uploads/a>", '<img src="/api/uploads/a">'),
        ("<img src=//evil.example/x.png alt=us>", '<img alt="us">'),
        (f"<img src=https://evil.example{OURS}>", "<img>"),
        (f"<img src='//evil.example{OURS}'>{OURS}", f"<img>{OURS}"),
        (f"<img src='{OURS}/../../auth/logout'>", "<img>"),
        (f"<img src='{OURS}?x=1'>", "<img>"),
        ("<img src=/api/uploads/../auth/logout>", "<img>"),
        ("<img src=data:image/png;base64,AAAA>", "<img>"),
        (f"<img srcset='//evil.example 2x' src={OURS}>", f'<img src="{OURS}">'),
        ("<p style='background:url(//evil.example)'>a</p>", "<p>a</p>"),
        ("<a href=//evil.example>a</a>", '<a href="//evil.example" rel="noopener noreferrer">a</a>'),
        ("<script>alert(1)</script>a", "a"),
    ],
)
def test_pictures_come_from_our_own_uploads_alone(sent: str, kept: str) -> None:
    assert sanitise(sent) == kept


@given(st.text(st.characters() | st.sampled_from("<>&\u00a0\"'\n\t;"), max_size=40))
def test_a_text_without_markup_is_left_as_it_is(text: str) -> None:
    try:
        clean = clean_text(text)
    except UnfitText:
        return
    if not is_marked(clean):
        assert sanitise(clean) == clean


async def test_who_has_no_right_is_told_so_before_a_text_is_looked_at(school: SchoolStore, looked: Looked) -> None:
    for body in (HEAVY, HEAVY * 2, "<p>Dear all</p>", "<script>nothing is left</script>"):
        await refused("forbidden", school.create("theo", ANNOUNCEMENT, title="News", body=body, class_id="10a"))
    mine = await school.create("tess", ANNOUNCEMENT, title="News", body="<p>Dear all</p>", class_id="10a")
    looked.clear()
    await refused("forbidden", school.update("tess", ANNOUNCEMENT, mine["id"], body=HEAVY, class_id=None))
    await refused("not_found", school.update("theo", ANNOUNCEMENT, mine["id"], body=HEAVY))
    assert not looked


async def test_a_heavy_text_is_looked_at_once_and_by_another_thread(school: SchoolStore, looked: Looked) -> None:
    loop = threading.get_ident()
    body = f"{HEAVY[:-4]}Dear all"
    assert is_light("<b>short</b>")
    assert not is_light(body)
    made = await school.create("tess", ANNOUNCEMENT, title="News", body=body, class_id="10a")
    assert "Dear all" in made["body"]
    assert [(text, thread == loop) for text, thread in looked] == [(body, False)]
    looked.clear()
    await school.update("tess", ANNOUNCEMENT, made["id"], body="<b>short</b>")
    await school.update("tess", ANNOUNCEMENT, made["id"], title="Other news")
    assert looked == [("<b>short</b>", loop)]


async def test_more_tags_than_anybody_needs_are_refused_and_what_is_left_of_a_text_has_its_bounds(
    school: SchoolStore, looked: Looked
) -> None:
    wrong = ("<" * (TAGS_MOST + 1), "<script>nothing is left</script>", "&" * 19_000)
    for body in wrong:
        refusal = await refused(
            "bad_command", school.create("tess", ANNOUNCEMENT, title="N", body=body, class_id="10a")
        )
        assert (refusal.data or {})["field"] == "body"
    assert [text for text, _ in looked] == [*wrong[1:]]


async def test_a_text_that_comes_to_what_is_there_is_not_written_again(school: SchoolStore) -> None:
    made = await school.create("tess", ANNOUNCEMENT, title="News", body="<p>Dear all", class_id="10a")
    assert made["body"] == "<p>Dear all</p>"
    again = await school.update("tess", ANNOUNCEMENT, made["id"], body="<p onclick=x>Dear all")
    assert (again["body"], again["version"]) == (made["body"], made["version"])
    other = await school.update("tess", ANNOUNCEMENT, made["id"], body="<p onclick=x>Dear all", title="Other")
    assert (other["body"], other["version"]) == (made["body"], made["version"] + 1)
    kept = await school.store.read(ANNOUNCEMENT, made["id"], CALLERS["tess"])
    assert kept["body"] == "<p>Dear all</p>"
