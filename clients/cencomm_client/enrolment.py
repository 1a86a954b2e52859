"""How a device comes into the directory, on both sides, and how its person gets an account.

New device: keys and vault, a proof under the invitation's secret, wait, register, confirm.
Who vouches (an NCP, or the person's own device): hand out an invitation, check what came back
against its secret (A40) and for possession of the keys (A41), author `device.add`. The first
device of an NCP has nobody before it: its request travels as a file to the administration's
root, which signs it off the server (`root`).
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import secrets
from dataclasses import dataclass
from pathlib import Path

from cencomm_crypto.errors import ProtocolError
from cencomm_crypto.member.invitation import Invitation
from cencomm_crypto.member.login import stretch
from cencomm_crypto.public.bodies import B32, CODE, ID, SIG
from cencomm_crypto.public.directory.state import Device
from cencomm_crypto.public.encoding import decode_map, encode
from cencomm_crypto.public.ids import PersonId
from cencomm_crypto.public.keys import (
    SigType,
    check_box_key,
    check_sign_key,
    enrol_message,
    verify,
)
from cencomm_crypto.public.primitives import sha256
from cencomm_crypto.public.shape import Map

from cencomm_client.answers import ReceivedEnrolment
from cencomm_client.authoring import Author, entry_id
from cencomm_client.errors import (
    EnrolmentProof,
    EnrolmentWaiting,
    NotEnrolled,
    RequestDamaged,
)
from cencomm_client.mirror import Mirror
from cencomm_client.outbox import Outbox
from cencomm_client.sealed_file import Random
from cencomm_client.session import TOKEN_SIZE, Session, keep, prove_device
from cencomm_client.transport import Transport
from cencomm_client.vault import Derive, Vault
from cencomm_client.vault_contents import IssuedInvitation, StoredReceipt
from cencomm_client.verifier import Clock

PENDING = "enrolment"  # the vault's note with an invitation that is not finished
REQUEST_PREFIX = "cencomm-ncp1-"
MAX_REQUEST = 2048
_CHECK_SIZE = 4
_REQUEST = Map(
    {
        "directory": B32,
        "person": ID,
        "code": CODE,
        "sign_pk": B32,
        "box_pk": B32,
        "proof": SIG,
    }
)


@dataclass(frozen=True, slots=True)
class TotpSeed:
    """The second factor as the server made it: for an authenticator, shown once, kept nowhere."""

    uri: str
    secret: str


# -- the new device ---------------------------------------------------------------------------


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

    Raises LoginFailed.
    """
    token = secrets.token_bytes(TOKEN_SIZE)
    proof = await prove_device(vault, transport, token)
    until_ms = await transport.confirm_account(vault.account, vault.login_secret, code, proof)
    return keep(vault, transport, token, until_ms)


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


# -- who vouches ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CheckedEnrolment:
    """Keys that came for an own invitation and were proven by its secret: may be vouched for."""

    invitation: IssuedInvitation
    sign_pk: bytes
    box_pk: bytes
    enrol_sig: bytes


@dataclass(frozen=True, slots=True)
class ReceivedKeys:
    """What came for an own invitation: proven, or the reason why it must not be vouched for."""

    invitation: IssuedInvitation
    checked: CheckedEnrolment | None
    problem: EnrolmentProof | None


async def invite(
    vault: Vault,
    transport: Transport,
    clock: Clock,
    *,
    person: PersonId,
    account: str,
    bot: bool = False,
    random: Random = secrets.token_bytes,
) -> Invitation:
    """Make an invitation for a device of `person`; its secret goes on paper, not to the server."""
    invitation = Invitation(
        directory=vault.directory_id,
        person=person,
        secret=random(32),
        account=account,
        kind="bot" if bot else "human",
        server=vault.server_url,
    )
    vault.put_invitation(
        IssuedInvitation(
            lookup=invitation.lookup,
            secret=invitation.secret,
            person=person,
            account=account,
            bot=bot,
            created_ms=clock(),
        )
    )
    vault.save()
    await transport.post_invitation(invitation.lookup, person)
    return invitation


async def received(vault: Vault, transport: Transport) -> tuple[ReceivedKeys, ...]:
    """What came for own invitations, each checked against its secret (A40) and for possession."""
    issued = {item.lookup: item for item in vault.invitations()}
    return tuple(
        check_enrolment(vault, issued[item.invitation], item)
        for item in await transport.invitations()
        if item.invitation in issued
    )


def check_enrolment(
    vault: Vault, issued: IssuedInvitation, enrolment: ReceivedEnrolment
) -> ReceivedKeys:
    """Hold received keys against the invitation's secret; whose they are says the invitation."""
    invitation = Invitation(
        directory=vault.directory_id,
        person=issued.person,
        secret=issued.secret,
        account=issued.account,
        kind="bot" if issued.bot else "human",
        server=vault.server_url,
    )
    try:
        check_sign_key(enrolment.sign_pk)
        check_box_key(enrolment.box_pk)
        invitation.verify(enrolment.sign_pk, enrolment.box_pk, enrolment.proof, enrolment.enrol_sig)
    except ProtocolError as error:
        problem = EnrolmentProof(
            f"the keys that came for {issued.account} are not those of who holds the invitation"
            f" ({error.code}): make a new invitation, and tell who runs the server"
        )
        return ReceivedKeys(issued, None, problem)
    checked = CheckedEnrolment(issued, enrolment.sign_pk, enrolment.box_pk, enrolment.enrol_sig)
    return ReceivedKeys(issued, checked, None)


