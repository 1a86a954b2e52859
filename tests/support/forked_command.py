"""Hand this process's words, environment and streams to `forking`, and end as its child ends.

Run by its path without site packages: it must start at once.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
from types import FrameType


def main() -> int:
    """The child's exit code; that of a SIGKILL if it ended without one."""
    path, program, *words = sys.argv[1:]
    folder = os.getcwd()  # noqa: PTH109 pathlib takes as long to import as all of this
    asked = {"program": program, "words": words, "env": dict(os.environ), "cwd": folder}
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as connection:
        connection.connect(path)
        socket.send_fds(connection, [json.dumps(asked).encode()], [0, 1, 2])
        child = int(connection.recv(32))

        def forward(number: int, _: FrameType | None) -> None:
            os.kill(child, number)

        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, forward)
        code = connection.recv(32)
    return int(code) if code else 128 + signal.SIGKILL


if __name__ == "__main__":
    sys.exit(main())
