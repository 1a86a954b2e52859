"""A48: one log id, two genesis bodies: the id commits to header and body, the pin to all of it."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from cencomm_client import session
from cencomm_client.errors import LogAlarm, WrongDirectory
from cencomm_client.plan import Admission
from cencomm_crypto.public.entry import Entry, author
from cencomm_crypto.public.keys import SigningKey
from cencomm_crypto.public.wire import Sequenced, encode_withheld, sequence
from cencomm_server.engine.reader import Reader
from cencomm_server.engine.reading import Reading
from cencomm_server.http.call import Answer, Call, json_answer
from cencomm_server.http.running import RunningHandlers

from tests.mallory.harness import Stage, Stages
from tests.mallory.hostile import honest_then_telling, shape, tell
from tests.mallory.world import AUDITORS, CHIEF, CONTACT, OFFICER, OUTSIDER, PLAN, WARNING


def other_genesis(stage: Stage, item: Sequenced) -> Sequenced:
    """The same genesis with an audit set of nobody, really signed by the chief's device."""
    assert item.entry is not None
    assert item.entry.body is not None
    body = {**item.entry.body, "audit": {"persons": [], "k": 0}}
    made: Entry = author(item.entry.header, body, stage.station(CHIEF).vault.device_key)
    return sequence(0, item.at, made)


@honest_then_telling
async def test_another_genesis_under_the_same_id(stages: Stages, reading: type[Reading]) -> None:
    """Told to somebody who was just admitted, and knows of the operation only what it is told."""
    async with stages(Reading=reading) as stage:
        chief = await stage.operation(CHIEF)
        await stage.client(OUTSIDER)
        await chief.admit([Admission(OUTSIDER, "observer")])
        tell(stage, lambda items: [other_genesis(stage, items[0]), *items[1:]], to=OUTSIDER)
        await stage.look(OUTSIDER, OFFICER)
        stage.quiet(OFFICER)
        if reading is Reading:
            stage.quiet()
            assert len(stage.shown(OUTSIDER).state.audit.persons) == len(AUDITORS)
        else:
            stage.expect({"A48"}, OUTSIDER)
            assert stage.log not in stage.station(OUTSIDER).mirror.operations


@honest_then_telling
async def test_another_genesis_told_to_one_who_knew_the_first(
    stages: Stages, reading: type[Reading]
) -> None:
    """Its vault remembers a signed head of the true one, though its replica is lost."""
    async with stages(Reading=reading) as stage:
        await stage.client(CHIEF)
        await stage.look(OFFICER)
        await stage.leave(OFFICER, forgets=True)
        tell(stage, lambda items: [other_genesis(stage, items[0]), *items[1:]])
        await stage.look(OFFICER)
        if reading is Reading:
            stage.quiet()
            assert stage.texts(OFFICER) == [WARNING, PLAN]
        else:
            stage.expect({"A4"}, OFFICER)
            assert stage.log not in stage.station(OFFICER).mirror.operations


@honest_then_telling
async def test_a_genesis_that_is_withheld(stages: Stages, reading: type[Reading]) -> None:
    async with stages(Reading=reading) as stage:
        await stage.look(OFFICER)
        await stage.leave(OFFICER, forgets=True)

        def withheld(reader: Reader, item: Sequenced, data: bytes) -> bytes:
            first = item.seq == 0 and item.entry is not None and item.entry.header.dir is not None
            return encode_withheld(replace(item, scope=b"\1" * 16)) if first else data

        shape(stage, withheld)
        await stage.look(OFFICER)
        if reading is Reading:
            stage.quiet()
            assert stage.texts(OFFICER) == [WARNING, PLAN]
        else:
            assert stage.rows(OFFICER) <= {"A4", "A48"}
            assert stage.rows(OFFICER)
            assert stage.log not in stage.station(OFFICER).mirror.operations


@honest_then_telling
async def test_another_genesis_of_the_directory(stages: Stages, reading: type[Reading]) -> None:
    """Told to a newcomer: its invitation, on paper, carries all 32 bytes of the directory's id."""
    async with stages(Reading=reading) as stage:
        await stage.client(CHIEF)
        await stage.newcomer(CONTACT, "BE-050")

        def governed_by_mallory(items: list[Sequenced]) -> list[Sequenced]:
            entry = items[0].entry
            assert entry is not None
            assert entry.body is not None
            mallory = SigningKey.from_seed(b"m" * 32)
            body = {**entry.body, "governance": {"keys": [mallory.public], "k": 1}}
            return [sequence(0, items[0].at, author(entry.header, body, mallory)), *items[1:]]

        tell(stage, governed_by_mallory, log=stage.directory, to="BE-050")
        if reading is Reading:
            await stage.register("BE-050")
            stage.quiet()
            assert stage.station("BE-050").directory.person_by_code("BE-050") is not None
        else:
            with pytest.raises(LogAlarm) as caught:
                await stage.register("BE-050")
            assert caught.value.row == "A48"
            stage.expect({"A48"}, "BE-050")
            assert stage.size("BE-050", stage.directory) == 0


class Elsewhere(RunningHandlers):
    """Says that it serves another directory."""

    async def info(self, call: Call) -> Answer:
        said = json.loads((await super().info(call)).body)
        return json_answer({**said, "directory": "ab" * 32})


async def test_a_server_of_another_directory_gets_no_secret(stages: Stages) -> None:
    for running in (RunningHandlers, Elsewhere):
        async with stages(RunningHandlers=running) as stage:
            await stage.client(OFFICER)
            station = stage.station(OFFICER)
            if running is RunningHandlers:
                await session.check_pin(station.vault, station.transport)
                continue
            with pytest.raises(WrongDirectory) as caught:
                await session.check_pin(station.vault, station.transport)
            assert caught.value.row == "A48"
