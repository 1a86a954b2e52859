"""A correction that leaves no right form is shown as damaged by each reader, and has no effect."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from cencomm_client import corrections
from cencomm_client.cen import prepare
from cencomm_client.cli.desk_documents import history_rows
from cencomm_client.cli.documents import item_document
from cencomm_client.errors import NotChangeable, NotTheAuthor
from cencomm_client.form_library import data_folder, read_set
from cencomm_client.items import Message
from cencomm_client.view import OperationView
from cencomm_client.work import authoring
from cencomm_client.work import desk as work_desk
from cencomm_client.work.gate import Gate
from cencomm_config.forms import FormInvalid
from cencomm_crypto.errors import ProtocolError
from cencomm_crypto.member.payload import make_payload
from cencomm_crypto.member.profile import Profile, profile_content

from tests.lifecycle.said import task
from tests.support.counter import Desk, Town, over
from tests.support.talk import seizure, warning

TRIES = 1_000


@pytest.fixture
def town(tmp_path: Path) -> Town:
    return Town(tmp_path)


class Table:
    """Two desks of two administrations; `one` is an author of bad will where a test says so."""

    def __init__(self, town: Town, one: Desk, two: Desk) -> None:
        self.town, self.one, self.two = town, one, two
        self._mids = 0

    @classmethod
    async def laid(cls, town: Town) -> Table:
        one, two = await town.desk(0), await town.desk(1)
        await one.channel(town.chan).post("MSG", {"text": "opened"})
        await two.read()
        return cls(town, one, two)

    def force(
        self, kind: str, content: Mapping[str, Any], by: Desk | None = None, mid: bytes = b""
    ) -> bytes:
        """Into the log whatever a client refuses; the leaf."""
        self._mids += 1
        payload = make_payload(kind, mid or b"%016d" % self._mids, content)
        return (by or self.one).force(self.town.chan, payload).leaf

    def corrects(self, leaf: bytes, by: Desk | None = None, **fields: Any) -> bytes:
        return self.force("COR", {"target": leaf, "fields": fields, "reason": "x"}, by)

    def withdraws(self, leaf: bytes, by: Desk | None = None) -> bytes:
        return self.force("WDR", {"target": leaf, "reason": "x"}, by)


def shown(view: OperationView, leaf: bytes) -> Message:
    (found,) = [
        item for item in view.feed.items() if isinstance(item, Message) and item.place.leaf == leaf
    ]
    return found


def damage(view: OperationView, leaf: bytes) -> str | None:
    found = shown(view, leaf)
    assert (found.content is None) == (found.damage is not None)
    return None if found.damage is None else found.damage.code


def worked(desk: Desk) -> work_desk.Desk:
    return over(desk).attend().refresh()


def says(desk: Desk, leaf: bytes) -> Mapping[str, Any] | None:
    found = worked(desk)
    message = found.message(leaf)
    assert message is not None
    return found.present(message).content


async def test_a_correction_that_breaks_the_form_is_damaged_and_changes_nothing(
    town: Town,
) -> None:
    table = await Table.laid(town)
    seized = table.force("SZR", seizure())
    wrong = table.corrects(seized, office="Hamburg", direction="sideways", remarks="kept")
    right = table.corrects(seized, office="DEBRV")
    for desk in (table.one, table.two):
        await desk.read()
        told = shown(desk.view, wrong).damage
        assert told is not None
        assert (told.code, told.target) == ("form_invalid", seized)
        assert [error.path for error in told.errors] == ["office", "direction"]
        assert "Hamburg" in told.errors[0].text("fr")
        assert damage(desk.view, right) is None
        assert says(desk, seized) == seizure(office="DEBRV")


async def test_a_correction_that_breaks_the_form_opens_and_closes_no_task(town: Town) -> None:
    table = await Table.laid(town)
    asked = table.force("TSK", task(mandatory=True))
    wrong = table.corrects(asked, mandatory=False, due="soon")
    await table.two.read()
    assert damage(table.two.view, wrong) == "form_invalid"
    assert [open_.leaf for open_ in table.two.view.tasks.mandatory()] == [asked]
    right = table.corrects(asked, mandatory=False)
    await table.two.read()
    assert damage(table.two.view, right) is None
    assert table.two.view.tasks.mandatory() == ()
    wrong = table.corrects(asked, mandatory=True, due="soon")
    await table.two.read()
    assert table.two.view.tasks.mandatory() == ()


async def test_the_history_of_an_entry_shows_the_damaged_correction(town: Town) -> None:
    table = await Table.laid(town)
    seized = table.force("SZR", seizure())
    wrong = table.corrects(seized, office="Hamburg")
    await table.two.read()
    found = worked(table.two)
    chain = found.chain(wrong)
    assert chain is not None
    assert chain.leaf == seized
    rows = {row.message.place.leaf: row.state for row in history_rows(found, chain)}
    assert rows == {seized: "", wrong: "without effect"}


async def test_reading_at_once_and_step_by_step_gives_the_same(town: Town) -> None:
    table = await Table.laid(town)
    seized = table.force("SZR", seizure())
    leaves = [seized]
    tries: list[dict[str, Any]] = [
        *({"office": "x"}, {"form": "long"}, {"office": "FRLEH"}, {"goods": []})
    ]
    for fields in tries:
        leaves.append(table.corrects(seized, **fields))
        await table.two.read()
    leaves.append(table.withdraws(leaves[3]))
    await table.two.read()
    anew = OperationView(table.two.station, town.counter.log)
    assert [shown(anew, leaf) for leaf in leaves] == [
        shown(table.two.view, leaf) for leaf in leaves
    ]
    assert [damage(anew, leaf) for leaf in leaves].count("form_invalid") >= 2


async def test_what_no_correction_can_be_about_is_said(town: Town) -> None:
    table = await Table.laid(town)
    seized = table.force("SZR", seizure())
    right = table.corrects(seized, office="DEBRV")
    gone = table.withdraws(seized)
    future = table.force("XYZ", {"of": "a later program"})
    own = Profile(town.people[0].id, town.people[0].code, "A. Martin")
    payload = make_payload("PRF", b"p" * 16, profile_content([own]))
    profile = await table.one.poster.seal(town.operation.main, payload)
    genesis = town.operation.entries[0].leaf
    targets = [right, gone, future, profile.leaf, genesis, b"?" * 32]
    wrong = [table.corrects(leaf, text="x") for leaf in targets]
    await table.two.read()
    assert [damage(table.two.view, leaf) for leaf in wrong] == ["not_changeable"] * 6
    told = [shown(table.two.view, leaf).damage for leaf in wrong]
    assert [one.target for one in told if one] == targets
    assert damage(table.two.view, right) is None


@pytest.mark.parametrize("field", [{"exercise": True}, {"promotes": b"h" * 32}])
async def test_a_field_that_decides_at_posting_is_not_corrected(
    town: Town, field: dict[str, Any]
) -> None:
    table = await Table.laid(town)
    warned = table.force("WRN", warning())
    wrong = table.corrects(warned, remarks="y", **field)
    await table.two.read()
    told = shown(table.two.view, wrong).damage
    assert told is not None
    assert [(one.path, one.expected.code) for one in told.errors] == [(*field, "field_final")]
    with pytest.raises(FormInvalid, match="withdraw"):
        await authoring.correct(over(table.one), warned, {**field, "hs": ["7"]}, "x")


async def test_a_target_that_this_device_cannot_read_leaves_a_correction_as_it_is(
    town: Town,
) -> None:
    """In a channel of others: whether it is right is theirs to see."""
    beta = town.operation.channel("beta", [town.people[0], town.people[2]])
    table = await Table.laid(town)
    third = await town.desk(2)
    there = await table.one.channel(beta).post("SZR", seizure())
    wrong = table.corrects(there.leaf, office="Hamburg")
    await table.two.read()
    await third.read()
    assert damage(third.view, wrong) == "form_invalid"
    assert damage(table.two.view, wrong) is None
    assert worked(table.two).message(there.leaf) is None


async def test_a_target_that_becomes_readable_later_shows_what_is_wrong_with_its_correction(
    tmp_path: Path,
) -> None:
    """The key of the target's epoch came last."""
    town = Town(tmp_path, history="none")
    one, two = await town.desk(0), await town.desk(1)
    there = await one.channel(town.chan).post("SZR", seizure())
    await one.poster.sender.rotate(town.chan, 2)
    await two.poster.sender.pull()
    secret = one.view.keyring.secret(town.operation.state, town.chan, 2)
    assert secret is not None
    table = Table(town, one, two)
    wrong = table.corrects(there.leaf, office="Hamburg")
    right = table.corrects(there.leaf, office="DEBRV")
    await two.poster.sender.pull()
    assert damage(two.view, wrong) == "no_epoch_key"
    two.view.keyring.keep(two.view.state, secret)  # of its epoch alone
    two.view.learned(town.chan, [2])
    assert [damage(two.view, leaf) for leaf in (wrong, right)] == [None, None]
    assert damage(two.view, there.leaf) == "no_epoch_key"
    await two.read()
    assert damage(two.view, there.leaf) is None
    assert [damage(two.view, leaf) for leaf in (wrong, right)] == ["form_invalid", None]


