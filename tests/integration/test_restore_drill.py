"""The restore drill of docs/operations.md with real processes: loss, restore, hand-back."""

from __future__ import annotations

import asyncio
import json
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Any

from cencomm_client import Admission, Client, OperationPlan
from cencomm_client.cli.exits import Exit
from cencomm_client.errors import LogAlarm
from cencomm_client.items import Message
from cencomm_client.operation import Operation
from cencomm_crypto.public.ids import LogId

from tests.integration.test_lost_devices import desk_of
from tests.support.commands import command_line
from tests.support.deployment import (
    PASSWORD,
    Deployment,
    _environment,
    deployed,
    needs_store,
    now_ms,
)

BEFORE, AFTER, ALONE = "before the backup", "after the backup", "read by nobody else"


async def closed(town: Deployment) -> None:
    """End every program, then the server: the embedded store's folder is copied at rest."""
    for client in town.clients:
        await client.close()
    town.clients.clear()
    await town.server.stop()


async def opened(town: Deployment, code: str) -> Client:
    """A person's program again."""
    client = await Client.resume(town.vault(code), PASSWORD, settings=town.settings)
    town.clients.append(client)
    return client


def epoch_of(operation: Operation) -> int:
    """The present epoch of the channel of work, as a device has read it."""
    found = operation.state.channel_named("alpha")
    assert found is not None
    return found.epoch


async def doctor(town: Deployment) -> dict[str, Any]:
    """What `cencomm-server doctor` says of the restored server."""
    process = await asyncio.create_subprocess_exec(
        *command_line("cencomm-server", "doctor", "--data", str(town.folder / "server"), "--json"),
        stdout=asyncio.subprocess.PIPE,
        env=_environment(),
    )
    out, _ = await process.communicate()
    found: dict[str, Any] = json.loads(out)
    return found


async def texts(client: Client) -> list[str]:
    """What a person reads in the channel of work."""
    operation = await client.operation("MERIDIAN")
    await operation.refresh()
    messages = [item for item in operation.items() if isinstance(item, Message)]
    return [
        item.content["text"] for item in messages if item.channel_name == "alpha" and item.content
    ]


async def prepared(town: Deployment, *codes: str) -> None:
    """An operation with two channels, and what FR-014 read before the backup; nobody is on.

    `codes`: officers beside FR-001 and FR-014.
    """
    rilo = await town.contact_point("RILO", "RILO-001")
    await town.may_create(rilo)
    ncp = await town.contact_point("FR", "FR-001")
    people = [await town.person(ncp, code) for code in ("FR-014", *codes)]
    now = now_ms()
    operation = await rilo.create_operation(
        OperationPlan(
            name="MERIDIAN", not_before=now - 1000, not_after=now + 3_600_000, legal="test"
        )
    )
    await operation.create_channel("alpha")
    await operation.create_channel("heads", members=["RILO-001"])
    await operation.admit([Admission(code, "officer") for code in ("FR-001", "FR-014", *codes)])
    await operation.set_phase("prep")
    await operation.set_phase("live")
    await operation.channel("heads").post("MSG", {"text": BEFORE})  # both have their first keys
    await operation.channel("alpha").post("MSG", {"text": BEFORE})
    for client in people[:2]:
        assert await texts(client) == [BEFORE]
    await closed(town)


