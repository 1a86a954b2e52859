"""`python -m tests.fuzz.child TARGET [libFuzzer options] FOLDER...`: one fuzzer on one target.

A process of its own per target: libFuzzer ends its process at the first finding, and our modules
must be imported after the fuzzer has hooked the imports.
"""

from __future__ import annotations

import importlib
import sys
import tempfile
from pathlib import Path
from typing import Any

atheris: Any = importlib.import_module("atheris")  # not on every machine, and without types

OURS = ("cencomm_crypto", "cencomm_config", "cencomm_server", "cencomm_client")


def main() -> None:
    """Fuzz until the options say so; exit status 77 and a file at a finding."""
    name, *options = sys.argv[1:]
    with atheris.instrument_imports(include=list(OURS)):
        from tests.fuzz.handlers import Handlers
        from tests.fuzz.targets import PURE
    if name in PURE:
        atheris.Setup([sys.argv[0], *options], PURE[name])
        atheris.Fuzz()
        return
    with (
        tempfile.TemporaryDirectory(prefix="cencomm-fuzz-") as folder,
        Handlers(Path(folder)) as handlers,
    ):
        atheris.Setup([sys.argv[0], *options], getattr(handlers, name))
        atheris.Fuzz()


if __name__ == "__main__":
    main()
