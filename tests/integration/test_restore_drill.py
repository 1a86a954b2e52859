"""The restore drill of docs/operations.md with real processes: loss, restore, hand-back."""

from __future__ import annotations

import asyncio
import json
import shutil
from pathlib import Path
from typing import Any

from cencomm_client import Admission, Client, OperationPlan
from cencomm_client.operation import Operation

from tests.integration.test_lost_devices import desk_of
from tests.support.deployment import (
    PASSWORD,
    Deployment,
    _environment,
    _server,
    deployed,
    needs_store,
    now_ms,
)

BEFORE, AFTER = "before the backup", "after the backup"


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
        *_server("doctor", "--data", str(town.folder / "server"), "--json"),
        stdout=asyncio.subprocess.PIPE,
        env=_environment(),
    )
    out, _ = await process.communicate()
    found: dict[str, Any] = json.loads(out)
    return found


async def texts(client: Client) -> list[str]:
    """What a person reads in the operation."""
    operation = await client.operation("MERIDIAN")
    await operation.refresh()
    found = [getattr(item, "content", None) for item in operation.items()]
    return [content["text"] for content in found if content and "text" in content]


@needs_store
async def test_the_restore_drill(tmp_path: Path) -> None:
    data, backup = tmp_path / "server" / "store", tmp_path / "backup"
    async with deployed(tmp_path) as town:
        rilo = await town.contact_point("RILO", "RILO-001")
        await town.may_create(rilo)
        ncp = await town.contact_point("FR", "FR-001")
        agent = await town.person(ncp, "FR-014")
        late = await town.person(ncp, "FR-015")
        await town.person(ncp, "FR-016")
        now = now_ms()
        operation = await rilo.create_operation(
            OperationPlan(
                name="MERIDIAN", not_before=now - 1000, not_after=now + 3_600_000, legal="test"
            )
        )
        await operation.create_channel("alpha")
        await operation.admit(
            [Admission(code, "officer") for code in ("FR-001", "FR-014", "FR-015", "FR-016")]
        )
        await operation.set_phase("prep")
        await operation.set_phase("live")
        await operation.channel("alpha").post("MSG", {"text": BEFORE})
        for client in (agent, late):
            assert await texts(client) == [BEFORE]

        # 1. the backup
        await closed(town)
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
