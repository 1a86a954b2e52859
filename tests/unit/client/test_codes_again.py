"""A code that is given again is another's: nobody inherits what its former bearer wrote."""

from __future__ import annotations

from pathlib import Path

import pytest
from cencomm_client import Admission
from cencomm_client.errors import HandlingForbids, NotTheAuthor
from cencomm_client.handling import Way
from cencomm_client.items import Control
from cencomm_client.operation import Operation
from cencomm_client.posting import Posted
from cencomm_client.work import authoring
from cencomm_client.work.attending import owing_administrations
from cencomm_client.work.gate import Gate
from cencomm_crypto.errors import ErrorCode, Rejected
from cencomm_crypto.member.payload import make_payload

from tests.support.counter import Town, over
from tests.support.talk import warning
from tests.support.vaults import vault_of
from tests.unit.client.test_work import code, manned

GERMAN = 1


@pytest.fixture
def town(tmp_path: Path) -> Town:
    return Town(tmp_path)


async def succeeded(
    town: Town, folder: Path, *, gone: bool = True
) -> tuple[Operation, Operation, Posted]:
    """FR, somebody of a new DE, and an H2 warning of the DE that was suspended; its people are
    `gone`, or members as yet."""
    fr, de, _ = await manned(town)
    secret = await de.channel("alpha").post("WRN", warning(handling=["H2"]))
    if gone:
        await fr.remove([code(town, GERMAN)])
    town.directory.suspend_administration(town.people[GERMAN].administration)
    anew = town.directory.administration("DE")
    person = town.directory.person(anew)
    vault = vault_of(folder / "anew.vault", town.directory, person)
    await fr._station.mirror.pull_directory(fr._station.transport)
    await fr.admit([Admission(person.code, "coordinator")])
    await fr.tend()
    other = over(await town.counter.desk(folder, person, vault))
    await other.refresh()
    return fr, other, secret


async def test_a_new_administration_of_a_former_ones_code_changes_nothing_of_it(
    town: Town, tmp_path: Path
) -> None:
    fr, other, secret = await succeeded(town, tmp_path)
    assert other.administration == "DE"
    for act in (
        authoring.correct(other, secret.leaf, {"action": "monitor"}, "x"),
        authoring.withdraw(other, secret.leaf, "x"),
    ):
        with pytest.raises(NotTheAuthor, match="a former DE"):
            await act
    content = {"target": secret.leaf, "reason": "x"}  # by a client that does not ask
    for number, (kind, fields) in enumerate((("COR", {"action": "monitor"}), ("WDR", None))):
        said = content if fields is None else {**content, "fields": fields}
        payload = make_payload(kind, bytes([number]) * 16, said)
        await other._poster.seal(other.channel("alpha").id, payload)
    await fr.refresh()
    desk = fr.attend().refresh()
    message = desk.message(secret.leaf)
    assert message is not None
    present = desk.present(message)
    assert present.content == message.content
    assert len(present.idle) == 2


async def test_it_grants_nothing_of_what_the_former_one_wrote(town: Town, tmp_path: Path) -> None:
    fr, other, secret = await succeeded(town, tmp_path)
    grant = {"entry": secret.leaf, "fields": ["*"], "use": "export", "decision": "granted"}
    await other.channel("alpha").post("REL", grant)
    await fr.refresh()
    gate = Gate(fr)
    message = gate.message(secret.leaf)
    assert message is not None
    with pytest.raises(HandlingForbids):
        gate.check(message, Way.EXPORT)


async def test_it_owes_reports_from_its_own_admission_on(town: Town, tmp_path: Path) -> None:
    fr, other, _ = await succeeded(town, tmp_path, gone=False)
    await fr.refresh()
    owing = owing_administrations(fr.state, fr.directory, fr.view.feed)
    admitted = fr.view.feed.at(fr.state.members[other.person].admitted)
    assert isinstance(admitted, Control)
    assert owing["DE"] == admitted.place.at
    assert owing["FR"] < owing["DE"]


def test_a_persons_code_is_given_once_for_ever(town: Town) -> None:
    """Not after a suspension either, nor by a new administration of the same code."""
    german = town.people[GERMAN]
    town.directory.suspend(german)
    body = {"person": bytes(16), "code": german.code, "kind": "human"}
    refused = [
        town.directory.offer(
            town.directory.author("person.add", body, german.administration.ncp.device)
        )
    ]
    town.directory.suspend_administration(german.administration)
    anew = town.directory.administration("DE")
    refused.append(town.directory.offer(town.directory.author("person.add", body, anew.ncp.device)))
    codes = [one.code for one in refused if isinstance(one, Rejected)]
    assert codes == [ErrorCode.ALREADY_EXISTS] * 2
