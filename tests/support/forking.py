"""`python -m tests.support.forking SOCKET`: forks a child for each command (see `commands`).

A message on the socket is JSON {program, words, env, cwd} with the three standard streams beside
it; the answers are the child's process id and, when it ends by itself, its exit code.
"""

from __future__ import annotations

import importlib
import json
import os
import selectors
import shutil
import signal
import socket
import sys
from pathlib import Path
from typing import Any, NoReturn

MAX_MESSAGE = 192 * 1024  # bytes; below what a local socket takes at once
PROGRAMS = {"cencomm": "cencomm_client.cli", "cencomm-server": "cencomm_server.cli"}


def main() -> None:
    """Serve until standard input ends."""
    path = Path(sys.argv[1])
    for module in PROGRAMS.values():
        importlib.import_module(module)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for them here
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        listener.bind(str(path))
        listener.listen(64)
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        selector = selectors.DefaultSelector()
        selector.register(listener, selectors.EVENT_READ)
        selector.register(sys.stdin, selectors.EVENT_READ)
        while all(key.fileobj is listener for key, _ in selector.select()):
            connection, _ = listener.accept()
            with connection:
                if os.fork() == 0:
                    selector.close()
                    listener.close()
                    _become(connection)
    shutil.rmtree(path.parent)


def _become(connection: socket.socket) -> NoReturn:
    """Run one command in this forked process, and end it."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    message, streams, _, _ = socket.recv_fds(connection, MAX_MESSAGE, 3)
    asked: dict[str, Any] = json.loads(message)
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    sys.stdin, sys.stdout = open(0, closefd=False), open(1, "w", closefd=False)  # noqa: SIM115 until it ends
    sys.stderr = open(2, "w", errors="backslashreplace", closefd=False, buffering=1)  # noqa: SIM115 until it ends
    os.environ.clear()
    os.environ.update(asked["env"])
    os.chdir(asked["cwd"])
    sys.argv = [asked["program"], *asked["words"]]
    connection.send(str(os.getpid()).encode())
    code: object = 0
    try:
        importlib.import_module(PROGRAMS[asked["program"]]).main()
    except SystemExit as leaving:
        code = leaving.code or 0
    for written in (sys.stdout, sys.stderr):
        try:
            written.flush()
        except OSError:  # who read has gone
            code = code or 120
    status = code if isinstance(code, int) else 1
    connection.send(str(status).encode())
    os._exit(status)


if __name__ == "__main__":
    main()
