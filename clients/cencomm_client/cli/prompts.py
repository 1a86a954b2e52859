"""Where secrets come from: a prompt, a file, standard input; never an argument, never a log.

An argument is visible to every process of the machine and stays in the shell's history.
"""

from __future__ import annotations

import getpass
import stat
import sys
from pathlib import Path

from cencomm_client.cli.exits import InputInvalid

STDIN = "-"
MAX_SECRET = 4096  # characters


def secret(what: str, file: str | None, *, confirm: bool = False) -> str:
    """A secret from `file` (`-`: one line of standard input), else asked for without echo."""
    if file is not None:
        return _from_file(what, file)
    if not sys.stdin.isatty():
        raise InputInvalid(f"no terminal to ask for the {what}; name a file that holds it")
    value = getpass.getpass(f"{what.capitalize()}: ")
    if confirm and getpass.getpass(f"{what.capitalize()} once more: ") != value:
        raise InputInvalid(f"the two {what}s differ")
    return _checked(what, value)


def line(what: str, file: str | None) -> str:
    """Something that is not secret for long (a one-time code): shown while it is typed."""
    if file is not None:
        return _from_file(what, file)
    if not sys.stdin.isatty():
        raise InputInvalid(f"no terminal to ask for the {what}; name a file that holds it")
    return _checked(what, input(f"{what.capitalize()}: "))


def _from_file(what: str, file: str) -> str:
    if file == STDIN:
        return _checked(what, sys.stdin.readline())
    path = Path(file)
    try:
        mode = path.stat().st_mode
        if stat.S_ISREG(mode) and mode & 0o077 and sys.platform != "win32":
            raise InputInvalid(f"the file with the {what} is readable by others; chmod 600 it")
        with path.open(encoding="utf-8") as source:
            return _checked(what, source.readline())
    except (OSError, UnicodeDecodeError) as error:
        raise InputInvalid(f"the file with the {what} cannot be read") from error


def _checked(what: str, value: str) -> str:
    value = value.rstrip("\r\n")
    if not 0 < len(value) <= MAX_SECRET:
        raise InputInvalid(f"the {what} is empty or longer than {MAX_SECRET} characters")
    return value
