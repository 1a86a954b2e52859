"""The one file that opens the database: connection, schema, and every call with its errors.

Speaks to a MongoDB replica set and to the embedded store alike. What the driver raises stops here.
Retryable writes stay off: the embedded store scans all its records for each (DESIGN 8).
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from enum import StrEnum
from typing import Any, TypeVar

from cencomm_config.errors import Internal, StoreDown, UnknownFormat
from cencomm_crypto.errors import CencommError
from pymongo import AsyncMongoClient, IndexModel
from pymongo.errors import (
    BulkWriteError,
    DuplicateKeyError,
    OperationFailure,
    PyMongoError,
)
from pymongo.read_concern import ReadConcern
from pymongo.read_preferences import ReadPreference
from pymongo.write_concern import WriteConcern

from cencomm_server.store import schema
from cencomm_server.store.collection import Document, Records
from cencomm_server.store.documents import FORMAT, MetaDoc
from cencomm_server.store.kept_accounts import KeptAccounts
from cencomm_server.store.kept_logs import KeptLogs
from cencomm_server.store.kept_sessions import KeptSessions
from cencomm_server.store.migrating import migrate
from cencomm_server.store.port import KeyTaken, StoreFull, wall_clock

_T = TypeVar("_T")
_DURABLE = WriteConcern(w="majority", j=True, wtimeout=10_000)
_TIMEOUTS_MS: dict[str, Any] = {
    "serverSelectionTimeoutMS": 3_000,
    "connectTimeoutMS": 5_000,
    "socketTimeoutMS": 15_000,
    "waitQueueTimeoutMS": 10_000,
}
_DUPLICATE, _INVALID, _NO_SPACE, _EXISTS = 11000, 121, 14031, 48  # MongoDB's error codes
_BATCH = 10_000
_AWAIT_MS = 500  # how long the store keeps a question for changes before it says "none"
_META = Records(MetaDoc)
_NAME = "store"  # `_id` of the one document of `meta`


class Driver(StrEnum):
    """What speaks to the database: motor is past its end of life, PyMongo's own succeeds it."""

    MOTOR = "motor"
    PYMONGO = "pymongo"


class MongoCollection:
    """`collection.Collection`, in MongoDB."""

    def __init__(self, collection: Any) -> None:
        self._collection = collection

    async def insert(self, document: Document) -> None:
        with _answering():
            await self._collection.insert_one(document)

    async def insert_many(self, documents: Sequence[Document]) -> int:
        with _answering():
            try:
                await self._collection.insert_many(documents, ordered=True)
            except BulkWriteError as error:
                return _inserted_before_duplicate(error)
        return len(documents)

    async def find(self, where: Document, order: str, fields: Sequence[str] = ()) -> list[Document]:
        with _answering():
            wanted = dict.fromkeys(fields, 1) or None
            # one answer of up to 16 MB, where the default is a hundred documents and then the rest
            cursor = self._collection.find(where, wanted, batch_size=_BATCH).sort(order, 1)
            found: list[Document] = await cursor.to_list(None)
        return found

    async def find_one(self, where: Document, fields: Sequence[str] = ()) -> Document | None:
        with _answering():
            found: Document | None = await self._collection.find_one(
                where, dict.fromkeys(fields, 1) or None
            )
        return found

    async def update(self, where: Document, change: Document) -> bool:
        with _answering():
            return bool((await self._collection.update_one(where, change)).matched_count)

    async def update_all(self, where: Document, change: Document) -> int:
        with _answering():
            return int((await self._collection.update_many(where, change)).matched_count)

    async def take(self, where: Document) -> Document | None:
        with _answering():
            found: Document | None = await self._collection.find_one_and_delete(where)
        return found

    async def watch(self, where: Document, fields: Sequence[str]) -> AsyncIterator[Document]:
        matching = {f"fullDocument.{name}": value for name, value in where.items()}
        stages = [
            {"$match": {"operationType": "insert", **matching}},
            {"$project": {f"fullDocument.{name}": 1 for name in fields}},
        ]
        with _answering():
            stream = self._collection.watch(stages, max_await_time_ms=_AWAIT_MS)
            if inspect.isawaitable(stream):  # PyMongo's own; motor opens it at the first question
                stream = await stream
            first = await stream.try_next()
        return _inserted(stream, first)

    async def delete(self, where: Document) -> int:
        with _answering():
            return int((await self._collection.delete_many(where)).deleted_count)


