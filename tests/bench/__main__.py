"""`python -m tests.bench [name ...]`: run the named benches, all of them without a name.

Exit code 1 if a bar was missed, 2 for a name that is not in the list.
"""

from __future__ import annotations

import os
import sys
from itertools import chain

from rich.console import Console

from tests.bench import (
    bench_bots,
    bench_crypto,
    bench_desk,
    bench_forms,
    bench_memory,
    bench_reading,
    bench_scale,
    bench_server,
    bench_web,
)
from tests.bench.frame import Bench, run

BENCHES: tuple[Bench, ...] = (
    Bench("crypto", bench_crypto.sealing),
    Bench("rotation", bench_crypto.rotation),
    Bench("replay", bench_crypto.replay),
    Bench("bots", bench_bots.bots),
    Bench("forms", bench_forms.forms),
    Bench("desk", bench_desk.desk),
    Bench(
        "server",
        lambda: chain(bench_server.server(), bench_reading.reading(), bench_memory.memory()),
    ),
    Bench("web", bench_web.web),
)
SCALE = Bench("scale", bench_scale.scale)  # by name, or alone with SCALE=1


def main(names: list[str]) -> int:
    """Run and print; gives the exit code."""
    known = {bench.name: bench for bench in (*BENCHES, SCALE)}
    unknown = [name for name in names if name not in known]
    console = Console(width=None if sys.stdout.isatty() else 140)
    if unknown:
        console.print(f"no bench {', '.join(unknown)}; there are: {', '.join(known)}")
        return 2
    usual = [SCALE] if os.environ.get("SCALE", "") not in ("", "0") else list(BENCHES)
    chosen = [known[name] for name in names] if names else usual
    return 0 if run(chosen, console) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
