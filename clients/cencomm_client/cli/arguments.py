"""What a person types as an argument: names, times, hex digits, the paths of files."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from cencomm_client.cli.exits import InputInvalid

OperationName = Annotated[
    str, typer.Argument(metavar="OPERATION", help="Name, or the hex digits its id starts with.")
]
Codes = Annotated[list[str], typer.Argument(metavar="CODE...", help="Functional codes.")]


def milliseconds(text: str) -> int:
    """A moment with its zone as ms since 1970 UTC; raises InputInvalid."""
    try:
        read = datetime.fromisoformat(text)
    except ValueError as error:
        raise InputInvalid(f"{text!r} read, a time like 2026-03-01T08:00+01:00 expected") from error
    if read.tzinfo is None:
        raise InputInvalid(f"{text!r} has no zone; add Z or an offset like +01:00")
    return int(read.timestamp() * 1000)


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
