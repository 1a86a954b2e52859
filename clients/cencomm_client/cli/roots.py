"""`cencomm root`: root keys, and their drafts, signed from custodian to custodian and published.

Away from the server; only `publish` meets a network. `root_decisions` drafts.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from cencomm_config.display import shown_time

from cencomm_client.cli.arguments import hex_bytes, text_of
from cencomm_client.cli.exits import InputInvalid
from cencomm_client.cli.frame import plain
from cencomm_client.cli.output import Output, fill
from cencomm_client.cli.prompts import secret
from cencomm_client.root import ceremony
from cencomm_client.root.draft import PREFIX, Draft
from cencomm_client.root.keyfile import NO_DIRECTORY, RootKey, RootKind
from cencomm_client.station import wall_clock
from cencomm_client.transport import Transport

roots = typer.Typer(no_args_is_help=True, help="Root keys and what they decide.")

Key = Annotated[Path, typer.Option("--key", help="The root key file.")]
PassphraseFile = Annotated[
    str | None,
    typer.Option(
        "--passphrase-file",
        metavar="FILE",
        help="Read the passphrase here (mode 600), - is standard input; else it is asked.",
    ),
]
DraftFile = Annotated[Path, typer.Argument(metavar="DRAFT", help="The draft's file.")]


@plain(roots, "key")
async def make_key(
    output: Output,
    kind: Annotated[str, typer.Argument(help="governance or administration.")],
    key: Annotated[Path, typer.Argument(metavar="FILE", help="The new key file.")],
    label: Annotated[str, typer.Option("--label", help="Whose key this is, in words.")],
    passphrase_file: PassphraseFile = None,
) -> None:
    """Draw a root key; prints its public half."""
    if kind not in set(RootKind):
        raise InputInvalid(f"{kind!r} read, governance or administration expected")
    passphrase = secret("passphrase", passphrase_file, confirm=True)
    with RootKey.create(key, passphrase, RootKind(kind), label) as root:
        output.say(root.public.hex())
        output.document({"kind": kind, "label": label, "public": root.public})


@plain(roots, "show")
async def show_key(
    output: Output,
    key: Annotated[Path, typer.Argument(metavar="FILE", help="The key file.")],
) -> None:
    """Show what a key file is, without its passphrase."""
    about = RootKey.peek(key)
    output.table(("kind", "label"), [(about.kind, about.label)])
    output.say(about.public.hex())  # on a line of its own, to be copied whole
    output.document({"kind": about.kind, "label": about.label, "public": about.public})


@plain(roots, "adopt")
async def adopt(
    output: Output,
    key: Key,
    directory: Annotated[str, typer.Argument(help="Directory id, 64 hex digits.")],
    passphrase_file: PassphraseFile = None,
) -> None:
    """Bind a key file to its directory, once."""
    with opened(key, passphrase_file) as root:
        root.adopt(hex_bytes(directory, 32))
        output.say(output.text("cli_done"))
        output.document({"directory": root.directory_id})


@plain(roots, "sign")
async def sign_draft(
    output: Output,
    draft: DraftFile,
    key: Key,
    out: Annotated[
        Path | None, typer.Option("--out", help="Write here; else the draft's file is replaced.")
    ] = None,
    passphrase_file: PassphraseFile = None,
) -> None:
    """Read a draft, or the drafts of one file, and add this key's signature."""
    drafts = _drafts(draft)
    for made in drafts:
        show(output, made)
    with opened(key, passphrase_file) as root:
        signed = [ceremony.sign(made, root) for made in drafts]
        keep(output, out or draft, *signed, replace=True)


@plain(roots, "publish")
async def publish(
    output: Output,
    draft: DraftFile,
    key: Key,
    server: Annotated[str, typer.Option("--server", help="The server's address.")],
    setup_file: Annotated[
        str | None,
        typer.Option(
            "--setup-file",
            metavar="FILE",
            help="For a genesis: the set-up token of `cencomm-server init`; else it is asked.",
        ),
    ] = None,
    passphrase_file: PassphraseFile = None,
) -> None:
    """Post a draft with enough signatures, from the file that drafted it; of several, all."""
    drafts = _drafts(draft)
    genesis = any(made.directory == NO_DIRECTORY for made in drafts)
    setup = secret("set-up token", setup_file) if genesis else ""
    with opened(key, passphrase_file) as root:
        async with Transport(server) as transport:
            for place, made in enumerate(drafts, 1):
                entry, receipt = await ceremony.post(
                    transport, made, root, wall_clock(), setup=setup
                )
                log = entry.header.log or ceremony.directory_id_of(entry)[:16]
                output.say(
                    fill(
                        output.text("cli_published"),
                        type=made.type,
                        seq=receipt.seq,
                        log=log.hex(),
                    )
                )
                drafts[place:] = ceremony.over(drafts[place:], made, receipt)
                if drafts[place:]:  # what is out must not go out again, should the next fail
                    _write(draft, drafts[place:])
        directory = ceremony.directory_id_of(entry) if genesis else made.directory
        root.adopt(directory)
        output.say(fill(output.text("cli_directory"), id=directory.hex()))
        output.document(
            {
                "type": made.type,
                "seq": receipt.seq,
                "directory": directory,
                "published": len(drafts),
            }
        )


def opened(key: Path, passphrase_file: str | None) -> RootKey:
    """The key of a file, by its passphrase."""
    return RootKey.open(key, secret("passphrase", passphrase_file))


def _drafts(path: Path) -> list[Draft]:
    """The drafts of a file, one a line; one draft may be broken into lines by what carried it."""
    words = text_of(path).split(PREFIX)
    if len(words) < 2 or words[0].strip():
        return [Draft.parse(text_of(path))]
    return [Draft.parse(PREFIX + word) for word in words[1:]]


def show(output: Output, draft: Draft) -> None:
    """What a custodian reads before it signs."""
    output.say(f"{draft.type} {draft.serial}", style="bold")
    output.table(
        ("field", "value"),
        [(name, _value(value)) for name, value in draft.body.items() if name != "leaves"],
    )
    if draft.type != "log.restored":
        return
    times = [int.from_bytes(form[:8], "big") for form in draft.body["leaves"]]
    output.say(
        fill(
            output.text("cli_gap"),
            log=draft.log.hex(),
            count=len(times),
            start=draft.body["from"],
            last=draft.body["to"] - 1,
            since=shown_time(times[0]),
            until=shown_time(times[-1]),
        )
    )


def keep(output: Output, path: Path, *drafts: Draft, replace: bool = False) -> None:
    """Write drafts, one a line, and say how many signatures they still need."""
    if path.exists() and not replace:
        raise InputInvalid(f"{path} exists already")
    _write(path, drafts)
    missing = max(draft.missing for draft in drafts)
    told = "cli_drafted" if missing else "cli_draft_whole"
    output.say(fill(output.text(told), file=path, missing=missing))
    last = drafts[-1]
    output.document(
        {
            "type": last.type,
            "serial": last.serial,
            "file": str(path),
            "signatures": min(len(draft.sigs) for draft in drafts),
            "missing": missing,
            "drafts": len(drafts),
        }
    )


def _write(path: Path, drafts: Sequence[Draft]) -> None:
    path.write_text("".join(draft.text() + "\n" for draft in drafts), encoding="utf-8")


def _value(value: object) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)
