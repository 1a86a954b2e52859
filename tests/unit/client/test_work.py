"""Work on real sealed entries: correct, withdraw, forward, export, remind, over one counter."""

from __future__ import annotations

import asyncio
import gc
import weakref
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cencomm_client.cen import extract
from cencomm_client.cli.documents import item_document
from cencomm_client.cli.output import dumps
from cencomm_client.erasing import forget
from cencomm_client.errors import FileUnusable, HandlingForbids, NotDirected, NotTheAuthor
from cencomm_client.handling import Way
from cencomm_client.items import Damage, Message
from cencomm_client.operation import Operation
from cencomm_client.posting import Posted
from cencomm_client.sealing import drop_key_note
from cencomm_client.vault_contents import OutboxItem
from cencomm_client.work import authoring
from cencomm_client.work.clocks import Stage
from cencomm_client.work.desk import Desk as WorkDesk
from cencomm_client.work.desk_bot import DeskBot
from cencomm_client.work.gate import Gate
from cencomm_config.forms import FieldError, FormInvalid
from cencomm_config.forms.errors import Expected
from cencomm_crypto.errors import CencommError, ErrorCode
from cencomm_crypto.public.ids import EntryId

from tests.lifecycle.said import DELIVERY
from tests.support.counter import Town, over
from tests.support.talk import seizure, warning
from tests.support.vaults import vault_of

MINUTE = 60_000


@pytest.fixture
def town(tmp_path: Path) -> Town:
    return Town(tmp_path)


async def manned(town: Town) -> list[Operation]:
    """A coordinator of FR, an officer of DE, an officer of FR; each can read the channel."""
    first = over(await town.desk(0))
    await first.channel("alpha").post("MSG", {"text": "opened"})
    others = [over(await town.desk(place)) for place in (1, 2)]
    for one in others:
        await one.refresh()
    return [first, *others]


def code(town: Town, place: int) -> str:
    return town.people[place].code


async def test_a_correction_and_a_withdrawal_reach_everybodys_desk(town: Town) -> None:
    fr, de, _ = await manned(town)
    warned = await fr.channel("alpha").post("WRN", warning(), to=[code(town, 1)])
    await authoring.correct(fr, warned.leaf, {"goods_suspected": "ivory"}, "misread")
    await de.refresh()
    (chain,) = de.attend().refresh().snapshot(0).warnings
    assert chain.subject == "CSQU3054383 ivory"
    await authoring.withdraw(fr, warned.leaf, "wrong number")
    await de.refresh()
    desk = de.attend().refresh()
    assert desk.snapshot(0).warnings == ()
    assert [one.kind for one in desk.history(warned.leaf)] == ["WRN", "COR", "WDR"]


async def test_a_client_refuses_to_change_what_another_administration_said(town: Town) -> None:
    fr, de, colleague = await manned(town)
    warned = await fr.channel("alpha").post("WRN", warning())
    for act in (
        authoring.correct(de, warned.leaf, {"action": "monitor"}, "x"),
        authoring.withdraw(de, warned.leaf, "x"),
    ):
        with pytest.raises(NotTheAuthor, match="FR"):
            await act
    await authoring.withdraw(colleague, warned.leaf, "by the same administration")


async def test_a_correction_must_leave_a_right_form(town: Town) -> None:
    fr, *_ = await manned(town)
    seized = await fr.channel("alpha").post("SZR", seizure())
    with pytest.raises(CencommError, match="office"):
        await authoring.correct(fr, seized.leaf, {"office": "Hamburg"}, "x")