async def test_a_correction_is_judged_with_those_before_it_that_stand(town: Town) -> None:
    table = await Table.laid(town)
    warned = table.force("WRN", warning())
    coded = table.corrects(warned, handling=["H3"], handling_text="ask first")
    leaning = table.corrects(warned, handling=["H3", "H1"])
    await table.two.read()
    assert damage(table.two.view, leaning) is None
    before = table.two.view.feed.size
    table.withdraws(coded)
    await table.two.read()
    assert damage(table.two.view, leaning) == "form_invalid"
    again, _ = table.two.view.feed.since(before)
    assert leaning in [item.place.leaf for item in again if isinstance(item, Message)]
    assert says(table.two, warned) == warning()


async def test_anothers_correction_is_no_ground_for_the_next(town: Town) -> None:
    """Of another administration: it has no effect, so nothing is judged with it."""
    table = await Table.laid(town)
    warned = table.force("WRN", warning())
    theirs = table.corrects(warned, by=table.two, handling=["H3"], handling_text="ask first")
    leaning = table.corrects(warned, handling=["H3"])
    await table.two.read()
    assert [damage(table.two.view, leaf) for leaf in (theirs, leaning)] == [None, "form_invalid"]


async def test_a_correction_sealed_anew_is_judged_as_the_first(town: Town) -> None:
    table = await Table.laid(town)
    warned = table.force("WRN", warning(), mid=b"w" * 16)
    twin = table.force("WRN", warning(), mid=b"w" * 16)
    said = {"target": twin, "fields": {"handling": ["H3"], "handling_text": "a"}, "reason": "x"}
    first, again = (table.force("COR", said, mid=b"c" * 16) for _ in range(2))
    leaning = table.corrects(warned, handling=["H3", "H1"])
    await table.two.read()
    leaves = (first, again, leaning)
    assert [damage(table.two.view, leaf) for leaf in leaves] == [None] * 3
    table.withdraws(first)
    await table.two.read()
    assert [damage(table.two.view, leaf) for leaf in leaves] == [None, None, "form_invalid"]


