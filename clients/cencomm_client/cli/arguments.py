"""What a person types as an argument: names, times, hex digits, the paths of files."""

from __future__ import annotations

import time
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from cencomm_config.display import shown_time as told
from cencomm_crypto.public.operation.channel import Window

from cencomm_client.cli.exits import InputInvalid

OperationName = Annotated[
    str, typer.Argument(metavar="OPERATION", help="Name, or the hex digits its id starts with.")
]
Codes = Annotated[list[str], typer.Argument(metavar="CODE...", help="Functional codes.")]

LONGEST_PROSE = 2_048  # bytes of a legal basis, or of a reason (PROTOCOL)


def milliseconds(text: str) -> int:
    """A moment with its zone as ms since 1970 UTC; raises InputInvalid."""
    try:
        read = datetime.fromisoformat(text)
    except ValueError as error:
        raise InputInvalid(f"{text!r} read, a time like 2026-03-01T08:00+01:00 expected") from error
    if read.tzinfo is None:
        raise InputInvalid(f"{text!r} has no zone; add Z or an offset like +01:00")
    at = int(read.timestamp() * 1000)
    if at < 0:
        raise InputInvalid(f"{text!r} read, a time since 1970 expected")
    return at


def span(start: int | None, end: int | None, outer: tuple[int, int] | None = None) -> Window:
    """A window from --from and --until (ms), where one is left out that of `outer`; raises
    InputInvalid unless it is one that has not ended yet, inside `outer`."""
    open_first, open_last = outer or (0, 0)
    first, last = open_first if start is None else start, open_last if end is None else end
    now = int(time.time() * 1000)
    if not first < last:
        raise InputInvalid(
            f"from {told(first)} until {told(last)} read; a start before its end expected"
        )
    if last <= now:
        raise InputInvalid(
            f"until {told(last)} read, which is over; a time after {told(now)} expected"
        )
    if outer is not None and not outer[0] <= first < last <= outer[1]:
        raise InputInvalid(
            f"from {told(first)} until {told(last)} read; inside the operation's window expected,"
            f" from {told(outer[0])} until {told(outer[1])}"
        )
    return first, last


def worded(what: str, text: str, most: int) -> str:
    """A name or a reason as it was typed; raises InputInvalid for none, or one that is too long."""
    size = len(text.encode())
    if not text.strip() or size > most:
        raise InputInvalid(f"{what}: {size} bytes of text read, 1 to {most} expected")
    return text


def hex_bytes(text: str, size: int) -> bytes:
    """Bytes from hex digits; raises InputInvalid."""
    try:
        value = bytes.fromhex(text.strip())
    except ValueError:
        value = b""
    if len(value) != size:
        raise InputInvalid(f"{2 * size} hex digits expected")
    return value


def bytes_of(file: Path) -> bytes:
    """What a file holds; raises InputInvalid."""
    try:
        return file.read_bytes()
    except OSError as error:
        raise InputInvalid(f"{file}: cannot be read") from error


def text_of(file: Path) -> str:
    """What a text file holds; raises InputInvalid."""
    try:
        return file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputInvalid(f"{file}: cannot be read") from error
