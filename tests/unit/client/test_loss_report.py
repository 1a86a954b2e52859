"""What a member reports as lost, and the drafts that custodians make of it (A50)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from cencomm_client.errors import DraftDamaged, ReportDamaged, RootRefused
from cencomm_client.root import ceremony
from cencomm_client.root.draft import Draft
from cencomm_client.root.loss_report import MAX_NAMED, Gap, LossReport
from cencomm_client.word import pack_word
from cencomm_crypto.errors import Rejected
from cencomm_crypto.public.entry import Head
from cencomm_crypto.public.ids import AdminId, LogId
from cencomm_crypto.public.note import Checkpoint, origin, sign_checkpoint
from cencomm_crypto.public.wire import Receipt, Sequenced, sequence

from tests.unit.client.test_root import LOG_KEY, Ceremony

LOG = LogId(b"L" * 16)


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Ceremony]:
    made = Ceremony(tmp_path)
    made.found()
    yield made
    for root in made.custodians:
        root.close()


def forms(count: int) -> tuple[bytes, ...]:
    return tuple(place.to_bytes(8, "big") + bytes(48) for place in range(count))


def report(made: Ceremony, *gaps: Gap, note: bytes = b"a note") -> LossReport:
    return LossReport(made.custodians[0].directory_id, LOG, note, gaps)


def test_a_report_is_what_was_written(made: Ceremony) -> None:
    found = report(made, Gap(3, forms(2)), Gap(9, forms(1)))
    assert LossReport.parse(found.text()) == found
    assert LossReport.parse(" " + found.text()[:40] + "\n" + found.text()[40:]) == found
    assert [gap.end for gap in found.gaps] == [5, 10]


def test_a_changed_report_is_refused(made: Ceremony) -> None:
    text = report(made, Gap(3, forms(2))).text()
    wrong = [
        "",
        "cencomm-lost1-",
        text[:-1],
        text[:30] + ("A" if text[30] != "A" else "B") + text[31:],
        pack_word("cencomm-draft1-", {}),
        pack_word("cencomm-lost1-", {}),
        report(made).text(),
        report(made, Gap(0, forms(1))).text(),
        report(made, Gap(3, (bytes(55),))).text(),
        report(made, Gap(3, (bytes(57),))).text(),
        report(made, Gap(3, forms(2)), Gap(5, forms(1))).text(),
        report(made, Gap(9, forms(1)), Gap(3, forms(1))).text(),
    ]
    for one in wrong:
        with pytest.raises(ReportDamaged):
            LossReport.parse(one)


def test_each_gap_gets_its_drafts_and_each_a_serial_of_its_own(made: Ceremony) -> None:
    """As many places as one entry names; the whole file is then signed draft by draft."""
    first = made.custodians[0]
    found = report(made, Gap(3, forms(MAX_NAMED + 1)), Gap(3_000, forms(1)))
    drafts = ceremony.draft_losses(first, found, keys=made.keys, k=2)
    places = [(draft.body["from"], draft.body["to"]) for draft in drafts]
    assert places == [(3, 3 + MAX_NAMED), (3 + MAX_NAMED, 4 + MAX_NAMED), (3_000, 3_001)]
    assert [draft.serial for draft in drafts] == [1, 2, 3]
    assert {draft.log for draft in drafts} == {LOG}
    for custodian in made.custodians[:2]:
        drafts = [ceremony.sign(Draft.parse(draft.text()), custodian) for draft in drafts]
    assert [draft.missing for draft in drafts] == [0, 0, 0]
    assert {draft.note for draft in drafts} == {b"a note"}
    later = ceremony.draft(
        first, ceremony.suspend_administration(AdminId(bytes(16))), keys=made.keys
    )
    assert later.serial == 4


def test_a_report_about_another_directory_is_not_signed(made: Ceremony) -> None:
    found = replace(report(made, Gap(3, forms(1))), directory=b"x" * 32)
    with pytest.raises(RootRefused):
        ceremony.draft_losses(made.custodians[0], found)


def test_a_draft_without_its_log_s_head_is_none(made: Ceremony) -> None:
    """Nor does another decision carry one: nobody would know what it is for."""
    first = made.custodians[0]
    with pytest.raises(DraftDamaged):
        ceremony.draft(first, ceremony.name_lost(LOG, Gap(3, forms(1))), keys=made.keys, k=2)
    with pytest.raises(DraftDamaged):
        ceremony.draft(first, ceremony.set_log_key(bytes(32)), keys=made.keys, k=2, note=b"n")


def test_the_next_draft_has_seen_what_the_one_before_it_became(made: Ceremony) -> None:
    """Else it would be a decision that missed another one (A42)."""
    found = report(made, Gap(3, forms(1)), Gap(9, forms(1)))
    first, second = ceremony.draft_losses(made.custodians[0], found, keys=made.keys, k=2)
    other = ceremony.draft_losses(made.custodians[0], replace(found, log=LogId(bytes(16))))[0]
    receipt = Receipt(12, 0, b"a newer note", ())
    after = ceremony.over([second, other], first, receipt)
    assert [draft.note for draft in after] == [b"a newer note", b"a note"]
    assert after[0].message == second.message


def test_what_two_of_three_signed_is_taken_by_the_directory(made: Ceremony) -> None:
    """The directory itself lost two places: its own rules take the entry."""
    log, start = made.log, made.log.size
    for _ in range(2):
        item = Sequenced(log.size, made.now, bytes(16), bytes(32), None, lost=True)
        assert not isinstance(log.apply(item), Rejected)
    form = made.now.to_bytes(8, "big") + bytes(16) + bytes(32)
    head = made.head()
    note = sign_checkpoint(
        Checkpoint(origin("cencomm.example", log.id16), head.size, head.root), LOG_KEY
    )
    found = replace(report(made, Gap(start, (form, form)), note=note), log=log.id16)
    (draft,) = ceremony.draft_losses(made.custodians[0], found, keys=made.keys, k=2)
    for number in (2, 0):
        draft = ceremony.sign(Draft.parse(draft.text()), made.custodians[number])
    entry = ceremony.complete(draft, made.custodians[0], Head(*head), made.now)
    assert entry.header.dir is None
    assert not isinstance(log.apply(sequence(log.size, made.now, entry)), Rejected)
    assert log.unnamed == []
