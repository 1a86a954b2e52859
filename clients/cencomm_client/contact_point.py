"""The first device of an NCP, which has nobody before it.

Its request travels as a file or QR code to the administration's root, which signs it off the
server (`root.ceremony.appoint_ncp`); two people compare its fingerprint by voice.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from pathlib import Path

from cencomm_crypto.errors import ProtocolError
from cencomm_crypto.member.login import stretch
from cencomm_crypto.public.bodies import B32, CODE, ID, SIG
from cencomm_crypto.public.encoding import Value, encode
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

from cencomm_client.authoring import entry_id
from cencomm_client.enrolment import proof_of_possession
from cencomm_client.errors import RequestDamaged
from cencomm_client.sealed_file import Random
from cencomm_client.vault import Derive, Vault
from cencomm_client.verifier import Clock
from cencomm_client.word import NotAWord, open_word, pack_word

REQUEST_PREFIX = "cencomm-ncp1-"
MAX_REQUEST = 2048
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
class NcpRequest:
    """An NCP's first device asks the administration's root for its appointment (a file, a QR)."""

    directory: bytes  # all 32 bytes
    person: PersonId
    code: str  # functional code that is asked for
    sign_pk: bytes
    box_pk: bytes
    proof: bytes  # SIG(device, "enrol", ...)

    def text(self) -> str:
        """The request as one word."""
        return pack_word(REQUEST_PREFIX, self._fields())

    @property
    def fingerprint(self) -> str:
        """Four groups of eight digits to compare by voice."""
        digest = sha256(b"CENcomm/v1/ncp-request\x00", encode(self._fields()))
        return " ".join(
            f"{int.from_bytes(digest[start : start + 8], 'big') % 10**8:08d}"
            for start in range(0, 32, 8)
        )

    @classmethod
    def parse(cls, text: str) -> NcpRequest:
        """Read and check possession of the keys; raises RequestDamaged."""
        try:
            fields = open_word(REQUEST_PREFIX, text, MAX_REQUEST)
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
        except (NotAWord, ProtocolError) as error:
            raise RequestDamaged(str(error)) from error
        return request

    def check(self) -> None:
        """Keys are sound and proven; raises ProtocolError (A12, A41)."""
        check_sign_key(self.sign_pk)
        check_box_key(self.box_pk)
        message = enrol_message(self.directory, self.person, self.box_pk)
        verify(self.sign_pk, SigType.ENROL, message, self.proof)

    def _fields(self) -> dict[str, Value]:
        return {
            "directory": self.directory,
            "person": self.person,
            "code": self.code,
            "sign_pk": self.sign_pk,
            "box_pk": self.box_pk,
            "proof": self.proof,
        }


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
