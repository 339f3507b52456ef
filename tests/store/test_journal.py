"""The journal: what is written comes back whole, and what does not fit is counted, least precious first."""

from __future__ import annotations

import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from poise.decision import Kind, OutcomeKind
from poise.errors import Error
from poise.store.journal import OWED, Writer
from poise.store.reader import DamagedJournal, Reader, positions
from poise.store.record import KIND_CODE, OUTCOME_CODE, PAGE
from tests.store.journals import SMALL, finished, opened, seen, small


def test_records_come_back_in_order(tmp_path: Path) -> None:
    """A reader finds every record that was written, in the order of writing."""
    writer = small(tmp_path)
    opened(writer, 1)
    opened(writer, 2, conversation="c-1")
    finished(writer, 2)
    writer.refused(3, "invalid_api_key", "support-chat", "", 401)
    finished(writer, 1)
    reader = Reader.open(writer.path)

    assert [("opened", 1), ("opened", 2), ("finished", 2), ("refused", 3), ("finished", 1)] == seen(reader)
    reader.close()
    writer.close()


def test_a_record_carries_every_byte_of_its_blob(tmp_path: Path) -> None:
    """Blobs of every length, with every byte value, come back as they went in."""
    writer = small(tmp_path)
    blobs = [bytes(range(256))[: i * 7] for i in range(20)]
    for id_, blob in enumerate(blobs):
        writer.opened(id_, b"12345678", "w", "", "k", blob, False)
    reader = Reader.open(writer.path)
    bodies = reader.scan(0, 1 << 40).bodies

    assert all(body.endswith(blob) for body, blob in zip(bodies, blobs, strict=True))
    assert [len(bodies[0]) + len(blob) for blob in blobs] == [len(body) for body in bodies]
    reader.close()
    writer.close()


def test_detail_is_left_out_before_anything_else(tmp_path: Path) -> None:
    """Below a quarter free, records go on without their blobs, and each is counted."""
    writer = small(tmp_path)
    for id_ in range(120):
        opened(writer, id_, size=1000)
        finished(writer, id_)
    reader = Reader.open(writer.path)
    whole = sum(len(body) > 1000 for body in reader.scan(0, 1 << 40).bodies)

    assert 240 == len(seen(reader))
    assert 0 < whole < 120
    assert reader.detail_dropped >= 120 - whole
    assert 0 == reader.records_dropped
    reader.close()
    writer.close()


def test_every_opened_request_can_be_finished(tmp_path: Path) -> None:
    """However full the ring is, what was opened in it gets its outcome in; what did not fit is counted."""
    writer = small(tmp_path)
    ids = range(2000)
    for id_ in ids:
        opened(writer, id_)
    for id_ in ids:
        finished(writer, id_)
    reader = Reader.open(writer.path)
    found = seen(reader)
    begun = {id_ for kind, id_ in found if kind == "opened"}

    assert 0 < len(begun) < 2000
    assert begun <= {id_ for kind, id_ in found if kind == "finished"}
    assert 4000 - len(found) == reader.records_dropped
    reader.close()
    writer.close()


def test_a_required_record_is_kept_whole_or_refused(tmp_path: Path) -> None:
    """A policy that requires the record gets all of it or a no, and a no leaves no trace."""
    writer = small(tmp_path)
    answers = [opened(writer, id_, size=1000, required=True) for id_ in range(100)]
    reader = Reader.open(writer.path)
    bodies = reader.scan(0, 1 << 40).bodies

    assert True in answers
    assert False in answers
    assert sum(answers) == len(bodies)
    assert all(body.endswith(b"d" * 1000) for body in bodies)
    assert (0, 0) == (reader.records_dropped, reader.detail_dropped)
    reader.close()
    writer.close()


def test_space_comes_back_when_the_reader_releases_it(tmp_path: Path) -> None:
    """A ring that is read goes round for ever: nothing is dropped and every record is found."""
    writer = small(tmp_path)
    reader = Reader.open(writer.path)
    position, found = 0, list[tuple[str, int]]()
    for id_ in range(1000):
        opened(writer, id_)
        finished(writer, id_)
        scan = reader.scan(position, 1 << 40)
        found += seen(reader, position)
        position = scan.position
        reader.release(position)

    assert position > 10 * SMALL
    assert [(kind, id_) for id_ in range(1000) for kind in ("opened", "finished")] == found
    assert (0, 0) == (reader.records_dropped, reader.detail_dropped)
    reader.close()
    writer.close()


_STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("open"), st.integers(0, 9000)),
        st.tuples(st.just("finish"), st.integers(0, 2000)),
        st.tuples(st.just("refuse"), st.integers(0, 300)),
        st.tuples(st.just("read"), st.integers(1, 70_000)),
    ),
    max_size=150,
)


@settings(max_examples=60, deadline=None)
@given(steps=_STEPS)
def test_whatever_happens_is_kept_or_counted(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, int]]
) -> None:
    """For any order of writing and reading: each record is found once or counted, and no opened one lacks its end."""
    writer = small(tmp_path_factory.mktemp("journal"))
    reader = Reader.open(writer.path)
    position, found, made, under_way = 0, list[tuple[str, int]](), 0, list[int]()
    for what, size in [*steps, *[("finish", 10)] * len(steps), ("read", 1 << 30)]:
        if what == "open":
            opened(writer, made, size=size)
            under_way.append(made)
            made += 1
        elif what == "refuse":
            writer.refused(made, "too_busy", "w" * size, "", 503, b"x" * size)
            made += 1
        elif what == "finish" and under_way:
            finished(writer, under_way.pop(0), size=size)
        elif what == "read":
            found += seen(reader, position)[: 1 << 30]
            position = reader.scan(position, 1 << 40).position
            reader.release(position)
    wrote = sum(what in {"open", "refuse"} for what, _ in steps) + sum(what == "open" for what, _ in steps)
    begun = {id_ for kind, id_ in found if kind == "opened"}

    assert wrote == len(found) + reader.records_dropped
    assert len(found) == len(set(found))
    assert begun <= {id_ for kind, id_ in found if kind == "finished"}
    reader.close()
    writer.close()


def test_a_spoilt_record_is_cut_and_said(tmp_path: Path) -> None:
    """One flipped bit costs one record, and the reader says where and how much."""
    writer = small(tmp_path)
    opened(writer, 1)
    place = positions(tmp_path)[writer.path.name][0]
    opened(writer, 2)
    opened(writer, 3)
    with writer.path.open("r+b") as file:
        file.seek(PAGE + place + 200)
        file.write(b"\xff")
    writer.close()
    reader = Reader.open(writer.path)
    assert reader.writer_gone()
    scan = reader.scan(0, 1 << 40)

    assert [("opened", 1), ("opened", 3)] == seen(reader)
    assert [place] == [cut.position for cut in scan.cuts]
    assert reader.written == scan.position
    reader.close()


def test_a_spoilt_length_cuts_all_that_was_committed(tmp_path: Path) -> None:
    """Where even the next record cannot be found, everything up to the write position is cut, and said."""
    writer = small(tmp_path)
    opened(writer, 1)
    place = positions(tmp_path)[writer.path.name][0]
    for id_ in range(2, 6):
        opened(writer, id_)
    with writer.path.open("r+b") as file:
        file.seek(PAGE + place)
        file.write(b"\x11\x22\x33\x00")
    writer.close()
    reader = Reader.open(writer.path)
    assert reader.writer_gone()
    scan = reader.scan(0, 1 << 40)

    assert 1 == len(scan.bodies)
    assert [(place, reader.written - place)] == scan.cuts
    reader.close()


def test_a_doubtful_record_of_a_live_writer_is_looked_at_twice(tmp_path: Path) -> None:
    """While the writer lives, a wrong crc may be a store not seen yet: the first look only waits."""
    writer = small(tmp_path)
    opened(writer, 1)
    with writer.path.open("r+b") as file:
        file.seek(PAGE + 100)
        file.write(b"\xff")
    reader = Reader.open(writer.path)
    first, second = reader.scan(0, 1 << 40), reader.scan(0, 1 << 40)

    assert ([], 0, []) == (first.bodies, first.position, first.cuts)
    assert 1 == len(second.cuts)
    reader.close()
    writer.close()


