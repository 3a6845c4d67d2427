"""The meter: what is counted from headers alone, however the bytes are cut."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeroom.http.budgets import Rate
from homeroom.http.frame_meter import FrameMeter, MeterSettings, Violation
from tests.http.peer import BINARY, CLOSE, PING, ws_frame

LOOSE = MeterSettings(frames=Rate(1e6, 1e6), control=Rate(1e6, 1e6), bytes=Rate(1e9, 1e9))


def meter(**settings: object) -> FrameMeter:
    return FrameMeter(replace(LOOSE, **settings), 0.0)  # type: ignore[arg-type] # fields by name


def code(verdict: Violation | None) -> int:
    return 0 if verdict is None else verdict.code


def test_a_message_at_the_limit_passes_and_one_byte_more_is_1009() -> None:
    assert meter().receive(ws_frame(b"x" * 65_536), 0) is None
    assert code(meter().receive(ws_frame(b"x" * 65_537), 0)) == 1009


def test_an_oversized_length_is_judged_from_the_header_before_its_payload() -> None:
    assert code(meter().receive(ws_frame(b"", length=2**62), 0)) == 1009
    assert code(meter().receive(ws_frame(b"", length=2**63), 0)) == 1002


def test_fragments_add_up_to_the_size_of_their_message() -> None:
    counted = meter()
    assert counted.receive(ws_frame(b"x" * 40_000, fin=False), 0) is None
    assert code(counted.receive(ws_frame(b"x" * 40_000, 0), 0)) == 1009


def test_a_message_has_at_most_64_fragments_even_empty_ones() -> None:
    counted = meter()
    data = ws_frame(b"x", fin=False) + ws_frame(b"", 0, fin=False) * 62 + ws_frame(b"", 0)
    assert counted.receive(data, 0) is None
    assert counted.receive(data, 0) is None
    assert code(counted.receive(ws_frame(b"x", fin=False) + ws_frame(b"", 0, fin=False) * 64, 0)) == 1008


def test_control_frames_between_fragments_are_not_fragments() -> None:
    counted = meter()
    data = ws_frame(b"x", fin=False) + ws_frame(b"", PING) * 100 + ws_frame(b"y", 0)
    assert counted.receive(data, 0) is None


@pytest.mark.parametrize(
    ("settings", "frame"),
    [
        ({"frames": Rate(10, 20)}, ws_frame(b"x")),
        ({"control": Rate(10, 20)}, ws_frame(b"", PING)),
        ({"bytes": Rate(70, 140)}, ws_frame(b"x")),
    ],
    ids=("frames", "control frames", "bytes"),
)
def test_a_flood_is_4429_and_a_patient_client_is_not_one(settings: dict[str, Rate], frame: bytes) -> None:
    patient, flooding = meter(**settings), meter(**settings)
    assert all(patient.receive(frame, second / 9) is None for second in range(200))
    verdicts = [flooding.receive(frame, 0) for _ in range(21)]
    assert verdicts[:20] == [None] * 20
    assert code(verdicts[20]) == 4429


def test_frames_inside_an_array_are_charged() -> None:
    counted = meter(frames=Rate(10, 20))
    assert counted.receive(ws_frame(b"x"), 0) is None
    assert counted.charge(0, 0) is None
    assert code(counted.charge(20, 0)) == 4429


FRAMES = st.lists(
    st.tuples(st.binary(max_size=300), st.sampled_from([BINARY, PING, CLOSE]), st.booleans(), st.booleans()),
    max_size=12,
)


@given(FRAMES, st.lists(st.integers(1, 40), min_size=1, max_size=20))
def test_however_the_bytes_are_cut_the_verdict_is_the_same(
    frames: list[tuple[bytes, int, bool, bool]], cuts: list[int]
) -> None:
    data = b"".join(ws_frame(body, op, fin=fin, masked=masked) for body, op, fin, masked in frames)
    limit = MeterSettings(message_bytes=200, fragments=4, frames=Rate(1, 6), control=Rate(1, 6), bytes=Rate(1e9, 1e9))
    whole = FrameMeter(limit, 0).receive(data, 0)
    pieces, counted = list[Violation | None](), FrameMeter(limit, 0)
    while data:
        size = cuts[len(pieces) % len(cuts)]
        pieces.append(counted.receive(data[:size], 0))
        data = data[size:]
        if pieces[-1]:
            break
    assert (pieces[-1] if pieces else None) == whole


@given(st.binary(max_size=2_000))
def test_no_bytes_make_it_fail(data: bytes) -> None:
    counted = FrameMeter(MeterSettings(), 0)
    for byte in data:
        if counted.receive(bytes((byte,)), 0) is not None:
            break
