"""A28: version or suite downgrade. Nothing is negotiated; the unknown stops, never skipped."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from cencomm_client.errors import RefusedByRule
from cencomm_client.items import Message
from cencomm_client.root import ceremony
from cencomm_crypto.errors import ErrorCode
from cencomm_crypto.public.encoding import decode_map, encode
from cencomm_crypto.public.entry import Entry
from cencomm_crypto.public.keys import SigType
from cencomm_crypto.public.primitives import sha256
from cencomm_crypto.public.wire import Sequenced, Submission
from cencomm_server.engine.append import Appends
from cencomm_server.engine.reading import Reading
from cencomm_server.http.call import Answer, Call, json_answer
from cencomm_server.http.running import RunningHandlers

from tests.mallory.harness import Stage, Stages, refusal
from tests.mallory.hostile import honest_then_careless, honest_then_telling, tell
from tests.mallory.world import ALERTS, CHIEF, MEMBERS, OFFICER, PLAN, WARNING


class Humble(RunningHandlers):
    """Says that it speaks an older protocol and suite only."""

    async def info(self, call: Call) -> Answer:
        said = json.loads((await super().info(call)).body)
        return json_answer({**said, "v": 0, "suite": 0})


async def test_a_server_that_claims_to_know_less(stages: Stages) -> None:
    for running in (RunningHandlers, Humble):
        async with stages(RunningHandlers=running) as stage:
            officer = await stage.operation(OFFICER)
            info = await stage.station(OFFICER).transport.info()
            assert (info.v, info.suite) == ((1, 1) if running is RunningHandlers else (0, 0))
            posted = await officer.channel(ALERTS).post("MSG", {"text": "on it"})
            await stage.look(CHIEF)
            for item in stage.station(CHIEF).mirror.items(stage.log, posted.seq, posted.seq + 1):
                assert item.entry is not None
                assert (item.entry.header.v, item.entry.header.suite) == (1, 1)
            assert stage.texts(CHIEF)[-1] == "on it"
            stage.quiet()


def other(stage: Stage, **fields: Any) -> Entry:
    """A message of the officer's device with fields of its header that this version lacks."""
    good = stage.message(OFFICER, ALERTS, "in a tongue of tomorrow")
    assert good.body_bytes is not None
    header = encode({**decode_map(good.header_bytes, max_size=4096), **fields})
    key = stage.station(OFFICER).vault.device_key
    sig = key.sign(SigType.ENTRY, sha256(header) + sha256(good.body_bytes))
    inner = sha256(sha256(header), good.body_hash, sig)
    return replace(good, header_bytes=header, header_hash=sha256(header), sig=sig, inner=inner)


@honest_then_telling
@pytest.mark.parametrize(
    "fields", [{"v": 2}, {"suite": 2}, {"type": "message2"}], ids=["version", "suite", "type"]
)
async def test_an_entry_that_this_version_does_not_know(
    stages: Stages, reading: type[Reading], fields: dict[str, Any]
) -> None:
    """Nothing after it is read, and nothing more is written: what it says may change all."""
    async with stages(Reading=reading) as stage:
        await stage.look(*MEMBERS)
        entry = other(stage, **fields)
        assert entry.body_bytes is not None
        submission = Submission(entry.header_bytes, entry.body_bytes, entry.sig)
        refused = await refusal(stage.station(OFFICER).transport.append(stage.log, submission))
        assert refused in (ErrorCode.UNKNOWN_VERSION, ErrorCode.UNKNOWN_TYPE)
        chief = await stage.operation(CHIEF)
        await chief.channel(ALERTS).post("MSG", {"text": "stop the lorry"})
        newest = stage.head().size - 1

        def before(items: list[Sequenced]) -> list[Sequenced]:
            last = items[newest]
            strange = Sequenced(newest, last.at, entry.scope, entry.inner, entry)
            return [*items[:newest], strange, replace(last, seq=newest + 1)]

        tell(stage, before)
        await stage.look(OFFICER)
        officer = await stage.operation(OFFICER)
        if reading is Reading:
            stage.quiet()
            assert stage.texts(OFFICER)[-1] == "stop the lorry"
            return
        assert {alarm.row for alarm in stage.alarms(OFFICER)} == {"A28"}
        assert stage.texts(OFFICER) == [WARNING, PLAN]
        posting = officer.channel(ALERTS).post("MSG", {"text": "on it"}, patience_s=0.5)
        assert await refusal(posting) == "stopped"
        assert [item for item in officer.items() if isinstance(item, Message)]  # still to be read


@honest_then_careless
async def test_below_the_minimum_that_governance_set(
    stages: Stages, appends: type[Appends]
) -> None:
    """The minimum only grows; what is older has no effect, whatever the server takes."""
    async with stages(Appends=appends) as stage:
        await stage.look(*MEMBERS)
        await stage.govern(ceremony.raise_suite(2))
        await stage.look(*MEMBERS)
        station = stage.station(OFFICER)
        key = station.vault.add_box_key(station.directory.size)
        entry = station.author.directory_entry("device.rekey", {"box_pk": key.public})
        refused = await stage.offer(OFFICER, entry)
        await stage.look(*MEMBERS)
        for code in MEMBERS:
            device = stage.station(code).directory.devices[stage.device(OFFICER)]
            assert device.box_pk != key.public
        if appends is Appends:
            assert refused == ErrorCode.BAD_VALUE
            with pytest.raises(RefusedByRule) as lowered:
                await stage.govern(ceremony.raise_suite(1))
            assert lowered.value.code == ErrorCode.BAD_VALUE
            stage.quiet()
        else:
            assert not refused
            stage.expect({"A28"}, *MEMBERS)
