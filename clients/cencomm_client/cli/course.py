"""`cencomm operation`: how it is stopped, resumed, held, erased, and left by an administration."""

from __future__ import annotations

from typing import Annotated

import typer

from cencomm_client.cli.accounts import hex_bytes
from cencomm_client.cli.documents import offboarded_document, posted_document, task_document
from cencomm_client.cli.frame import Here, Session, command
from cencomm_client.cli.operations import OperationName, operations
from cencomm_client.posting import Posted


@command(operations)
async def suspend(here: Here, operation: OperationName) -> None:
    """Stop all sealing at once, in an emergency (a coordinator)."""
    await here.decide(operation, lambda found: found.suspend())


@command(operations)
async def resume(here: Here, operation: OperationName) -> None:
    """Propose to go on after a suspension; another administration approves."""
    found = await here.operation(operation)
    proposed(here, await found.resume())


@command(operations)
async def cancel(here: Here, operation: OperationName) -> None:
    """Give up a draft (its creator); asks for the password again."""
    await here.confirm()
    await here.decide(operation, lambda found: found.cancel())


@command(operations)
async def erase(here: Here, operation: OperationName) -> None:
    """Propose to erase what was said, for ever; asks for the password again."""
    await here.confirm()
    found = await here.operation(operation)
    proposed(here, await found.erase())


@command(operations)
async def unhold(
    here: Here,
    operation: OperationName,
    hold: Annotated[str, typer.Argument(help="Leaf of the hold, 64 hex digits.")],
) -> None:
    """Propose to lift a legal hold; asks for the password again."""
    leaf = hex_bytes(hold, 32)
    await here.confirm()
    found = await here.operation(operation)
    proposed(here, await found.unhold(leaf))


@command(operations, session=Session.IF_THERE)
async def tasks(
    here: Here,
    operation: OperationName,
    mandatory: Annotated[
        bool, typer.Option("--mandatory", help="Those alone that stop a phase change.")
    ] = False,
) -> None:
    """Show the open tasks, as far as this device reads."""
    found = await here.operation(operation)
    rows = [row for row in found.open_tasks() if row.mandatory or not mandatory]
    if not rows:
        here.say("cli_no_tasks")
    here.show(
        {"tasks": [task_document(row) for row in rows]},
        (
            ("entry", "channel", "by", "for", "mandatory", "due"),
            [
                (
                    str(row.seq),
                    row.channel,
                    row.author,
                    row.assignee or "",
                    "yes" if row.mandatory else "",
                    "" if row.due is None else str(row.due),
                )
                for row in rows
            ],
        ),
    )


@command(operations)
async def offboard(
    here: Here,
    operation: OperationName,
    administration: Annotated[str, typer.Argument(help="Code of the administration.")],
    successor: Annotated[
        str | None,
        typer.Option("--successor", help="Functional code: becomes coordinator in its place."),
    ] = None,
    tasks_to: Annotated[
        str | None,
        typer.Option("--tasks-to", help="Administration that gets its tasks."),
    ] = None,
) -> None:
    """Take an administration out of a running operation; asks for the password again."""
    await here.confirm()
    found = await here.operation(operation)
    done = await found.offboard(administration, successor=successor, tasks_to=tasks_to)
    here.say(
        "cli_offboarded",
        administration=done.administration,
        removed=len(done.removed),
        rotated=", ".join(done.rotated) or "-",
    )
    if done.waiting:
        here.say("cli_others_rotate", names=", ".join(done.waiting))
    if done.active:
        here.say("cli_still_active", count=len(done.active))
    if done.tasks:
        here.say("cli_tasks_left", count=len(done.tasks))
    if done.auditors:
        here.say("cli_auditors_left", codes=", ".join(done.auditors))
    here.output.document(offboarded_document(done))


def proposed(here: Here, posted: Posted) -> None:
    """Show a proposal's receipt, and who goes on."""
    here.say("cli_proposed", seq=posted.seq, leaf=posted.leaf.hex())
    here.output.document(posted_document(posted))
