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
from cencomm_server.store.documents import LogKind
from cencomm_server.store.mongo import open_store
from pymongo import MongoClient
from pymongo.database import Database
from pymongo.errors import WriteError

LOG = LogId(b"L" * 16)
LATER = datetime(2099, 1, 1, tzinfo=UTC)
Raw = Database[dict[str, Any]]


@pytest.fixture
def database(store_uri: str) -> Iterator[Raw]:
    """A database of this test alone, as its administrator sees it."""
    with MongoClient[dict[str, Any]](store_uri) as client:
        yield client[f"t{secrets.token_hex(8)}"]


async def test_every_collection_has_its_validator_and_its_indexes(
    store_uri: str, database: Raw
) -> None:
    await (await open_store(store_uri, database.name)).close()
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
    store_uri: str, database: Raw, wrong: dict[str, Any]
) -> None:
    await (await open_store(store_uri, database.name)).close()
    with pytest.raises(WriteError, match="validation"):
        database["logs"].insert_one(dict(wrong))
    assert database["logs"].count_documents({}) == 0


async def test_the_validator_looks_into_what_is_nested(store_uri: str, database: Raw) -> None:
    await (await open_store(store_uri, database.name)).close()
    right = {"lookup": b"i", "person": b"p", "by": b"q", "created": 1, "expires": 2}
    document = {"_id": right.pop("lookup"), **right, "closed": False, "gone": LATER}
    database["invitations"].insert_one({**document, "enrolment": None})
    with pytest.raises(WriteError, match="validation"):
        database["invitations"].insert_one(
            {**document, "_id": b"j", "enrolment": {"sign_pk": b"s" * 32}}
        )


async def test_a_newer_format_is_refused_by_name_and_nothing_is_touched(
    store_uri: str, database: Raw
) -> None:
    """DESIGN 11."""
    database["meta"].insert_one({"_id": "store", "format": 2, "pings": 0, "new": True})
    with pytest.raises(UnknownFormat, match=r"format 2.*up to 1"):
        await open_store(store_uri, database.name)
    assert database.list_collection_names() == ["meta"]


async def test_eight_processes_may_open_an_empty_store_at_once(
    store_uri: str, database: Raw
) -> None:
    stores = await asyncio.gather(*(open_store(store_uri, database.name) for _ in range(8)))
    assert await stores[0].create_log(LOG, LogKind.DIRECTORY, LOG * 2, 1)
    for store in stores:
        assert [doc.log for doc in await store.logs()] == [LOG]
        await store.close()
    assert database["meta"].count_documents({}) == 1


async def test_opening_again_keeps_what_is_there(store_uri: str, database: Raw) -> None:
    first = await open_store(store_uri, database.name)
    await first.create_log(LOG, LogKind.DIRECTORY, LOG * 2, 1)
    await first.put_checkpoint(LOG, 1, b"note")
    await first.close()
    second = await open_store(store_uri, database.name)
    assert await second.checkpoint(LOG, 1) == b"note"
    await second.close()


@pytest.mark.parametrize("uri", ["mongodb://u:hunter2@", "mongodb://u:hunter2@h:port/"])
async def test_an_unusable_address_is_refused_without_being_shown(uri: str) -> None:
    with pytest.raises(StoreDown) as caught:
        await open_store(uri)
    assert "hunter2" not in str(caught.value)
    assert caught.value.__cause__ is None


async def test_a_store_that_nobody_answers_at_is_down_in_time(unused_tcp_port: int) -> None:
    async with asyncio.timeout(12):
        with pytest.raises(StoreDown):
            await open_store(f"mongodb://127.0.0.1:{unused_tcp_port}/")
