"""The demonstration as a stranger runs it without a terminal: every claim held, by its observer."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from cencomm_client.demo.claims import Ledger
from cencomm_client.demo.refusals import MET
from cencomm_client.demo.scenario import (
    CONTAINER,
    EXPECTED_CLAIMS,
    PARTICIPANTS,
    ROLES,
    ROUTE,
    WARNING,
)
from cencomm_client.demo.windup import LEAST_ENTRIES
from cencomm_config.forms.schemas import CODES
from cencomm_crypto.public.rights import Role

from tests.web.bridge import Bridge, build
from tests.web.exported import compare

pytestmark = [pytest.mark.timeout(600), pytest.mark.timed]


def play(folder: Path) -> tuple[int, dict[str, Any]]:
    """Run it once on processes of its own; the exit status and the last line."""
    done = subprocess.run(
        [sys.executable, "-m", "cencomm_client.demo"],
        env={**os.environ, "ONCE": "1", "CENCOMM_DEMO_DIR": str(folder)},
        capture_output=True,
        text=True,
        timeout=560,
        check=False,
    )
    assert done.stdout, done.stderr
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return done.returncode, result


def test_every_claim_holds_and_two_runs_in_a_row_work(
    tmp_path: Path, embedded_program: Path, rounds: int
) -> None:
    assert embedded_program.exists()
    for _ in range(2 if rounds >= 10 else 1):  # the second run only where there is time for it
        status, result = play(tmp_path)
        failed = [claim for claim in result["claims"] if not claim["held"]]
        assert (status, failed, result["missing"], result["failure"]) == (0, [], [], None)
        assert result["ok"]
        assert [claim["claim"] for claim in result["claims"]] == list(EXPECTED_CLAIMS)
        for claim in result["claims"]:
            assert claim["acted"] not in claim["observed_by"]
            assert claim["evidence"]
        evidence = {claim["claim"]: claim["evidence"] for claim in result["claims"]}
        assert result["measured"]["entries"] >= LEAST_ENTRIES
        assert evidence["every_form_arrives"]["forms"] == sorted(CODES)
        assert set(evidence["each_refusal_names_its_code"]["codes"]) == MET
        tried = evidence["removed_member_reads_nothing_later"]["tried"]
        assert [row["code"] for row in tried] == ["no_epoch_key"] * len(tried)
        assert tried
    with Bridge(build(tmp_path / "bridge")) as bridge:  # the other implementation, the same states
        for export in tmp_path.glob("*/server-export.cbor"):
            assert compare(bridge, export) > 40


def test_a_claim_cannot_be_vouched_for_by_who_acted() -> None:
    ledger = Ledger(("one",))
    with pytest.raises(ValueError, match="cannot vouch"):
        ledger.judge("one", "...", acted="fr", observed_by=("fr",), held=True)
    with pytest.raises(ValueError, match="expected"):
        ledger.judge("two", "...", acted="fr", observed_by=("de",), held=True)


def test_a_claim_that_nobody_judged_or_that_failed_is_not_held() -> None:
    ledger = Ledger(("one", "two"))
    ledger.judge("one", "...", acted="fr", observed_by=("de",), held=True)
    assert not ledger.all_held
    assert ledger.missing == ("two",)
    ledger.judge("two", "...", acted="fr", observed_by=("de",), held=False)
    assert not ledger.all_held


def test_the_scenario_uses_real_identifiers_and_every_role_it_names() -> None:
    from stdnum import iso6346

    assert iso6346.is_valid(CONTAINER)
    assert WARNING["hs"] == ["240220"]
    assert ROUTE["departure"] == "AEJEA"
    given = {"observer"}  # to an officer, in the play
    assert {person.role for person in PARTICIPANTS} | given == set(ROLES) == set(Role)
