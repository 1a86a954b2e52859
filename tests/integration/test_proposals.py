"""A longer window and an early end, proposed by one administration and approved by another."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from cencomm_client import Client, OperationPlan
from cencomm_client.operation import Operation
from cencomm_client.plan import Admission
from cencomm_client.proposals import Standing
from cencomm_crypto.errors import CencommError, ErrorCode
from cencomm_crypto.public.phases import Phase

from tests.support.deployment import Deployment, deployed, needs_store, now_ms
from tests.support.terminal import Desk

HOUR = 3_600_000


async def founded(rilo: Client) -> Operation:
    """An operation in LIVE with coordinators of two administrations."""
    now = now_ms()
    plan = OperationPlan(name="MERIDIAN", not_before=now - 1000, not_after=now + HOUR, legal="x")
    operation = await rilo.create_operation(plan)
    await operation.create_channel("alpha")
    await operation.admit([Admission("FR-001", "coordinator")])
    for phase in ("prep", "live"):
        await operation.set_phase(phase)
    return operation


async def two_sides(town: Deployment) -> tuple[Client, Client]:
    rilo = await town.contact_point("RILO", "RILO-001", live=False)
    await town.may_create(rilo)
    return rilo, await town.contact_point("FR", "FR-001", live=False)


def iso(at: int) -> str:
    """ISO 8601 with a zone, to the second."""
    return datetime.fromtimestamp(at // 1000, UTC).isoformat()


async def refused(work: object, code: ErrorCode) -> None:
    with pytest.raises(CencommError) as raised:
        await work  # type: ignore[misc]
    assert raised.value.code == code


@needs_store
async def test_two_administrations_extend_and_end_an_operation(tmp_path: Path) -> None:
    async with deployed(tmp_path) as town:
        rilo, france = await two_sides(town)
        mine = await founded(rilo)
        end = mine.state.window[1]
        await refused(mine.extend(not_after=end - 1), ErrorCode.BAD_VALUE)
        posted = await mine.extend(not_after=end + HOUR, live=end + HOUR)
        assert mine.state.window[1] == end  # a proposal moves nothing
        await refused(mine.approve(posted), ErrorCode.SAME_ADMINISTRATION)

        await france.refresh()
        theirs = await france.operation("MERIDIAN")
        (seen,) = theirs.proposals()
        assert (seen.leaf, seen.subject, seen.standing) == (posted.leaf, "window", Standing.OPEN)
        assert (seen.code, seen.administration, seen.ours) == ("RILO-001", "RILO", False)
        await theirs.approve(seen.leaf)
        await refused(theirs.approve(seen.leaf), ErrorCode.PROPOSAL_SPENT)
        await mine.refresh()
        for side in (mine, theirs):
            assert side.state.window[1] == side.state.live[1] == end + HOUR
            assert side.channel("alpha").state.window[1] == end  # moves only if it is named
            assert [row.standing for row in side.proposals()] == [Standing.APPROVED]
        assert mine.proposals()[0].ours

        for client in (rilo, france):
            await client.close()  # the vaults are the commands' now
        town.clients.clear()
        await by_commands(tmp_path, end)


async def by_commands(folder: Path, end: int) -> None:
    """The same at two terminals: the channel's end, then the end of all."""
    rilo, france = Desk(folder, "RILO-001"), Desk(folder, "FR-001")
    later = (end + HOUR) // 1000 * 1000
    posted = await rilo("operation", "extend", "MERIDIAN", "--channel", f"alpha={iso(later)}")
    (row,) = (await france("operation", "proposals", "MERIDIAN"))["proposals"]
    assert (row["proposal"], row["by"], row["state"]) == (posted["leaf"], "RILO-001", "open")
    await france("operation", "approve", "MERIDIAN", row["proposal"])
    shown = await rilo("operation", "show", "MERIDIAN")
    (alpha,) = [chan for chan in shown["channels"] if chan["name"] == "alpha"]
    assert alpha["window"][1] == later

    early = await france("operation", "close", "MERIDIAN")
    await rilo("operation", "approve", "MERIDIAN", early["leaf"])
    assert (await france("operation", "show", "MERIDIAN"))["phase"] == Phase.CLOSED