@pytest.mark.parametrize("content", [{"handling": ["H2"]}, {"tlp": "RED"}])
async def test_every_way_out_is_closed_then_opened_by_a_rel_and_logged(
    town: Town, content: dict[str, object]
) -> None:
    fr, de, _ = await manned(town)
    await fr.create_channel("beta")
    # TLP RED stands in directed channels alone, and so does what is quoted of it.
    red = "tlp" in content
    alpha = await fr.directed("alpha", administrations=["DE"]) if red else fr.channel("alpha")
    await de.refresh()
    beta = (await fr.directed("beta", administrations=["DE"])).name if red else "beta"
    await de.refresh()
    secret = await alpha.post("WRN", warning(**content))
    await de.refresh()
    with pytest.raises(HandlingForbids, match=f"entry {secret.seq} "):
        await authoring.forward(de, secret.leaf, beta)
    with pytest.raises(HandlingForbids, match=f"entry {secret.seq} "):
        await authoring.export(de, [secret.leaf])
    passing, stays = await authoring.export(de)
    assert [one.entry for one in stays] == [secret.leaf]
    assert secret.leaf not in [message.place.leaf for message, _ in passing]
    gate = Gate(de)
    message = gate.message(secret.leaf)
    assert message is not None
    copied = await gate.copied(message)
    assert isinstance(copied, Message)
    assert copied.content is None
    assert copied.damage is not None
    assert copied.damage.code == "handling_forbids"

    grant = {
        "entry": secret.leaf,
        "fields": ["identifiers", "subject"],
        "use": "forward, export, copy out: a trial",
        "decision": "granted",
        "conditions": "Not to the press.",
    }
    released = await alpha.post("REL", grant)
    await de.refresh()
    (only, let_out), *_ = (await authoring.export(de, [secret.leaf]))[0]
    wanted = {**content, "subject": "container", "identifiers": {"container": "CSQU3054383"}}
    assert (only.place.leaf, let_out) == (secret.leaf, wanted)
    forwarded = await authoring.forward(de, secret.leaf, beta)
    for _ in range(2):
        copied = await gate.copied(message)
        assert isinstance(copied, Message)
        assert copied.content == wanted
    await fr.refresh()
    uses = [
        (one.author.administration, dict(one.content or {}))
        for one in fr.attend().refresh().messages()
        if one.kind == "REL" and one.re == released.leaf
    ]
    assert [use["use"] for _, use in uses] == ["export", "forward", "copy out"]
    assert all("Not to the press." in use["remarks"] for _, use in uses)
    assert {who for who, _ in uses} == {"DE"}
    quoted = fr.attend().refresh().message(forwarded.leaf)
    assert quoted is not None
    assert quoted.content is not None
    assert {name: quoted.content.get(name) for name in content} == content  # still bound
    with pytest.raises(HandlingForbids):
        Gate(fr).check(quoted, Way.EXPORT)


async def test_a_damaged_form_tells_a_program_where_it_is_wrong_and_not_what_was_read(
    town: Town,
) -> None:
    """It may be of H2 and of another client: nobody can say what binds it."""
    fr, _, _ = await manned(town)
    wrong = FieldError(("remarks",), {"en": "Remarks"}, "J. Kowalski", Expected("x"))
    posted = await fr.channel("alpha").post("WRN", warning())
    await fr.refresh()
    item = fr.view.feed.at(posted.seq)
    assert isinstance(item, Message)
    invalid = FormInvalid((wrong,))
    damage = Damage(invalid.code, invalid.detail, invalid.errors)
    copied = await Gate(fr).copied(replace(item, content=None, damage=damage))
    document = dumps(item_document(copied, "en"))
    assert "Kowalski" not in document
    assert "remarks" in document
    assert "form_invalid" in document


async def test_a_desk_that_runs_on_asks_for_the_reports_of_a_longer_live(town: Town) -> None:
    fr, de, _ = await manned(town)
    await fr.set_role(code(town, 1), "coordinator")
    attendant = fr.attend()
    day, live = 24 * 60 * MINUTE, fr.state.live
    periods = attendant.refresh()._periods.count
    proposed = await fr.extend(not_after=fr.state.window[1] + 3 * day, live=live[1] + 2 * day)
    await de.approve(proposed)
    await fr.refresh()
    assert attendant.refresh()._periods.count == periods + 2


async def test_all_who_read_threads_read_the_same_ones_and_the_last_lets_go_of_them(
    town: Town,
) -> None:
    fr, _, _ = await manned(town)
    attendant, gate = fr.attend(), Gate(fr)
    warned = await fr.channel("alpha").post("WRN", warning())
    await fr.refresh()
    first, again = attendant.refresh(), gate._attendant.refresh()
    assert first._threads is again._threads is fr.view.threads().refresh()
    assert first.chain(warned.leaf) is not None
    assert first.chain(warned.leaf) == again.chain(warned.leaf)
    kept = weakref.ref(fr.view.threads())
    del attendant, gate, first, again
    gc.collect()  # desk and attendant know each other
    assert kept() is None


