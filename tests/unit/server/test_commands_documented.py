"""Every command of the server stands in docs/operations.md (rule 6 of the project)."""

from __future__ import annotations

from pathlib import Path

from cencomm_server.cli import app

PAGE = (Path(__file__).parents[3] / "docs" / "operations.md").read_text()


def test_every_server_command_is_documented() -> None:
    names = [command.name or command.callback.__name__ for command in app.registered_commands]  # type: ignore[union-attr]  # typer: always a function
    assert len(names) >= 4
    for name in names:
        assert f"`cencomm-server {name}" in PAGE
