"""The protocol's reference agrees with the code, and says everything that there is to say."""

from typing import get_args

import pytest

from homeroom.actors.kinds import KINDS
from homeroom.protocol.access import ADMINS, EVERYBODY, ROLES, STAFF, SYSTEM_ONLY, Rule, allow
from homeroom.protocol.codec import tag_of
from homeroom.protocol.errors import ERRORS, Close
from homeroom.protocol.frames import ClientFrame, ServerFrame
from homeroom.protocol.reference import rule_in_words
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
