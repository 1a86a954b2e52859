"""`cencomm` for people and devices: enrol, register, log in, invite, vouch, revoke."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Annotated

import segno
import typer
from cencomm_crypto.public.ids import DeviceId

from cencomm_client.cli.arguments import hex_bytes
from cencomm_client.cli.exits import InputInvalid
from cencomm_client.cli.frame import Here, Session, framed
from cencomm_client.cli.output import Output, fill
from cencomm_client.cli.prompts import line, secret
from cencomm_client.cli.run import DEFAULT_VAULT, AsJson, PasswordFile, Server, VaultPath, run
from cencomm_client.client import Client
from cencomm_client.directory import Directory
from cencomm_client.enrolment import TotpSeed

TotpFile = Annotated[
    str | None,
    typer.Option(
        "--totp-file", metavar="FILE", help="Read the one-time code from here, - is standard input."
    ),
]
Out = Annotated[
    Path | None, typer.Option("--out", help="Write the secret text to this new file, mode 600.")
]
RecoveryOut = Annotated[
    Path | None,
    typer.Option("--recovery-out", help="Write the recovery codes to this new file, mode 600."),
]
FEW_CODES = 3  # from here on a login says that they come to an end
Wait = Annotated[
    float, typer.Option("--wait", min=0, help="Seconds to wait until somebody vouched.")
]


def enrol(
    invitation_file: Annotated[
        str | None,
        typer.Option(
            "--invitation-file",
            metavar="FILE",
            help="Read the invitation here, - is standard input.",
        ),
    ] = None,
    wait: Wait = 0.0,
    vault: VaultPath = DEFAULT_VAULT,
    password_file: PasswordFile = None,
    server: Server = None,
    as_json: AsJson = False,
) -> None:
    """Make this device's keys and vault for an invitation, and hand the keys in."""

    async def work(output: Output) -> None:
        invitation = secret("invitation", invitation_file)
        password = secret("password", password_file, confirm=True)
        async with await Client.enrol(invitation, vault, password, server=server) as client:
            output.say(fill(output.text("cli_enrolled"), code=client.code))
            if wait:
                await client.wait_enrolled(wait)
                output.say(output.text("cli_vouched_for"))
            output.document({"code": client.code, "device": client.device, "vouched": bool(wait)})

    run(as_json, work)


def request(
    code: Annotated[str, typer.Argument(help="Functional code, such as FR-001.")],
    directory: Annotated[str, typer.Option("--directory", help="Directory id, 64 hex digits.")],
    server: Annotated[str, typer.Option("--server", help="The server's address.")],
    vault: VaultPath = DEFAULT_VAULT,
    password_file: PasswordFile = None,
    as_json: AsJson = False,
) -> None:
    """Make an NCP's first device; prints the request that its administration's root signs."""

    async def work(output: Output) -> None:
        password = secret("password", password_file, confirm=True)
        client, asked = await Client.apply_as_contact_point(
            vault, password, directory_id=hex_bytes(directory, 32), code=code, server=server
        )
        async with client:
            output.say(asked.text())
            if not as_json:  # beside the word, which may go into a file
                output.note(fill(output.text("cli_request"), fingerprint=asked.fingerprint))
            output.document(
                {
                    "request": asked.text(),
                    "fingerprint": asked.fingerprint,
                    "person": asked.person,
                    "device": client.device,
                }
            )

    run(as_json, work)


@framed(session=Session.MADE, moved=True)
async def register(
    here: Here,
    seed_out: Annotated[
        Path | None,
        typer.Option("--seed-out", help="Write the authenticator's secret to this new file."),
    ] = None,
    recovery_out: RecoveryOut = None,
    totp_file: TotpFile = None,
    wait: Wait = 60.0,
) -> None:
    """Open the person's account: second factor, first one-time code, first session."""
    await here.client.wait_enrolled(wait)

    async def authenticator(seed: TotpSeed) -> str:
        if seed_out is not None:
            await asyncio.to_thread(write_secret, seed_out, seed.secret + "\n")
        else:
            show_seed(here.output, seed)
        return await asyncio.to_thread(line, "one-time code", totp_file)

    codes = await here.client.register(authenticator)
    here.say("cli_registered", code=here.client.code)
    await hand_out(here.output, codes, recovery_out)
    here.output.document(
        {"code": here.client.code, "device": here.client.device, "recovery_left": len(codes)}
    )


@framed(session=Session.MADE, moved=True)
async def login(
    here: Here,
    totp_file: TotpFile = None,
    client_secret_file: Annotated[
        str | None,
        typer.Option(
            "--client-secret-file", metavar="FILE", help="A bot's secret, kept from then on."
        ),
    ] = None,
    wait: Wait = 0.0,
) -> None:
    """Log in: people with a one-time code or a recovery code, bots with their client secret."""
    await here.client.wait_enrolled(wait)
    if client_secret_file is not None:
        given = secret("client secret", client_secret_file)
        here.client.keep_client_secret(hex_bytes(given, 32))

    async def code() -> str:
        return await asyncio.to_thread(line, "one-time or recovery code", totp_file)

    await here.client.login(totp=None if here.client.is_bot else code)
    here.say("cli_logged_in", code=here.client.code)
    left = here.client.recovery_left
    if left is not None and left <= FEW_CODES:
        here.output.note(fill(here.output.text("cli_recovery_left"), left=left))
    here.output.document(
        {"code": here.client.code, "device": here.client.device, "recovery_left": left}
    )


