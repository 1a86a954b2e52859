"""The extract for CEN: only what the allow-list names, only what may pass, twice the same."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cencomm_client.cen import Extract, prepare, releases_due
from cencomm_client.items import Author, Damage, Flag, Message, Place
from cencomm_crypto.public.operation.state import Release

AT = 1_790_000_000_000  # 2026-09-21T14:13:20Z

SEIZURE: dict[str, Any] = {
    "form": "simple",
    "country": "DE",
    "office": "DEHAM",
    "at": AT,
    "precision": "day",
    "location": "seaport",
    "direction": "import",
    "offence": "smuggling",
    "detection": "xray",
    "trigger": "warning",
    "goods": [
        {
            "category": "tobacco",
            "hs": "240220",
            "quantity": "10040",
            "unit": "MIL",
            "description": "cigarettes of A. Example",
            "brand": "Meridian",
            "value": "3263000.00",
            "currency": "EUR",
            "authenticity": "genuine",
            "origin": "AE",
        }
    ],
    "reference": "DE-SECRET-7",
    "conveyance": {
        "mode": "1",
        "type": "vessel X",
        "container": "CSQU3054383",
        "vessel": "9074729",
        "mmsi": "211331640",
        "plate": "HH-AB 1",
        "flight": "XY 123",
    },
    "concealment": "behind the wall of Mr Example",
    "persons": [
        {"role": "driver", "name": "A. Example", "nationality": "PL", "document": "P-77"},
        {"role": "driver"},
        {"role": "consignee"},
    ],
    "warning": b"w" * 32,
    "handling": ["H1"],
    "caveats": ["not to Mr Example"],
    "remarks": "call +49 40 1",
}
PERSONAL = (
    *("Example", "CSQU", "HH-AB", "DE-SECRET", "+49", "PL", "wall", "vessel X"),
    *("9074729", "211331640", "XY 123", "P-77"),
)


def message(seq: int, content: dict[str, Any] | None, **fields: Any) -> Message:
    ids: Any = bytes([seq]) * 16
    place: Any = Place(ids, seq, AT, leaf(seq))
    author: Any = Author(ids, ids, "DE-027", "DE")
    made = Message(
        place=place,
        author=author,
        channel=ids,
        channel_name="alpha",
        type="message",
        id=ids,
        epoch=1,
        kind="SZR",
        content=content,
        mid=bytes([seq]) * 16,
        re=None,
        prio=None,
        ack_by=None,
        to=(),
        time=AT,
    )
    return replace(made, **fields)


def leaf(seq: int) -> bytes:
    return bytes([seq]) * 32


def extract(*messages: Message, **fields: Any) -> Extract:
    return prepare(messages, operation="MERIDIAN", administration="DE", **fields)


def reasons(made: Extract) -> list[str]:
    return [row.reason for row in made.excluded]


def test_what_is_personal_or_names_the_conveyance_stays() -> None:
    made = extract(message(1, SEIZURE))
    text = made.lines.decode()
    assert not [word for word in PERSONAL if word in text]
    record = json.loads(text)
    assert record["case"]["date"] == "2026-09-21"
    assert record["persons"] == {"consignee": 1, "driver": 2}
    assert record["conveyance"] == {"mode": "1"}
    assert record["goods"][0] == {
        "authenticity": "genuine",
        "category": "tobacco",
        "currency": "EUR",
        "hs": "240220",
        "origin": "AE",
        "quantity": "10040",
        "unit": "MIL",
        "value": "3263000.00",
    }


def test_free_text_waits_for_a_yes_to_exactly_this_text() -> None:
    made = extract(message(1, SEIZURE))
    paths = {text.path for text in made.pending}
    assert paths == {
        "goods[0].description",
        "goods[0].brand",
        "conveyance.type",
        "concealment",
    }
    yes = [text.answer for text in made.pending if text.path == "goods[0].brand"]
    approved = extract(message(1, SEIZURE), approved=yes)
    assert json.loads(approved.lines)["goods"][0]["brand"] == "Meridian"
    assert "goods.brand" in approved.records[0].fields
    other = SEIZURE | {"goods": [SEIZURE["goods"][0] | {"brand": "Mr Example"}]}
    changed = extract(message(1, other), approved=yes)
    assert "brand" not in json.loads(changed.lines)["goods"][0]


@pytest.mark.parametrize(
    ("content", "fields", "reason"),
    [
        (SEIZURE | {"handling": ["H2"]}, {}, "handling_h2"),
        (SEIZURE | {"tlp": "RED"}, {}, "tlp_red"),
        (SEIZURE, {"flags": frozenset([Flag.EXERCISE])}, "exercise"),
        (SEIZURE | {"exercise": True}, {}, "exercise"),
        (SEIZURE, {"flags": frozenset([Flag.FORGED_METADATA])}, "forged_metadata"),
        (SEIZURE, {"flags": frozenset([Flag.AFTER_REVOCATION])}, "after_revocation"),
        (None, {"damage": Damage("cannot_open", "x")}, "damaged"),
        ({"form": "simple"}, {}, "form_invalid"),
    ],
)
def test_what_may_not_pass_is_listed_with_its_reason(
    content: dict[str, Any] | None, fields: dict[str, Any], reason: str
) -> None:
    made = extract(message(1, content, **fields))
    assert made.records == ()
    assert reasons(made) == [reason]


def test_another_administrations_seizure_is_not_ours_to_release() -> None:
    theirs: Any = Author(b"x" * 16, b"x" * 16, "FR-014", "FR")  # type: ignore[arg-type]
    made = extract(message(1, SEIZURE, author=theirs))
    assert (made.records, made.excluded) == ((), ())


def test_a_correction_changes_the_record_and_a_withdrawal_takes_it_out() -> None:
    first = message(1, SEIZURE)
    correction = message(
        2,
        {"target": leaf(1), "fields": {"office": "DEBRV"}, "reason": "typo"},
        kind="COR",
        author=first.author,
    )
    withdrawal = message(
        3, {"target": leaf(1), "reason": "wrong case"}, kind="WDR", author=first.author
    )
    corrected = extract(first, correction)
    assert json.loads(corrected.lines)["case"]["office"] == "DEBRV"
    assert reasons(extract(first, correction, withdrawal)) == ["withdrawn"]
    wrong = message(
        4,
        {"target": leaf(1), "fields": {"office": "nowhere"}, "reason": "typo"},
        kind="COR",
        author=first.author,
    )
    assert reasons(extract(first, wrong)) == ["form_invalid"]
    shown = replace(wrong, content=None, damage=Damage("form_invalid", "office", target=leaf(1)))
    assert json.loads(extract(first, shown).lines)["case"]["office"] == "DEHAM"
    assert json.loads(extract(first, correction, shown).lines)["case"]["office"] == "DEBRV"


def test_a_bots_host_reports_no_seizure_and_takes_none_back() -> None:
    """A31: nobody saw what a bot drops; a record for CEN is a person's."""
    first = message(1, SEIZURE)
    dropped = message(2, SEIZURE, type="drop")
    content = {"target": leaf(1), "reason": "x"}
    taken_back = message(3, content, kind="WDR", type="drop", author=first.author)
    made = extract(first, dropped, taken_back)
    assert [record.leaf for record in made.records] == [leaf(1)]
    assert reasons(made) == ["unexpected_kind"]


