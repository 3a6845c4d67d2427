"""The demo school: people with one known password, and what a school has around them, for trying and for benchmarks."""

from homeroom.records.demo.people import (
    DEMO_PASSWORD,
    DEMO_PEOPLE,
    DEMO_ROOM,
    DEMO_ROOM_TITLE,
    DemoPerson,
    add_demo_people,
    link_demo_families,
)

__all__ = [
    "DEMO_PASSWORD",
    "DEMO_PEOPLE",
    "DEMO_ROOM",
    "DEMO_ROOM_TITLE",
    "DemoPerson",
    "add_demo_people",
    "link_demo_families",
]
