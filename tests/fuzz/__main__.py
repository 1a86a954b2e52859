"""`python -m tests.fuzz [seeds | run | keep] [TARGET...]`; `make fuzz SECONDS=600`.

`run` fuzzes each target for `--seconds`, `--jobs` at a time, starting from the corpus; what it
finds new is kept under `.run/fuzz`, a finding is copied there as `crash-*` and the exit status
is 1. `keep` takes the smallest of what was found into the corpus.
"""

from __future__ import annotations

import argparse
import importlib.util
import shutil
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.fuzz import seeds
from tests.fuzz.seeds import CORPUS

TARGETS = ("decoder", "entry", "note", "rules", "wire", "http", "live")
FOUND = Path(".run/fuzz")
LONGEST = 8192  # bytes of an input
MAX_KEPT_BYTES = 48 * 1024  # of one target, at each `keep`
MISSING = (
    "atheris is not installed: it has no wheel for this Python on this machine, or"
    " `make setup` was not run"
)


def available() -> bool:
    """Whether the fuzzer is there."""
    return importlib.util.find_spec("atheris") is not None


def fuzz(target: str, seconds: int, found: Path) -> tuple[int, str]:
    """Fuzz one target; exit status and what the fuzzer said."""
    new = found / target
    new.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(
        [
            *(sys.executable, "-m", "tests.fuzz.child", target),
            *(f"-max_total_time={seconds}", f"-max_len={LONGEST}", "-timeout=30"),
            *("-rss_limit_mb=2048", f"-artifact_prefix={found}/{target}-"),
            *(str(new), str(CORPUS / target)),
        ],
        capture_output=True,
        text=True,
        errors="replace",
        timeout=seconds + 600,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def run_all(
    targets: Sequence[str], *, seconds: int, jobs: int, found: Path
) -> dict[str, tuple[int, str]]:
    """Fuzz several, `jobs` at a time: target -> exit status and what the fuzzer said."""
    with ThreadPoolExecutor(jobs) as pool:
        runs = pool.map(lambda target: fuzz(target, seconds, found), targets)
        return dict(zip(targets, runs, strict=True))


def keep(target: str, found: Path) -> int:
    """Take what was found into the corpus, the smallest first, up to a bound; gives how many.

    Each of them reached code, or a way through it, that nothing before it had.
    """
    kept, room = 0, MAX_KEPT_BYTES
    for path in sorted((found / target).iterdir(), key=lambda path: (path.stat().st_size, path)):
        room -= path.stat().st_size
        if room < 0:
            break
        shutil.copy(path, CORPUS / target / path.name[:16])
        kept += 1
    return kept


def _told(target: str, status: int, said: str) -> str:
    last = next((line for line in reversed(said.splitlines()) if "DONE" in line), "")
    return f"{target}: {f'FOUND SOMETHING (status {status})' if status else 'nothing found'} {last}"


def main() -> int:
    """Run a command; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz")
    parser.add_argument("command", choices=("seeds", "run", "keep"))
    parser.add_argument("targets", nargs="*", help=f"of {', '.join(TARGETS)}; all if none")
    parser.add_argument("--seconds", type=int, default=600)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--found", type=Path, default=FOUND)
    chosen = parser.parse_intermixed_args()
    targets = chosen.targets or list(TARGETS)
    if chosen.command == "seeds":
        print(f"{seeds.write()} seeds")  # noqa: T201 a command's answer
        return 0
    if not available():
        sys.exit(MISSING)
    if chosen.command == "keep":
        for target in targets:
            print(f"{target}: {keep(target, chosen.found)} kept")  # noqa: T201
        return 0
    status = 0
    found = run_all(targets, seconds=chosen.seconds, jobs=chosen.jobs, found=chosen.found)
    for target, (code, said) in found.items():
        (chosen.found / f"{target}.log").write_text(said)
        print(_told(target, code, said))  # noqa: T201 a command's answer
        if code:
            print("\n".join(said.splitlines()[-40:]))  # noqa: T201
            status = 1
    return status


if __name__ == "__main__":
    sys.exit(main())