@framed()
async def recovery(
    here: Here,
    recovery_out: RecoveryOut = None,
    totp_file: TotpFile = None,
) -> None:
    """Make other recovery codes; all earlier ones are void."""
    if here.output.as_json and recovery_out is None:
        raise InputInvalid("programs name a file for the recovery codes: --recovery-out")

    async def code() -> str:
        return await asyncio.to_thread(line, "one-time or recovery code", totp_file)

    codes = await here.client.renew_recovery(code)
    await hand_out(here.output, codes, recovery_out)
    here.output.document({"code": here.client.code, "recovery_left": len(codes)})


@framed(session=Session.MADE)
async def logout(here: Here) -> None:
    """End the session, here and at the server."""
    await here.client.logout()
    here.say("cli_logged_out")
    here.output.document({"code": here.client.code})


@framed()
async def invite(
    here: Here,
    code: Annotated[
        str | None, typer.Argument(help="Functional code; own device if left out.")
    ] = None,
    bot: Annotated[bool, typer.Option("--bot", help="The person is a bot.")] = False,
    name: Annotated[
        str | None, typer.Option("--name", help="The name that members see, sealed.")
    ] = None,
    out: Out = None,
) -> None:
    """Invite a person of the own administration (an NCP), or a further own device."""
    if code is None:
        text = await here.client.directory.invite_own_device()
    else:
        text = await here.client.invite(code, "bot" if bot else "human", name=name)
    shown_code = code or here.client.code
    if out is not None:
        await asyncio.to_thread(write_secret, out, text + "\n")
        here.say("cli_invitation_file", code=shown_code, file=out)
        here.output.document({"code": shown_code, "file": str(out)})
        return
    here.output.say(text)
    if not here.output.as_json:  # beside the word, which may go into a file
        here.output.note(fill(here.output.text("cli_invitation"), code=shown_code))
    here.output.document({"code": shown_code, "invitation": text})


@framed()
async def vouch(here: Here) -> None:
    """Vouch for devices whose keys came back and are proven by own invitations."""
    found = await here.client.vouch()
    rows = [{"code": row.code, "device": row.device, "problem": row.problem} for row in found]
    here.output.table(
        ("code", "device", "problem"),
        [(r.code, r.device.hex() if r.device else "", r.problem or "") for r in found],
    )
    if not rows:
        here.say("cli_nothing_to_vouch")
    here.output.document({"vouched": rows})


@framed()
async def bot_secret(
    here: Here,
    code: Annotated[str, typer.Argument(help="The bot's functional code.")],
    out: Annotated[Path, typer.Option("--out", help="Write the secret to this new file.")],
) -> None:
    """Fetch a bot's client secret, once (its NCP); it goes to the bot's host."""
    given = await here.client.directory.bot_secret(code)
    await asyncio.to_thread(write_secret, out, given.hex() + "\n")
    here.say("cli_bot_secret", code=code, file=out)
    here.output.document({"code": code, "file": str(out)})


@framed()
async def revoke(
    here: Here,
    device: Annotated[str, typer.Argument(help="Device id, 32 hex digits.")],
) -> None:
    """Revoke a device of the own administration (an NCP), or an own one."""
    await here.confirm()
    receipt = await here.client.directory.revoke(DeviceId(hex_bytes(device, 16)))
    here.say("cli_done")
    here.output.document({"seq": receipt.seq, "leaf": receipt.leaf})


@framed()
async def suspend(
    here: Here,
    code: Annotated[str, typer.Argument(help="Functional code.")],
    lift: Annotated[bool, typer.Option("--lift", help="Lift the suspension.")] = False,
) -> None:
    """Suspend a person of the own administration (an NCP), or lift it."""
    directory: Directory = here.client.directory
    receipt = await (directory.resume(code) if lift else directory.suspend(code))
    here.say("cli_done")
    here.output.document({"seq": receipt.seq, "leaf": receipt.leaf})


@framed()
async def reset(
    here: Here,
    code: Annotated[str, typer.Argument(help="Functional code.")],
    devices: Annotated[
        bool, typer.Option("--devices", help="All its devices are lost: revoke them too.")
    ] = False,
) -> None:
    """Void a person's logins and second factor (its NCP); then invite it again. With --devices asks
    for the password again."""
    if devices:
        await here.confirm()
    receipt = await here.client.directory.reset(code)
    revoked = await here.client.directory.revoke_all(code) if devices else ()
    here.say("cli_reset", code=code)
    here.output.document({"seq": receipt.seq, "leaf": receipt.leaf, "revoked": list(revoked)})


@framed()
async def rekey(here: Here) -> None:
    """Give this device a new box key (every 30 days)."""
    receipt = await here.client.directory.rekey()
    here.say("cli_done")
    here.output.document({"seq": receipt.seq, "leaf": receipt.leaf})


def show_seed(output: Output, seed: TotpSeed) -> None:
    """The second factor as a QR code and as text, on the terminal only, once."""
    if output.as_json:
        raise InputInvalid("programs name a file for the authenticator's secret: --seed-out")
    segno.make(seed.uri).terminal(compact=True)
    output.say(seed.secret)
    output.say(output.text("cli_authenticator"))


async def hand_out(output: Output, codes: tuple[str, ...], out: Path | None) -> None:
    """Recovery codes, once: into a new file, or on the terminal; to a program only by a file."""
    grouped = ["-".join(code[at : at + 4] for at in range(0, len(code), 4)) for code in codes]
    if out is not None:
        await asyncio.to_thread(write_secret, out, "".join(code + "\n" for code in grouped))
        output.say(fill(output.text("cli_recovery_file"), file=out))
        return
    for code in grouped:
        output.say(code)
    if grouped:
        output.say(output.text("cli_recovery_codes"))


def write_secret(path: Path, text: str) -> None:
    """Write a new file that nobody else can read; raises InputInvalid if there is one."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        raise InputInvalid(f"{path} exists already") from error
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
