"""What people write: kept, stripped or refused (attack row M13)."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeroom.protocol.text import _PERHAPS_SEEN, UnfitText, _is_seen, clean_name, clean_text, skeleton


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("a < b & <script>alert(1)</script>", "a < b & <script>alert(1)</script>"),
        ("two\nlines\tand a tab", "two\nlines\tand a tab"),
        ("bell\x07 and\r\nescape\x1b[31m", "bell and\nescape[31m"),
        ("abc\u202edcba\u202c", "abcdcba"),
        ("zero\u200bwidth\ufeff", "zerowidth"),
        ("\u2066isolate\u2069\u200e\u200f\u061c", "isolate"),
        ("👩‍👩‍👧‍👦 n̈ क्षि", "👩‍👩‍👧‍👦 n̈ क्षि"),
        ("\x80\x9f\x7fx", "x"),
    ],
)
def test_text_is_kept_as_written_but_for_what_cannot_be_seen(written: str, kept: str) -> None:
    assert clean_text(written) == kept


@pytest.mark.parametrize(
    "text",
    ["", " ", "\n\t", "\u200b", "\u3164", "\u2800", "\u00ad\u200d", "\x07", "a\x00b", "\x00", "a\ud800", "\udfff"],
)
def test_what_cannot_be_stored_or_seen_is_refused(text: str) -> None:
    for clean in (clean_text, clean_name):
        with pytest.raises(UnfitText):
            clean(text)


def test_a_name_is_one_line() -> None:
    assert clean_name("  Ann\n\tvan  der\u2028Berg\r\n") == "Ann van der Berg"


def test_names_that_look_the_same_have_one_skeleton_and_others_have_not() -> None:
    same = ("Bob Ray", "bob  ray", "Bob Ra\u00ady", "Ｂｏｂ Ray", "Bob\u2800Ray", "Bob\u3164Ray", "Bob Ray\U000e0101")
    assert {skeleton(name) for name in same} == {"bobray"}
    assert len({skeleton(name) for name in ("Zoé", "Zoe", "Ray", "راي", "क्षि", "👩", "straße")}) == 7
    assert skeleton("STRASSE") == skeleton("straße")


@given(st.text())
def test_a_skeleton_is_its_own_and_that_of_the_cleaned_text(text: str) -> None:
    assert skeleton(skeleton(text)) == skeleton(text)


@given(st.text())
def test_a_cleaned_text_holds_no_control_character_and_stays_as_it_is(text: str) -> None:
    try:
        kept = clean_text(text)
    except UnfitText:
        return
    assert clean_text(kept) == kept
    assert not [char for char in kept if unicodedata.category(char) in {"Cc", "Cs"} and char not in "\n\t"]


def test_only_what_cannot_be_seen_is_passed_over() -> None:
    every = "".join(map(chr, range(0x110000)))
    passed = set(_PERHAPS_SEEN.sub("", every))
    assert {"\u3164", "\u00ad", "\u2060", "\t"} <= passed
    assert not any(map(_is_seen, passed))


def test_a_long_text_of_nothing_is_looked_through_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[str] = []

    def look(char: str) -> bool:
        looked.append(char)
        return _is_seen(char)

    monkeypatch.setattr("homeroom.protocol.text._is_seen", look)
    assert clean_text("\u3164" * 19_999 + "x").endswith("x")
    assert looked == ["x"]