async def test_the_operations_own_forms_hold_for_what_is_corrected(tmp_path: Path) -> None:
    document = {"format": 1, "name": "M", "forms": {"WRN": {"max_length": {"remarks": 5}}}}
    made = read_set(json.dumps(document).encode())
    town = Town(tmp_path, forms=made.hash)
    table = await Table.laid(town)
    warned = table.force("WRN", warning())
    wrong = table.corrects(warned, remarks="longer than five")
    await table.two.read()
    assert damage(table.two.view, wrong) is None  # by the base set, which is all it has
    table.two.view.forms.keep(json.dumps(document).encode())
    assert data_folder(table.two.station.vault.path).exists()
    anew = OperationView(table.two.station, town.counter.log)
    assert damage(anew, wrong) == "form_invalid"


async def test_cen_takes_what_readers_see(town: Town) -> None:
    table = await Table.laid(town)
    seized = table.force("SZR", seizure())
    table.corrects(seized, office="Hamburg")
    table.corrects(seized, office="DEBRV")
    await table.two.read()
    messages = [item for item in table.two.view.feed.items() if isinstance(item, Message)]
    code = shown(table.two.view, seized).author.administration
    made = prepare(messages, operation="M", administration=code)
    assert json.loads(made.lines)["case"]["office"] == "DEBRV"