@pytest.mark.parametrize("kind", ["COR", "WDR"])
def test_what_is_said_about_later_bytes_is_about_the_message(kind: str) -> None:
    """A seizure sealed anew is in the log twice; who withdraws the second one withdraws it."""
    first = message(1, SEIZURE)
    again = replace(message(2, SEIZURE), author=first.author, mid=first.mid)
    content = {"target": leaf(2), "reason": "x", "fields": {"office": "DEBRV"}}
    change = message(3, content, kind=kind, author=first.author)
    made = extract(first, again, change)
    if kind == "WDR":
        assert (made.records, reasons(made)) == ((), ["withdrawn"])
        return
    assert json.loads(made.lines)["case"]["office"] == "DEBRV"
    copy = replace(message(4, content, kind="COR"), author=first.author, mid=change.mid)
    undone = message(5, {"target": leaf(4), "reason": "x"}, kind="WDR", author=first.author)
    made = extract(first, again, change, copy, undone)
    assert json.loads(made.lines)["case"]["office"] == "DEHAM"


def test_no_grant_lets_an_exercise_pass() -> None:
    """Also one that a correction made of it, which flags the correction alone."""
    first = message(1, SEIZURE | {"handling": ["H2"]})
    content = {"target": leaf(1), "fields": {"exercise": True}, "reason": "x"}
    change = message(2, content, kind="COR", author=first.author)
    assert len(extract(first, forbids=lambda one: ()).records) == 1
    assert reasons(extract(first, change, forbids=lambda one: ())) == ["exercise"]