def test_what_is_no_journal_is_refused(tmp_path: Path) -> None:
    """Foreign, truncated and contradictory files are told apart from journals."""
    sound = small(tmp_path)
    raw = sound.path.read_bytes()
    sound.close()
    spoilt = (
        b"",
        b"x" * 5000,
        b"\0" * 2 * PAGE,
        raw[:-PAGE],
        raw[:8] + b"\x09" + raw[9:],
        raw[:24] + b"\xff" * 8 + raw[32:],
    )
    for i, content in enumerate(spoilt):
        path = tmp_path / f"{i}-1-1.journal"
        path.write_bytes(content)
        with pytest.raises(DamagedJournal):
            Reader.open(path)


def test_the_lock_says_whether_the_writer_lives(tmp_path: Path) -> None:
    """A reader learns of the writer's end, and not before."""
    writer = small(tmp_path)
    reader = Reader.open(writer.path)

    assert not reader.writer_gone()
    writer.close()
    assert reader.writer_gone()
    reader.close()


_VICTIM = """
import sys
from pathlib import Path
from tests.store.journals import finished, opened, small
writer = small(Path(sys.argv[1]), capacity=1 << 22)
id_ = 0
while True:
    opened(writer, id_)
    finished(writer, id_)
    id_ += 1
    if id_ == 100:
        print("going", flush=True)
"""


def test_a_killed_writer_leaves_whole_records(tmp_path: Path) -> None:
    """A kill -9 in the middle of writing leaves a journal that reads to its end, without one bad record."""
    for _ in range(3):
        victim = subprocess.Popen([sys.executable, "-c", _VICTIM, str(tmp_path)], stdout=subprocess.PIPE)
        assert victim.stdout is not None
        assert b"going\n" == victim.stdout.readline()
        victim.kill()
        victim.wait()
        victim.stdout.close()
        (path,) = tmp_path.glob(f"0-{victim.pid}-*.journal")
        reader = Reader.open(path)
        assert reader.writer_gone()
        scan = reader.scan(0, 1 << 40)

        assert [] == scan.cuts
        assert reader.written == scan.position
        assert len(scan.bodies) >= 200
        reader.close()


def test_a_disk_without_room_is_said_at_once(tmp_path: Path) -> None:
    """Where the ring cannot be allocated, making it fails with an Error and leaves no file behind."""
    old = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (SMALL // 2, old[1]))
    try:
        with pytest.raises(Error) as caught:
            small(tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old)
        signal.signal(signal.SIGXFSZ, ignored)

    assert str(SMALL) in caught.value.text
    assert caught.value.hint
    assert [] == list(tmp_path.iterdir())


def test_names_of_any_kind_are_kept_or_cut(tmp_path: Path) -> None:
    """Names too long for the index fields are cut, lone surrogates replaced; neither stops a record."""
    writer = small(tmp_path)
    assert writer.opened(1, b"12345678", "w" * 1000, "c" * 5000, "\ud800", b"", False)
    writer.refused(2, "unknown_model", "m" * 100_000, "k" * 300, 404)
    reader = Reader.open(writer.path)

    assert [("opened", 1), ("refused", 2)] == seen(reader)
    reader.close()
    writer.close()


def test_resident_memory_does_not_grow_with_the_ring(tmp_path: Path) -> None:
    """A worker that has written its whole ring holds no more than a few MiB of it in memory."""
    writer = Writer.create(tmp_path, worker=0, started_us=1, capacity=32 * 1024 * 1024)
    before = _resident_bytes()
    for id_ in range(20_000):
        opened(writer, id_, size=1400)
        finished(writer, id_)
    grown = _resident_bytes() - before

    assert positions(tmp_path)[writer.path.name][0] > 20 * 1024 * 1024
    assert grown < 8 * 1024 * 1024
    writer.close()


def _resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def test_codes_stand_in_the_order_of_their_lists() -> None:
    """The numbers in files are the places in the closed lists, from 1: whoever counts them gets the same."""
    assert {kind: i for i, kind in enumerate(OutcomeKind, 1)} == OUTCOME_CODE
    assert {kind: i for i, kind in enumerate(Kind, 1)} == KIND_CODE


def test_what_is_owed_to_an_open_request_holds_the_longest_finish(tmp_path: Path) -> None:
    """The space kept back for each open request is enough for its outcome and the pad before it."""
    writer = small(tmp_path)
    opened(writer, 1, size=0)
    before = positions(tmp_path)[writer.path.name][0]
    writer.finished(1, 1, 200, "t" * 300, 1, 1, 1, 1, b"")
    used = positions(tmp_path)[writer.path.name][0] - before

    assert 2 * used <= OWED
    writer.close()
