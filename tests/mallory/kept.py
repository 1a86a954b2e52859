"""The world in a real store, and what whoever administers its database can do to it."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from bson import BSON
from cencomm_crypto.public.ids import LogId
from cencomm_server.store.memory import MemoryStore
from cencomm_server.store.mongo import MongoStore, open_store
from cencomm_server.store.port import Store
from pymongo import MongoClient

from tests.mallory.world import World

_numbers = itertools.count()


@asynccontextmanager
async def kept(world: World, uri: str) -> AsyncIterator[tuple[MongoStore, str]]:
    """A new database of the real store that holds what the world's holds; and its name."""
    name = f"mallory-{next(_numbers)}"
    store = await open_store(uri, name)
    try:
        await _pour(world.store, store)
        yield store, name
    finally:
        await store.close()


@contextmanager
def database(uri: str, name: str) -> Iterator[Any]:
    """The database as its administrator has it, past every service."""
    client: MongoClient[Any] = MongoClient(uri)
    try:
        yield client[name]
    finally:
        client.close()


def dump(uri: str, name: str) -> bytes:
    """A backup: every document of every collection, byte for byte."""
    with database(uri, name) as found:
        return b"".join(
            BSON.encode(document)
            for collection in sorted(found.list_collection_names())
            for document in found[collection].find()
        )


async def _pour(source: MemoryStore, into: Store) -> None:
    """Copy what the tests of this folder need, through the port."""
    for doc in await source.logs():
        await into.create_log(doc.log, doc.kind, doc.id32, doc.created)
        await into.append_entries(doc.log, await source.read_entries(doc.log, 0, 10**6))
        log = source._logs[LogId(doc.log)]
        for size, note in log.notes.items():
            await into.put_checkpoint(doc.log, size, note)
        for inner, (wraps, _) in log.wraps.items():
            await into.put_wraps(doc.log, wraps.chan, wraps.n, inner, wraps.wraps, wraps.shares)
    for account in source._accounts.values():
        await into.create_account(account)
    for session in source._sessions.values():
        await into.put_session(session)
    for invitation in source._invitations.values():
        await into.put_invitation(invitation)
