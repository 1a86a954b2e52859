"""A hit in its normal form, and each wrong field by name."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from cencomm_client.bots.checking import AHEAD_MS, KIND, MOST_ERRORS, checked
from cencomm_client.bots.folder import outcome_document
from cencomm_client.bots.reading import MAX_BYTES
from cencomm_client.bots.source import Outcome, RawHit, State
from cencomm_client.cli import app
from cencomm_client.cli.exits import Exit
from cencomm_config.forms import FormInvalid
from cencomm_crypto.member.payload import make_payload
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

NOW = 1_790_000_000_000
GOOD: dict[str, Any] = {
    "source": "manifest screening",
    "rule": "TOB-7",
    "rule_version": "3",
    "score": 87,
    "matched": ["free zone origin"],
    "subject": "container",
    "identifiers": {"container": "csqu 305438 3"},
    "route": {"departure": "AEJEA", "transits": ["GRPIR"], "destination": "DEHAM", "eta": NOW},
    "snapshot_at": NOW,
    "dedupe": "TOB-7/CSQU3054383",
}


def wrong(content: Any, key: str | None = None) -> list[str]:
    with pytest.raises(FormInvalid) as found:
        checked(RawHit(key, content), KIND, NOW)
    return [error.path for error in found.value.errors]


def test_a_good_hit_has_its_normal_form_and_may_be_sealed() -> None:
    hit = checked(RawHit(None, json.dumps(GOOD).encode()), KIND, NOW)
    assert hit.key == GOOD["dedupe"]
    assert hit.content == {**GOOD, "identifiers": {"container": "CSQU3054383"}}
    make_payload(KIND, bytes(16), hit.content)


def test_the_key_may_come_beside_the_content_and_is_put_into_it() -> None:
    content = {name: value for name, value in GOOD.items() if name != "dedupe"}
    assert checked(RawHit("k", content), KIND, NOW).content["dedupe"] == "k"
    assert wrong(GOOD, "another") == ["dedupe"]
    assert wrong(content) == ["dedupe"]


def test_one_letter_written_in_two_ways_is_one_key() -> None:
    keys = {checked(RawHit(key, GOOD | {"dedupe": key}), KIND, NOW).key for key in ("é", "e\u0301")}
    assert keys == {"é"}


def test_what_a_source_leaves_null_is_left_out() -> None:
    hit = checked(RawHit(None, GOOD | {"score": None, "route": None}), KIND, NOW)
    assert "score" not in hit.content
    assert "route" not in hit.content


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"snapshot_at": NOW + AHEAD_MS + 1}, "snapshot_at"),
        ({"snapshot_at": 1}, "snapshot_at"),
        ({"score": 87.5}, "score"),
        ({"identifiers": {"container": "CSQU3054384"}}, "identifiers.container"),
        ({"identifiers": {"vessel": "1234568"}}, "identifiers.vessel"),
        ({"identifiers": ["x"]}, "identifiers"),
        ({"route": {"departure": "Jebel Ali"}}, "route.departure"),
        ({"subject": "shoe"}, "subject"),
        ({"tlp": "PURPLE"}, "tlp"),
        ({"matched": ["x", 7]}, "matched[1]"),
        ({"remarks": "x" * 4001}, "remarks"),
        ({"source": ""}, "source"),
        ({"triage": {"decision": "dismiss", "reason_code": "no_finding"}}, "triage"),
    ],
)
def test_a_wrong_field_is_named(change: dict[str, Any], path: str) -> None:
    assert wrong(GOOD | change) == [path]


def test_a_number_as_seen_need_not_check() -> None:
    seen = {"container": "CSQU3054384", "as_seen": True}
    assert checked(RawHit(None, GOOD | {"identifiers": seen}), KIND, NOW).content[
        "identifiers"
    ] == seen  # fmt: skip


def test_one_hit_never_keeps_the_bot_busy_nor_fills_its_disk_with_what_is_wrong() -> None:
    """A few kilobytes would be megabytes of errors, and seconds of checking (A35)."""
    for changed in (
        {"matched": [1] * 80_000},
        {"matched": ["\x01"] * 1_900},
        {f"field{number}": 1 for number in range(1_900)},
        {"identifiers": {"container": [[[number] for number in range(900)]] * 3}},
    ):
        data = json.dumps(GOOD | changed).encode()
        with pytest.raises(FormInvalid) as found:
            checked(RawHit(None, data), KIND, NOW)
        outcome = Outcome(State.INVALID, code=found.value.code, fields=found.value.errors)
        assert len(found.value.errors) <= MOST_ERRORS
        assert len(json.dumps(outcome_document(outcome))) < 64 * 1024


def read_as(data: bytes) -> str:
    with pytest.raises(FormInvalid) as found:
        checked(RawHit(None, data), KIND, NOW)
    (error,) = found.value.errors
    assert error.path == "hit"
    return str(error.read)


def test_bytes_that_are_no_hit_say_what_they_are() -> None:
    good = json.dumps(GOOD).encode()
    many = b"".join(b'"k%d":1,' % number for number in range(20_000))
    assert read_as(b"\xef\xbb\xbf" + good) == "a byte order mark before it"
    assert read_as(json.dumps(GOOD).encode("utf-16")) == "UTF-16"
    assert read_as(b"\xff" + good) == "other bytes"
    assert read_as(b'{"score": NaN}') == "NaN"
    assert read_as(b'{"score": -Infinity}') == "-Infinity"
    assert read_as(b"{" + many + b'"k19999": 2}') == "k19999 twice"
    assert read_as(b'{"a":' * 40_000 + b"1" + b"}" * 40_000) == "a deep nesting"
    assert read_as(b"") == "no JSON (Expecting value: line 1 column 1 (char 0))"
    assert read_as(good[: len(good) // 2]).startswith("no JSON (")
    assert read_as(good + good).startswith("no JSON (Extra data")
    assert read_as(b" " * MAX_BYTES + good) == f"{MAX_BYTES + len(good)} bytes"


TEXT = st.text(alphabet="aZ0 é\u0301\x00\ud800\u202e☃", max_size=30)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=8,
)


@settings(deadline=None)  # the first call compiles the form
@given(st.dictionaries(st.sampled_from([*GOOD, "tlp", "remarks", "x"]), JSON))
def test_whatever_comes_is_a_hit_that_can_be_sealed_or_is_named(changed: dict[str, Any]) -> None:
    with suppress(FormInvalid):
        hit = checked(RawHit(None, GOOD | changed), KIND, NOW)
        make_payload(KIND, bytes(16), hit.content)


def test_the_command_names_what_is_wrong_with_its_arguments(tmp_path: Path) -> None:
    shown = CliRunner().invoke(app, ["bot", "status", "--vault", str(tmp_path / "none"), "--json"])
    assert shown.exit_code == Exit.NOT_FOUND
    vault = tmp_path / "bot.vault"
    vault.touch()
    shown = CliRunner().invoke(app, ["bot", "status", "--vault", str(vault), "--json"])
    assert (shown.exit_code, json.loads(shown.stdout)) == (Exit.OK, {"bots": []})
    (tmp_path / "bot.vault.00.queue.status").write_text('{"waiting": 3}')
    (tmp_path / "bot.vault.01.queue.status").write_text("torn")
    shown = CliRunner().invoke(app, ["bot", "status", "--vault", str(vault), "--json"])
    assert json.loads(shown.stdout) == {"bots": [{"waiting": 3}]}
