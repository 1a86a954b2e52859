"""`python -m cencomm_client.demo.actor KEY`: one participant's process."""

from __future__ import annotations

import asyncio
import sys

from cencomm_client.demo.casework import Casework
from cencomm_client.demo.cast import ROOTS
from cencomm_client.demo.roots import Roots
from cencomm_client.demo.verbs import serve


def run() -> None:
    """Serve the verbs of the custodians or of a participant until standard input ends."""
    key = sys.argv[1]
    part = Roots() if key == ROOTS else Casework(key)
    asyncio.run(serve(part.verbs, part.leave, part.alarms))


if __name__ == "__main__":
    run()
