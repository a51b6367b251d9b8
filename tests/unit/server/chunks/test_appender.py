"""What an appender acknowledged is durable, whatever fails around it."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lakebed.server.chunks.appender import PackAppender
from lakebed.server.chunks.index import Frame, StoredFrame
from lakebed.server.chunks.pack import FRAME_BYTES_MAX
from lakebed.server.chunks.scanning import PackEnd, PackScan
from lakebed.server.errors import (
    BusyError,
    DurabilityLostError,
    LakeError,
    StorageFailedError,
    StorageFullError,
)
from lakebed.server.ids import ChunkId, Kind
from lakebed.server.storage.memory import MemoryPackStorage

from support.blobs import SmallLake, chunk, node, random_bytes
from support.faults import Fault, FaultPlan, FaultyPackStorage

SMALL_PACK = 2_000
"""Bytes of a pack in tests that want many of them."""


def chunks(count: int, size: int = 200, seed: int = 0) -> list[Frame]:
    return [
        chunk(random_bytes(size, seed=seed * 1000 + index)) for index in range(count)
    ]


def frames_of(lake: SmallLake, name: str) -> list[StoredFrame]:
    return list(PackScan(lake.memory, name).iter_index())


def no_base(base: ChunkId) -> bytes:
    raise AssertionError(base.hex())


def read(lake: SmallLake, stored: StoredFrame) -> bytes:
    lake.index.record([stored])
    return lake.chunks.read_blocking(stored.kind, [stored.id])[0]


@settings(max_examples=40)
@given(
    st.lists(st.lists(st.binary(max_size=700).map(chunk), max_size=6), max_size=8),
    st.integers(300, 5_000),
)
def test_any_frames_come_back_from_packs_of_any_size(
    calls: list[list[Frame]], pack_bytes_max: int
) -> None:
    lake = SmallLake(pack_bytes_max=pack_bytes_max)

    stored = [
        (f, s) for c in calls for f, s in zip(c, lake.appender.append(c), strict=True)
    ]
    lake.appender.close()

    for frame, at in stored:
        assert (frame.kind, frame.id) == (at.kind, at.id)
        assert read(lake, at) == frame.data
    found = [f for name in lake.memory.names() for f in frames_of(lake, name)]
    assert sorted(found, key=repr) == sorted((at for _, at in stored), key=repr)


def test_the_name_is_reserved_before_the_first_byte() -> None:
    storage = MemoryPackStorage()
    seen: list[list[str]] = []

    def reserve(name: str) -> None:
        seen.append([name, *storage.names()])

    appender = PackAppender(storage, reserve, lambda name, size: None)
    stored = appender.append([chunk(b"data")])

    assert seen == [[stored[0].location.pack]]


def test_a_refused_reservation_makes_no_pack_and_the_next_call_may_succeed() -> None:
    storage = MemoryPackStorage()
    refusals = [BusyError("database is busy")]

    def reserve(name: str) -> None:
        if refusals:
            raise refusals.pop()

    appender = PackAppender(storage, reserve, lambda name, size: None)

    with pytest.raises(BusyError):
        appender.append([chunk(b"data")])
    assert list(storage.names()) == []
    assert len(appender.append([chunk(b"data")])) == 1


def test_nothing_is_reserved_or_created_for_nothing() -> None:
    lake = SmallLake()

    assert lake.appender.append([]) == []
    lake.appender.sync()
    lake.appender.close()

    assert (lake.reserved, lake.sealed) == ([], {})


def test_a_full_pack_is_sealed_durable_and_reported_with_its_size() -> None:
    lake = SmallLake(pack_bytes_max=SMALL_PACK)

    lake.appender.append(chunks(30))
    lake.appender.close()
    lake.memory.lose_power()

    names = list(lake.memory.names())
    assert len(names) > 3
    assert lake.sealed == {name: lake.memory.size_bytes(name) for name in names}
    assert sorted(lake.reserved) == names
    for name in names:
        assert lake.memory.size_bytes(name) <= SMALL_PACK
        scan = PackScan(lake.memory, name)
        assert list(scan.iter_verified(no_base))
        assert scan.tail is not None
        assert scan.tail.end is PackEnd.SEALED
        claim = lake.memory.claim(name)
        assert claim is not None, "a sealed pack is given up"


def test_frames_are_durable_after_sync_and_not_before() -> None:
    lake = SmallLake()
    first = lake.appender.append(chunks(3))
    lake.appender.sync()
    lake.appender.append(chunks(3, seed=1))

    lake.memory.lose_power()

    assert frames_of(lake, first[0].location.pack) == first


def test_many_small_frames_are_one_write() -> None:
    memory = MemoryPackStorage()
    faulty = FaultyPackStorage(memory)
    lake = SmallLake(faulty)

    lake.appender.append(chunks(2_000, size=100))
    lake.appender.sync()

    assert faulty.calls == ["create", "append", "append", "sync"]


def test_waiting_syncs_share_one_fsync() -> None:
    """Threads that come while an fsync runs are served by the next one, all together."""
    memory = MemoryPackStorage()
    faulty = FaultyPackStorage(memory)
    lake = SmallLake(faulty)
    release = threading.Event()
    started = threading.Event()
    real_run = faulty.run

    def slow_run(
        operation: str,
        error: StorageFailedError,
        call: Callable[[], object],
        half: Callable[[], object] | None = None,
    ) -> None:
        if operation == "sync" and not started.is_set():
            started.set()
            assert release.wait(10)
        real_run(operation, error, call, half)

    faulty.run = slow_run  # type: ignore[method-assign]
    lake.appender.append(chunks(1))
    first = threading.Thread(target=lake.appender.sync)
    first.start()
    assert started.wait(10)
    lake.appender.append(chunks(10, seed=1))
    others = [threading.Thread(target=lake.appender.sync) for _ in range(8)]
    for thread in others:
        thread.start()
    release.set()
    for thread in [first, *others]:
        thread.join()

    assert faulty.calls.count("sync") == 2


def test_appends_go_on_while_a_sync_runs() -> None:
    """Group commit needs it: the next group is written during the fsync of this one."""
    lake = SmallLake()
    stored = lake.appender.append(chunks(1))
    pack = lake.appender._current  # pyright: ignore[reportPrivateUsage]
    assert pack is not None
    appended: list[StoredFrame] = []
    real_sync = pack.file.sync

    def sync() -> None:
        appended.extend(lake.appender.append(chunks(1, seed=1)))
        real_sync()

    pack.file.sync = sync  # type: ignore[method-assign]
    lake.appender.sync()

    assert [frame.location.pack for frame in appended] == [stored[0].location.pack]


def test_threads_share_one_appender() -> None:
    lake = SmallLake(pack_bytes_max=20_000)
    stored: list[list[StoredFrame]] = [[] for _ in range(4)]
    failures: list[BaseException] = []

    def work(seed: int) -> None:
        try:
            for round_number in range(20):
                frames = chunks(5, seed=seed * 100 + round_number)
                stored[seed] += lake.appender.append(frames)
                lake.appender.sync()
        except BaseException as error:  # noqa: BLE001
            failures.append(error)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    lake.memory.lose_power()

    assert failures == []
    everything = [frame for each in stored for frame in each]
    assert len({(f.location.pack, f.location.offset) for f in everything}) == 400
    for frame in everything:
        read(lake, frame)


def test_two_appenders_write_two_packs() -> None:
    memory = MemoryPackStorage()
    one, other = SmallLake(memory), SmallLake(memory)
    frames = chunks(5)

    first, second = one.appender.append(frames), other.appender.append(frames)
    one.appender.close()
    other.appender.close()

    assert {f.location.pack for f in first}.isdisjoint(f.location.pack for f in second)
    assert len(list(memory.names())) == 2


def test_an_appender_that_is_closed_takes_nothing() -> None:
    lake = SmallLake()
    lake.appender.append(chunks(1))
    lake.appender.close()
    lake.appender.close()

    with pytest.raises(StorageFailedError, match="stopping"):
        lake.appender.append(chunks(1))
    lake.appender.sync()
    assert len(lake.sealed) == 1


def test_a_frame_over_the_limit_is_refused() -> None:
    with pytest.raises(ValueError, match="limit"):
        SmallLake().appender.append([node(bytes(FRAME_BYTES_MAX + 1))])


def test_a_failed_append_abandons_the_pack_and_the_next_gets_another() -> None:
    memory = MemoryPackStorage()
    faulty = FaultyPackStorage(memory, FaultPlan(call=2, fault=Fault.FULL))
    lake = SmallLake(faulty)
    with pytest.raises(StorageFullError):
        lake.appender.append(chunks(3))
    assert faulty.injected

    stored = lake.appender.append(chunks(3, seed=1))
    lake.appender.sync()

    assert len(lake.reserved) == 2
    assert stored[0].location.pack == lake.reserved[1]
    assert lake.reserved[0] in lake.sealed


def test_frames_before_a_failed_append_still_become_durable() -> None:
    """Another request's bytes are in the same pack: its acknowledgement must hold."""
    memory = MemoryPackStorage()
    faulty = FaultyPackStorage(memory, FaultPlan(call=3, fault=Fault.SHORT))
    lake = SmallLake(faulty)
    ours = lake.appender.append(chunks(3))
    with pytest.raises(StorageFailedError):
        lake.appender.append(chunks(3, seed=1))

    lake.appender.sync()
    memory.lose_power()

    scan = PackScan(memory, ours[0].location.pack)
    assert list(scan.iter_index())[:3] == ours
    assert scan.tail is not None
    assert scan.tail.end is PackEnd.TORN


