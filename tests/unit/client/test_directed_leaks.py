"""No way of this client takes what is for a few into a channel that more read (A54)."""

from __future__ import annotations

from pathlib import Path

import pytest
from cencomm_client import Admission
from cencomm_client.cli.documents import operation_document
from cencomm_client.errors import NotDirected
from cencomm_client.operation import Operation
from cencomm_client.work import authoring
from cencomm_crypto.errors import ErrorCode, ProtocolError

from tests.lifecycle.said import DELIVERY
from tests.support.counter import Town
from tests.support.talk import warning
from tests.unit.client.test_work import code, manned

COORDINATOR, GERMAN, OFFICER, EXPERT = range(4)


@pytest.fixture
def town(tmp_path: Path) -> Town:
    return Town(tmp_path, members=4)


async def refreshed(*operations: Operation) -> None:
    for operation in operations:
        await operation.refresh()


async def test_a_channel_with_an_expert_is_not_the_one_for_its_list_alone(town: Town) -> None:
    fr, de, _ = await manned(town)
    thread = await fr.directed("alpha", people=[code(town, GERMAN)])
    await fr.remove([code(town, EXPERT)])
    await fr.admit([Admission(code(town, EXPERT), "expert", channel=thread.id.hex())])
    await refreshed(de)
    meant = await de.directed("alpha", people=[code(town, COORDINATOR)])
    readers = {one.person for one in de.members() if de.state.in_channel(one.person, meant.state)}
    assert readers == {town.people[COORDINATOR].id, town.people[GERMAN].id}
    assert meant.id != thread.id


async def test_an_expert_of_a_named_administration_belongs_to_it(town: Town) -> None:
    fr, _, _ = await manned(town)
    both = await fr.directed("alpha", administrations=["FR", "DE"])
    await fr.remove([code(town, EXPERT)])
    await fr.admit([Admission(code(town, EXPERT), "expert", channel=both.id.hex())])
    assert (await fr.directed("alpha", administrations=["FR", "DE"])).id == both.id


async def test_a_name_that_two_sets_have_is_no_name(town: Town) -> None:
    """A member makes a channel that is called as another set's would be, with itself in it."""
    fr, de, officer = await manned(town)
    listener = await de.create_channel(
        code(town, OFFICER),
        members=[code(town, COORDINATOR), code(town, OFFICER)],
        parent="alpha",
    )
    await refreshed(fr)
    meant = await fr.directed("alpha", people=[code(town, OFFICER)])
    assert (meant.name, meant.id) != (listener.name, listener.id)
    assert meant.name == listener.name
    with pytest.raises(ProtocolError, match=meant.id.hex()[:8]) as refused:
        fr.channel(meant.name)
    assert refused.value.code == ErrorCode.BAD_VALUE
    assert fr.channel(meant.id.hex()).id == meant.id
    shown = operation_document(fr, town.directory.state)["channels"]
    readers = {row["channel"]: row["readers"] for row in shown}
    assert readers[meant.id] == sorted([code(town, COORDINATOR), code(town, OFFICER)])
    assert code(town, GERMAN) in readers[listener.id]
    assert readers[fr.channel("alpha").id] is None
    await refreshed(officer)


async def test_a_controlled_delivery_is_forwarded_into_no_wider_channel(town: Town) -> None:
    fr, de, _ = await manned(town)
    few = await fr.directed("alpha", people=[code(town, GERMAN)])
    told = await few.post("CDN", DELIVERY | {"recipients": [code(town, GERMAN)]})
    changed = await authoring.correct(fr, told.leaf, {"stop_conditions": ["fog"]}, "late")
    await refreshed(de)
    for leaf in (told.leaf, changed.leaf):
        with pytest.raises(NotDirected):
            await authoring.forward(de, leaf, "alpha")
    other = await de.directed("alpha", people=[code(town, OFFICER)])
    await authoring.forward(de, told.leaf, other.id.hex())


async def test_a_correction_says_nothing_red_where_all_read(town: Town) -> None:
    fr, _, _ = await manned(town)
    warned = await fr.channel("alpha").post("WRN", warning())
    with pytest.raises(NotDirected):
        await authoring.correct(fr, warned.leaf, {"tlp": "RED", "remarks": "by rail"}, "more")
    fields = {"tlp": "RED", "remarks": "by rail"}
    content = {"target": warned.leaf, "fields": fields, "reason": "more"}
    with pytest.raises(NotDirected):
        await fr.channel("alpha").post("COR", content, re=warned)
    await authoring.correct(fr, warned.leaf, {"tlp": "RED"}, "it was meant for few")
    with pytest.raises(NotDirected):
        await authoring.correct(fr, warned.leaf, {"remarks": "by rail"}, "more")
    few = await fr.directed("alpha", people=[code(town, GERMAN)])
    said = await few.post("WRN", warning(tlp="RED"))
    await authoring.correct(fr, said.leaf, {"remarks": "by rail"}, "more")