async def vouch(
    vault: Vault, author: Author, outbox: Outbox, enrolment: CheckedEnrolment
) -> StoredReceipt:
    """Author `device.add` for proven keys; the invitation is then spent.

    Read the directory to its newest checkpoint first. Raises Refused, TransportError, LogAlarm.
    """
    entry = author.directory_entry(
        "device.add",
        {
            "person": enrolment.invitation.person,
            "sign_pk": enrolment.sign_pk,
            "box_pk": enrolment.box_pk,
            "proof": enrolment.enrol_sig,
        },
    )
    receipt = await outbox.submit(vault.directory_log, entry)
    vault.drop_invitation(enrolment.invitation.lookup)
    vault.save()
    return receipt


# -- the first device of an NCP ---------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class NcpRequest:
    """An NCP's first device asks the administration's root for its appointment (a file, a QR)."""

    directory: bytes  # all 32 bytes
    person: PersonId
    code: str  # functional code that is asked for
    sign_pk: bytes
    box_pk: bytes
    proof: bytes  # SIG(device, "enrol", ...)

    def text(self) -> str:
        """The request as one word: prefix || base64url(CBOR || H(CBOR)[0..4])."""
        data = self._encode()
        packed = base64.urlsafe_b64encode(data + sha256(data)[:_CHECK_SIZE])
        return REQUEST_PREFIX + packed.decode("ascii").rstrip("=")

    @property
    def fingerprint(self) -> str:
        """Four groups of eight digits to compare by voice."""
        digest = sha256(b"CENcomm/v1/ncp-request\x00", self._encode())
        return " ".join(
            f"{int.from_bytes(digest[start : start + 8], 'big') % 10**8:08d}"
            for start in range(0, 32, 8)
        )

    @classmethod
    def parse(cls, text: str) -> NcpRequest:
        """Read and check possession of the keys; raises RequestDamaged."""
        word = "".join(text[: 2 * MAX_REQUEST].split())
        if not word.startswith(REQUEST_PREFIX) or len(word) > MAX_REQUEST:
            raise RequestDamaged(f"a word that starts with {REQUEST_PREFIX} expected")
        packed = word.removeprefix(REQUEST_PREFIX)
        try:
            raw = base64.b64decode(packed + "=" * (-len(packed) % 4), altchars=b"-_", validate=True)
            data, check = raw[:-_CHECK_SIZE], raw[-_CHECK_SIZE:]
            if sha256(data)[:_CHECK_SIZE] != check:
                raise RequestDamaged("the request was cut or mistyped: its check does not hold")
            fields = decode_map(data, max_size=MAX_REQUEST)
            _REQUEST.check(fields, "request")
            request = cls(
                directory=fields["directory"],
                person=PersonId(fields["person"]),
                code=fields["code"],
                sign_pk=fields["sign_pk"],
                box_pk=fields["box_pk"],
                proof=fields["proof"],
            )
            request.check()
        except (ProtocolError, binascii.Error, ValueError) as error:
            raise RequestDamaged(f"not a good request: {error}") from error
        return request

    def check(self) -> None:
        """Keys are sound and proven; raises ProtocolError (A12, A41)."""
        check_sign_key(self.sign_pk)
        check_box_key(self.box_pk)
        message = enrol_message(self.directory, self.person, self.box_pk)
        verify(self.sign_pk, SigType.ENROL, message, self.proof)

    def _encode(self) -> bytes:
        return encode(
            {
                "directory": self.directory,
                "person": self.person,
                "code": self.code,
                "sign_pk": self.sign_pk,
                "box_pk": self.box_pk,
                "proof": self.proof,
            }
        )


def create_ncp_vault(
    path: Path,
    password: str,
    *,
    directory_id: bytes,
    code: str,
    server_url: str,
    clock: Clock,
    derive: Derive = stretch,
    random: Random = secrets.token_bytes,
) -> tuple[Vault, NcpRequest]:
    """Make the vault of an NCP's first device, and the request that its root is to sign."""
    vault = Vault.create(
        path,
        password,
        directory_id=directory_id,
        account=code,
        person=PersonId(entry_id(clock(), random)),
        server_url=server_url,
        derive=derive,
        random=random,
    )
    return vault, ncp_request(vault)


def ncp_request(vault: Vault) -> NcpRequest:
    """The request of this vault's device, again."""
    return NcpRequest(
        directory=vault.directory_id,
        person=vault.person,
        code=vault.account,
        sign_pk=vault.device_key.public,
        box_pk=vault.box_key.public,
        proof=proof_of_possession(vault),
    )