async def test_a_desk_that_runs_on_forgets_what_was_erased(town: Town) -> None:
    fr, _, _ = await manned(town)
    alpha, name = fr.channel("alpha"), "J. Kowalski"
    warned = await alpha.post("WRN", warning(remarks=name))
    await alpha.post("MSG", {"text": name}, re=warned)
    await fr.refresh()
    await authoring.correct(fr, warned.leaf, {"remarks": f"{name}?"}, name)
    await alpha.post(
        "REL", {"entry": warned.leaf, "use": name, "decision": "granted", "fields": ["*"]}
    )
    await fr.refresh()
    attendant = fr.attend()
    attendant.refresh().snapshot(attendant.now())
    assert name in repr(kept(attendant.desk))
    forget(fr._station, fr.view)
    attendant.refresh().snapshot(attendant.now())
    assert name not in repr(kept(attendant.desk))


async def test_the_key_of_a_drop_that_never_left_is_forgotten_too(town: Town) -> None:
    """The bytes wait in the outbox, and the vault had what opens them."""
    fr, _, _ = await manned(town)
    vault, waits = fr._station.vault, EntryId(b"e" * 16)
    vault.put_outbox(OutboxItem(fr.id, waits, b"sealed", 0))
    vault.put_note(drop_key_note(waits), bytes(32))
    forget(fr._station, fr.view)
    assert drop_key_note(waits) not in vault.notes


def kept(desk: WorkDesk) -> list[Any]:
    """All that a desk holds of what it read."""
    threads = desk._threads
    return [desk._said, desk._chains, vars(threads), vars(threads.changes), vars(desk.handling)]


async def test_what_is_forwarded_is_what_stands_with_its_caveats(town: Town) -> None:
    fr, de, _ = await manned(town)
    await fr.create_channel("beta")
    warned = await fr.channel("alpha").post("WRN", warning(handling=["H1"], caveats=["x"]))
    await authoring.correct(fr, warned.leaf, {"goods_suspected": "ivory"}, "misread")
    await de.refresh()
    forwarded = await authoring.forward(de, warned.leaf, "beta")
    await de.refresh()
    quoted = de.attend().refresh().message(forwarded.leaf)
    assert quoted is not None
    assert quoted.content is not None
    assert "ivory" in quoted.content["text"]
    assert "cigarettes" not in quoted.content["text"]
    assert (quoted.content["handling"], quoted.content["caveats"]) == (["H1"], ["x"])
    await authoring.withdraw(fr, warned.leaf, "wrong")
    await de.refresh()
    with pytest.raises(CencommError, match="withdrawn"):
        await authoring.forward(de, warned.leaf, "beta")


async def test_a_controlled_delivery_is_quoted_in_directed_channels_alone(town: Town) -> None:
    """It bears no code that forbids a way out: who its readers are is what it says."""
    fr, _, _ = await manned(town)
    few = await fr.directed("alpha", administrations=["DE"])
    notice = await few.post("CDN", DELIVERY | {"recipients": ["FR", "DE"]})
    await fr.refresh()
    size = town.operation.log.size
    with pytest.raises(NotDirected):
        await authoring.forward(fr, notice.leaf, "alpha")
    assert town.operation.log.size == size
    await authoring.forward(fr, notice.leaf, few.id.hex())


async def test_an_h2_seizure_that_was_granted_reaches_cen_after_the_end(
    town: Town, tmp_path: Path
) -> None:
    """No message is taken any more then: its `release` says in the log that it goes."""
    fr, de, _ = await manned(town)
    town.operation.admit(town.ncp, "ncp")
    vault = vault_of(tmp_path / "ncp.vault", town.directory, town.ncp)
    ncp = over(await town.counter.desk(tmp_path, town.ncp, vault))
    content = seizure(handling=["H2"], office="FRLEH", country="FR", trigger="routine")
    secret = await fr.channel("alpha").post("SZR", content)
    await fr.channel("alpha").post("SZR", {**content, "handling": ["H1"], "office": "FRMRS"})
    await fr.channel("alpha").post(
        "REL", {"entry": secret.leaf, "fields": ["*"], "use": "CEN", "decision": "granted"}
    )
    await fr.set_role(code(town, 1), "coordinator")
    await fr.refresh()
    await fr.tend()  # it hands the newcomer the keys
    await ncp.refresh()
    proposed = await fr.propose("close")
    await de.approve(proposed)
    unlogged = await extract(ncp, folder=tmp_path / "no", release=False)
    assert [row.reason for row in unlogged.extract.excluded] == ["handling_h2"]
    made = await extract(ncp, folder=tmp_path / "out")
    assert len(made.extract.records) == 2
    assert secret.leaf in {one.entry for one in ncp.state.releases.values()}
    assert made.records is not None
    assert b"FRLEH" in made.records.read_bytes()
    again = await extract(ncp, folder=tmp_path / "out")
    assert (again.extract.manifest, again.posted) == (made.extract.manifest, ())


