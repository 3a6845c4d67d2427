"""Pages of lists: what was made comes back, and nothing else is taken."""

import base64

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeroom.protocol.errors import RemoteProtocolError
from homeroom.protocol.ids import MAX_SEQ
from homeroom.protocol.paging import AFTER_MAX, cut_page, decode_after, encode_after

ADDRESS = st.from_regex(r"\A[a-z]{2,16}:[A-Za-z0-9_.\-]{1,64}\Z")
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-MAX_SEQ, MAX_SEQ),
    st.floats(allow_nan=False),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=200),
)


@given(VALUES, ADDRESS)
def test_what_was_encoded_comes_back_and_fits_into_a_query(value: bool | float | str | None, stream: str) -> None:
    after = encode_after(value, stream)
    assert decode_after(after, bool, int, float, str) == (value, stream)
    assert len(after) <= AFTER_MAX
    assert after.isascii()


def test_no_after_is_the_first_page() -> None:
    assert decode_after("", int) is None


@given(st.text(max_size=100))
def test_what_nobody_encoded_is_a_bad_command(text: str) -> None:
    for given_text in (text or "x", f"p1.{text}"):
        with pytest.raises(RemoteProtocolError) as caught:
            decode_after(given_text, int)
        assert (caught.value.code, caught.value.data["field"]) == ("bad_command", "after")


@pytest.mark.parametrize(
    "place",
    [
        [1],
        [1, "session:a", 2],
        [2**53, "session:a"],
        [[1], "session:a"],
        ["x" * 1_001, "session:a"],
        [1, "session"],
        [1, "session:a\0"],
        ["1", "session:a"],
        [True, "session:a"],
        [1.5, "session:a"],
        {"value": 1, "stream": "session:a"},
    ],
    ids=repr,
)
def test_what_has_another_form_is_a_bad_command(place: object) -> None:
    text = "p1." + base64.urlsafe_b64encode(msgspec.msgpack.encode(place)).decode()
    with pytest.raises(RemoteProtocolError, match="after"):
        decode_after(text, int)


def test_a_page_tells_where_the_next_one_begins_as_long_as_there_is_one() -> None:
    rows = [{"stream": f"session:{n}", "starts": 10 * n} for n in range(3)]
    kept, after = cut_page(rows, 2, "starts")
    assert (kept, decode_after(after, int)) == (rows[:2], (10, "session:1"))
    assert cut_page(rows, 3, "starts") == (rows, "")
    assert cut_page([], 3, "starts") == ([], "")
