"""Who vouches for a device: an NCP, or another device of the same person.

Hands out an invitation, checks what came back against its secret (A40) and for possession of
the keys (A41), and authors `device.add`. Refuses to vouch for what is not proven: only a
`CheckedEnrolment` can be.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from cencomm_crypto.errors import ProtocolError
from cencomm_crypto.member.invitation import Invitation
from cencomm_crypto.public.ids import PersonId
from cencomm_crypto.public.keys import (
    check_box_key,
    check_sign_key,
)

from cencomm_client.answers import ReceivedEnrolment
from cencomm_client.authoring import Author
from cencomm_client.errors import (
    EnrolmentProof,
)
from cencomm_client.outbox import Outbox
from cencomm_client.sealed_file import Random
from cencomm_client.transport import Transport
from cencomm_client.vault import Vault
from cencomm_client.vault_contents import IssuedInvitation, StoredReceipt
from cencomm_client.verifier import Clock


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
