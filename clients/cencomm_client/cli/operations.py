"""`cencomm operation`: found one, look at it, and who is in it; `course` has what becomes of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from cencomm_config.display import shown, shown_time
from cencomm_config.forms import base_set
from cencomm_crypto.public.ids import DeviceId
from cencomm_crypto.public.operation.channel import Window

from cencomm_client.cli.admitting import admission, expect_used, role_name
from cencomm_client.cli.arguments import (
    LONGEST_PROSE,
    Codes,
    OperationName,
    bytes_of,
    hex_bytes,
    milliseconds,
    span,
    worded,
)
from cencomm_client.cli.documents import operation_document, posted_document, summary_document
from cencomm_client.cli.exits import InputInvalid
from cencomm_client.cli.frame import Here, Session, command
from cencomm_client.course import MOST_NAMED
from cencomm_client.directed import LONGEST_NAME
from cencomm_client.form_library import FormLibrary
from cencomm_client.plan import OperationPlan
from cencomm_client.reviewing import GROUP_YEAR_MS

operations = typer.Typer(no_args_is_help=True, help="Create, show and run operations.")


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
    live_start: Annotated[
        str | None, typer.Option("--live-from", help="Start of the phase live, inside the window.")
    ] = None,
    live_end: Annotated[
        str | None, typer.Option("--live-until", help="End of the phase live.")
    ] = None,
    erase: Annotated[
        str | None, typer.Option("--erase-at", help="When what was said is erased, for ever.")
    ] = None,
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
    worded("NAME", name, LONGEST_NAME)
    worded("--legal", legal, LONGEST_PROSE)
    begins = milliseconds(start)
    window = span(begins, begins + GROUP_YEAR_MS if end is None else milliseconds(end))
    live = _live(live_start, live_end, window)
    erase_at = _erasure(erase, window[1] + grace * 1000)
    chosen = base_set() if forms is None else FormLibrary(here.client.data).keep(bytes_of(forms))
    plan = OperationPlan(
        name=name,
        forms=chosen,
        not_before=window[0],
        not_after=window[1],
        legal=legal,
        live=live,
        erase_at=erase_at,
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


@command(operations, "list", session=Session.IF_THERE)
async def list_operations(here: Here) -> None:
    """List the operations that this device knows."""
    if here.client.logged_in:
        await here.client.refresh()
    here.listed(
        "operations",
        here.client.operations(),
        summary_document,
        ("name", "phase", "", "role", "from", "until", "entries", "id"),
        lambda row: (
            row.name,
            str(row.phase),
            here.output.text("cli_exercise") if row.exercise else "",
            row.role or "",
            shown_time(row.window[0]),
            shown_time(row.window[1]),
            str(row.size),
            row.id.hex()[:8],
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
                    shown_time(row["window"][1]),
                    shown_time(row["closed"]) if row["closed"] else "",
                    _few(row["readers"] or ()),
                )
                for row in document["channels"]
            ],
        ),
    )
    here.output.table(
        ("hold", "at", "why"),
        [(row["hold"].hex(), shown_time(row["at"]), row["reason"]) for row in document["holds"]],
    )
    for remark in document["remarks"]:
        here.output.note(f"{here.output.text(remark['code'])} {shown(remark['detail'])}".rstrip())


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
    expect_used(rows, channel=channel, kind=kind, rate=rate)
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
async def role(
    here: Here,
    operation: OperationName,
    code: Annotated[str, typer.Argument(help="Functional code.")],
    to: Annotated[str, typer.Argument(metavar="ROLE", help="The new role.")],
) -> None:
    """Give a member another role (a coordinator)."""
    await here.decide(operation, lambda found: found.set_role(code, role_name(to)))


@command(operations)
async def accept(
    here: Here,
    operation: OperationName,
    device: Annotated[str, typer.Argument(help="Device id, 32 hex digits.")],
) -> None:
    """Let a device that an NCP alone added read from now on (a coordinator)."""
    await here.decide(operation, lambda found: found.accept_device(DeviceId(hex_bytes(device, 16))))


def _few(codes: Sequence[str]) -> str:
    """People in a table; a channel may have thousands."""
    more = f" +{len(codes) - MOST_NAMED}" if len(codes) > MOST_NAMED else ""
    return ", ".join(codes[:MOST_NAMED]) + more


def _live(start: str | None, end: str | None, window: Window) -> Window | None:
    if start is None and end is None:
        return None
    first, last = (None if text is None else milliseconds(text) for text in (start, end))
    return span(first, last, window)


def _erasure(text: str | None, end: int) -> int:
    """When bodies go by themselves, 0 for never; raises InputInvalid before the last entry."""
    at = 0 if text is None else milliseconds(text)
    if text is not None and at <= end:
        raise InputInvalid(
            f"--erase-at: {shown_time(at)} read; after the end and its grace expected,"
            f" {shown_time(end)}"
        )
    return at