async def test_a_grant_whose_use_cannot_be_logged_lets_nothing_out(town: Town) -> None:
    fr, de, _ = await manned(town)
    secret = await fr.channel("alpha").post("WRN", warning(handling=["H2"]))
    grant = {"entry": secret.leaf, "fields": ["*"], "use": "copy out", "decision": "granted"}
    await fr.channel("alpha").post("REL", grant)
    await fr.set_role(code(town, 1), "observer")
    await de.refresh()
    gate = Gate(de)
    message = gate.message(secret.leaf)
    assert message is not None
    copied = await gate.copied(message)
    assert isinstance(copied, Message)
    assert copied.content is None


async def test_the_desk_bot_reminds_each_stage_once_across_restarts(town: Town) -> None:
    fr, de, _ = await manned(town)
    warned = await fr.channel("alpha").post("WRN", warning(), to=[code(town, 1)], prio="flash")
    assert await bot(fr).once() == []
    town.operation.clock += 11 * MINUTE
    (first,) = await bot(fr).once()
    assert await bot(fr).once() == []  # a new program over the same log
    town.operation.clock += 10 * MINUTE
    (second,) = await bot(fr).once()
    town.operation.clock += 10 * MINUTE
    (third,) = await bot(fr).once()
    town.operation.clock += 60 * MINUTE
    assert await bot(fr).once() == []
    await de.refresh()
    desk = de.attend().refresh()
    to = [desk.message(posted.leaf) for posted in (first, second, third)]
    people: dict[bytes, str] = {person.id: person.code for person in town.people}
    assert [one is not None and [people[person] for person in one.to] for one in to] == [
        [code(town, 1)],
        [code(town, 0)],  # no NCP of DE reads the channel: the OCU
        [code(town, 0)],
    ]
    assert [one is not None and one.prio for one in to] == ["flash"] * 3
    assert all(one is not None and one.re == warned.leaf for one in to)


async def test_two_desk_bots_together_end_with_one_reminder_per_stage(town: Town) -> None:
    fr, de, _ = await manned(town)
    warned = await fr.channel("alpha").post("WRN", warning(), to=[code(town, 1)])
    await asyncio.gather(fr.refresh(), de.refresh())
    town.operation.clock += 31 * MINUTE
    one, two = bot(fr), bot(de)
    same = [reminder.mid for reminder in one.due()]
    assert same == [reminder.mid for reminder in two.due()]
    await asyncio.gather(one._post(one.due()[0]), two._post(two.due()[0]))  # neither looks again
    await asyncio.gather(fr.refresh(), de.refresh())
    desk = de.attend().refresh()
    said = [message for message in desk.history(warned.leaf) if message.kind == "MSG"]
    assert {message.mid for message in said} == set(same)
    assert len(said) == 2
    (row,) = [row for row in desk.snapshot(town.operation.clock).overdue if row.chain is not None]
    assert row.stage is Stage.RECIPIENT
    assert [one.place.leaf for one in desk.said(same[0], warned.leaf)] == [
        one.place.leaf for one in said
    ]
    assert await one.once() == await two.once() == []


async def test_a_reminder_speaks_every_language_and_a_report_is_called_one(town: Town) -> None:
    fr, de, _ = await manned(town)
    warned = await fr.channel("alpha").post("WRN", warning(), to=[code(town, 1)])
    town.operation.clock += 2 * 24 * 60 * MINUTE
    await asyncio.gather(fr.refresh(), de.refresh())
    reminding = DeskBot(fr, lambda _low, _high: 0.0, fr.channel("alpha").id)
    said = [reminder.text.splitlines() for reminder in reminding.due()]
    seq = town.operation.log.size - 1
    (about,) = [lines for lines in said if any("accept" in line for line in lines)]
    assert about == [
        f"Overdue for entry {seq}: accept, owed by DE. This reminder is for the stage OCU.",
        f"En retard pour l'inscription {seq} : acceptation, à la charge de DE."
        " Ce rappel est de l'étape UCO.",
    ]
    reports = [lines for lines in said if "situation report" in lines[0]]
    assert reports
    assert all("rapport de situation" in french and "{" not in french for _, french in reports)
    assert warned.seq == seq


