"""`python -m tests.mallory.server --row A3 run ...`: cencomm-server with one port changed.

What follows the row is the command line of `cencomm-server`. The demonstration is told to start
this in the place of the real one:

    CENCOMM_DEMO_SERVER="python -m tests.mallory.server --row A3" python -m cencomm_client.demo
"""

from __future__ import annotations

import argparse
import sys
from contextlib import ExitStack
from unittest.mock import patch

from cencomm_server import app, cli

from tests.mallory.performed import PORTS


def main() -> None:
    """Serve like the real one but for the row's classes."""
    parser = argparse.ArgumentParser(prog="python -m tests.mallory.server")
    parser.add_argument("--row", choices=sorted(PORTS), required=True)
    chosen, rest = parser.parse_known_args()
    sys.argv = ["cencomm-server", *rest]
    with ExitStack() as stack:
        for name, kind in PORTS[chosen.row].items():
            stack.enter_context(patch.object(app, name, kind))
        cli.main()


if __name__ == "__main__":
    main()