def test_after_a_failed_sync_nothing_is_ever_acknowledged() -> None:
    memory = MemoryPackStorage()
    faulty = FaultyPackStorage(memory, FaultPlan(call=3, fault=Fault.REFUSED))
    lake = SmallLake(faulty)
    lake.appender.append(chunks(3))

    for _ in range(2):
        with pytest.raises(DurabilityLostError):
            lake.appender.sync()
        with pytest.raises(DurabilityLostError):
            lake.appender.append(chunks(1))
    with pytest.raises(DurabilityLostError):
        lake.appender.close()


def workload(lake: SmallLake) -> list[StoredFrame]:
    """Append, sync, roll and close; return what was acknowledged, whatever fails."""
    acknowledged: list[StoredFrame] = []
    waiting: list[StoredFrame] = []
    for round_number in range(8):
        try:
            waiting += lake.appender.append(chunks(4, seed=round_number))
        except LakeError:
            continue
        if round_number % 2:
            try:
                lake.appender.sync()
            except LakeError:
                waiting = []
                continue
            acknowledged += waiting
            waiting = []
    try:
        lake.appender.close()
    except LakeError:
        return acknowledged
    return acknowledged + waiting


CLEAN = FaultyPackStorage(MemoryPackStorage())
workload(SmallLake(CLEAN, pack_bytes_max=SMALL_PACK))