async def _inserted(stream: Any, change: Document | None) -> AsyncIterator[Document]:
    try:
        while True:
            with _answering():
                if change is not None:
                    document: Document = change["fullDocument"]
                    yield document
                elif not stream.alive:
                    raise StoreDown("the store ended a stream of changes")
                change = await stream.try_next()
    finally:
        with suppress(Exception):  # it may be the connection that has gone
            await stream.close()


def _inserted_before_duplicate(error: BulkWriteError) -> int:
    """How many went in before a unique key was found taken; raises for any other reason."""
    failed = error.details["writeErrors"]
    if failed and failed[0]["code"] == _DUPLICATE and not error.details["writeConcernErrors"]:
        return int(error.details["nInserted"])
    code, reason = (failed[0]["code"], failed[0]["errmsg"]) if failed else (None, "unconfirmed")
    raise _down(code, str(reason)) from error


class MongoStore(KeptLogs, KeptAccounts, KeptSessions):
    """`port.Store`, in one database; made by `open_store`."""

    def __init__(self, client: Any, database: Any, clock: Callable[[], int]) -> None:
        def kept(layout: schema.Layout) -> MongoCollection:
            return MongoCollection(database[layout.name])

        KeptLogs.__init__(
            self,
            kept(schema.LOGS),
            kept(schema.ENTRIES),
            kept(schema.WRAPS),
            kept(schema.GRANTS),
            clock,
        )
        KeptAccounts.__init__(
            self, kept(schema.ACCOUNTS), kept(schema.FAILURES), kept(schema.RECOVERY)
        )
        KeptSessions.__init__(
            self, kept(schema.SESSIONS), kept(schema.CHALLENGES), kept(schema.INVITATIONS)
        )
        self._client = client
        self._meta = kept(schema.META)

    async def meta(self) -> MetaDoc:
        document = await self._meta.find_one({"_id": _NAME})
        if document is None:
            raise Internal("the store lost the document that names its format")
        return MetaDoc(_format(document))

    async def ping(self) -> None:
        if not await self._meta.update({"_id": _NAME}, {"$inc": {"pings": 1}}):
            raise StoreDown("the store lost the document that names its format")

    async def close(self) -> None:
        await _close(self._client)


async def open_store(
    uri: str,
    database: str = "cencomm",
    *,
    driver: Driver = Driver.MOTOR,
    clock: Callable[[], int] = wall_clock,
) -> MongoStore:
    """Connect, check the format, make collections, validators and indexes where they are missing.

    `uri`: `mongodb://...`; it appears in no error. Raises StoreDown, or UnknownFormat if a newer
    version of this program has written there. `clock`: Unix ms, for the age of orphan wraps.
    """
    client = _connect(uri, driver)
    try:
        opened = client.get_database(
            database,
            write_concern=_DURABLE,
            read_concern=ReadConcern("majority"),
            read_preference=ReadPreference.PRIMARY,
        )
        await _prepare(opened)
    except BaseException:
        await _close(client)
        raise
    return MongoStore(client, opened, clock)


async def create_user(uri: str, name: str, password: str, *, driver: Driver = Driver.MOTOR) -> None:
    """Make the one user of a fresh embedded store."""
    client = _connect(uri, driver)
    try:
        await _answer(client.admin.command("createUser", name, pwd=password, roles=["root"]))
    finally:
        await _close(client)


async def user_names(uri: str, *, driver: Driver = Driver.MOTOR) -> list[str]:
    """The users of `admin`; the embedded store cannot list those of all databases at once."""
    client = _connect(uri, driver)
    try:
        answer = await _answer(client.admin.command("usersInfo", 1))
        return sorted(str(user["user"]) for user in answer["users"])
    finally:
        await _close(client)


