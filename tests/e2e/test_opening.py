"""How a test learns where a server is: from the line that says it is open, and never from a part of it."""

import pytest

from tests.e2e.server import OPEN

LINE = "Homeroom is open at http://127.0.0.1:43210\n"


@pytest.mark.parametrize("written", range(len(LINE)))
def test_a_line_that_is_half_written_opens_nothing(written: int) -> None:
    assert OPEN.search(LINE[:written]) is None


def test_the_whole_line_says_where_the_server_is() -> None:
    found = OPEN.search(f"starting\n{LINE}The demo school")
    assert found is not None
    assert found.groups() == ("http://127.0.0.1:43210", "43210")