async def test_an_author_seals_new_fields_in_their_normal_form(town: Town) -> None:
    table = await Table.laid(town)
    warned = table.force("WRN", warning())
    operation = over(table.one)
    new = {"identifiers": {"container": "msku 601167-2"}}
    posted = await authoring.correct(operation, warned, new, "misread")
    await table.two.read()
    assert damage(table.two.view, posted.leaf) is None
    present = says(table.two, warned)
    assert present is not None
    assert present["identifiers"] == {"container": "MSKU6011672"}
    with pytest.raises(NotChangeable, match="COR"):
        await authoring.correct(operation, posted.leaf, {"reason": "y"}, "x")
    withdrawn = await authoring.withdraw(operation, warned, "x")
    with pytest.raises(NotChangeable, match="withdrawn"):
        await authoring.correct(operation, warned, new, "x")
    with pytest.raises(NotChangeable, match="withdrawn"):
        await authoring.withdraw(operation, warned, "once more")
    with pytest.raises(NotChangeable, match="final"):
        await authoring.withdraw(operation, withdrawn.leaf, "x")


async def test_what_a_wrong_correction_of_an_h2_entry_tried_stays_here(town: Town) -> None:
    table = await Table.laid(town)
    seized = table.force("SZR", seizure(handling=["H2"]))
    wrong = table.corrects(seized, office="The Warehouse")
    await table.two.read()
    operation = over(table.two)
    message = operation.attend().refresh().message(wrong)
    assert message is not None
    assert message.damage is not None
    assert "The Warehouse" in message.damage.detail
    told = json.dumps(item_document(await Gate(operation).copied(message), "en"), default=str)
    assert "form_invalid" in told
    assert "Warehouse" not in told


async def test_a_thousand_corrections_of_one_entry_are_each_held_against_the_form_once(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A35: with each of them judged anew for each, one member made everybody's client stand."""
    table = await Table.laid(town)
    seized = table.force("SZR", seizure())
    for number in range(TRIES):
        table.corrects(seized, remarks=f"{number}")
    await table.two.read()
    judged = Counter[str]()
    really = corrections.corrected

    def counted(*given: Any) -> dict[str, Any]:
        judged["corrected"] += 1
        return really(*given)

    monkeypatch.setattr(corrections, "corrected", counted)
    OperationView(table.two.station, town.counter.log)
    assert judged["corrected"] == TRIES


async def test_a_client_seals_no_correction_that_would_have_no_effect(town: Town) -> None:
    """Also where it is posted as the form that it is, without the words for it."""
    table = await Table.laid(town)
    posted = await table.one.channel(town.chan).post("SZR", seizure())
    wrong = table.corrects(posted.leaf, office="Hamburg")  # of another program: no ground for more
    for desk in (table.one, table.two):
        await desk.read()
    size = town.operation.log.size

    async def tries(desk: Desk, target: bytes, **fields: Any) -> None:
        content = {"target": target, "fields": fields, "reason": "x"}
        await desk.channel(town.chan).post("COR", content)

    with pytest.raises(FormInvalid, match="office"):
        await tries(table.one, posted.leaf, office="Bremen")
    with pytest.raises(NotTheAuthor):
        await tries(table.two, posted.leaf, office="DEBRV")
    with pytest.raises(NotChangeable):
        await tries(table.one, wrong, office="DEBRV")
    with pytest.raises(ProtocolError, match="unknown_reference"):
        await tries(table.one, b"?" * 32, office="DEBRV")
    assert town.operation.log.size == size
    await tries(table.one, posted.leaf, office="debrv")
    await table.two.read()
    assert says(table.two, posted.leaf) == seizure(office="DEBRV")
