"""One participant's process."""

from __future__ import annotations

import asyncio
import os
import socket
from pathlib import Path

from cencomm_client.demo.casework import Casework
from cencomm_client.demo.roots import Roots
from cencomm_client.demo.scenario import ROOTS
from cencomm_client.demo.verbs import serve


def run(key: str, conductor: socket.socket, log: Path) -> None:
    """Serve the verbs of the custodians or of a participant until the conductor's end closes.

    What this process prints goes to its own log.
    """
    with log.open("ab") as said:
        for stream in (1, 2):
            os.dup2(said.fileno(), stream)
    part = Roots() if key == ROOTS else Casework(key)
    asyncio.run(serve(conductor, part.verbs, part.leave, part.alarms))
