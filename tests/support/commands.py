"""The two commands as processes of their own that need not import everything first.

Importing what a command needs takes it longer than most of its work, and a test types dozens. So
one process per worker has imported it all (`forking`), and forks for each command; `command_line`
is what to start instead of the program. Everything else is as ever: its own process, its own
environment, pipes or a terminal, signals, its exit code. Not for a process that is to die by
SIGKILL or to be stopped, for that reaches the launcher alone; the installed programs themselves
are run by `test_bare_install` and by every server.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path
from typing import Literal

LAUNCHER = Path(__file__).with_name("forked_command.py")


def command_line(program: Literal["cencomm", "cencomm-server"], *words: str) -> tuple[str, ...]:
    """What runs the program with these words; bounded to the life of this process."""
    return (sys.executable, "-I", "-S", str(LAUNCHER), _socket(), program, *words)


@cache
def _socket() -> str:
    path = Path(tempfile.mkdtemp(prefix="cencomm-commands-"), "socket")
    process = subprocess.Popen(  # it ends when its standard input does: with this process
        [sys.executable, "-m", "tests.support.forking", str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    _kept.append(process)
    return str(path)


_kept: list[subprocess.Popen[bytes]] = []  # or its pipe is closed, and it ends
