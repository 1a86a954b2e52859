"""A5: an entry is replayed or doubled: the log takes an id once, and so does every reader."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from cencomm_client.authoring import entry_id
from cencomm_client.root import ceremony
from cencomm_crypto.errors import ErrorCode
from cencomm_crypto.public.entry import author
from cencomm_crypto.public.ids import LogId
from cencomm_server.engine.append import Appends
from cencomm_server.engine.committed import Commit
from cencomm_server.engine.items import sequenced
from cencomm_server.push.fanout import Fanout
from cencomm_server.store.documents import CheckpointDoc, EntryDoc
from cencomm_server.store.memory import MemoryStore

from tests.mallory.harness import Stages
from tests.mallory.hostile import honest_then_careless
from tests.mallory.world import ALERTS, CHIEF, DEPUTY, MEMBERS, OFFICER, PLAN, WARNING
from tests.support.waiting import until


class Forgetful(MemoryStore):
    """A store without its unique index over (scope, device, id)."""

    async def append_entries(
        self, log: LogId, docs: Sequence[EntryDoc], checkpoint: CheckpointDoc | None = None
    ) -> int:
        self._logs[log].by_id.clear()
        return await super().append_entries(log, docs, checkpoint)


@honest_then_careless
async def test_the_same_entry_twice(stages: Stages, appends: type[Appends]) -> None:
    keeps = MemoryStore if appends is Appends else Forgetful
    async with stages(Appends=appends, keeps=keeps) as stage:
        await stage.look(*MEMBERS)
        entry = stage.message(CHIEF, ALERTS, "release the consignment")
        first = await stage.post(CHIEF, entry)
        again = await stage.post(CHIEF, entry)
        await stage.look(*MEMBERS)
        for code in (DEPUTY, OFFICER):
            assert stage.texts(code) == [WARNING, PLAN, "release the consignment"]
        if appends is Appends:
            assert again == first
            stage.quiet()
        else:
            assert again.seq == first.seq + 1
            stage.expect({"A5"}, *MEMBERS)


@honest_then_careless
async def test_another_entry_under_a_used_id(stages: Stages, appends: type[Appends]) -> None:
    """The author itself signs twice under one id: what was answered first stands."""
    keeps = MemoryStore if appends is Appends else Forgetful
    async with stages(Appends=appends, keeps=keeps) as stage:
        await stage.look(*MEMBERS)
        first = stage.message(CHIEF, ALERTS, "release the consignment")
        await stage.post(CHIEF, first)
        second = stage.message(CHIEF, ALERTS, "seize the consignment", id=first.header.id)
        refused = await stage.offer(CHIEF, second)
        await stage.look(*MEMBERS)
        assert stage.texts(OFFICER) == [WARNING, PLAN, "release the consignment"]
        if appends is Appends:
            assert refused == "id_reused"
            stage.quiet()
        else:
            assert not refused
            stage.expect({"A5"}, *MEMBERS)


@honest_then_careless
async def test_a_root_decision_used_again(stages: Stages, appends: type[Appends]) -> None:
    """The right to create operations is withdrawn, and its publisher publishes it once more."""
    keeps = MemoryStore if appends is Appends else Forgetful
    async with stages(Appends=appends, keeps=keeps) as stage:
        await stage.look(*MEMBERS)
        last = stage.head(stage.directory).size - 1
        (granted,) = await stage.server.store.read_entries(stage.directory, last, last + 1)
        old = sequenced(granted).entry
        assert old is not None
        assert old.body is not None
        assert old.header.type == "role.grant"
        await stage.govern(ceremony.withdraw_role(stage.person(CHIEF)))
        head, now = stage.head(stage.directory), stage.clock()
        with stage.governance() as root:
            fresh = replace(old.header, id=entry_id(now), seen=head, time=now)
            entry = author(fresh, old.body, root.poster)
        refused = await stage.offer(CHIEF, entry)
        await stage.look(*MEMBERS)
        for code in MEMBERS:
            assert not stage.station(code).directory.persons[stage.person(CHIEF)].may_create
        if appends is Appends:
            assert refused == ErrorCode.BAD_SERIAL
            stage.quiet()
        else:
            assert not refused
            stage.expect({"A5"}, *MEMBERS)


class Stammering(Fanout):
    """Pushes every commit twice."""

    def committed(self, commit: Commit) -> None:
        super().committed(commit)
        super().committed(commit)


async def test_a_push_twice_is_nothing(stages: Stages) -> None:
    """At least once is what a server promises; exactly once is what readers make of it."""
    for fanout in (Fanout, Stammering):
        async with stages(Fanout=fanout) as stage:
            for code in (CHIEF, OFFICER):
                await (await stage.client(code)).go_live()
            await until(lambda: all(client.live for client in stage.clients.values()))
            chief = await stage.operation(CHIEF)
            await chief.channel(ALERTS).post("MSG", {"text": "once"})
            await until(lambda: "once" in stage.texts(OFFICER))
            await chief.channel(ALERTS).post("MSG", {"text": "and again"})
            await until(lambda: "and again" in stage.texts(OFFICER))
            assert stage.texts(OFFICER) == [WARNING, PLAN, "once", "and again"]
            stage.quiet()
