"""Invitations: how a new device and the one that vouches for it come to trust each other.

On paper, as a QR code or in a URL's fragment, never to the server (PROTOCOL 10.2). The secret
in it proves the new keys to whoever vouches, so a server cannot swap them (A40).
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass, field

from cencomm_crypto.errors import ErrorCode, ProtocolError
from cencomm_crypto.public.bodies import B32, CODE, ID
from cencomm_crypto.public.encoding import decode_map, encode
from cencomm_crypto.public.ids import PersonId
from cencomm_crypto.public.keys import SigType, enrol_message, verify
from cencomm_crypto.public.primitives import equal, keyed, sha256
from cencomm_crypto.public.shape import Choice, Map, Text

PREFIX = "cencomm1-"
MAX_TEXT = 1024
_CHECKSUM_SIZE = 4
_SHAPE = Map(
    {
        "directory": B32,
        "person": ID,
        "secret": B32,
        "account": CODE,
        "kind": Choice(("human", "bot")),
        "server": Text(256),
    }
)


@dataclass(frozen=True, slots=True)
class Invitation:
    """What the paper carries; the secret never shows in a repr."""

    directory: bytes  # all 32 bytes of the directory's id: the pin
    person: PersonId
    secret: bytes = field(repr=False)  # 32 random bytes, for one enrolment
    account: str  # the person's functional code
    kind: str  # "human" or "bot"
    server: str  # the deployment's address

    @property
    def lookup(self) -> bytes:
        """What the server knows the invitation by; 16 bytes."""
        return keyed(self.secret, "invitation-id", self.directory)[:16]

    def text(self) -> str:
        """The invitation as one word: "cencomm1-" || base64url(CBOR || H(CBOR)[0..4])."""
        fields = {
            "directory": self.directory,
            "person": self.person,
            "secret": self.secret,
            "account": self.account,
            "kind": self.kind,
            "server": self.server,
        }
        _SHAPE.check(fields, "invitation")
        data = encode(fields)
        packed = base64.urlsafe_b64encode(data + sha256(data)[:_CHECKSUM_SIZE])
        return PREFIX + packed.decode("ascii").rstrip("=")

    def url(self) -> str:
        """The word in the fragment of the server's address, which browsers do not send."""
        return f"{self.server.rstrip('/')}/#{self.text()}"

    @classmethod
    def parse(cls, text: str) -> Invitation:
        """Read the word, or a URL that ends in it; raises ProtocolError(MALFORMED)."""
        if len(text) > MAX_TEXT:
            raise ProtocolError(
                ErrorCode.TOO_LARGE, f"invitation of {len(text)} characters, at most {MAX_TEXT}"
            )
        word = "".join(text.split()).rpartition("#")[2]
        if not word.startswith(PREFIX):
            raise _malformed(f'a word that starts with "{PREFIX}" expected')
        data = _unpack(word.removeprefix(PREFIX))
        fields = decode_map(data, max_size=MAX_TEXT)
        _SHAPE.check(fields, "invitation")
        return cls(
            directory=fields["directory"],
            person=PersonId(fields["person"]),
            secret=fields["secret"],
            account=fields["account"],
            kind=fields["kind"],
            server=fields["server"],
        )

    def proof(self, sign_pk: bytes, box_pk: bytes) -> bytes:
        """B(s, "enrol", directory id || person || sign_pk || box_pk); 32 bytes."""
        return keyed(self.secret, "enrol", self.directory, self.person, sign_pk, box_pk)

    def verify(self, sign_pk: bytes, box_pk: bytes, proof: bytes, enrol_sig: bytes) -> None:
        """What whoever vouches checks before it signs (INV-1, A40, A41).

        Raises ProtocolError: BAD_PROOF where the keys were not made by who holds the
        invitation, BAD_SIGNATURE where the proof of possession fails.
        """
        if not equal(self.proof(sign_pk, box_pk), proof):
            raise ProtocolError(
                ErrorCode.BAD_PROOF, "these keys were not sent by who holds the invitation"
            )
        message = enrol_message(self.directory, self.person, box_pk)
        verify(sign_pk, SigType.ENROL, message, enrol_sig)


def _unpack(packed: str) -> bytes:
    """Undo base64url strictly (one text for one invitation) and check the sum."""
    try:
        raw = base64.b64decode(packed + "=" * (-len(packed) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise _malformed("a character that does not belong there") from error
    data, checksum = raw[:-_CHECKSUM_SIZE], raw[-_CHECKSUM_SIZE:]
    if len(raw) <= _CHECKSUM_SIZE or sha256(data)[:_CHECKSUM_SIZE] != checksum:
        raise _malformed("its check sum does not fit; a letter was lost or changed")
    if base64.urlsafe_b64encode(raw).decode("ascii").rstrip("=") != packed:
        raise _malformed("not the one spelling of these bytes")
    return data


def _malformed(detail: str) -> ProtocolError:
    return ProtocolError(ErrorCode.MALFORMED, f"invitation: {detail}")
