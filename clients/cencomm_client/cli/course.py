"""`cencomm operation`: phases, ends, proposals, holds, tasks, and an administration that leaves."""

from __future__ import annotations

from typing import Annotated

import typer
from cencomm_config.display import shown_time
from cencomm_crypto.public.phases import SETS

from cencomm_client.cli.arguments import LONGEST_PROSE, OperationName, milliseconds, worded
from cencomm_client.cli.documents import offboarded_document, proposal_document, task_document
from cencomm_client.cli.exits import InputInvalid
from cencomm_client.cli.frame import Decide, Here, Session, command
from cencomm_client.cli.messages import referred
from cencomm_client.cli.operations import operations
from cencomm_client.proposals import Standing

IRREVERSIBLE = frozenset({"close", "erase", "unhold"})
"""Subjects of proposals whose approval asks for the password again."""


@command(operations)
async def phase(
    here: Here,
    operation: OperationName,
    to: Annotated[
        str,
        typer.Argument(
            metavar="PHASE", help="prep, live, post, debrief, suspended, closed or erased."
        ),
    ],
) -> None:
    """Go to another phase (a coordinator); the last two ask for the password again."""
    if to in ("closed", "erased"):
        await here.confirm()
    steps: dict[str, Decide] = {
        "suspended": lambda found: found.suspend(),
        "closed": lambda found: found.close(),
        "erased": lambda found: found.erase(),
        **dict.fromkeys(SETS, lambda found: found.set_phase(to)),
    }
    if to not in steps:
        raise InputInvalid(f"{to!r} read, one of {', '.join(steps)} expected")
    await here.decide(operation, steps[to])


@command(operations)
async def suspend(here: Here, operation: OperationName) -> None:
    """Stop all sealing at once, in an emergency (a coordinator)."""
    await here.decide(operation, lambda found: found.suspend())


@command(operations)
async def resume(here: Here, operation: OperationName) -> None:
    """Propose to go on after a suspension; another administration approves."""
    await here.decide(operation, lambda found: found.resume())


@command(operations)
async def cancel(here: Here, operation: OperationName) -> None:
    """Give up a draft (its creator); asks for the password again."""
    await here.confirm()
    await here.decide(operation, lambda found: found.cancel())


@command(operations)
async def close(
    here: Here,
    operation: OperationName,
) -> None:
    """End the operation, before its time as a proposal; asks for the password again."""
    await here.confirm()
    await here.decide(operation, lambda found: found.close())


@command(operations)
async def extend(
    here: Here,
    operation: OperationName,
    end: Annotated[
        str | None, typer.Option("--until", help="The operation's new end, ISO 8601 with zone.")
    ] = None,
    live: Annotated[
        str | None, typer.Option("--live-until", help="New end of the phase live.")
    ] = None,
    channel: Annotated[
        list[str] | None,
        typer.Option("--channel", metavar="NAME=TIME", help="A channel's new end; several times."),
    ] = None,
) -> None:
    """Propose a longer window (a coordinator); live and channels move only if they are named."""
    ends = dict(map(channel_end, channel or ()))
    await here.decide(
        operation,
        lambda found: found.extend(
            not_after=None if end is None else milliseconds(end),
            live=None if live is None else milliseconds(live),
            channels=ends,
        ),
    )


@command(operations)
async def audit(
    here: Here,
    operation: OperationName,
    auditor: Annotated[
        list[str] | None,
        typer.Option("--auditor", help="Functional code; several times; nobody where none is."),
    ] = None,
    quorum: Annotated[
        int, typer.Option("--quorum", min=0, max=16, help="So many auditors open it.")
    ] = 0,
) -> None:
    """Propose another audit set, all of it (a coordinator); new keys follow the approval."""
    codes = auditor or []
    await here.decide(operation, lambda found: found.change_auditors(codes, quorum))


@command(operations, session=Session.IF_THERE)
async def proposals(
    here: Here,
    operation: OperationName,
    everything: Annotated[
        bool, typer.Option("--all", help="Also those that are approved or too old.")
    ] = False,
) -> None:
    """Show what awaits the approval of another administration."""
    found = await here.operation(operation)
    rows = [row for row in found.proposals() if everything or row.standing is Standing.OPEN]
    here.listed(
        "proposals",
        rows,
        proposal_document,
        ("entry", "what", "by", "until", "state", "leaf"),
        lambda row: (
            str(row.seq),
            row.subject,
            f"{row.code} ({row.administration})",
            shown_time(row.expires),
            str(row.standing),
            row.leaf.hex(),
        ),
    )


@command(operations)
async def approve(
    here: Here,
    operation: OperationName,
    proposal: Annotated[str, typer.Argument(help="The proposal's entry number, or its leaf.")],
) -> None:
    """Approve a proposal of another administration; for good ones asks for the password again."""
    found = await here.operation(operation)
    leaf = referred(found, proposal)
    subject = found.state.proposals.get(leaf)
    if subject is not None and subject.subject in IRREVERSIBLE:
        await here.confirm()
    await here.decide(operation, lambda found: found.approve(leaf))


@command(operations)
async def hold(
    here: Here,
    operation: OperationName,
    reason: Annotated[str, typer.Argument(help="Why nothing may be erased.")],
) -> None:
    """Put a legal hold on the operation."""
    worded("REASON", reason, LONGEST_PROSE)
    await here.decide(operation, lambda found: found.hold(reason))


@command(operations)
async def unhold(
    here: Here,
    operation: OperationName,
    hold: Annotated[str, typer.Argument(help="The hold's entry number, or its leaf.")],
) -> None:
    """Propose to lift a legal hold; asks for the password again."""
    leaf = referred(await here.operation(operation), hold)
    await here.confirm()
    await here.decide(operation, lambda found: found.unhold(leaf))


@command(operations)
async def erase(here: Here, operation: OperationName) -> None:
    """Propose to erase what was said, for ever; asks for the password again."""
    await here.confirm()
    await here.decide(operation, lambda found: found.erase())


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
    here.listed(
        "tasks",
        rows,
        task_document,
        ("entry", "channel", "by", "for", "mandatory", "due"),
        lambda row: (
            str(row.seq),
            row.channel,
            row.author,
            row.assignee or "",
            here.output.text("label_yes") if row.mandatory else "",
            shown_time(row.due) if isinstance(row.due, int) else "",
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


def channel_end(text: str) -> tuple[str, int]:
    """Read NAME=TIME; raises InputInvalid."""
    name, equals, end = text.rpartition("=")
    if not equals or not name:
        raise InputInvalid(f"{text!r} read, NAME=TIME expected, such as work=2026-03-09T18:00Z")
    return name, milliseconds(end)
