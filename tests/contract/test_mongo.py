"""What only a database has: validators, unique indexes, a format, several processes opening it."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from cencomm_config.errors import StoreDown, UnknownFormat
from cencomm_crypto.public.ids import LogId
from cencomm_server.store import schema
from cencomm_server.store.documents import FORMAT, CheckpointDoc, LogKind
from cencomm_server.store.kept_logs import note_document
from cencomm_server.store.mongo import Driver, open_store
from cencomm_server.store.port import CheckpointConflict
from pymongo import MongoClient
from pymongo.database import Database
from pymongo.errors import WriteError

from .test_logs import entry

LOG = LogId(b"L" * 16)
LATER = datetime(2099, 1, 1, tzinfo=UTC)
Raw = Database[dict[str, Any]]


@pytest.fixture
def database(uri: str) -> Iterator[Raw]:
    """A database of this test alone, as its administrator sees it."""
    with MongoClient[dict[str, Any]](uri) as client:
        made = client[f"t{secrets.token_hex(8)}"]
        yield made
        client.drop_database(made)


async def test_every_collection_has_its_validator_and_its_indexes(
    uri: str, driver: Driver, database: Raw
) -> None:
    await (await open_store(uri, database.name, driver=driver)).close()
    options = {c["name"]: c["options"] for c in database.list_collections()}
    for layout in schema.LAYOUTS:
        assert options[layout.name]["validator"] == layout.validator
        kept = {
            (tuple(index["key"]), index.get("unique", False))
            for index in database[layout.name].list_indexes()
        }
        for index in layout.indexes:
            assert (index.keys, index.unique) in kept


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"_id": LOG, "kind": "directory", "id32": b"", "created": 1, "more": 1},
        {"_id": LOG, "kind": "other", "id32": b"", "created": 1},
        {"_id": LOG, "kind": "operation", "id32": "text", "created": 1},
        {"_id": LOG, "kind": "operation", "id32": b"", "created": 1.5},
        {"_id": LOG, "kind": "operation", "created": 1},
        {"_id": "text", "kind": "operation", "id32": b"", "created": 1},
    ],
)
async def test_the_validator_refuses_what_is_no_record(
    uri: str, driver: Driver, database: Raw, wrong: dict[str, Any]
) -> None:
    await (await open_store(uri, database.name, driver=driver)).close()
    with pytest.raises(WriteError, match="validation"):
        database["logs"].insert_one(dict(wrong))
    assert database["logs"].count_documents({}) == 0


async def test_the_validator_looks_into_what_is_nested(
    uri: str, driver: Driver, database: Raw
) -> None:
    await (await open_store(uri, database.name, driver=driver)).close()
    right = {"lookup": b"i", "person": b"p", "by": b"q", "created": 1, "expires": 2}
    document = {"_id": right.pop("lookup"), **right, "closed": False, "gone": LATER}
    database["invitations"].insert_one({**document, "enrolment": None})
    with pytest.raises(WriteError, match="validation"):
        database["invitations"].insert_one(
            {**document, "_id": b"j", "enrolment": {"sign_pk": b"s" * 32}}
        )


async def test_a_newer_format_is_refused_by_name_and_nothing_is_touched(
    uri: str, driver: Driver, database: Raw
) -> None:
    """DESIGN 11."""
    newer = FORMAT + 1
    database["meta"].insert_one({"_id": "store", "format": newer, "pings": 0, "new": True})
    with pytest.raises(UnknownFormat, match=rf"format {newer}.*up to {FORMAT}"):
        await open_store(uri, database.name, driver=driver)
    assert database.list_collection_names() == ["meta"]


SIZES = [1, 2, 5, 1200]


async def format_1(uri: str, driver: Driver, database: Raw) -> None:
    """A store as format 1 left it: checkpoints in a collection of their own."""
    store = await open_store(uri, database.name, driver=driver)
    await store.create_log(LOG, LogKind.DIRECTORY, LOG * 2, 1)
    await store.append_entries(LOG, [entry(seq) for seq in range(1200)])
    await store.close()
    database["checkpoints"].create_index([("log", 1), ("size", 1)], unique=True)
    database["checkpoints"].insert_many(
        [{"log": LOG, "size": size, "note": b"note %d" % size} for size in SIZES]
    )
    database["meta"].update_one({"_id": "store"}, {"$set": {"format": 1}})


async def test_a_store_of_format_1_is_migrated_and_its_notes_stay_where_they_were(
    uri: str, driver: Driver, database: Raw
) -> None:
    await format_1(uri, driver, database)
    stores = await asyncio.gather(
        *(open_store(uri, database.name, driver=driver) for _ in range(3))
    )
    for store in stores:
        assert (await store.meta()).format == FORMAT
        assert await store.newest_checkpoint(LOG) == CheckpointDoc(1200, b"note 1200")
        assert [await store.checkpoint(LOG, size) for size in SIZES] == [
            b"note %d" % size for size in SIZES
        ]
        assert await store.last_seq(LOG) == 1199
        await store.close()
    assert database["checkpoints"].count_documents({}) == len(SIZES)


async def test_a_store_of_format_2_is_brought_forward_as_it_is(
    uri: str, driver: Driver, database: Raw
) -> None:
    store = await open_store(uri, database.name, driver=driver)
    await store.append_entries(LOG, [entry(0)], CheckpointDoc(1, b"note"))
    await store.close()
    database["meta"].update_one({"_id": "store"}, {"$set": {"format": 2}})
    store = await open_store(uri, database.name, driver=driver)
    assert (await store.meta()).format == FORMAT
    assert await store.read_entries(LOG, 0, 9) == [entry(0)]
    assert await store.newest_checkpoint(LOG) == CheckpointDoc(1, b"note")
    await store.close()


async def test_a_migration_that_was_broken_off_is_made_again(
    uri: str, driver: Driver, database: Raw
) -> None:
    await format_1(uri, driver, database)
    for size in (1, 5):
        database["entries"].insert_one(note_document(LOG, size, b"note %d" % size))
    store = await open_store(uri, database.name, driver=driver)
    assert [await store.checkpoint(LOG, size) for size in SIZES] == [
        b"note %d" % size for size in SIZES
    ]
    await store.close()


async def test_a_migration_never_replaces_a_note(uri: str, driver: Driver, database: Raw) -> None:
    """A4."""
    await format_1(uri, driver, database)
    database["entries"].insert_one(note_document(LOG, 5, b"a fork"))
    with pytest.raises(CheckpointConflict):
        await open_store(uri, database.name, driver=driver)
    document = database["meta"].find_one({"_id": "store"})
    assert document is not None
    assert document["format"] == 1


async def test_a_note_is_as_strictly_validated_as_an_entry(
    uri: str, driver: Driver, database: Raw
) -> None:
    await (await open_store(uri, database.name, driver=driver)).close()
    note = note_document(LOG, 5, b"note")
    for wrong in ({**note, "size": 5}, {**note, "note": "text"}, {"log": LOG, "seq": -5}):
        with pytest.raises(WriteError, match="validation"):
            database["entries"].insert_one(wrong)
    database["entries"].insert_one(note)


async def test_eight_processes_may_open_an_empty_store_at_once(
    uri: str, driver: Driver, database: Raw
) -> None:
    stores = await asyncio.gather(
        *(open_store(uri, database.name, driver=driver) for _ in range(8))
    )
    assert await stores[0].create_log(LOG, LogKind.DIRECTORY, LOG * 2, 1)
    for store in stores:
        assert [doc.log for doc in await store.logs()] == [LOG]
        await store.close()
    assert database["meta"].count_documents({}) == 1


async def test_opening_again_keeps_what_is_there(uri: str, driver: Driver, database: Raw) -> None:
    first = await open_store(uri, database.name, driver=driver)
    await first.create_log(LOG, LogKind.DIRECTORY, LOG * 2, 1)
    await first.put_checkpoint(LOG, 1, b"note")
    await first.close()
    second = await open_store(uri, database.name, driver=driver)
    assert await second.checkpoint(LOG, 1) == b"note"
    await second.close()


@pytest.mark.parametrize("wrong", ["mongodb://u:hunter2@", "mongodb://u:hunter2@h:port/"])
async def test_an_unusable_address_is_refused_without_being_shown(
    wrong: str, driver: Driver
) -> None:
    with pytest.raises(StoreDown) as caught:
        await open_store(wrong, driver=driver)
    assert "hunter2" not in str(caught.value)
    assert caught.value.__cause__ is None


async def test_a_store_that_nobody_answers_at_is_down_in_time(
    unused_tcp_port: int, driver: Driver
) -> None:
    async with asyncio.timeout(12):
        with pytest.raises(StoreDown):
            await open_store(f"mongodb://127.0.0.1:{unused_tcp_port}/", driver=driver)
