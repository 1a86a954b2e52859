"""All devices of a person are lost: its contact point invites it again, a coordinator lets it read.

The people who help are at their terminals; the operation around them runs in the SDK.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from cencomm_client import Admission, Client, OperationPlan
from cencomm_client.cli.exits import Exit

from tests.support.deployment import PASSWORD, Deployment, deployed, needs_store, now_ms
from tests.support.terminal import Desk

TEXT = "lorry, behind the cover load"
LOOKS = 15


async def desk_of(town: Deployment, client: Client) -> Desk:
    """The terminal of somebody whose program was running until now."""
    desk = Desk(town.folder, client.code)
    desk.password.write_text(PASSWORD + "\n")
    town.clients.remove(client)
    await client.close()
    return desk


async def resumed(town: Deployment, desk: Desk) -> Client:
    """The same person's program again, live: it grants and rotates what is due."""
    client = await Client.resume(desk.vault, PASSWORD, settings=town.settings)
    town.clients.append(client)
    await client.go_live()
    return client


async def shown(desk: Desk) -> list[dict[str, Any]]:
    """Messages of work as the command shows them, each in its last form."""
    rows = await desk.lines("follow", "MERIDIAN", "--once")
    last = {
        row["leaf"]: row for row in rows if row["item"] == "message" and row["channel"] == "alpha"
    }
    return list(last.values())


@needs_store
async def test_a_person_who_lost_every_device_comes_back_by_invitation_and_accept(
    tmp_path: Path,
) -> None:
    async with deployed(tmp_path) as town:
        rilo = await town.contact_point("RILO", "RILO-001")
        await town.may_create(rilo)
        ncp = await town.contact_point("FR", "FR-001")
        agent = await town.person(ncp, "FR-014")
        old = agent.device
        now = now_ms()
        operation = await rilo.create_operation(
            OperationPlan(
                name="MERIDIAN", not_before=now - 1000, not_after=now + 3_600_000, legal="test"
            )
        )
        await operation.create_channel("alpha")
        await operation.admit([Admission("FR-001", "ncp"), Admission("FR-014", "officer")])
        await operation.set_phase("prep")
        await operation.set_phase("live")
        await operation.channel("alpha").post("MSG", {"text": TEXT})
        await agent.refresh()

        # the contact point: everything is void, the devices are gone, and a fresh invitation
        contact = await desk_of(town, ncp)
        lost = await contact("reset", "FR-014", "--devices")
        assert lost["revoked"] == [old.hex()]
        paper = tmp_path / "paper"
        await contact("invite", "FR-014", "--out", str(paper))
        await desk_of(town, agent)

        # the person, on a new machine
        fresh = Desk(tmp_path, "FR-014 again")
        enrolled = await fresh("enrol", "--invitation-file", str(paper))
        vouched = await contact("vouch")
        assert [row["device"] for row in vouched["vouched"]] == [enrolled["device"]]
        await fresh.register(ahead_s=30)  # of the step that the lost device used, nothing is taken
        for row in await shown(fresh):
            assert row["content"] is None, row  # vouched for by an NCP alone: nothing is readable
        await fresh("post", "MERIDIAN", "alpha", "--file", "-", stdin="x", code=Exit.REFUSED)

        # a coordinator, and then any member's program hands the keys over
        coordinator = await desk_of(town, rilo)
        await coordinator("operation", "accept", "MERIDIAN", enrolled["device"])
        await resumed(town, coordinator)
        for _ in range(LOOKS):
            found = [row for row in await shown(fresh) if row["content"] is not None]
            if found:
                break
        assert [row["content"]["text"] for row in found] == [TEXT]
        assert (await fresh("status"))["alarms"] == []
