"""A36: the database administrator rewrites or cuts the log; on the real store."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from bson import Binary
from cencomm_client.errors import Refused
from cencomm_crypto.errors import ErrorCode
from cencomm_crypto.public.ids import LogId
from cencomm_crypto.public.keys import SigningKey
from cencomm_crypto.public.note import Checkpoint, origin, sign_checkpoint
from cencomm_crypto.public.tree import Tree
from cencomm_crypto.public.wire import Sequenced
from cencomm_server.engine.reading import Reading

from tests.mallory.harness import Stages
from tests.mallory.hostile import Telling, tell
from tests.mallory.kept import database, kept
from tests.mallory.world import ALERTS, CHIEF, OFFICER, PLAN, WARNING, World
from tests.support.loopback import NAME
from tests.support.waiting import until

Tamper = Callable[[Any, LogId], None]


def nothing(db: Any, log: LogId) -> None:
    """Look, and go."""
    assert db.entries.count_documents({"log": Binary(log)}) > 5


def last_message(db: Any, log: LogId) -> dict[str, Any]:
    found: dict[str, Any] = db.entries.find_one({"log": Binary(log)}, sort=[("seq", -1)])
    return found


def rewritten(db: Any, log: LogId) -> None:
    """Another body for the newest entry."""
    last = last_message(db, log)
    body = bytes(last["body"])
    db.entries.update_one(
        {"_id": last["_id"]}, {"$set": {"body": Binary(bytes([body[0] ^ 1]) + body[1:])}}
    )


def moved_in_time(db: Any, log: LogId) -> None:
    """The newest entry came ten minutes earlier."""
    last = last_message(db, log)
    db.entries.update_one({"_id": last["_id"]}, {"$inc": {"at": -600_000}})


def cut(db: Any, log: LogId) -> None:
    """The newest entry never was, though a head covers it."""
    db.entries.delete_one({"_id": last_message(db, log)["_id"]})


def hole(db: Any, log: LogId) -> None:
    """An entry in the middle is gone."""
    db.entries.delete_one({"log": Binary(log), "seq": 4})


def foreign_head(db: Any, log: LogId) -> None:
    """A head of another tree, by a key of the administrator's own."""
    newest = db.entries.find_one({"log": Binary(log), "seq": {"$lt": 0}}, sort=[("seq", 1)])
    note = sign_checkpoint(
        Checkpoint(origin(NAME, log), -newest["seq"], bytes(32)), SigningKey.from_seed(b"d" * 32)
    )
    db.entries.update_one({"_id": newest["_id"]}, {"$set": {"note": Binary(note)}})


def cut_with_its_heads(db: Any, log: LogId) -> None:
    """The newest entry and every head that covers it: an older state, consistent in itself."""
    last = last_message(db, log)
    db.entries.delete_one({"_id": last["_id"]})
    db.entries.delete_many({"log": Binary(log), "seq": {"$lt": -last["seq"]}})


@pytest.mark.parametrize(
    "tamper",
    [nothing, rewritten, moved_in_time, hole, foreign_head],
    ids=lambda tamper: tamper.__name__,
)
async def test_a_server_does_not_go_on_with_what_it_did_not_sign(
    stages: Stages, world: World, store_uri: str, tamper: Tamper
) -> None:
    """It stops that log, says so on /readyz, and serves the others."""
    async with kept(world, store_uri) as (store, name):
        with database(store_uri, name) as db:
            tamper(db, world.log)
        async with stages(store=store) as stage:
            officer = await stage.client(OFFICER)
            station = stage.station(OFFICER)
            if tamper is nothing:
                operation = await stage.operation(OFFICER)
                await operation.channel(ALERTS).post("MSG", {"text": "on it"})
                assert (await operation.verify()).ok
                assert await station.transport.ready()
                return
            with pytest.raises(Refused) as refused:
                await station.mirror.pull(station.transport, stage.log)
            assert refused.value.code == ErrorCode.LOG_DAMAGED
            await station.mirror.pull_directory(station.transport)
            async with asyncio.timeout(10):  # the answer may be a second old
                while await station.transport.ready():  # noqa: ASYNC110 nothing to wait for
                    await asyncio.sleep(0.1)
            assert stage.texts(OFFICER) == [WARNING, PLAN]
            assert officer.logged_in


