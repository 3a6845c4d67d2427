"""The protocol's reference agrees with the code, and says everything that there is to say."""

from typing import get_args

import pytest
from msgspec import Struct
from msgspec.structs import fields

from homeroom.actors.kinds import KINDS
from homeroom.engine.kind import Kind
from homeroom.http.authentication import MeAnswer, TokenAnswer
from homeroom.http.sync import StreamAnswer, SyncAnswer
from homeroom.protocol.access import ADMINS, EVERYBODY, ROLES, STAFF, SYSTEM_ONLY, Rule, allow
from homeroom.protocol.codec import tag_of
from homeroom.protocol.errors import ERRORS, Close
from homeroom.protocol.frames import ClientFrame, Event, ServerFrame
from homeroom.protocol.reference import rule_in_words
from homeroom.protocol.shape import structures_in
from tests.docs.protocol_page import PAGE, page


def test_the_page_is_what_the_code_says_today() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run: python -m tests.docs.protocol_page"


def test_every_frame_code_verb_and_event_is_on_the_page() -> None:
    text = page()
    for frame in (*get_args(ClientFrame), *get_args(ServerFrame)):
        assert f"### `{tag_of(frame)}`" in text
    for code in (*ERRORS, *map(int, Close)):
        assert f"| `{code}` |" in text or f"| {code} |" in text
    for kind in KINDS:
        assert f"## `{kind.name}`" in text
        for name in (*(verb.command.do for verb in kind.verbs), *(event.type for event in kind.events)):
            assert f"#### `{name}`" in text


def chapter(name: str) -> str:
    """Return the chapter of a kind."""
    return page().split(f"\n## `{name}`\n")[1].split("\n## ")[0]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_every_structure_of_snapshots_and_replies_is_in_its_kinds_chapter_with_all_its_fields(kind: Kind) -> None:
    text = chapter(kind.name)
    replies = [verb.reply for verb in kind.verbs if verb.reply is not None]
    for struct in structures_in([kind.shown, *replies]):
        (section,) = [part for part in text.split("\n#### ") if part.startswith(f"`{struct.__name__}`\n")]
        for field in fields(struct):
            assert f"\n| `{field.encode_name}` | " in section


def test_what_is_stored_and_never_sent_is_no_snapshot() -> None:
    assert "said" not in chapter("room").split("### Snapshot of")[1]
    assert "hidden" not in chapter("presence").split("### Snapshot of")[1].split("`OwnPresence`")[0]


@pytest.mark.parametrize("struct", [Event, TokenAnswer, MeAnswer, SyncAnswer, StreamAnswer])
def test_what_is_written_by_hand_names_every_field(struct: type[Struct]) -> None:
    text = page().split("\n## Frames from the client")[0]
    for field in fields(struct):
        assert f'"{field.encode_name}"' in text or f"`{field.encode_name}`" in text


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        (EVERYBODY, "everybody"),
        (EVERYBODY | SYSTEM_ONLY, "everybody and the engine"),
        (SYSTEM_ONLY, "the engine"),
        (allow(STAFF), "staff"),
        (allow(ADMINS), "super_admin, admin"),
        (allow(STAFF) | allow(["student"], "member", "owner"), "staff; student who is member or owner"),
        (allow(ROLES, "self"), "everybody who is self"),
        (Rule(frozenset()), "nobody"),
    ],
)
def test_rules_are_told_in_words(rule: Rule, words: str) -> None:
    assert rule_in_words(rule) == words


def test_the_chapter_of_a_kind_says_what_its_ids_are_made_of_and_names_its_doors_that_are_no_verbs() -> None:
    assert "`<id>` is the id of the exam, a dot, and that of the student." in chapter("sitting")
    assert "weekly, monthly, all_time" in chapter("board").split("\n###")[0]
    for door in ("GET /api/presence/online", "POST /api/presence/bulk", "GET /api/presence/user/{user}"):
        assert f"#### `{door}`" in chapter("presence")
