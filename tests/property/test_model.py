"""spin verifies docs/model/epochs.pml, and finds what goes wrong in it without any one rule."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

MODEL = Path(__file__).resolve().parents[2] / "docs/model/epochs.pml"
CLAIMS = ("held_back", "out_stays_out")
SOUND = (
    "-DLAST=2",
    "-DREMOVALS=0 -DLOSSES=1 -DLAST=2",
    "-DREVOCATIONS=0 -DREKEYS=1 -DLAST=2",
    "-DREVOCATIONS=0 -DREMOVALS=0 -DLIES=1",
)
BROKEN = {
    "-DNO_STALE_EPOCH": ("-DLAST=2", "said_while_due"),
    "-DNO_WATERMARK": ("-DLAST=2", "said_while_due"),
    "-DNO_COMPARE": ("-DLAST=2", "behind"),
    "-DRETIRE_EARLY": ("-DREVOCATIONS=0 -DREKEYS=1 -DLAST=2", "old_key"),
    "-DNO_PREV_CLOSE": ("-DREVOCATIONS=0 -DREMOVALS=0 -DLAST=2", "revealed"),
    "-DTRUST_ROTATOR": ("-DREVOCATIONS=0 -DREMOVALS=0 -DLIES=1 -DLAST=2", "bad[n]"),
}
MOST_S = 600  # a crowded machine; alone each takes a second or two

pytestmark = [
    pytest.mark.timeout(2 * MOST_S),
    pytest.mark.skipif(
        shutil.which("spin") is None or shutil.which("gcc") is None,
        reason="needs spin and gcc: apt-get install spin gcc libc6-dev",
    ),
]


def verified(folder: Path, options: str, *claims: str) -> list[str]:
    """What the verifier that spin makes of the model says of each claim and every assertion."""

    def run(*words: str) -> str:
        done = subprocess.run(
            words, cwd=folder, capture_output=True, text=True, timeout=MOST_S, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    run("spin", *options.split(), "-a", str(MODEL))
    # -O0: each verifier runs for two seconds, and to optimise it takes the compiler ten
    run("gcc", "-O0", "-w", "-DSAFETY", "-DCOLLAPSE", "-o", "pan", "pan.c")
    return [run("./pan", "-N", claim, "-m200000", "-w22") for claim in claims]


@pytest.mark.parametrize("options", SOUND)
def test_the_rules_keep_the_claims_in_every_course(tmp_path: Path, options: str) -> None:
    for said in verified(tmp_path, options, *CLAIMS):
        assert "errors: 0" in said, said
        assert "Search not completed" not in said, said
        assert "max search depth too small" not in said, said
        states = re.search(r"(\d+) states, stored", said)
        assert states is not None
        assert int(states[1]) > 10_000, said  # it went somewhere


@pytest.mark.parametrize("switch", sorted(BROKEN))
def test_without_a_rule_spin_finds_what_goes_wrong(tmp_path: Path, switch: str) -> None:
    options, what = BROKEN[switch]
    (said,) = verified(tmp_path, f"{options} {switch}", "held_back")
    assert "errors: 1" in said, said
    violated = next(line for line in said.splitlines() if "assertion violated" in line)
    assert what in violated, said
