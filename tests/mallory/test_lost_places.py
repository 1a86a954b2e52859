"""A50, what nobody holds: the governance root names it lost, everybody reads that before going on,
and who still holds it shows it as void."""

from __future__ import annotations

from pathlib import Path

import pytest
from cencomm_client.errors import ClientCode, LogBehind, Refused
from cencomm_client.root.loss_report import LossReport
from cencomm_crypto.public.ids import LogId
from cencomm_crypto.public.wire import Submission
from cencomm_server.store.memory import MemoryStore

from tests.mallory.harness import Stage, copy_of, refusal, staged
from tests.mallory.world import ALERTS, ANALYST, CHIEF, OFFICER, RAID, World

MADE, SECRET, LATER = "control the lorry", "five sharp", "and the van"


async def backup_of(world: World, folder: Path, *said: tuple[str, str]) -> MemoryStore:
    """A backup; after it the officer speaks in these channels, and only the analyst, who is not in
    `raid`, reads on. Then the officer's device is away."""
    store = copy_of(world.store)
    async with staged(world, folder, store=store) as stage:
        await stage.look(CHIEF, OFFICER, ANALYST)
        backup = copy_of(store)
        for channel, text in said:
            await (await stage.operation(OFFICER)).channel(channel).post("MSG", {"text": text})
        await stage.look(OFFICER, ANALYST)
        stage.quiet()
    return backup


async def reported(stage: Stage) -> LossReport:
    """The analyst hands back what it holds, and reports the rest."""
    await stage.look(ANALYST)
    (report,) = await (await stage.client(ANALYST)).report_losses()
    return report


async def reads(stage: Stage, *codes: str) -> None:
    """Each is told once what was lost, says go on, and reads to the end."""
    for code in codes:
        await stage.look(code)
        client = stage.clients[code]
        (stop,) = client.stopped()
        assert (stop.code, stop.row) == (ClientCode.LOG_RESTORED, "A50")
        assert await refusal(stage.shown(code).channel(ALERTS).post("MSG", {"text": "?"})) == (
            "stopped"
        )
        assert client.go_on(LogId(stop.log))
        await stage.look(code)
        assert client.stopped() == ()


async def test_the_log_goes_on_without_what_nobody_holds(world: World, folder: Path) -> None:
    """New keys first, then words; the officer's device, once found, shows its own entry as void."""
    backup = await backup_of(world, folder, (ALERTS, MADE), (RAID, SECRET))
    async with staged(world, folder, store=backup) as stage:
        report = await reported(stage)
        (gap,) = report.gaps
        assert (report.log, len(gap.forms)) == (stage.log, 1)
        await stage.name_lost(report)
        assert stage.server.logs.behind() == ()
        await reads(stage, ANALYST, CHIEF)
        before = stage.shown(CHIEF).state.channel_named(RAID)
        await (await stage.operation(CHIEF)).channel(RAID).post("MSG", {"text": LATER})
        await (await stage.operation(ANALYST)).channel(ALERTS).post("MSG", {"text": "go"})
        await reads(stage, OFFICER)
        found = stage.shown(OFFICER).state.channel_named(RAID)
        assert before is not None
        assert found is not None
        assert found.epoch == before.epoch + 1
        texts = stage.texts(OFFICER)
        assert SECRET not in texts
        assert texts[-3:] == [MADE, LATER, "go"]
        rejected = stage.station(OFFICER).mirror.rejected(stage.log)
        assert {seq: str(why.code) for seq, why in rejected.items()} == {gap.start: "void"}
        stage.expect({"A50"})


async def test_several_gaps_are_read_at_once(world: World, folder: Path) -> None:
    """One statement each by governance, one decision by each member."""
    said = ((RAID, SECRET), (ALERTS, MADE), (RAID, LATER))
    backup = await backup_of(world, folder, *said)
    async with staged(world, folder, store=backup) as stage:
        report = await reported(stage)
        assert len(report.gaps) == 2
        await stage.name_lost(report)
        assert stage.server.logs.behind() == ()
        await reads(stage, ANALYST, CHIEF)
        assert stage.texts(CHIEF)[-1] == MADE
        await (await stage.operation(CHIEF)).channel(ALERTS).post("MSG", {"text": "go"})
        await stage.look(ANALYST)
        assert stage.texts(ANALYST)[-2:] == [MADE, "go"]
        (alarm,) = {kept.detail for kept in stage.station(CHIEF).mirror.alarms(stage.log)}
        for gap in report.gaps:
            assert f"entries {gap.start} to before {gap.end}" in alarm


async def test_what_comes_back_between_report_and_word_is_not_lost(
    world: World, folder: Path
) -> None:
    """The officer connects while the custodians sign: their word is refused, nothing is lost."""
    backup = await backup_of(world, folder, (RAID, SECRET))
    async with staged(world, folder, store=backup) as stage:
        report = await reported(stage)
        await stage.look(OFFICER)
        assert stage.server.logs.behind() == ()
        with pytest.raises(Refused) as caught:
            await stage.name_lost(report)
        assert caught.value.code == "bad_value"
        await stage.look(CHIEF)
        assert stage.texts(CHIEF)[-1] == SECRET
        assert await (await stage.client(ANALYST)).report_losses() == ()


async def test_nobody_but_governance_ends_the_wait(world: World, folder: Path) -> None:
    """A coordinator's own root names nothing, and the log goes on waiting."""
    backup = await backup_of(world, folder, (RAID, SECRET))
    async with staged(world, folder, store=backup) as stage:
        report = await reported(stage)
        (gap,) = report.gaps
        devices = stage.station(ANALYST).mirror.directory.state.devices
        poster = devices[stage.device(ANALYST)].sign_pk
        body = {
            "type": "log.restored", "log": stage.log, "from": gap.start, "to": gap.end,
            "leaves": list(gap.forms), "poster": poster,
            "serial": 1, "sigs": [],
        }  # fmt: skip
        entry = stage.sign(ANALYST, stage.header(ANALYST, "log.restored"), body)
        transport = stage.station(ANALYST).transport
        assert await refusal(transport.post_root_entry(Submission.of(entry))) == "bad_threshold"
        assert await stage.offer(ANALYST, entry) == "log_behind"
        with pytest.raises(LogBehind):
            await stage.station(ANALYST).mirror.pull(transport, stage.log)
