"""`cencomm cen`: the reviewed, non-nominal extract, on the owning NCP's client."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Annotated

import typer

from cencomm_client import cen
from cencomm_client.cen_record import FreeText
from cencomm_client.cli.arguments import OperationName, text_of
from cencomm_client.cli.exits import InputInvalid
from cencomm_client.cli.frame import Here, command
from cencomm_client.cli.output import Output, fill

extracts = typer.Typer(no_args_is_help=True, help="Exchange with CEN.")


@command(extracts, "extract")
async def extract_command(
    here: Here,
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
) -> None:
    """Write the own administration's records for CEN and log the manifest's hash."""
    folder = folder_for(out, dry_run=dry_run)
    approved = await asyncio.to_thread(_approved, approve_file)
    asks = not here.output.as_json and sys.stdin.isatty() and approve_file is None
    found = await here.operation(operation)
    done = await cen.extract(
        found,
        folder=folder,
        review=(lambda text: _ask(here.output, text)) if asks else None,
        approved=approved,
        release=not dry_run,
    )
    made = done.extract
    values = {"records": len(made.records), "excluded": len(made.excluded)}
    here.say("cli_extracted", **values)
    here.output.table(
        ("entry", "does not pass", "detail"),
        [(str(row.seq), row.reason, row.detail) for row in made.excluded],
    )
    here.output.document(
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
    return [] if file is None else text_of(file).splitlines()
