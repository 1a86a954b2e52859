"""`cencomm cen`: the reviewed, non-nominal extract, on the owning NCP's client."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Annotated

import typer

from cencomm_client import cen
from cencomm_client.cen_record import FreeText
from cencomm_client.cli.exits import InputInvalid
from cencomm_client.cli.operations import OperationName
from cencomm_client.cli.output import Output, fill
from cencomm_client.cli.run import (
    DEFAULT_VAULT,
    AsJson,
    PasswordFile,
    VaultPath,
    logged_in,
    read_operation,
    run,
)

extracts = typer.Typer(no_args_is_help=True, help="Exchange with CEN.")


@extracts.command("extract")
def extract_command(
    operation: OperationName,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="Folder for the records and the manifest; not with --dry-run."),
    ] = None,
    approve_file: Annotated[
        Path | None,
        typer.Option("--approve-file", help="Lines of `pending` that a person said yes to."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Write and log nothing; show what would pass.")
    ] = False,
    vault: VaultPath = DEFAULT_VAULT,
    password_file: PasswordFile = None,
    as_json: AsJson = False,
) -> None:
    """Write the own administration's records for CEN and log the manifest's hash."""

    async def work(output: Output) -> None:
        folder = folder_for(out, dry_run=dry_run)
        approved = await asyncio.to_thread(_approved, approve_file)
        asks = not as_json and sys.stdin.isatty() and approve_file is None
        async with logged_in(output, vault, password_file) as client:
            found = await read_operation(client, operation)
            done = await cen.extract(
                found,
                folder=folder,
                review=(lambda text: _ask(output, text)) if asks else None,
                approved=approved,
                release=not dry_run,
            )
        made = done.extract
        values = {"records": len(made.records), "excluded": len(made.excluded)}
        output.say(fill(output.text("cli_extracted"), **values))
        output.table(
            ("entry", "does not pass", "detail"),
            [(str(row.seq), row.reason, row.detail) for row in made.excluded],
        )
        output.document(
            {
                "records": [record.leaf for record in made.records],
                "records_file": None if done.records is None else str(done.records),
                "manifest_file": None if done.manifest is None else str(done.manifest),
                "manifest": made.manifest_hash,
                "withdrawn": list(made.withdrawn),
                "excluded": [
                    {"entry": row.leaf, "seq": row.seq, "reason": row.reason, "detail": row.detail}
                    for row in made.excluded
                ],
                "pending": [
                    {"approve": text.answer, "path": text.path, "text": text.text}
                    for text in made.pending
                ],
                "releases": [posted.seq for posted in done.posted],
            }
        )

    run(as_json, work)


def folder_for(out: Path | None, *, dry_run: bool) -> Path | None:
    """Where the files go; nowhere in a dry run. Raises InputInvalid without a folder."""
    if dry_run:
        return None
    if out is None:
        raise InputInvalid("--out: a folder expected, for the records and the manifest")
    return out


def _ask(output: Output, text: FreeText) -> bool:
    output.say(fill(output.text("cli_free_text"), path=text.path, text=text.text))
    return typer.confirm(output.text("cli_may_leave"), default=False)


def _approved(file: Path | None) -> list[str]:
    if file is None:
        return []
    try:
        return file.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputInvalid(f"{file}: cannot be read") from error
