"""The new device's side of enrolment, and its person's account.

Keys and vault for an invitation, a proof under its secret, wait until somebody vouches
(`vouching`), register, confirm, and look into the verified directory. An NCP's first device has
no invitation: see `contact_point`.
"""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import dataclass
from pathlib import Path

from cencomm_crypto.member.invitation import Invitation
from cencomm_crypto.member.login import stretch
from cencomm_crypto.public.directory.state import Device
from cencomm_crypto.public.keys import (
    SigType,
    enrol_message,
)

from cencomm_client.errors import (
    EnrolmentWaiting,
    NotEnrolled,
)
from cencomm_client.mirror import Mirror
from cencomm_client.sealed_file import Random
from cencomm_client.session import TOKEN_SIZE, Session, keep, prove_device
from cencomm_client.transport import Transport
from cencomm_client.vault import Derive, Vault

PENDING = "enrolment"  # the vault's note with an invitation that is not finished


@dataclass(frozen=True, slots=True)
class TotpSeed:
    """The second factor as the server made it: for an authenticator, shown once, kept nowhere."""

    uri: str
    secret: str


def accept_invitation(
    path: Path,
    invitation: Invitation,
    password: str,
    *,
    derive: Derive = stretch,
    random: Random = secrets.token_bytes,
) -> Vault:
    """Draw device keys and make the vault; the invitation is kept in it until `finish`.

    Runs Argon2id: call it in a thread. Raises VaultExists.
    """
    vault = Vault.create(
        path,
        password,
        directory_id=invitation.directory,
        account=invitation.account,
        person=invitation.person,
        server_url=invitation.server,
        bot=invitation.kind == "bot",
        derive=derive,
        random=random,
    )
    vault.put_note(PENDING, invitation.text())
    vault.save()
    return vault


def pending_invitation(vault: Vault) -> Invitation | None:
    """The invitation that this vault was made for, while it is not finished."""
    text = vault.notes.get(PENDING)
    return Invitation.parse(text) if isinstance(text, str) else None


def proof_of_possession(vault: Vault) -> bytes:
    """SIG(device, "enrol", directory id || person || box_pk): the keys are this device's (A41)."""
    message = enrol_message(vault.directory_id, vault.person, vault.box_key.public)
    return vault.device_key.sign(SigType.ENROL, message)


async def announce(vault: Vault, transport: Transport) -> None:
    """Hand in the keys with their proof; again with the same keys changes nothing.

    Raises EnrolmentWaiting if this vault has no open invitation, InvitationUnknown.
    """
    invitation = _open_invitation(vault)
    sign_pk, box_pk = vault.device_key.public, vault.box_key.public
    await transport.post_enrolment(
        invitation.lookup,
        sign_pk,
        box_pk,
        proof_of_possession(vault),
        invitation.proof(sign_pk, box_pk),
    )


async def wait_until_vouched(
    vault: Vault, transport: Transport, *, patience_s: float, every_s: float = 2.0
) -> None:
    """Wait until the server says that somebody vouched; raises EnrolmentWaiting after a while.

    Believed only later: `own_device` looks into the verified directory.
    """
    invitation = _open_invitation(vault)
    loop = asyncio.get_running_loop()
    deadline = loop.time() + patience_s
    while not await transport.enrolment_done(invitation.lookup):
        if loop.time() + every_s > deadline:
            raise EnrolmentWaiting("nobody has vouched for this device yet; ask who invited you")
        await asyncio.sleep(every_s)


async def register(vault: Vault, transport: Transport) -> TotpSeed:
    """First registration of the account: login secret to the server, second factor back."""
    proof = await prove_device(vault, transport, secrets.token_bytes(TOKEN_SIZE))
    uri, secret = await transport.register_account(vault.account, vault.login_secret, proof)
    return TotpSeed(uri, secret)


async def confirm(vault: Vault, transport: Transport, code: str) -> Session:
    """Activate the account with a first one-time code; it is the first login too.

    `recovery` of the session holds the recovery codes, this once. Raises LoginFailed.
    """
    token = secrets.token_bytes(TOKEN_SIZE)
    proof = await prove_device(vault, transport, token)
    opened = await transport.confirm_account(vault.account, vault.login_secret, code, proof)
    return keep(vault, transport, token, opened)


def own_device(vault: Vault, mirror: Mirror) -> Device:
    """This device as the verified directory shows it; raises NotEnrolled (A2)."""
    state = mirror.directory.state
    device = state.device(vault.device)
    if device is None:
        raise NotEnrolled("the directory does not show this device")
    if device.person != vault.person:
        raise NotEnrolled("the directory shows this device under another person")
    if vault.box_key_for(device.box_pk) is None:
        raise NotEnrolled("the directory shows a box key that this device does not hold")
    person = state.person(vault.person)
    if person is None or person.code != vault.account:
        raise NotEnrolled("the directory shows this person under another code")
    if not state.active(vault.device):
        raise NotEnrolled("this device was revoked, or its person or administration is suspended")
    return device


def finish(vault: Vault, mirror: Mirror) -> Device:
    """Check the own device in the directory and forget the invitation; raises NotEnrolled."""
    device = own_device(vault, mirror)
    vault.drop_note(PENDING)
    vault.save()
    return device


def _open_invitation(vault: Vault) -> Invitation:
    invitation = pending_invitation(vault)
    if invitation is None:
        raise EnrolmentWaiting("this vault has no open invitation")
    return invitation
