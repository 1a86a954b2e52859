"""A release out of an exercise, by a client that does not refuse it, lets nothing out."""

from __future__ import annotations

from pathlib import Path

import pytest
from cencomm_client.cen import USE, USE_WITHDRAWN, extract
from cencomm_client.items import Control, Flag
from cencomm_client.operation import Operation

from tests.support.counter import Town, over
from tests.support.talk import seizure
from tests.support.vaults import vault_of
from tests.unit.client.test_work import code, manned

SEIZED = seizure(country="FR", office="FRLEH", trigger="routine")


async def released(town: Town, folder: Path, **fields: object) -> tuple[Operation, Operation]:
    """An ended operation of which FR's NCP has released one seizure for CEN, and the NCP's view."""
    fr, de, _ = await manned(town)
    town.operation.admit(town.ncp, "ncp")
    vault = vault_of(folder / "ncp.vault", town.directory, town.ncp)
    ncp = over(await town.counter.desk(folder, town.ncp, vault))
    seized = await fr.channel("alpha").post("SZR", {**SEIZED, **fields})
    await fr.set_role(code(town, 1), "coordinator")
    await fr.tend()  # it hands the newcomer the keys
    await ncp.refresh()
    body = {"entry": seized.leaf, "fields": ["office"], "use": USE, "manifest": bytes(32)}
    await ncp._poster.decide("release", body)
    await fr.refresh()
    await de.approve(await fr.propose("close"))
    await fr.refresh()
    await ncp.refresh()
    return fr, ncp


@pytest.mark.parametrize("exercise", [True, False])
async def test_what_is_released_of_an_exercise_is_flagged_and_counts_for_nothing(
    tmp_path: Path, exercise: bool
) -> None:
    fr, ncp = await released(Town(tmp_path, exercise=exercise), tmp_path)
    flags = [
        Flag.EXERCISE_RELEASE in item.flags
        for item in fr.items()
        if isinstance(item, Control) and item.type == "release"
    ]
    assert flags == [exercise]
    made = await extract(ncp, folder=tmp_path / "out")
    reasons = [row.reason for row in made.extract.excluded]
    assert reasons == (["exercise"] if exercise else [])
    assert (made.posted == ()) is exercise
    assert made.extract.withdrawn == ()


async def test_an_exercise_that_was_released_from_a_real_operation_is_recalled(
    tmp_path: Path,
) -> None:
    """Its form says that it is one: CEN has it of another client."""
    _, ncp = await released(Town(tmp_path), tmp_path, exercise=True)
    made = await extract(ncp, folder=tmp_path / "out")
    (leaf,) = made.extract.withdrawn
    assert [row.entry for row in ncp.state.releases.values() if row.use == USE_WITHDRAWN] == [leaf]
