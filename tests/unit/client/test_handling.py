"""Handling codes: what they forbid on every way out, what lifts them, and the log of uses."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from cencomm_client.cen import USE, prepare
from cencomm_client.errors import HandlingForbids
from cencomm_client.handling import EVERYTHING, Handling, Way, codes, label, ways_of
from cencomm_client.items import Flag, Message
from cencomm_client.work.reading import FORWARDED

from tests.support.talk import HOUR, Talk, seizure, warning

H2 = warning(handling=["H2"])
RED = warning(tlp="RED")


def grants(**fields: Any) -> dict[str, Any]:
    """A REL that grants everything for every use."""
    use = ", ".join(Way)
    return {"decision": "granted", "use": f"{use}: x", "fields": [EVERYTHING], **fields}


def refused(talk: Talk, message: Message, way: Way) -> bool:
    """Whether the way out is closed."""
    try:
        talk.desk().handling.check(message, way, talk.now)
    except HandlingForbids as error:
        return f"entry {message.place.seq} " in error.detail and error.entry == message.place.leaf
    return False


@pytest.mark.parametrize("way", Way)
@pytest.mark.parametrize("content", [H2, RED, warning(handling=["H0", "H2"], tlp="GREEN")])
def test_h2_and_red_close_every_way_until_a_rel_grants_it(
    way: Way, content: dict[str, Any]
) -> None:
    talk = Talk()
    message = talk.says("FR", "WRN", content)
    assert refused(talk, message, way)
    talk.says("FR", "REL", grants(entry=message.place.leaf))
    assert not refused(talk, message, way)


@pytest.mark.parametrize("way", Way)
@pytest.mark.parametrize(
    "content",
    [
        warning(),
        warning(handling=["H0", "H1", "H3"], handling_text="ask"),
        warning(tlp="AMBER+STRICT"),
        warning(caveats=["Not to the press."]),
    ],
)
def test_the_other_codes_travel_with_the_content_and_close_nothing(
    way: Way, content: dict[str, Any]
) -> None:
    talk = Talk()
    assert not refused(talk, talk.says("FR", "WRN", content), way)


def test_a_grant_counts_for_the_uses_that_it_names_only() -> None:
    assert ways_of("export, CEN: statistics") == {Way.EXPORT, Way.CEN}
    assert ways_of("Forward") == {Way.FORWARD}
    assert ways_of("Criminal proceedings in Hamburg.") == {Way.COPY, Way.EXPORT, Way.FORWARD}
    talk = Talk()
    message = talk.says("FR", "WRN", H2)
    talk.says("FR", "REL", grants(entry=message.place.leaf, use="forward: to Lyon"))
    assert [way for way in Way if not refused(talk, message, way)] == [Way.FORWARD]


@pytest.mark.parametrize(
    "make",
    [
        lambda talk, leaf: talk.says("DE", "REL", grants(entry=leaf)),  # another administration
        lambda talk, leaf: talk.says("FR", "REL", grants(entry=leaf), person="FR-014"),  # no NCP
        lambda talk, leaf: talk.says("FR", "REL", grants(entry=bytes(32))),  # another entry
        lambda talk, leaf: talk.says("FR", "REL", grants(entry=leaf, decision="refused")),
        lambda talk, leaf: talk.says("FR", "REL", {"entry": leaf, "use": "CEN", "fields": ["*"]}),
        lambda talk, leaf: talk.says("FR", "MSG", grants(entry=leaf)),
        lambda talk, leaf: talk.says("FR", "REL", grants(entry=leaf, expires=talk.now)),
        lambda talk, leaf: talk.says(
            "FR", "REL", grants(entry=leaf), flags=[Flag.AFTER_REVOCATION]
        ),
        lambda talk, leaf: talk.says("FR", "REL", None),
    ],
)
def test_what_is_no_grant_lifts_nothing(make: Any) -> None:
    talk = Talk()
    message = talk.says("FR", "WRN", H2)
    make(talk, message.place.leaf)
    assert all(refused(talk, message, way) for way in Way)


def test_a_grant_ends_at_its_expiry_by_refusal_and_by_withdrawal() -> None:
    talk = Talk()
    message = talk.says("FR", "WRN", H2)
    leaf = message.place.leaf
    talk.says("FR", "REL", grants(entry=leaf, expires=talk.now + HOUR))
    assert not refused(talk, message, Way.EXPORT)
    talk.wait(hours=1)
    assert refused(talk, message, Way.EXPORT)
    again = talk.says("FR", "REL", grants(entry=leaf))
    talk.says("FR", "REL", grants(entry=leaf, decision="refused", use="export"))
    assert refused(talk, message, Way.EXPORT)
    assert not refused(talk, message, Way.FORWARD)
    talk.says("FR", "WDR", {"target": again.place.leaf, "reason": "x"})
    assert refused(talk, message, Way.FORWARD)


def test_a_correction_can_close_and_open_an_entry_and_is_bound_like_it() -> None:
    talk = Talk()
    message = talk.says("FR", "WRN", warning())
    change = {"target": message.place.leaf, "fields": {"handling": ["H2"]}, "reason": "x"}
    closing = talk.says("FR", "COR", change)
    assert refused(talk, message, Way.EXPORT)
    assert refused(talk, closing, Way.EXPORT)
    opened = talk.says("FR", "COR", {**change, "fields": {"handling": ["H1"]}})
    assert not refused(talk, message, Way.EXPORT)
    assert not refused(talk, opened, Way.EXPORT)
    secret = talk.says("FR", "WRN", RED)
    part = talk.says("FR", "COR", {"target": secret.place.leaf, "fields": {"hs": []}, "reason": ""})
    assert refused(talk, part, Way.COPY)
    talk.says("FR", "WDR", {"target": secret.place.leaf, "reason": "x"})
    assert refused(talk, secret, Way.COPY)


def test_what_was_closed_before_it_was_withdrawn_stays_closed() -> None:
    """A correction had put H2 on it: its withdrawal does not take H2 off what it said."""
    talk = Talk()
    message = talk.says("FR", "WRN", warning())
    change = {"target": message.place.leaf, "fields": {"handling": ["H2"]}, "reason": "x"}
    talk.says("FR", "COR", change)
    talk.says("FR", "WDR", {"target": message.place.leaf, "reason": "x"})
    assert refused(talk, message, Way.COPY)


def test_who_may_not_grant_takes_no_code_off() -> None:
    """Else an officer's correction were a REL without an NCP, and without a trace of its use."""
    talk = Talk()
    message = talk.says("FR", "WRN", H2, person="FR-014")
    change = {"target": message.place.leaf, "fields": {"handling": ["H1"]}, "reason": "x"}
    by_officer = talk.says("FR", "COR", change, person="FR-014")
    assert refused(talk, message, Way.EXPORT)
    assert refused(talk, by_officer, Way.EXPORT)
    talk.says("FR", "COR", change)
    assert not refused(talk, message, Way.EXPORT)
    talk.says("FR", "COR", {**change, "fields": {"tlp": "RED"}}, person="FR-014")
    assert refused(talk, message, Way.EXPORT)


