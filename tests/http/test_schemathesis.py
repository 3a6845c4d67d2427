"""What schemathesis makes of `/openapi.json`, sent by everybody to the program itself, finds no fault and nothing undescribed.

The same cases each time. The long walk, with more of them and each sent by everybody: `python -m tests.http.schema_walk --examples 100`.
"""

from collections.abc import Callable
from typing import Any

import pytest

from tests.http.schema_school import open_schema_school
from tests.http.schema_walk import Walk, without_pairs

RIGHT, WRONG = 2, 1
"""How many cases of each sort a door gets."""


def test_every_door_answers_as_it_is_described_whoever_knocks(new_database: Callable[[], str]) -> None:
    with open_schema_school(new_database()) as school:
        walk = Walk(school, RIGHT, WRONG, everybody=False)
        walk.all_doors()
        assert not walk.found, walk.told()
        assert school.server.complaints() == []
        document = school.must("pat-admin", "GET /openapi.json")
        assert len(walk.statuses) == sum(len(methods) for methods in document["paths"].values())


@pytest.mark.parametrize(
    ("schema", "plain"),
    [
        ({"prefixItems": [{"type": "string"}], "items": False}, {"items": {"anyOf": [{"type": "string"}]}}),
        ({"properties": {"prefixItems": {"type": "string"}}}, {"properties": {"prefixItems": {"type": "string"}}}),
        ([{"type": "string"}, 3], [{"type": "string"}, 3]),
    ],
)
def test_a_tuple_becomes_a_list_of_its_parts_and_nothing_else_changes(schema: Any, plain: Any) -> None:
    assert without_pairs(schema) == plain
