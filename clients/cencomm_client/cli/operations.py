"""`cencomm operation` and `cencomm channel`: create, look, admit, remove, phases, close."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from cencomm_crypto.public.ids import DeviceId

from cencomm_client.cli.accounts import hex_bytes
from cencomm_client.cli.documents import operation_document, posted_document, summary_document
from cencomm_client.cli.exits import InputInvalid
from cencomm_client.cli.output import Output, fill
from cencomm_client.cli.run import (
    DEFAULT_VAULT,
    AsJson,
    PasswordFile,
    VaultPath,
    logged_in,
    opened,
    read_operation,
    run,
)
from cencomm_client.operation import Operation
from cencomm_client.plan import Admission, OperationPlan
from cencomm_client.posting import Posted

operations = typer.Typer(no_args_is_help=True, help="Create, show and run operations.")
channels = typer.Typer(no_args_is_help=True, help="Channels of an operation.")

OperationName = Annotated[
    str, typer.Argument(metavar="OPERATION", help="Name, or the hex digits its id starts with.")
]
Decide = Callable[[Operation], Awaitable[Posted]]
Codes = Annotated[list[str], typer.Argument(metavar="CODE...", help="Functional codes.")]


@operations.command()
def create(
    name: Annotated[str, typer.Argument(help="The operation's name.")],
    start: Annotated[str, typer.Option("--from", help="Start, ISO 8601 with zone.")],
    end: Annotated[str, typer.Option("--until", help="End, ISO 8601 with zone.")],
    legal: Annotated[str, typer.Option("--legal", help="Legal basis.")],
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
    vault: VaultPath = DEFAULT_VAULT,
    password_file: PasswordFile = None,
    as_json: AsJson = False,
) -> None:
    """Found an operation, as a draft; its author is the first coordinator."""

    async def work(output: Output) -> None:
        plan = OperationPlan(
            name=name,
            not_before=milliseconds(start),
            not_after=milliseconds(end),
            legal=legal,
            grace_ms=grace * 1000,
            auditors=tuple(auditor or ()),
            quorum=quorum,
            history="none" if no_history else "all",
            metadata="minimal" if minimal else "full",
            exercise=exercise,
        )
        async with logged_in(output, vault, password_file) as client:
            operation = await client.create_operation(plan)
            output.say(fill(output.text("cli_created"), name=name, id=operation.id.hex()))
            output.document({"log": operation.id, "name": operation.name})

    run(as_json, work)


@operations.command("list")
def list_operations(
    vault: VaultPath = DEFAULT_VAULT, password_file: PasswordFile = None, as_json: AsJson = False
) -> None:
    """List the operations that this device knows."""

    async def work(output: Output) -> None:
        async with opened(output, vault, password_file) as client:
            if client.logged_in:
                await client.refresh()
            found = client.operations()
            if not found:
                output.say(output.text("cli_no_operations"))
            output.table(
                ("name", "phase", "role", "from", "until", "entries", "id"),
                [
                    (
                        row.name,
                        str(row.phase),
                        row.role or "",
                        moment(row.window[0]),
                        moment(row.window[1]),
                        str(row.size),
                        row.id.hex()[:8],
                    )
                    for row in found
                ],
            )
            output.document({"operations": [summary_document(row) for row in found]})

    run(as_json, work)


@operations.command()
def show(
    operation: OperationName,
    vault: VaultPath = DEFAULT_VAULT,
    password_file: PasswordFile = None,
    as_json: AsJson = False,
) -> None:
    """Show an operation: members with their devices, channels, proposals, notices."""

    async def work(output: Output) -> None:
        async with opened(output, vault, password_file) as client:
            found = await client.operation(operation)
            if client.logged_in:
                await found.refresh()
            document = operation_document(found, client.directory.state)
            output.say(f"{document['name']}  {document['phase']}", style="bold")
            output.table(
                ("code", "role", "devices"),
                [
                    (row["code"], row["role"], " ".join(d.hex()[:8] for d in row["devices"]))
                    for row in document["members"]
                ],
            )
            output.table(
                ("channel", "epoch", "until", "closed"),
                [
                    (
                        row["name"],
                        str(row["epoch"]),
                        moment(row["window"][1]),
                        moment(row["closed"]) if row["closed"] else "",
                    )
                    for row in document["channels"]
                ],
            )
            for remark in document["remarks"]:
                output.note(f"{output.text(remark['code'])} {remark['detail']}")
            output.document(document)

    run(as_json, work)


@operations.command()
def admit(
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
    vault: VaultPath = DEFAULT_VAULT,
    password_file: PasswordFile = None,
    as_json: AsJson = False,
) -> None:
    """Admit people (a coordinator); shows the devices that will read."""

    async def work(output: Output) -> None:
        rows = [admission(text, channel, tuple(kind or ()), rate) for text in members]
        async with logged_in(output, vault, password_file) as client:
            found = await read_operation(client, operation)
            devices = {row.code: found.devices_of(row.code) for row in rows}
            posted = await found.admit(rows)
            await found.tend()
            output.table(
                ("code", "role", "devices"),
                [
                    (row.code, row.role, " ".join(d.id.hex() for d in devices[row.code]))
                    for row in rows
                ],
            )
            output.document(
                {
                    "posted": [posted_document(entry) for entry in posted],
                    "devices": {code: [d.id for d in held] for code, held in devices.items()},
                }
            )

    run(as_json, work)


@operations.command()
def remove(
    operation: OperationName,
    codes: Codes,
    vault: VaultPath = DEFAULT_VAULT,
    password_file: PasswordFile = None,
    as_json: AsJson = False,
) -> None:
    """Remove people (a coordinator); every channel they were in gets new keys."""
    _deciding(as_json, vault, password_file, operation, lambda found: found.remove(codes))


@operations.command()
def phase(
    operation: OperationName,
    to: Annotated[str, typer.Argument(metavar="PHASE", help="prep, live, post or debrief.")],
    vault: VaultPath = DEFAULT_VAULT,
    password_file: PasswordFile = None,
    as_json: AsJson = False,
) -> None:
    """Go to the next phase (a coordinator)."""
    _deciding(as_json, vault, password_file, operation, lambda found: found.set_phase(to))


@operations.command()
def role(
    operation: OperationName,
    code: Annotated[str, typer.Argument(help="Functional code.")],
    to: Annotated[str, typer.Argument(metavar="ROLE", help="The new role.")],
    vault: VaultPath = DEFAULT_VAULT,
    password_file: PasswordFile = None,
    as_json: AsJson = False,
) -> None:
    """Give a member another role (a coordinator)."""
    _deciding(as_json, vault, password_file, operation, lambda found: found.set_role(code, to))


@operations.command()
def accept(
    operation: OperationName,
    device: Annotated[str, typer.Argument(help="Device id, 32 hex digits.")],
    vault: VaultPath = DEFAULT_VAULT,
    password_file: PasswordFile = None,
    as_json: AsJson = False,
) -> None:
    """Let a device that an NCP alone added read from now on (a coordinator)."""
    _deciding(
        as_json,
        vault,
        password_file,
        operation,
        lambda found: found.accept_device(DeviceId(hex_bytes(device, 16))),
    )


@operations.command()
def approve(
    operation: OperationName,
    proposal: Annotated[str, typer.Argument(help="Leaf of the proposal, 64 hex digits.")],
    vault: VaultPath = DEFAULT_VAULT,
    password_file: PasswordFile = None,
    as_json: AsJson = False,
) -> None:
    """Approve a proposal of another administration (a coordinator)."""
    _deciding(
        as_json,
        vault,
        password_file,
        operation,
        lambda found: found.approve(hex_bytes(proposal, 32)),
    )


@operations.command()
def close(
    operation: OperationName,
    vault: VaultPath = DEFAULT_VAULT,
    password_file: PasswordFile = None,
    as_json: AsJson = False,
) -> None:
    """End the operation; before its time this proposes, and another administration approves."""
    _deciding(as_json, vault, password_file, operation, lambda found: found.close())


@operations.command()
def hold(
    operation: OperationName,
    reason: Annotated[str, typer.Argument(help="Why nothing may be erased.")],
    vault: VaultPath = DEFAULT_VAULT,
    password_file: PasswordFile = None,
    as_json: AsJson = False,
) -> None:
    """Put a legal hold on the operation."""
    _deciding(as_json, vault, password_file, operation, lambda found: found.hold(reason))


@channels.command("create")
def create_channel(
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
    vault: VaultPath = DEFAULT_VAULT,
    password_file: PasswordFile = None,
    as_json: AsJson = False,
) -> None:
    """Create a channel: for those named, else for everybody."""

    async def work(output: Output) -> None:
        async with logged_in(output, vault, password_file) as client:
            found = await read_operation(client, operation)
            made = await found.create_channel(
                name,
                members=member or None,
                administrations=administration or (),
                roles=role or (),
                parent=parent,
            )
            output.say(output.text("cli_done"))
            output.document({"channel": made.id, "name": made.name})

    run(as_json, work)


@channels.command("close")
def close_channel(
    operation: OperationName,
    channel: Annotated[str, typer.Argument(help="The channel's name.")],
    vault: VaultPath = DEFAULT_VAULT,
    password_file: PasswordFile = None,
    as_json: AsJson = False,
) -> None:
    """End one channel now and show its close key (a coordinator)."""
    _deciding(
        as_json, vault, password_file, operation, lambda found: found.channel(channel).close()
    )


def _deciding(
    as_json: bool, vault: Path, password_file: str | None, name: str, decide: Decide
) -> None:
    """Run one decision on one operation and print its receipt."""

    async def work(output: Output) -> None:
        async with logged_in(output, vault, password_file) as client:
            found = await read_operation(client, name)
            posted = await decide(found)
            output.say(fill(output.text("cli_posted"), seq=posted.seq, leaf=posted.leaf.hex()))
            output.document(posted_document(posted))
            await found.tend()  # who decided goes first: new keys after a removal

    run(as_json, work)


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
    return datetime.fromtimestamp(at / 1000, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