def test_a_withdrawn_grant_that_was_sealed_anew_grants_nothing() -> None:
    talk = Talk()
    message = talk.says("FR", "WRN", H2)
    first = talk.says("FR", "REL", grants(entry=message.place.leaf), mid=b"m" * 16)
    talk.says("FR", "REL", grants(entry=message.place.leaf), mid=b"m" * 16)
    assert not refused(talk, message, Way.EXPORT)
    talk.says("FR", "WDR", {"target": first.place.leaf, "reason": "x"})
    assert refused(talk, message, Way.EXPORT)


def test_who_forwards_what_is_anothers_cannot_let_it_out() -> None:
    """One forwarding under a grant would else hand the originator's right on for good."""
    talk = Talk()
    message = talk.says("FR", "WRN", H2)
    said = {"text": f"{FORWARDED}WRN of FR-001", "handling": ["H2"]}
    quoted = talk.says("DE", "MSG", said, re=message)
    again = talk.says("BE", "MSG", said, re=quoted)
    elsewhere = talk.says("DE", "MSG", said, re=bytes(32))  # of a channel that is not read here
    for one in (quoted, again, elsewhere):
        for administration in ("DE", "BE"):
            talk.says(administration, "REL", grants(entry=one.place.leaf))
        assert refused(talk, one, Way.EXPORT)
        talk.says("FR", "REL", grants(entry=one.place.leaf))
    assert [refused(talk, one, Way.EXPORT) for one in (quoted, again, elsewhere)] == [0, 0, 1]
    own = talk.says("DE", "MSG", {"text": "ours", "handling": ["H2"]}, re=message)
    talk.says("DE", "REL", grants(entry=own.place.leaf))
    assert not refused(talk, own, Way.EXPORT)


