"""The rules without processes: adoption, back-off, framing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from poise.edge.adoption import adopters
from poise.edge.channel import Splitter, TooLong, frame
from poise.edge.child import LAST_WAIT_S, STEADY_S, next_wait_s


@given(st.data())
def test_every_socket_has_one_living_acceptor(data: st.DataObject) -> None:
    """Whatever lives and whatever stood before: each orphan is adopted by one that accepts, and nobody else's is."""
    workers = data.draw(st.integers(1, 8))
    index = st.integers(0, workers - 1)
    accepting = data.draw(st.frozensets(index))
    standing = data.draw(st.dictionaries(index, index))
    result = adopters(workers, accepting, standing)

    assert (set(range(workers)) - accepting if accepting else set()) == set(result)
    assert set(result.values()) <= accepting


@given(st.integers(1, 8), st.data())
def test_adoption_settles(workers: int, data: st.DataObject) -> None:
    """Shared out evenly, and then nothing moves while nobody comes or goes."""
    accepting = data.draw(st.frozensets(st.integers(0, workers - 1), min_size=1))
    first = adopters(workers, accepting, {})
    loads = [list(first.values()).count(worker) for worker in accepting]

    assert first == adopters(workers, accepting, first)
    assert max(loads) - min(loads) <= 1


def test_orphans_are_shared_out() -> None:
    """Two dead of four: each survivor adopts one."""
    assert {0: 1, 2: 3} == adopters(4, frozenset({1, 3}), {})


def test_an_adopter_that_lives_keeps_what_it_has() -> None:
    """A third that comes alive takes nothing over: connections in a socket's queue are not made to wait."""
    assert {0: 2} == adopters(3, frozenset({1, 2}), {0: 2})


def test_wait_doubles_until_five_seconds_and_starts_over_after_ten_good_ones() -> None:
    waits = [0.0]
    for _ in range(9):
        waits.append(next_wait_s(waits[-1], lived_s=1.0))

    assert [0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, LAST_WAIT_S, LAST_WAIT_S] == pytest.approx(waits[1:])
    assert 0.05 == next_wait_s(LAST_WAIT_S, lived_s=STEADY_S)


@given(st.lists(st.binary(max_size=200), max_size=8), st.data())
def test_frames_come_out_whole_however_they_are_cut(payloads: list[bytes], data: st.DataObject) -> None:
    """The stream may be cut anywhere: the same frames come out, in order."""
    stream = b"".join(map(frame, payloads))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=6)))
    splitter = Splitter()
    found = []
    for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        found += splitter.feed(stream[start:end])

    assert payloads == found


def test_a_frame_beyond_its_bound_is_refused_before_it_is_kept() -> None:
    splitter = Splitter(most_bytes=100)
    assert [b"x" * 100] == splitter.feed(frame(b"x" * 100))

    with pytest.raises(TooLong, match="101 bytes, at most 100"):
        splitter.feed((101).to_bytes(4, "big"))