@needs_store
async def test_the_restore_drill(tmp_path: Path) -> None:
    data, backup = tmp_path / "server" / "store", tmp_path / "backup"
    async with deployed(tmp_path) as town:
        await prepared(town, "FR-015", "FR-016")

        # 1. the backup
        await asyncio.to_thread(shutil.copytree, data, backup)

        # what is lost later: a suspension in the directory, new keys for that, and words under them
        await town.server.start()
        ncp, agent = await opened(town, "FR-001"), await opened(town, "FR-014")
        await ncp.directory.suspend("FR-016")
        rilo = await opened(town, "RILO-001")
        await rilo.refresh()
        operation = await rilo.operation("MERIDIAN")
        epoch = epoch_of(operation)
        await operation.tend()
        await operation.channel("alpha").post("MSG", {"text": AFTER})
        assert epoch_of(operation) > epoch
        assert await texts(agent) == [BEFORE, AFTER]
        await closed(town)

        # 2. the restore
        await asyncio.to_thread(shutil.rmtree, data)
        await asyncio.to_thread(shutil.copytree, backup, data)
        await town.server.start()

        # 3. one member hands back what it holds
        agent = await opened(town, "FR-014")
        desk = await desk_of(town, agent)
        handed = await desk("hand-back")
        assert handed["behind"] == 0, handed
        assert [row["lacks"] for row in handed["logs"]] == [[], []]

        # 4. everybody goes on: the same words, the suspension holds, nobody was stopped
        rilo = await opened(town, "RILO-001")
        assert await texts(rilo) == [BEFORE, AFTER]
        await (await rilo.operation("MERIDIAN")).channel("alpha").post("MSG", {"text": "go"})
        agent = await opened(town, "FR-014")
        assert await texts(agent) == [BEFORE, AFTER, "go"]
        late = await opened(town, "FR-015")  # away all the time: its wrap was lost too
        assert await texts(late) == [BEFORE, AFTER, "go"]
        assert epoch_of(await late.operation("MERIDIAN")) == epoch_of(operation)
        for client in (rilo, agent, late):
            assert client.stopped() == ()
        report = await doctor(town)
        assert {row["status"] for row in report["checks"]} <= {"ok", "warning"}, report
        person = rilo.directory.person("FR-016")
        assert not rilo.directory.state.active(person.devices[0])


@needs_store
async def test_the_drill_with_a_place_that_nobody_holds(tmp_path: Path) -> None:
    """By commands alone: a member reports it, governance names it, each person reads that first."""
    data, backup = tmp_path / "server" / "store", tmp_path / "backup"
    report, draft = tmp_path / "lost", tmp_path / "lost.draft"
    governance = ("--key", str(tmp_path / "g.root"))
    async with deployed(tmp_path) as town:
        await prepared(town)
        await asyncio.to_thread(shutil.copytree, data, backup)
        await town.server.start()
        rilo, agent = await opened(town, "RILO-001"), await opened(town, "FR-014")
        operation = await rilo.operation("MERIDIAN")
        await operation.channel("heads").post("MSG", {"text": ALONE})
        await operation.channel("alpha").post("MSG", {"text": AFTER})
        assert await texts(agent) == [BEFORE, AFTER]
        await closed(town)
        town.vault("RILO-001").unlink()  # the only device that could read it burned
        await asyncio.to_thread(shutil.rmtree, data)
        await asyncio.to_thread(shutil.copytree, backup, data)
        await town.server.start()

        # who read on brings what it holds, and reports the rest
        agent = await opened(town, "FR-014")
        desk = await desk_of(town, agent)
        handed = await desk("hand-back", "--report", str(report))
        assert (handed["behind"], handed["reported"]) == (1, 1), handed
        ((gap,),) = (row["lacks"] for row in handed["logs"] if row["lacks"])
        assert gap[1] == gap[0] + 1

        # governance names it, on a machine of its own
        town.governance.close()
        made = await desk("root", "lost", str(report), *governance, "--out", str(draft))
        assert (made["type"], made["drafts"], made["missing"]) == ("log.restored", 1, 0)
        published = await desk("root", "publish", str(draft), *governance, "--server", town.url)
        assert published["type"] == "log.restored"

        # everybody reads that before going on; one of them speaks, under new keys
        stopped = await desk("post", "MERIDIAN", "alpha", "--file", "-", stdin="x", code=Exit.ALARM)
        assert stopped["error"]["code"] == "log_restored", stopped
        (stop,) = (await desk("status"))["stopped"]
        assert (stop["code"], stop["row"], stop["seq"]) == ("log_restored", "A50", published["seq"])
        await desk("go-on", stop["log"], "--yes")
        await desk("post", "MERIDIAN", "alpha", "--file", "-", stdin="go")
        assert (await desk("hand-back"))["behind"] == 0
        late = await opened(town, "FR-001")  # away all the time
        with suppress(LogAlarm):
            await texts(late)
        (alarm,) = late.stopped()
        assert alarm.code == "log_restored"
        assert late.go_on(LogId(alarm.log))
        assert await texts(late) == [BEFORE, AFTER, "go"]
        judged = await (await late.operation("MERIDIAN")).verify()
        assert (judged.ok, judged.lost) == (True, 1), judged.findings
        report_ = await doctor(town)
        assert {row["status"] for row in report_["checks"]} <= {"ok", "warning"}, report_
