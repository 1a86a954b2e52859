"""`cencomm status`: who this device is, what it holds, and what needs a person."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated, Any

import typer
from cencomm_crypto.public.ids import LogId

from cencomm_client.answers import Standing
from cencomm_client.cli.exits import Exit, InputInvalid, NotKnown
from cencomm_client.cli.frame import Here, Session, framed
from cencomm_client.cli.output import Output
from cencomm_client.cli.run import DEFAULT_VAULT, AsJson, PasswordFile, VaultPath, opened, run
from cencomm_client.evidence import evidence_folder


def status(
    vault: VaultPath = DEFAULT_VAULT, password_file: PasswordFile = None, as_json: AsJson = False
) -> None:
    """Show this device: person, session, what waits to be sent, alarms, operations."""

    async def work(output: Output) -> None:
        async with opened(output, vault, password_file) as client:
            folder = evidence_folder(vault)
            files = sorted(path.name for path in folder.glob("*.cbor")) if folder.exists() else []
            alarms = client.alarms()
            document: dict[str, Any] = {
                "code": client.code,
                "person": client.vault.person,
                "device": client.device,
                "bot": client.is_bot,
                "server": client.server,
                "directory": client.vault.directory_id,
                "logged_in": client.logged_in,
                "outbox": len(client.vault.outbox()),
                "evidence": files,
                "alarms": [
                    {"code": kept.code, "row": kept.row, "log": kept.log, "seq": kept.seq}
                    for kept in alarms
                ],
                "stopped": [
                    {"log": stop.log, "code": str(stop.code), "row": stop.row, "seq": stop.seq}
                    for stop in client.stopped()
                ],
                "operations": len(client.operations()),
            }
        output.document(document)
        output.table(
            ("", ""),
            [
                (output.text(f"label_status_{name}"), _said(output, value))
                for name, value in document.items()
                if name not in ("alarms", "evidence", "stopped")
            ],
        )
        output.table(
            ("alarm", "row", "detail"), [(kept.code, kept.row, kept.detail) for kept in alarms]
        )
        output.table(
            ("stopped log", "alarm", "row"),
            [(row["log"].hex(), row["code"], row["row"]) for row in document["stopped"]],
        )

    run(as_json, work)


def _said(output: Output, value: Any) -> str:
    """A value of the document for people."""
    if isinstance(value, bool):
        return output.text("label_yes" if value else "label_no")
    return value.hex() if isinstance(value, bytes) else str(value)


@framed(session=Session.IF_THERE)
async def go_on(
    here: Here,
    log: Annotated[str, typer.Argument(help="The log's id, 32 hex digits, as `status` shows it.")],
    yes: Annotated[bool, typer.Option("--yes", help="Decided; do not ask.")] = False,
) -> None:
    """Go on in a log that an alarm stopped; the evidence stays, a server that lies on is caught."""
    found = [stop for stop in here.client.stopped() if stop.log.hex() == log]
    if not found:
        raise NotKnown(f"no stopped log {log}; cencomm status lists them")
    (stop,) = found
    if not yes:
        if here.output.as_json:
            raise InputInvalid("--yes: expected, where nobody can be asked")
        here.say("cli_stopped_by", code=stop.code, detail=stop.detail)
        if not typer.confirm(here.output.text("cli_go_on"), default=False):
            raise typer.Exit(Exit.INTERRUPTED)
    here.client.go_on(LogId(stop.log))
    here.say("cli_done")
    here.output.document({"log": stop.log, "code": str(stop.code)})


@framed()
async def hand_back(
    here: Here,
    report: Annotated[
        Path | None,
        typer.Option("--report", help="Write what nobody holds here, for the governance root."),
    ] = None,
) -> None:
    """Bring a server that was restored from a backup what it lost of this device's logs."""
    if report is not None and report.exists():
        raise InputInvalid(f"{report} exists already")
    rows: list[dict[str, Any]] = []
    for log, found in (await here.client.hand_back()).items():
        if isinstance(found, Standing):
            lacks = [list(places) for places in found.lacks]
            rows.append({"log": log, "size": found.size, "signed": found.signed, "lacks": lacks})
        else:
            rows.append({"log": log, "refused": str(found.code)})
    behind = [row for row in rows if row.get("size") != row.get("signed") or "refused" in row]
    if behind:
        here.say("cli_still_behind", count=len(behind))
    else:
        here.say("cli_handed_back")
    reported = 0 if report is None else await _report(here, report)
    here.show(
        {"logs": rows, "behind": len(behind), "reported": reported},
        (("log", "held", "signed", "lacking"), [_handed(row) for row in rows]),
    )


async def _report(here: Here, path: Path) -> int:
    """Write the reports, one a line; of how many logs."""
    found = await here.client.report_losses()
    if not found:
        here.say("cli_no_report")
        return 0
    text = "".join(one.text() + "\n" for one in found)
    await asyncio.to_thread(path.write_text, text, "utf-8")
    here.say("cli_report", file=path, count=len(found))
    return len(found)


def _handed(row: dict[str, Any]) -> tuple[str, ...]:
    if "refused" in row:
        return row["log"].hex(), row["refused"], "", ""
    lacking = ", ".join(f"{start}-{end - 1}" for start, end in row["lacks"])
    return row["log"].hex(), str(row["size"]), str(row["signed"]), lacking
