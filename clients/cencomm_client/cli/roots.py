"""`cencomm root`: the ceremonies of governance and of administrations, away from the server.

Draft, sign from custodian to custodian, publish; only `publish` meets a network.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated

import typer
from cencomm_crypto.public.entry import SUITE
from cencomm_crypto.public.ids import AdminId, PersonId

from cencomm_client.cli.accounts import hex_bytes
from cencomm_client.cli.exits import InputInvalid
from cencomm_client.cli.frame import plain
from cencomm_client.cli.operations import moment
from cencomm_client.cli.output import Output, fill
from cencomm_client.cli.prompts import secret
from cencomm_client.contact_point import NcpRequest
from cencomm_client.root import ceremony
from cencomm_client.root.ceremony import Decision
from cencomm_client.root.draft import PREFIX, Draft
from cencomm_client.root.keyfile import NO_DIRECTORY, RootKey, RootKind
from cencomm_client.root.loss_report import LossReport
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
DraftOut = Annotated[Path, typer.Option("--out", help="Write the draft here.")]
With = Annotated[
    list[str] | None,
    typer.Option("--with", help="Public key of each custodian, in order; several times."),
]
Threshold = Annotated[int, typer.Option("--threshold", min=1, max=16, help="So many must sign.")]


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
    output.table(("kind", "label", "public"), [(about.kind, about.label, about.public.hex())])
    output.document({"kind": about.kind, "label": about.label, "public": about.public})


@plain(roots, "adopt")
async def adopt(
    output: Output,
    key: Key,
    directory: Annotated[str, typer.Argument(help="Directory id, 64 hex digits.")],
    passphrase_file: PassphraseFile = None,
) -> None:
    """Bind a key file to its directory, once."""
    with _opened(key, passphrase_file) as root:
        root.adopt(hex_bytes(directory, 32))
        output.say(output.text("cli_done"))
        output.document({"directory": root.directory_id})


@plain(roots, "genesis")
async def draft_genesis(
    output: Output,
    key: Key,
    name: Annotated[str, typer.Option("--name", help="The deployment's name, for ever.")],
    log_key: Annotated[str, typer.Option("--log-key", help="What `cencomm-server init` printed.")],
    out: DraftOut,
    with_: With = None,
    threshold: Threshold = 1,
    passphrase_file: PassphraseFile = None,
) -> None:
    """Draft the directory's first entry, and sign it with this key."""
    with _opened(key, passphrase_file) as root:
        made = ceremony.draft_genesis(
            root,
            name=name,
            log_key=hex_bytes(log_key, 32),
            keys=_keys(root, with_),
            k=threshold,
        )
        _keep(output, out, ceremony.sign(made, root))


@plain(roots, "admin")
async def draft_administration(
    output: Output,
    key: Key,
    code: Annotated[str, typer.Argument(help="The administration's code, such as FR.")],
    public: Annotated[str, typer.Argument(help="Public key of its root, 64 hex digits.")],
    out: DraftOut,
    with_: With = None,
    threshold: Threshold = 1,
    passphrase_file: PassphraseFile = None,
) -> None:
    """Governance: draft the addition of an administration."""
    decision = ceremony.add_administration(code, hex_bytes(public, 32))
    await _governance(output, key, lambda: decision, out, with_, threshold, passphrase_file)


@plain(roots, "suspend")
async def draft_suspension(
    output: Output,
    key: Key,
    admin: Annotated[str, typer.Argument(help="The administration's id, 32 hex digits.")],
    out: DraftOut,
    lift: Annotated[bool, typer.Option("--lift", help="Lift the suspension.")] = False,
    with_: With = None,
    threshold: Threshold = 1,
    passphrase_file: PassphraseFile = None,
) -> None:
    """Governance: draft the suspension of an administration, or lift it."""

    def decision() -> Decision:
        found = AdminId(hex_bytes(admin, 16))
        if lift:
            return ceremony.resume_administration(found)
        return ceremony.suspend_administration(found)

    await _governance(output, key, decision, out, with_, threshold, passphrase_file)


@plain(roots, "grant")
async def draft_grant(
    output: Output,
    key: Key,
    person: Annotated[str, typer.Argument(help="The person's id, 32 hex digits.")],
    out: DraftOut,
    withdraw: Annotated[bool, typer.Option("--withdraw", help="Take the role back.")] = False,
    with_: With = None,
    threshold: Threshold = 1,
    passphrase_file: PassphraseFile = None,
) -> None:
    """Governance: draft the role "may create operations" for a person, or take it back."""

    def decision() -> Decision:
        found = PersonId(hex_bytes(person, 16))
        return ceremony.withdraw_role(found) if withdraw else ceremony.grant_role(found)

    await _governance(output, key, decision, out, with_, threshold, passphrase_file)


@plain(roots, "logkey")
async def draft_log_key(
    output: Output,
    key: Key,
    log_key: Annotated[str, typer.Argument(help="The new public log key, 64 hex digits.")],
    out: DraftOut,
    with_: With = None,
    threshold: Threshold = 1,
    passphrase_file: PassphraseFile = None,
) -> None:
    """Governance: draft a change of the key that signs checkpoints."""

    def decision() -> Decision:
        return ceremony.set_log_key(hex_bytes(log_key, 32))

    await _governance(output, key, decision, out, with_, threshold, passphrase_file)