def test_a_time_without_a_date_is_named_and_stops_no_extract() -> None:
    made = extract(message(1, SEIZURE | {"at": 2**53 - 1}), message(2, SEIZURE))
    assert [record.leaf for record in made.records] == [leaf(2)]
    assert reasons(made) == ["form_invalid"]


def test_a_message_sealed_anew_counts_once() -> None:
    first = message(1, SEIZURE)
    again = replace(message(2, SEIZURE), author=first.author, mid=first.mid)
    made = extract(first, again)
    assert [record.leaf for record in made.records] == [leaf(1)]


def test_the_same_again_changes_nothing(tmp_path: Path) -> None:
    made = extract(message(1, SEIZURE))
    due = releases_due(made, ())
    assert [(row.entry, row.use, row.replaces) for row in due] == [(leaf(1), "CEN", None)]
    released = release(9, leaf(1), made.manifest_hash)
    again = extract(message(1, SEIZURE), released=[released])
    assert (again.lines, again.manifest) == (made.lines, made.manifest)
    assert releases_due(again, [released]) == ()
    assert made.write(tmp_path) == again.write(tmp_path)
    assert len(list(tmp_path.iterdir())) == 2
    records, manifest = made.write(tmp_path / "own")
    assert {path.stat().st_mode & 0o777 for path in (records, manifest)} == {0o600}
    assert records.parent.stat().st_mode & 0o777 == 0o700


def test_what_changed_after_a_release_replaces_it() -> None:
    first = message(1, SEIZURE)
    before = extract(first)
    released = release(9, leaf(1), before.manifest_hash)
    withdrawal = message(2, {"target": leaf(1), "reason": "x"}, kind="WDR", author=first.author)
    after = extract(first, withdrawal, released=[released])
    due = releases_due(after, [released])
    assert [(row.use, row.replaces, row.fields) for row in due] == [
        ("CEN withdrawn", released.leaf, ())
    ]
    assert json.loads(after.manifest)["withdrawn"] == [leaf(1).hex()]
    gone = release(10, leaf(1), after.manifest_hash, use="CEN withdrawn")
    settled = extract(first, withdrawal, released=[released, gone])
    assert releases_due(settled, [released, gone]) == ()


def test_damage_here_recalls_nothing_there() -> None:
    released = release(9, leaf(1), b"m" * 32)
    made = extract(message(1, None, damage=Damage("no_epoch_key")), released=[released])
    assert (made.withdrawn, releases_due(made, [released])) == ((), ())


def release(seq: int, entry: bytes, manifest: bytes, use: str = "CEN") -> Release:
    ids: Any = b"p" * 16
    return Release(leaf(seq), seq, AT, ids, ids, entry, (), use, manifest, None)
