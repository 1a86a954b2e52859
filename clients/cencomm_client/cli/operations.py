"""`cencomm operation` and `cencomm channel`: create, look, admit, remove, phases, extend, close."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from cencomm_config.display import shown_time
from cencomm_config.forms import base_set
from cencomm_crypto.public.ids import DeviceId
from cencomm_crypto.public.phases import SETS

from cencomm_client.cli.accounts import hex_bytes
from cencomm_client.cli.documents import (
    operation_document,
    posted_document,
    proposal_document,
    summary_document,
)
from cencomm_client.cli.exits import InputInvalid
from cencomm_client.cli.frame import Decide, Here, Session, command
from cencomm_client.form_library import FormLibrary
from cencomm_client.plan import Admission, OperationPlan
from cencomm_client.proposals import Standing
from cencomm_client.reviewing import GROUP_YEAR_MS

IRREVERSIBLE = frozenset({"close", "erase", "unhold"})
"""Subjects of proposals whose approval asks for the password again."""

operations = typer.Typer(no_args_is_help=True, help="Create, show and run operations.")
channels = typer.Typer(no_args_is_help=True, help="Channels of an operation.")

OperationName = Annotated[
    str, typer.Argument(metavar="OPERATION", help="Name, or the hex digits its id starts with.")
]
Codes = Annotated[list[str], typer.Argument(metavar="CODE...", help="Functional codes.")]


@command(operations)
async def create(
    here: Here,
    name: Annotated[str, typer.Argument(help="The operation's name.")],
    start: Annotated[str, typer.Option("--from", help="Start, ISO 8601 with zone.")],
    legal: Annotated[str, typer.Option("--legal", help="Legal basis.")],
    end: Annotated[str | None, typer.Option("--until", help="End, ISO 8601 with zone.")] = None,
    standing: Annotated[
        bool, typer.Option("--standing", help="A standing group: ends in a year, if not extended.")
    ] = False,
    grace: Annotated[int, typer.Option("--grace", min=0, help="Grace, seconds.")] = 86_400,
    auditor: Annotated[
        list[str] | None, typer.Option("--auditor", help="Functional code; several times.")
    ] = None,
    quorum: Annotated[
        int, typer.Option("--quorum", min=0, max=16, help="So many auditors open it.")
    ] = 0,
    no_history: Annotated[
        bool, typer.Option("--no-history", help="Joiners read nothing from before.")
    ] = False,
    minimal: Annotated[
        bool, typer.Option("--minimal", help="The server sees no kind, priority or addressee.")
    ] = False,
    exercise: Annotated[
        bool, typer.Option("--exercise", help="An exercise; never reaches CEN.")
    ] = False,
    forms: Annotated[
        Path | None, typer.Option("--forms", metavar="FILE", help="A narrower set of forms.")
    ] = None,
) -> None:
    """Found an operation, as a draft; its author is the first coordinator."""
    if standing == (end is not None):
        raise InputInvalid("one of --until and --standing expected")
    begins = milliseconds(start)
    chosen = base_set() if forms is None else FormLibrary(here.client.data).keep(_document(forms))
    plan = OperationPlan(
        name=name,
        forms=chosen,
        not_before=begins,
        not_after=begins + GROUP_YEAR_MS if end is None else milliseconds(end),
        legal=legal,
        grace_ms=grace * 1000,
        auditors=tuple(auditor or ()),
        quorum=quorum,
        history="none" if no_history else "all",
        metadata="minimal" if minimal else "full",
        exercise=exercise,
    )
    made = await here.client.create_operation(plan)
    here.say("cli_created", name=name, id=made.id.hex())
    here.output.document({"log": made.id, "name": made.name})


def _document(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise InputInvalid(f"{file}: cannot be read") from error


@command(operations, "list", session=Session.IF_THERE)
async def list_operations(here: Here) -> None:
    """List the operations that this device knows."""
    if here.client.logged_in:
        await here.client.refresh()
    found = here.client.operations()
    if not found:
        here.say("cli_no_operations")
    here.show(
        {"operations": [summary_document(row) for row in found]},
        (
            ("name", "phase", "", "role", "from", "until", "entries", "id"),
            [
                (
                    row.name,
                    str(row.phase),
                    here.output.text("cli_exercise") if row.exercise else "",
                    row.role or "",
                    moment(row.window[0]),
                    moment(row.window[1]),
                    str(row.size),
                    row.id.hex()[:8],
                )
                for row in found
            ],
        ),
    )


@command(operations, session=Session.IF_THERE)
async def show(here: Here, operation: OperationName) -> None:
    """Show an operation: members with their devices, channels, proposals, notices."""
    found = await here.operation(operation)
    document = operation_document(found, here.client.directory.state)
    mark = f"  {here.output.text('cli_exercise')}" if document["exercise"] else ""
    here.output.say(f"{document['name']}  {document['phase']}{mark}", style="bold")
    here.show(
        document,
        (
            ("code", "role", "devices"),
            [
                (row["code"], row["role"], " ".join(d.hex()[:8] for d in row["devices"]))
                for row in document["members"]
            ],
        ),
        (
            ("channel", "epoch", "until", "closed", "readers"),
            [
                (
                    row["name"],
                    str(row["epoch"]),
                    moment(row["window"][1]),
                    moment(row["closed"]) if row["closed"] else "",
                    ", ".join(row["readers"] or ()),
                )
                for row in document["channels"]
            ],
        ),
    )
    for remark in document["remarks"]:
        here.output.note(f"{here.output.text(remark['code'])} {remark['detail']}")


@command(operations)
async def admit(
    here: Here,
    operation: OperationName,
    members: Annotated[
        list[str], typer.Argument(metavar="CODE:ROLE...", help="Such as FR-014:officer.")
    ],
    channel: Annotated[
        str | None, typer.Option("--channel", help="The one channel of a bot or expert.")
    ] = None,
    kind: Annotated[
        list[str] | None, typer.Option("--kind", help="What a bot may drop; several times.")
    ] = None,
    rate: Annotated[
        int | None, typer.Option("--rate", min=1, help="A bot's drops per hour.")
    ] = None,
) -> None:
    """Admit people (a coordinator); shows the devices that will read."""
    rows = [admission(text, channel, tuple(kind or ()), rate) for text in members]
    found = await here.operation(operation)
    devices = {row.code: found.devices_of(row.code) for row in rows}
    posted = await found.admit(rows)
    await found.tend()
    here.show(
        {
            "posted": [posted_document(entry) for entry in posted],
            "devices": {code: [d.id for d in held] for code, held in devices.items()},
        },
        (
            ("code", "role", "devices"),
            [(row.code, row.role, " ".join(d.id.hex() for d in devices[row.code])) for row in rows],
        ),
    )


@command(operations)
async def remove(
    here: Here,
    operation: OperationName,
    codes: Codes,
) -> None:
    """Remove people (a coordinator); every channel they were in gets new keys."""
    await here.decide(operation, lambda found: found.remove(codes))


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
async def role(
    here: Here,
    operation: OperationName,
    code: Annotated[str, typer.Argument(help="Functional code.")],
    to: Annotated[str, typer.Argument(metavar="ROLE", help="The new role.")],
) -> None:
    """Give a member another role (a coordinator)."""
    await here.decide(operation, lambda found: found.set_role(code, to))


@command(operations)
async def accept(
    here: Here,
    operation: OperationName,
    device: Annotated[str, typer.Argument(help="Device id, 32 hex digits.")],
) -> None:
    """Let a device that an NCP alone added read from now on (a coordinator)."""
    await here.decide(operation, lambda found: found.accept_device(DeviceId(hex_bytes(device, 16))))


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
    if not rows:
        here.say("cli_no_proposals")
    here.show(
        {"proposals": [proposal_document(row) for row in rows]},
        (
            ("what", "by", "until", "state", "leaf"),
            [
                (
                    row.subject,
                    f"{row.code} ({row.administration})",
                    moment(row.expires),
                    str(row.standing),
                    row.leaf.hex(),
                )
                for row in rows
            ],
        ),
    )


@command(operations)
async def approve(
    here: Here,
    operation: OperationName,
    proposal: Annotated[str, typer.Argument(help="Leaf of the proposal, 64 hex digits.")],
) -> None:
    """Approve a proposal of another administration; for good ones asks for the password again."""
    leaf = hex_bytes(proposal, 32)
    subject = (await here.operation(operation)).state.proposals.get(leaf)
    if subject is not None and subject.subject in IRREVERSIBLE:
        await here.confirm()
    await here.decide(operation, lambda found: found.approve(leaf))


@command(operations)
async def close(
    here: Here,
    operation: OperationName,
) -> None:
    """End the operation, before its time as a proposal; asks for the password again."""
    await here.confirm()
    await here.decide(operation, lambda found: found.close())


@command(operations)
async def hold(
    here: Here,
    operation: OperationName,
    reason: Annotated[str, typer.Argument(help="Why nothing may be erased.")],
) -> None:
    """Put a legal hold on the operation."""
    await here.decide(operation, lambda found: found.hold(reason))


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
    found = await here.operation(operation)
    first, last = found.state.window
    window = (
        first if start is None else milliseconds(start),
        last if end is None else milliseconds(end),
    )
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


@command(channels, "close")
async def close_channel(
    here: Here,
    operation: OperationName,
    channel: Annotated[str, typer.Argument(help="The channel's name.")],
) -> None:
    """End one channel now and show its close key; asks for the password again."""
    await here.confirm()
    await here.decide(operation, lambda found: found.channel(channel).close())


def admission(
    text: str, channel: str | None, kinds: tuple[str, ...], rate: int | None
) -> Admission:
    """Read CODE:ROLE; raises InputInvalid."""
    code, colon, role = text.rpartition(":")
    if not colon or not code or not role:
        raise InputInvalid(f"{text!r} read, CODE:ROLE expected, such as FR-014:officer")
    special = role in ("bot", "expert")
    return Admission(
        code,
        role,
        channel=channel if special else None,
        kinds=kinds if role == "bot" else (),
        rate=rate if role == "bot" else None,
    )


def channel_end(text: str) -> tuple[str, int]:
    """Read NAME=TIME; raises InputInvalid."""
    name, equals, end = text.rpartition("=")
    if not equals or not name:
        raise InputInvalid(f"{text!r} read, NAME=TIME expected, such as work=2026-03-09T18:00Z")
    return name, milliseconds(end)


def milliseconds(text: str) -> int:
    """A moment with its zone as ms since 1970 UTC; raises InputInvalid."""
    try:
        read = datetime.fromisoformat(text)
    except ValueError as error:
        raise InputInvalid(f"{text!r} read, a time like 2026-03-01T08:00+01:00 expected") from error
    if read.tzinfo is None:
        raise InputInvalid(f"{text!r} has no zone; add Z or an offset like +01:00")
    return int(read.timestamp() * 1000)


def moment(at: int) -> str:
    """A time in ms for people, in UTC."""
    return shown_time(at)