async def test_a_log_that_was_cut_takes_nothing_until_its_end_is_back(
    stages: Stages, world: World, store_uri: str
) -> None:
    """The head that covers it is still there: the server names it, and whoever read it brings it
    back, the same bytes under the same head (A50)."""
    async with kept(world, store_uri) as (store, name):
        with database(store_uri, name) as db:
            last = last_message(db, world.log)
            cut(db, world.log)
        async with stages(store=store) as stage:
            await until(lambda: stage.server.logs.behind() == (stage.log,))
            await stage.look(OFFICER)
            assert stage.server.logs.behind() == ()
            with database(store_uri, name) as db:
                back = last_message(db, world.log)
            assert {**back, "_id": None} == {**last, "_id": None}
            operation = await stage.operation(OFFICER)
            await operation.channel(ALERTS).post("MSG", {"text": "on it"})
            assert (await operation.verify()).ok
            stage.expect({"A50"}, OFFICER)


@pytest.mark.parametrize(
    "tamper", [nothing, rewritten, moved_in_time], ids=lambda tamper: tamper.__name__
)
async def test_a_reader_is_not_shown_what_was_rewritten_under_a_running_server(
    stages: Stages, world: World, store_uri: str, tamper: Tamper
) -> None:
    """The server reads from its database what it signed long ago; a new device reads all of it."""
    async with kept(world, store_uri) as (store, name), stages(store=store) as stage:
        await stage.look(OFFICER)
        await stage.leave(OFFICER, forgets=True)
        with database(store_uri, name) as db:
            tamper(db, world.log)
        await stage.look(OFFICER)
        if tamper is nothing:
            stage.quiet()
            assert stage.texts(OFFICER) == [WARNING, PLAN]
        else:
            stage.expect({"A4"}, OFFICER)  # its own tree, under a head that was signed
            assert stage.log not in stage.station(OFFICER).mirror.operations


@pytest.mark.parametrize(
    "tamper", [nothing, cut_with_its_heads], ids=lambda tamper: tamper.__name__
)
async def test_an_older_state_put_back(
    stages: Stages, world: World, store_uri: str, tamper: Tamper
) -> None:
    """Nothing in the database contradicts it: whoever has seen more does, and mends it (A50)."""
    async with kept(world, store_uri) as (store, name):
        with database(store_uri, name) as db:
            tamper(db, world.log)
        async with stages(store=store) as stage:
            await stage.look(CHIEF, OFFICER)
            if tamper is nothing:
                stage.quiet()
                return
            stage.expect({"A50"}, CHIEF)  # it came first, keeps the notes, and brought back the end
            stage.quiet(OFFICER)
            for code in (CHIEF, OFFICER):
                assert stage.texts(code)[0] == WARNING
            assert stage.texts(OFFICER) == [WARNING, PLAN]
            assert stage.head().size == stage.size(OFFICER) == stage.size(CHIEF)


class Usurping(Telling):
    """Signs what it tells with a key of its own: whoever has the database has not the log key."""

    def note(self, log: LogId, items: list[Sequenced]) -> bytes:
        root = Tree(item.leaf for item in items).root()
        key = SigningKey.from_seed(b"d" * 32)
        return sign_checkpoint(Checkpoint(origin(NAME, log), len(items), root), key)


async def test_a_head_by_another_key(stages: Stages) -> None:
    for reading in (Reading, Usurping):
        async with stages(Reading=reading) as stage:
            await stage.look(CHIEF, OFFICER)
            await (await stage.operation(CHIEF)).channel(ALERTS).post("MSG", {"text": "stop it"})
            tell(stage, lambda items: items)
            await stage.look(OFFICER)
            if reading is Reading:
                stage.quiet()
                assert stage.texts(OFFICER)[-1] == "stop it"
            else:
                stage.expect({"A36"}, OFFICER)
                assert stage.texts(OFFICER) == [WARNING, PLAN]