async def test_a_reminder_before_its_time_counts_for_nothing(town: Town) -> None:
    fr, de, _ = await manned(town)
    warned = await fr.channel("alpha").post("WRN", warning(), to=[code(town, 1)])
    await fr.refresh()
    town.operation.clock += 31 * MINUTE
    mid = bot(fr).due()[0].mid
    town.operation.clock -= 31 * MINUTE
    await de.refresh()
    await de.channel("alpha").post("MSG", {"text": "quiet"}, re=warned, mid=mid)
    town.operation.clock += 31 * MINUTE
    assert len(await bot(fr).once()) == 1


@pytest.mark.parametrize("wrong", [{"text": "all is well"}, {"to": []}, {"prio": "routine"}])
async def test_who_is_to_be_reminded_cannot_do_it_in_the_bots_stead(
    town: Town, wrong: dict[str, Any]
) -> None:
    """Its `mid` follows from the log: else one word of its own would stop the escalation."""
    fr, de, _ = await manned(town)
    warned = await fr.channel("alpha").post("WRN", warning(), to=[code(town, 1)])
    await fr.refresh()
    town.operation.clock += 31 * MINUTE
    (due,) = bot(fr).due()
    said = {"text": due.text, "prio": due.prio, "to": due.to, **wrong}
    await de.refresh()
    await de.channel("alpha").post(
        "MSG", {"text": said["text"]}, re=warned, mid=due.mid, prio=said["prio"], to=said["to"]
    )
    await fr.refresh()
    assert [one.mid for one in bot(fr).due()] == [due.mid]
    assert len(await bot(fr).once()) == 1
    assert await bot(fr).once() == []


async def test_a_bot_whose_clock_goes_before_reminds_once_and_not_at_each_look(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    fr, de, _ = await manned(town)
    await fr.channel("alpha").post("WRN", warning(), to=[code(town, 1)])
    early = bot(fr)
    monkeypatch.setattr(early._attendant, "now", lambda: town.operation.clock + 31 * MINUTE)
    assert [len(await early.once()) for _ in range(3)] == [1, 0, 0]
    await de.refresh()
    assert bot(de).due() == []
    town.operation.clock += 31 * MINUTE
    assert len(await bot(de).once()) == 1  # another's clock was right


async def test_what_a_suspension_stopped_is_reminded_of_afterwards(town: Town) -> None:
    fr, de, _ = await manned(town)
    await fr.set_role(code(town, 1), "coordinator")
    await fr.channel("alpha").post("WRN", warning(), to=[code(town, 1)])
    reminding = bot(fr)
    town.operation.clock += 31 * MINUTE
    await fr.suspend()
    town.operation.clock += 5 * 60 * MINUTE
    assert await reminding.once() == []
    assert not [one for one in fr.notices() if "reminder" in one.detail]
    await de.approve(await fr.resume())
    await fr.refresh()
    (reminder,) = reminding.due()
    assert "recipient" in reminder.text  # nobody could answer: it went no stage further
    assert len(await reminding.once()) == 1


async def test_what_a_full_disk_stopped_is_reminded_of_when_there_is_room(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk is no rule: a reminder that it stopped is not given up."""
    fr, _, _ = await manned(town)
    await fr.channel("alpha").post("WRN", warning(), to=[code(town, 1)])
    town.operation.clock += 31 * MINUTE
    reminding = bot(fr)

    async def full(*_: object) -> Posted:
        raise FileUnusable("the vault cannot be written: No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(DeskBot, "_post", full)
        with pytest.raises(FileUnusable):
            await reminding.once()
    assert len(await reminding.once()) == 1


async def test_a_bot_that_reads_nothing_is_no_desk_bot(town: Town) -> None:
    fr, de, _ = await manned(town)
    await fr.set_role(code(town, 1), "observer")
    await de.refresh()
    with pytest.raises(CencommError) as refused:
        bot(de)
    assert refused.value.code == ErrorCode.NOT_PERMITTED


def bot(operation: Operation) -> DeskBot:
    """A desk bot that lets nobody go first."""
    return DeskBot(operation, lambda _low, _high: 0.0)
