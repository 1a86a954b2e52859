"""The page for the first day: every command line on it is one that the program takes."""

from __future__ import annotations

import re
import shlex
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import typer
from cencomm_client.cli import app
from cencomm_server.cli import app as server

PAGE = (Path(__file__).parents[3] / "docs" / "first-day.md").read_text(encoding="utf-8")
LINES = [
    line
    for block in re.findall(r"```\n(.*?)```", PAGE, re.DOTALL)
    for line in block.strip().splitlines()
]


@cache
def program(name: str) -> Any:
    return typer.main.get_command({"cencomm": app, "cencomm-server": server}[name])


def parsed(line: str) -> dict[str, Any]:
    """What a line gives the command that it names; raises what the program would say."""
    name, *words = shlex.split(line.partition(" > ")[0])
    command, context = program(name), None
    while hasattr(command, "commands"):
        context = command.make_context(name, [words[0]], parent=context)
        name, command, words = words[0], command.commands[words[0]], words[1:]
    values: dict[str, Any] = command.make_context(name, words, parent=context).params
    return values


def test_there_is_a_whole_day_on_it() -> None:
    assert len(LINES) > 40


@pytest.mark.parametrize("line", LINES)
def test_a_command_line_is_taken(line: str) -> None:
    assert parsed(line)


@pytest.mark.parametrize(
    "line", ["cencomm operation show", "cencomm verify A B", "cencomm status --colour"]
)
def test_another_is_not(line: str) -> None:
    with pytest.raises(Exception, match=r"(?i)missing|unexpected|no such option"):
        parsed(line)
