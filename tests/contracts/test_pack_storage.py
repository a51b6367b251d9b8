"""Every pack storage keeps the promises in `server/storage/store.py`."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lakebed.server.errors import (
    CorruptDataError,
    DurabilityLostError,
    InvalidValueError,
    MissingDataError,
    StorageFailedError,
)
from lakebed.server.storage.local import LocalPackStorage
from lakebed.server.storage.memory import MemoryPackStorage
from lakebed.server.storage.store import PackStorage, new_pack_name


class PackStorageContract:
    """Subclass with a `storage` fixture to hold an implementation to the contract."""

    def test_what_was_appended_is_read_at_its_offset(
        self, storage: PackStorage
    ) -> None:
        file = storage.create(new_pack_name())

        first = file.append([b"one", memoryview(b"two")])
        second = file.append([b"", b"three"])

        assert (first, second, file.size_bytes) == (0, 6, 11)
        assert storage.read_blocking(file.name, 0, 6) == b"onetwo"
        assert storage.read_blocking(file.name, second, 5) == b"three"
        file.close()

    @pytest.mark.parametrize("size", [0, 1, 1000, 300_000, 3_000_000])
    async def test_async_reads_give_the_same_bytes(
        self, storage: PackStorage, size: int
    ) -> None:
        file = storage.create(new_pack_name())
        data = bytes(range(251)) * (size // 251 + 1)
        file.append([b"before", data[:size], b"after"])

        assert await storage.read(file.name, 6, size) == data[:size]
        file.close()

    def test_large_and_small_appends_mix(self, storage: PackStorage) -> None:
        file = storage.create(new_pack_name())
        expected = bytearray()
        for index, size in enumerate([10, 600_000, 3, 5_000_000, 4096, 1_048_576, 1]):
            data = bytes([index + 1]) * size
            assert file.append([data[:7], data[7:]]) == len(expected)
            expected += data

        assert storage.read_blocking(file.name, 0, len(expected)) == bytes(expected)
        assert storage.size_bytes(file.name) == len(expected)
        file.close()

    def test_many_buffers_go_in_one_call(self, storage: PackStorage) -> None:
        file = storage.create(new_pack_name())
        buffers = [index.to_bytes(4, "big") for index in range(5000)]

        file.append(buffers)

        assert storage.read_blocking(file.name, 0, 20_000) == b"".join(buffers)
        file.close()

    def test_a_short_read_is_damage(self, storage: PackStorage) -> None:
        file = storage.create(new_pack_name())
        file.append([b"0123456789"])

        for offset, size in ((0, 11), (9, 2), (10, 1), (100, 1)):
            with pytest.raises(CorruptDataError, match=file.name):
                storage.read_blocking(file.name, offset, size)
        file.close()

    async def test_what_is_not_there_is_missing(self, storage: PackStorage) -> None:
        name = new_pack_name()

        with pytest.raises(MissingDataError, match=name):
            storage.read_blocking(name, 0, 1)
        with pytest.raises(MissingDataError, match=name):
            await storage.read(name, 0, 1)
        with pytest.raises(MissingDataError, match=name):
            storage.size_bytes(name)
        with pytest.raises(MissingDataError, match=name):
            storage.claim(name)

    def test_a_name_is_created_once(self, storage: PackStorage) -> None:
        file = storage.create(new_pack_name())
        file.append([b"first"])

        with pytest.raises(StorageFailedError, match=file.name):
            storage.create(file.name)

        file.close()
        with pytest.raises(StorageFailedError, match=file.name):
            storage.create(file.name)
        assert storage.read_blocking(file.name, 0, 5) == b"first"

    def test_a_writer_keeps_its_claim_until_it_closes(
        self, storage: PackStorage
    ) -> None:
        file = storage.create(new_pack_name())

        assert storage.claim(file.name) is None

        file.close()
        claim = storage.claim(file.name)
        assert claim is not None
        assert storage.claim(file.name) is None
        claim.release()
        claim.release()
        again = storage.claim(file.name)
        assert again is not None
        again.release()

    def test_a_closed_file_takes_nothing(self, storage: PackStorage) -> None:
        file = storage.create(new_pack_name())
        file.append([b"kept"])
        file.close()
        file.close()

        with pytest.raises(StorageFailedError):
            file.append([b"late"])
        with pytest.raises(DurabilityLostError):
            file.sync()
        assert storage.size_bytes(file.name) == 4

    def test_deleting_is_final_and_may_be_repeated(self, storage: PackStorage) -> None:
        file = storage.create(new_pack_name())
        file.append([b"bytes"])
        file.close()
        storage.read_blocking(file.name, 0, 1)

        storage.delete(file.name)
        storage.delete(file.name)

        with pytest.raises(MissingDataError):
            storage.read_blocking(file.name, 0, 1)
        assert list(storage.names()) == []

    def test_names_come_in_ascending_order(self, storage: PackStorage) -> None:
        names = [new_pack_name() for _ in range(40)]
        for name in names:
            storage.create(name).close()

        assert list(storage.names()) == sorted(names)

    def test_an_empty_lake_has_no_names(self, storage: PackStorage) -> None:
        assert list(storage.names()) == []

    @pytest.mark.parametrize(
        "name",
        [
            "",
            "../../etc/passwd",
            "A" * 32,
            "0" * 31,
            "0" * 33,
            "0" * 32 + "\n",
            "é" * 32,
        ],
    )
    async def test_a_name_that_is_not_ours_is_refused(
        self, storage: PackStorage, name: str
    ) -> None:
        for call in (storage.create, storage.claim, storage.size_bytes, storage.delete):
            with pytest.raises(InvalidValueError):
                call(name)
        with pytest.raises(InvalidValueError):
            storage.read_blocking(name, 0, 1)
        with pytest.raises(InvalidValueError):
            await storage.read(name, 0, 1)

    def test_a_sync_may_run_beside_appends(self, storage: PackStorage) -> None:
        file = storage.create(new_pack_name())
        stop = threading.Event()

        def sync() -> None:
            while not stop.is_set():
                file.sync()

        thread = threading.Thread(target=sync)
        thread.start()
        offsets = [file.append([b"x" * 100]) for _ in range(200)]
        stop.set()
        thread.join()

        assert offsets == list(range(0, 20_000, 100))
        file.close()

    def test_readers_in_other_threads_see_what_was_appended(
        self, storage: PackStorage
    ) -> None:
        file = storage.create(new_pack_name())
        wrong: list[bytes] = []
        offset = file.append([b"a" * 1000])

        def read() -> None:
            for _ in range(200):
                data = storage.read_blocking(file.name, offset, 1000)
                if data != b"a" * 1000:
                    wrong.append(data)

        threads = [threading.Thread(target=read) for _ in range(4)]
        for thread in threads:
            thread.start()
        for _ in range(200):
            file.append([b"b" * 1000])
        for thread in threads:
            thread.join()

        assert wrong == []
        file.close()


class TestMemoryPackStorage(PackStorageContract):
    @pytest.fixture
    def storage(self) -> PackStorage:
        return MemoryPackStorage()

    def test_power_loss_takes_what_was_not_synced(self) -> None:
        storage = MemoryPackStorage()
        synced, never = storage.create(new_pack_name()), storage.create(new_pack_name())
        synced.append([b"safe"])
        synced.sync()
        synced.append([b"gone"])
        never.append([b"gone"])

        storage.lose_power()

        assert list(storage.names()) == [synced.name]
        assert storage.size_bytes(synced.name) == 4
        assert storage.claim(synced.name) is not None


class TestLocalPackStorage(PackStorageContract):
    @pytest.fixture
    def storage(self, tmp_path: Path) -> PackStorage:
        return LocalPackStorage(tmp_path)

    def test_the_claim_of_a_process_ends_with_it(self, tmp_path: Path) -> None:
        storage = LocalPackStorage(tmp_path)
        name = new_pack_name()
        program = (
            "import sys; from pathlib import Path\n"
            "from lakebed.server.storage.local import LocalPackStorage\n"
            "file = LocalPackStorage(Path(sys.argv[1])).create(sys.argv[2])\n"
            "file.append([b'bytes']); print('ready', flush=True); sys.stdin.read()\n"
        )
        with subprocess.Popen(
            [sys.executable, "-c", program, str(tmp_path), name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        ) as writer:
            assert writer.stdout is not None
            assert writer.stdout.readline() == b"ready\n"

            claim_of_the_living = storage.claim(name)
            bytes_of_the_living = storage.read_blocking(name, 0, 5)
            writer.kill()
            writer.wait()

        assert claim_of_the_living is None
        assert bytes_of_the_living == b"bytes"
        claim_of_the_dead = storage.claim(name)
        assert claim_of_the_dead is not None
        claim_of_the_dead.release()


@given(st.lists(st.lists(st.binary(max_size=50), max_size=8), max_size=8))
def test_any_sequence_of_appends_is_their_concatenation(
    appends: list[list[bytes]],
) -> None:
    storage = MemoryPackStorage()
    file = storage.create(new_pack_name())
    expected = b""

    for buffers in appends:
        assert file.append(buffers) == len(expected)
        expected += b"".join(buffers)

    assert storage.read_blocking(file.name, 0, len(expected)) == expected
