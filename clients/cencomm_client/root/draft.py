"""A body on its way from custodian to custodian, collecting root signatures.

Travels as one word (a file, a QR code). It proves nothing by itself: each custodian reads what
it says, and signs that and nothing else.
"""

from __future__ import annotations

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
from cencomm_crypto.public.ids import LogId
from cencomm_crypto.public.keys import SigType, root_message, verify
from cencomm_crypto.public.note import MAX_NOTE
from cencomm_crypto.public.shape import Array, Bytes, Fixed, Map, Text, UInt

from cencomm_client.errors import DraftDamaged
from cencomm_client.root.keyfile import NO_DIRECTORY, RootKind
from cencomm_client.word import NotAWord, open_word, pack_word

PREFIX = "cencomm-draft1-"
MAX_DRAFT = 128 * 1024
_SHAPE = Map(
    {
        "type": Text(32),
        "directory": B32,
        "keys": Array(B32, least=1, most=16),
        "k": UInt(1, 16),
        "sigs": Array(Fixed((UInt(most=15), SIG)), most=16),
        "note?": Bytes(least=1, most=MAX_NOTE),
    }
)


@dataclass(frozen=True, slots=True)
class Draft:
    """A body without its signatures, and the signatures so far.

    `keys` and `k` are those of the root that signs, as the drafter knows them; `directory` is
    zeros for a genesis. `note`: for a log.restored, the newest signed head of the log that it is
    about, which its poster names as seen; no signature covers it.
    """

    type: str
    directory: bytes
    body: Mapping[str, Value]  # without "sigs"
    keys: tuple[bytes, ...]
    k: int
    sigs: tuple[tuple[int, bytes], ...] = ()
    note: bytes = b""

    @property
    def root(self) -> RootKind:
        """Whose signatures it needs."""
        if self.type in ADMIN_ROOT_BODIES:
            return RootKind.ADMINISTRATION
        return RootKind.GOVERNANCE

    @property
    def log(self) -> LogId:
        """The log that the entry goes into; zeros for a genesis."""
        return LogId(self.body["log"] if self.type == "log.restored" else self.directory[:16])

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
        if (self.type == "log.restored") != bool(self.note):
            raise DraftDamaged("a log.restored, and nothing else, comes with its log's newest head")
        if genesis:
            governance = self.body["governance"]
            if (tuple(governance["keys"]), governance["k"]) != (self.keys, self.k):
                raise DraftDamaged("the genesis names another governance root than the draft")

    def text(self) -> str:
        """The draft as one word: prefix || base64url(CBOR || H(CBOR)[0..4])."""
        fields: dict[str, Value] = {
            "type": self.type,
            "directory": self.directory,
            "body": encode(self.body),
            "keys": list(self.keys),
            "k": self.k,
            "sigs": [[index, sig] for index, sig in self.sigs],
        }
        if self.note:
            fields["note"] = self.note
        return pack_word(PREFIX, fields)

    @classmethod
    def parse(cls, text: str) -> Draft:
        """Read and check; raises DraftDamaged."""
        try:
            fields = open_word(PREFIX, text, MAX_DRAFT)
            body = decode_map(_bytes(fields.pop("body", None)), max_size=MAX_DRAFT)
            _SHAPE.check(fields, "draft")
        except (NotAWord, ProtocolError) as error:
            raise DraftDamaged(f"not a good draft: {error}") from error
        draft = cls(
            type=fields["type"],
            directory=fields["directory"],
            body=body,
            keys=tuple(fields["keys"]),
            k=fields["k"],
            sigs=tuple((index, sig) for index, sig in fields["sigs"]),
            note=fields.get("note", b""),
        )
        draft.check()
        return draft


def _bytes(value: Value) -> bytes:
    if type(value) is not bytes:
        raise DraftDamaged("the draft holds no body")
    return value
