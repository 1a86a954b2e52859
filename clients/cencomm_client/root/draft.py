"""A body on its way from custodian to custodian, collecting root signatures.

Travels as one word (a file, a QR code). It proves nothing by itself: each custodian reads what
it says, and signs that and nothing else.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, replace

from cencomm_crypto.errors import ProtocolError
from cencomm_crypto.public.bodies import (
    ADMIN_ROOT_BODIES,
    B32,
    ROOT_SIGNED,
    SIG,
    parse_body,
)
from cencomm_crypto.public.encoding import Value, decode_map, encode
from cencomm_crypto.public.keys import SigType, root_message, verify
from cencomm_crypto.public.primitives import sha256
from cencomm_crypto.public.shape import Array, Fixed, Map, Text, UInt

from cencomm_client.errors import DraftDamaged
from cencomm_client.root.keyfile import NO_DIRECTORY, RootKind

PREFIX = "cencomm-draft1-"
MAX_DRAFT = 128 * 1024
_CHECK_SIZE = 4
_SHAPE = Map(
    {
        "type": Text(32),
        "directory": B32,
        "keys": Array(B32, least=1, most=16),
        "k": UInt(1, 16),
        "sigs": Array(Fixed((UInt(most=15), SIG)), most=16),
    }
)


@dataclass(frozen=True, slots=True)
class Draft:
    """A body without its signatures, and the signatures so far.

    `keys` and `k` are those of the root that signs, as the drafter knows them; `directory` is
    zeros for a genesis.
    """

    type: str
    directory: bytes
    body: Mapping[str, Value]  # without "sigs"
    keys: tuple[bytes, ...]
    k: int
    sigs: tuple[tuple[int, bytes], ...] = ()

    @property
    def root(self) -> RootKind:
        """Whose signatures it needs."""
        if self.type in ADMIN_ROOT_BODIES:
            return RootKind.ADMINISTRATION
        return RootKind.GOVERNANCE

    @property
    def signature_type(self) -> SigType:
        """The context of its signatures (A13)."""
        governance = self.root is RootKind.GOVERNANCE
        return SigType.GOVERNANCE if governance else SigType.ADMIN_ROOT

    @property
    def serial(self) -> int:
        """The root's serial of this body."""
        serial: int = self.body["serial"]
        return serial

    @property
    def message(self) -> bytes:
        """What is signed: directory id || H(body without sigs)."""
        return root_message(self.directory, self.body)

    @property
    def missing(self) -> int:
        """How many signatures are still needed."""
        return max(0, self.k - len(self.sigs))

    def complete_body(self) -> dict[str, Value]:
        """The body with its signatures, rising by index."""
        return {**self.body, "sigs": [[index, sig] for index, sig in sorted(self.sigs)]}

    def with_signature(self, index: int, sig: bytes) -> Draft:
        """The same with one more signature."""
        kept = tuple(row for row in self.sigs if row[0] != index)
        return replace(self, sigs=tuple(sorted((*kept, (index, sig)))))

    def check(self) -> None:
        """Shape of the body and every signature; raises DraftDamaged."""
        try:
            parse_body(self.type, self.complete_body())
            for index, sig in self.sigs:
                if index >= len(self.keys):
                    raise DraftDamaged(f"a signature by key {index} of {len(self.keys)}")
                verify(self.keys[index], self.signature_type, self.message, sig)
        except ProtocolError as error:
            raise DraftDamaged(f"not a good draft: {error}") from error
        if self.type not in ROOT_SIGNED or self.k > len(self.keys):
            raise DraftDamaged(f"{self.type} with {self.k} of {len(self.keys)} is no root's matter")
        genesis = self.type == "directory.genesis"
        if genesis != (self.directory == NO_DIRECTORY):
            raise DraftDamaged("only a genesis stands before its directory")
        if genesis:
            governance = self.body["governance"]
            if (tuple(governance["keys"]), governance["k"]) != (self.keys, self.k):
                raise DraftDamaged("the genesis names another governance root than the draft")

    def text(self) -> str:
        """The draft as one word: prefix || base64url(CBOR || H(CBOR)[0..4])."""
        data = encode(
            {
                "type": self.type,
                "directory": self.directory,
                "body": encode(self.body),
                "keys": list(self.keys),
                "k": self.k,
                "sigs": [[index, sig] for index, sig in self.sigs],
            }
        )
        packed = base64.urlsafe_b64encode(data + sha256(data)[:_CHECK_SIZE])
        return PREFIX + packed.decode("ascii").rstrip("=")

    @classmethod
    def parse(cls, text: str) -> Draft:
        """Read and check; raises DraftDamaged."""
        word = "".join(text[: 2 * MAX_DRAFT].split())
        if not word.startswith(PREFIX) or len(word) > MAX_DRAFT:
            raise DraftDamaged(f"a word that starts with {PREFIX} expected")
        packed = word.removeprefix(PREFIX)
        try:
            raw = base64.b64decode(packed + "=" * (-len(packed) % 4), altchars=b"-_", validate=True)
            data, check = raw[:-_CHECK_SIZE], raw[-_CHECK_SIZE:]
            if sha256(data)[:_CHECK_SIZE] != check:
                raise DraftDamaged("the draft was cut or changed: its check does not hold")
            fields = decode_map(data, max_size=MAX_DRAFT)
            body = decode_map(_bytes(fields.pop("body", None)), max_size=MAX_DRAFT)
            _SHAPE.check(fields, "draft")
        except (ProtocolError, binascii.Error, ValueError) as error:
            raise DraftDamaged(f"not a good draft: {error}") from error
        draft = cls(
            type=fields["type"],
            directory=fields["directory"],
            body=body,
            keys=tuple(fields["keys"]),
            k=fields["k"],
            sigs=tuple((index, sig) for index, sig in fields["sigs"]),
        )
        draft.check()
        return draft


def _bytes(value: Value) -> bytes:
    if type(value) is not bytes:
        raise DraftDamaged("the draft holds no body")
    return value
