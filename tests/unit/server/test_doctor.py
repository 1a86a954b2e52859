"""`doctor` replays what is stored and names what is wrong; `export` writes all of it."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from cencomm_config.errors import BadInstallation
from cencomm_config.settings import ServerSettings, load
from cencomm_crypto.public.encoding import decode
from cencomm_crypto.public.wire import split_sequence
from cencomm_server import installation as installations
from cencomm_server.doctor import Report, Verdict, examine
from cencomm_server.export import write_export
from cencomm_server.installation import Installation
from cencomm_server.store.documents import lost_place
from cencomm_server.store.memory import MemoryStore
from cencomm_server.store.port import Store

from tests.support.engine import Scene


class Patient:
    """A served operation, its store, and a data folder whose log key is the directory's."""

    def __init__(self, scene: Scene, store: MemoryStore, folder: Path) -> None:
        self.scene, self.store, self.folder = scene, store, folder
        installations.create(folder, scene.directory.genesis_body["name"])
        (folder / "keys/log.key").write_text(scene.directory.log_key.seed.hex())
        about = json.loads((folder / "deployment.json").read_text())
        about["log_key"] = scene.directory.log_key.public.hex()
        (folder / "deployment.json").write_text(json.dumps(about))

    @property
    def installation(self) -> Installation:
        return installations.load(self.folder)

    async def examine(self) -> Report:
        @asynccontextmanager
        async def opened(settings: ServerSettings) -> AsyncIterator[Store]:
            yield self.store

        return await examine(lambda: load(data_dir=self.folder), opened, {})

    def change_entry(self, seq: int, **fields: object) -> None:
        """What a database administrator does to the operation (A36)."""
        kept = self.store._logs[self.scene.operation.log.id16].entries
        kept[seq] = replace(kept[seq], **fields)  # type: ignore[arg-type]


@pytest.fixture
async def patient(tmp_path: Path) -> Patient:
    scene = Scene()
    store = MemoryStore(lambda: scene.directory.entries[0].at)
    await scene.serve(store)
    return Patient(scene, store, tmp_path)


def failed(report: Report) -> dict[str, str]:
    return {
        finding.name: finding.code
        for finding in report.findings
        if finding.verdict is Verdict.FAILED
    }


async def test_a_healthy_server_is_found_well(patient: Patient) -> None:
    report = await patient.examine()
    assert report.is_well, report
    names = [finding.name.split()[0] for finding in report.findings]
    expected = [
        "settings",
        "data",
        "operators",
        "disk",
        "store",
        "directory",
        "operation",
        "log",
        "clock",
    ]
    assert names == expected
    assert failed(report) == {}
    size = patient.scene.operation.log.size
    assert f"{size} entries replayed, head of size {size} verified" in str(report.as_json())


def _flip_body(patient: Patient) -> None:
    kept = patient.store._logs[patient.scene.operation.log.id16].entries[1]
    assert kept.body is not None
    patient.change_entry(1, body=kept.body[:-1] + bytes([kept.body[-1] ^ 1]))


def _move_time(patient: Patient) -> None:
    kept = patient.store._logs[patient.scene.operation.log.id16].entries[2]
    patient.change_entry(2, at=kept.at + 1)


def _cut_tail(patient: Patient) -> None:
    log = patient.store._logs[patient.scene.operation.log.id16]
    last = log.order.pop()
    del log.entries[last]
    log.notes[len(log.order)] = log.notes.pop(last + 1)


def _other_head(patient: Patient) -> None:
    log = patient.store._logs[patient.scene.operation.log.id16]
    directory = patient.store._logs[patient.scene.directory.log.id16]
    size = max(log.notes)
    log.notes[size] = directory.notes[max(directory.notes)]


@pytest.mark.parametrize("tamper", [_flip_body, _move_time, _cut_tail, _other_head])
async def test_a_changed_store_is_named_by_log(
    patient: Patient, tamper: Callable[[Patient], None]
) -> None:
    """A36."""
    tamper(patient)
    found = failed(await patient.examine())
    assert list(found) == [f"operation {patient.scene.operation.log.id16.hex()}"]
    assert set(found.values()) <= {"log_damaged", "bad_note", "malformed", "not_canonical"}


async def test_a_store_that_is_behind_what_was_signed_is_named(patient: Patient) -> None:
    """A50: a restore, with the proof that a member brought; or the log was cut."""
    log = patient.scene.operation.log
    note = patient.store._logs[log.id16].notes[log.size]
    doc = patient.store._logs[log.id16].entries.pop(log.size - 1)
    patient.store._logs[log.id16].order.remove(doc.seq)
    assert failed(await patient.examine()) == {f"operation {log.id16.hex()}": "log_behind"}
    assert f"{log.size} were signed" in str((await patient.examine()).as_json())
    patient.store._logs[log.id16].notes[log.size + 5] = note  # a head in another's place
    assert failed(await patient.examine()) == {f"operation {log.id16.hex()}": "log_damaged"}


async def test_a_lost_place_that_nothing_names_is_found(patient: Patient) -> None:
    """A50: governance named one gap, and another one is still open."""
    log = patient.scene.operation.log
    entries = patient.store._logs[log.id16].entries
    doc = entries[log.size - 1]
    entries[doc.seq] = lost_place(doc.seq, doc.at, doc.scope, doc.inner)
    assert failed(await patient.examine()) == {f"operation {log.id16.hex()}": "log_behind"}
    assert "1 lost" in str((await patient.examine()).as_json())


async def test_a_hold_that_was_left_in_the_settings_is_pointed_out(
    patient: Patient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CENCOMM_HOLD_S", "3600")
    report = await patient.examine()
    assert report.is_well
    assert "hold_s" in str(report.as_json())


async def test_lost_wraps_are_noticed(patient: Patient) -> None:
    patient.store._logs[patient.scene.operation.log.id16].wraps.clear()
    report = await patient.examine()
    assert not report.is_well
    assert "rotations without their wraps" in str(report.as_json())


async def test_an_empty_store_only_waits_for_its_genesis(
    patient: Patient,
) -> None:
    patient.store = MemoryStore()
    report = await patient.examine()
    assert report.is_well
    assert report.findings[-1].code == "no_directory"


async def test_the_export_holds_every_byte_of_every_log(patient: Patient, tmp_path: Path) -> None:
    out = tmp_path / "all.cbor"
    done = await write_export(patient.store, patient.installation, out)
    items = [decode(item, max_size=1 << 20) for item in split_sequence(out.read_bytes())]
    scene = patient.scene
    assert items[0] == {
        "v": 1,
        "name": patient.installation.name,
        "log_key": scene.directory.log_key.public,
    }
    rows = [item for item in items[1:] if isinstance(item, list)]
    assert [row[2] for row in rows if row[0] == 0] == ["directory", "operation"]
    total = scene.directory.log.size + scene.operation.log.size
    assert len([row for row in rows if row[0] == 1]) == done.entries == total
    (wraps,) = [row for row in rows if row[0] == 2]
    assert wraps[2] == scene.work
    assert len(wraps[5]) % 112 == 0
    assert done.bytes == out.stat().st_size
    with pytest.raises(BadInstallation):
        await write_export(patient.store, patient.installation, out)