def test_a_bot_grants_nothing() -> None:
    talk = Talk()
    message = talk.says("FR", "WRN", H2)
    talk.says("FR", "REL", grants(entry=message.place.leaf), type="drop")
    assert refused(talk, message, Way.EXPORT)


def test_a_grant_lets_out_the_fields_that_it_names_with_their_caveats() -> None:
    talk = Talk()
    message = talk.says("FR", "SZR", seizure(handling=["H2"], caveats=["x"], remarks="secret"))
    wanted = {"entry": message.place.leaf, "fields": ["goods.category", "office"]}
    talk.says("FR", "REL", grants(**wanted))
    grant = talk.desk().handling.check(message, Way.EXPORT, talk.now)
    assert grant is not None
    assert message.content is not None
    assert grant.narrowed(message.content) == {
        "office": "DEHAM",
        "goods": [{"category": "tobacco"}],
        "handling": ["H2"],
        "caveats": ["x"],
    }
    assert not grant.covers(message.content)


def test_an_h2_seizure_reaches_cen_only_under_its_grant() -> None:
    talk = Talk()
    content = seizure(handling=["H2"], trigger="routine")
    message = talk.says("DE", "SZR", content)

    def extract() -> list[str]:
        handling: Handling = talk.desk().handling
        made = prepare(
            talk.messages,
            operation="MERIDIAN",
            administration="DE",
            forbids=lambda one: (
                () if handling.grant(one, Way.CEN, talk.now) else handling.codes(one)
            ),
        )
        return [row.reason for row in made.excluded]

    assert extract() == ["handling_h2"]
    change = {"target": message.place.leaf, "fields": {"handling": []}, "reason": "x"}
    talk.says("DE", "COR", change, person="DE-014")  # an officer takes H2 off for nobody
    assert extract() == ["handling_h2"]
    talk.says("DE", "REL", grants(entry=message.place.leaf, use="export"))
    assert extract() == ["handling_h2"]
    talk.says("DE", "REL", grants(entry=message.place.leaf, use=USE))
    assert extract() == []


def test_marks_are_short_and_name_a_foreign_scale() -> None:
    graded = {"grading": {"scale": "4x4", "source": "B", "information": "2"}}
    assert label({"handling": ["H1", "H2"], "tlp": "AMBER", **graded}) == "H1 H2 TLP AMBER B2"
    assert label({"grading": {**graded["grading"], "scale": "6x6"}}) == "B2 (6x6)"
    assert label({}) == ""
    assert codes({"handling": "H2", "tlp": 7}) == ("H2",)


def test_no_client_module_but_the_gate_turns_items_into_files_or_json() -> None:
    """A new way out shows here: who makes a document of content must ask the gate."""
    root = Path(__file__).parents[3] / "clients" / "cencomm_client"
    makers = {
        str(path.relative_to(root))
        for path in root.rglob("*.py")
        if "item_document(" in path.read_text() or "make_record(" in path.read_text()
    }
    makers |= {
        str(path.relative_to(root))
        for path in (root / "cli").glob("*.py")
        if re.search(r"\.content( or \{\})?\)", path.read_text())
    }
    assert "cli/triage_commands.py" in makers
    asking = {
        name
        for name in makers
        if "gate" in (root / name).read_text().lower() or "permit" in (root / name).read_text()
    }
    # two define the makers, the screen is given what to hide, one reads what a person writes
    own = {"cli/documents.py", "cen_record.py", "cli/desk_screen.py", "cli/filled.py"}
    assert makers - asking == own