def test_the_workload_does_everything() -> None:
    assert set(CLEAN.calls) == {"create", "append", "sync"}
    assert CLEAN.calls.count("create") >= 4


@pytest.mark.parametrize("fault", list(Fault))
@pytest.mark.parametrize("call", range(len(CLEAN.calls)))
def test_whatever_call_fails_the_acknowledged_frames_survive_power_loss(
    call: int, fault: Fault
) -> None:
    memory = MemoryPackStorage()
    faulty = FaultyPackStorage(memory, FaultPlan(call, fault))
    lake = SmallLake(faulty, pack_bytes_max=SMALL_PACK)

    acknowledged = workload(lake)
    memory.lose_power()

    assert faulty.injected
    assert len(acknowledged) >= 8 or CLEAN.calls[call] == "sync" or call < 5
    for frame in acknowledged:
        stored = memory.read_blocking(
            frame.location.pack, frame.location.offset, frame.location.stored_bytes
        )
        assert len(stored) == 200
        lake.index.rows[Kind.CHUNK, frame.id] = frame.location
        assert lake.chunks.read_blocking(Kind.CHUNK, [frame.id])
    for name in lake.sealed:
        assert memory.size_bytes(name) >= lake.sealed[name]


def test_without_sync_the_fault_suite_would_notice() -> None:
    """The control: an appender that acknowledges before fsync loses frames."""
    memory = MemoryPackStorage()
    lake = SmallLake(memory, pack_bytes_max=SMALL_PACK)

    acknowledged = lake.appender.append(chunks(4))
    memory.lose_power()

    assert acknowledged[0].location.pack not in list(memory.names())
