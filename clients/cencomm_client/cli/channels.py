"""`cencomm channel`: make one, end one."""

from __future__ import annotations

from typing import Annotated

import typer

from cencomm_client.cli.arguments import OperationName, milliseconds, span, worded
from cencomm_client.cli.exits import InputInvalid
from cencomm_client.cli.frame import Here, command
from cencomm_client.directed import LONGEST_NAME

channels = typer.Typer(no_args_is_help=True, help="Channels of an operation.")


@command(channels, "create")
async def create_channel(
    here: Here,
    operation: OperationName,
    name: Annotated[str, typer.Argument(help="The channel's name.")],
    member: Annotated[
        list[str] | None, typer.Option("--member", help="Functional code; several times.")
    ] = None,
    administration: Annotated[
        list[str] | None, typer.Option("--administration", help="Code; several times.")
    ] = None,
    role: Annotated[list[str] | None, typer.Option("--role", help="Role; several times.")] = None,
    parent: Annotated[
        str | None, typer.Option("--parent", help="A directed channel within this one.")
    ] = None,
    start: Annotated[
        str | None, typer.Option("--from", help="Its own start, ISO 8601 with zone.")
    ] = None,
    end: Annotated[
        str | None, typer.Option("--until", help="Its own end, ISO 8601 with zone.")
    ] = None,
) -> None:
    """Create a channel: for those named, else for everybody; its window inside the operation's."""
    worded("NAME", name, LONGEST_NAME)
    first, last = (None if text is None else milliseconds(text) for text in (start, end))
    found = await here.operation(operation)
    window = None if first is last is None else span(first, last, found.state.window)
    made = await found.create_channel(
        name,
        members=member or None,
        administrations=administration or (),
        roles=role or (),
        window=window,
        parent=parent,
    )
    here.say("cli_done")
    here.output.document({"channel": made.id, "name": made.name})


@command(channels, "members")
async def change_members(
    here: Here,
    operation: OperationName,
    channel: Annotated[str, typer.Argument(help="The channel's name.")],
    add: Annotated[
        list[str] | None, typer.Option("--add", help="Functional code; several times.")
    ] = None,
    remove: Annotated[
        list[str] | None, typer.Option("--remove", help="Functional code; several times.")
    ] = None,
) -> None:
    """Change who is in a channel that has a list (a coordinator)."""
    if not add and not remove:
        raise InputInvalid("--add or --remove expected")
    await here.decide(
        operation,
        lambda found: found.channel(channel).change_members(add=add or (), remove=remove or ()),
    )


@command(channels, "close")
async def close_channel(
    here: Here,
    operation: OperationName,
    channel: Annotated[str, typer.Argument(help="The channel's name.")],
) -> None:
    """End one channel now and show its close key; asks for the password again."""
    await here.confirm()
    await here.decide(operation, lambda found: found.channel(channel).close())