@plain(roots, "suite")
async def draft_suite(
    output: Output,
    key: Key,
    suite_min: Annotated[int, typer.Argument(min=1, max=65535, help="The least suite from here.")],
    out: DraftOut,
    anyway: Annotated[
        bool, typer.Option("--anyway", help="Also a suite that this program does not know.")
    ] = False,
    with_: With = None,
    threshold: Threshold = 1,
    passphrase_file: PassphraseFile = None,
) -> None:
    """Governance: draft that entries of an older suite are refused from here, for ever."""

    def decision() -> Decision:
        if suite_min > SUITE and not anyway:
            raise InputInvalid(
                f"suite {suite_min}: this program knows suites up to {SUITE}. Whoever does not know"
                " it can then post nothing to the directory, and the minimum never falls again;"
                " --anyway, once every server and client knows it"
            )
        return ceremony.raise_suite(suite_min)

    await _governance(output, key, decision, out, with_, threshold, passphrase_file)


@plain(roots, "lost")
async def draft_losses(
    output: Output,
    key: Key,
    report: Annotated[
        Path, typer.Argument(metavar="REPORT", help="What `cencomm hand-back --report` wrote.")
    ],
    out: DraftOut,
    with_: With = None,
    threshold: Threshold = 1,
    passphrase_file: PassphraseFile = None,
) -> None:
    """Governance: draft that places which nobody holds any more count for nothing.

    One draft for each gap, all in one file.
    """

    reports = [LossReport.parse(line) for line in _text(report).splitlines() if line.strip()]
    with _opened(key, passphrase_file) as root:
        drafts: list[Draft] = []
        for one in reports:
            made = ceremony.draft_losses(root, one, keys=_keys(root, with_), k=threshold)
            for draft in made:
                _show(output, draft)
            drafts += [ceremony.sign(draft, root) for draft in made]
        _keep(output, out, *drafts)


@plain(roots, "appoint")
async def draft_appointment(
    output: Output,
    key: Key,
    request_file: Annotated[Path, typer.Argument(metavar="REQUEST", help="The NCP's request.")],
    out: DraftOut,
    passphrase_file: PassphraseFile = None,
) -> None:
    """Administration root: draft the appointment of an NCP from its device's request."""
    asked = NcpRequest.parse(_text(request_file))
    with _opened(key, passphrase_file) as root:
        output.say(fill(output.text("cli_compare"), fingerprint=asked.fingerprint))
        made = ceremony.draft(root, ceremony.appoint_ncp(root.admin, asked))
        _keep(output, out, ceremony.sign(made, root))


@plain(roots, "dismiss")
async def draft_dismissal(
    output: Output,
    key: Key,
    person: Annotated[str, typer.Argument(help="The NCP's person id, 32 hex digits.")],
    out: DraftOut,
    passphrase_file: PassphraseFile = None,
) -> None:
    """Administration root: draft the dismissal of an NCP."""
    with _opened(key, passphrase_file) as root:
        decision = ceremony.dismiss_ncp(root.admin, PersonId(hex_bytes(person, 16)))
        _keep(output, out, ceremony.sign(ceremony.draft(root, decision), root))


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
        _show(output, made)
    with _opened(key, passphrase_file) as root:
        signed = [ceremony.sign(made, root) for made in drafts]
        _keep(output, out or draft, *signed, replace=True)


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
    with _opened(key, passphrase_file) as root:
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


async def _governance(
    output: Output,
    key: Path,
    decision: Callable[[], Decision],
    out: Path,
    with_: list[str] | None,
    threshold: int,
    passphrase_file: str | None,
) -> None:
    """Draft what governance decides and sign it with this key."""
    decided = decision()
    with _opened(key, passphrase_file) as root:
        made = ceremony.draft(root, decided, keys=_keys(root, with_), k=threshold)
        _keep(output, out, ceremony.sign(made, root))


def _opened(key: Path, passphrase_file: str | None) -> RootKey:
    return RootKey.open(key, secret("passphrase", passphrase_file))


def _keys(root: RootKey, with_: list[str] | None) -> list[bytes]:
    """All custodians' public keys; this file's alone if none are named."""
    keys = [hex_bytes(text, 32) for text in with_ or []]
    return keys or [root.public]


def _drafts(path: Path) -> list[Draft]:
    """The drafts of a file, one a line; one draft may be broken into lines by what carried it."""
    words = _text(path).split(PREFIX)
    if len(words) < 2 or words[0].strip():
        return [Draft.parse(_text(path))]
    return [Draft.parse(PREFIX + word) for word in words[1:]]


def _show(output: Output, draft: Draft) -> None:
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
            since=moment(times[0]),
            until=moment(times[-1]),
        )
    )


def _keep(output: Output, path: Path, *drafts: Draft, replace: bool = False) -> None:
    if path.exists() and not replace:
        raise InputInvalid(f"{path} exists already")
    _write(path, drafts)
    missing = max(draft.missing for draft in drafts)
    output.say(fill(output.text("cli_drafted"), file=path, missing=missing))
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


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputInvalid(f"{path}: cannot be read") from error


def _value(value: object) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)