def _connect(uri: str, driver: Driver) -> Any:
    """A client of the chosen driver; both have the methods used in this file."""
    options: dict[str, Any] = {"retryWrites": False, "appname": "cencomm-server", **_TIMEOUTS_MS}
    try:
        if driver is Driver.PYMONGO:
            return AsyncMongoClient[Document](uri, **options)
        # Here and not above: whoever has chosen the other one does without it.
        from motor.motor_asyncio import AsyncIOMotorClient

        return AsyncIOMotorClient[Document](uri, **options)
    except (PyMongoError, ValueError, TypeError):
        # `from None`: the driver's sentence may quote the address with its password.
        raise StoreDown("the store's address is not a usable mongodb:// URI") from None


async def _close(client: Any) -> None:
    if isinstance(client, AsyncMongoClient):
        await client.close()
        return
    # In a thread: motor says good-bye first, and blocks until a server that is gone times out.
    await asyncio.to_thread(client.close)


async def _prepare(database: Any) -> None:
    meta = MongoCollection(database[schema.META.name])
    await _refuse_newer(meta)
    present = set(await _answer(database.list_collection_names()))
    for layout in schema.LAYOUTS:
        await _lay_out(database, layout, exists=layout.name in present)
    try:
        await meta.insert({"_id": _NAME, "format": FORMAT, "pings": 0})
    except KeyTaken:
        written = await _refuse_newer(meta)
        await migrate(lambda name: MongoCollection(database[name]), meta, _NAME, written)


async def _refuse_newer(meta: MongoCollection) -> int:
    """The format that the store was written in; this one if it is new."""
    document = await meta.find_one({"_id": _NAME})
    if document is None:
        return FORMAT
    written = _format(document)
    if written > FORMAT:
        raise UnknownFormat(
            f"the store has format {written}, this version knows up to {FORMAT}: "
            "use the version that wrote it, or a newer one"
        )
    return written


def _format(document: Document) -> int:
    return _META.record(document).format


async def _lay_out(database: Any, layout: schema.Layout, *, exists: bool) -> None:
    validator = dict(layout.validator)
    if not exists:
        try:
            await database.command("create", layout.name, validator=validator)
        except OperationFailure as error:
            if error.code != _EXISTS:
                raise _translated(error) from error
            exists = True  # another process was faster
        except PyMongoError as error:
            raise _translated(error) from error
    if exists:
        await _answer(database.command("collMod", layout.name, validator=validator))
    if layout.indexes:
        await _answer(database[layout.name].create_indexes([_model(i) for i in layout.indexes]))


def _model(index: schema.Index) -> IndexModel:
    options: Document = {"unique": True} if index.unique else {}
    if index.only is not None:
        options["partialFilterExpression"] = dict(index.only)
    if index.expire:
        options["expireAfterSeconds"] = 0
    return IndexModel([(key, 1) for key in index.keys], **options)


async def _answer(call: Awaitable[_T]) -> _T:
    """Await a driver's call; what it raises leaves as an error of the port."""
    with _answering():
        return await call


@contextmanager
def _answering() -> Iterator[None]:
    """What the driver raises leaves as an error of the port, whatever it is.

    Also what is none of its own errors: fed with bytes that no store sends, it lets others through.
    """
    try:
        yield
    except CencommError:
        raise
    except Exception as error:
        raise _translated(error) from error


def _translated(error: Exception) -> Exception:
    if isinstance(error, DuplicateKeyError):
        return KeyTaken("a unique key is taken")
    code = error.code if isinstance(error, OperationFailure) else None
    return _down(code, str(error))


def _down(code: int | None, reason: str) -> Exception:
    """The error for the services; the reason stays in the cause, it may name hosts."""
    if code == _INVALID:
        return Internal("the store's validator refused a document of this program")
    if code == _NO_SPACE or "space left" in reason or "ENOSPC" in reason:
        return StoreFull("the store's disk is full")
    return StoreDown("the store did not answer or refused; nothing was acknowledged")
