"""What a member's device tells the governance root of a log that a restore left with gaps (A50).

The places that nobody hands back whole, each in its 56-byte form, and the newest signed head over
them. Travels as one word, on its own or a line of a file. The custodians who sign upon it take the
member's word for what is lost; the server and every reader check the forms against the tree.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from cencomm_crypto.errors import ProtocolError
from cencomm_crypto.public.bodies import B32
from cencomm_crypto.public.ids import LogId
from cencomm_crypto.public.lost import LEAF_BYTES
from cencomm_crypto.public.note import MAX_NOTE
from cencomm_crypto.public.shape import Array, Bytes, Fixed, Map, UInt
from cencomm_crypto.public.tail import forms_in

from cencomm_client.errors import ReportDamaged
from cencomm_client.word import NotAWord, open_word, pack_word

PREFIX = "cencomm-lost1-"
MAX_REPORT = 16 * 1024 * 1024  # characters
MAX_NAMED = 900  # places that one log.restored names (PROTOCOL, appendix A)
_SHAPE = Map(
    {
        "directory": B32,
        "log": Bytes((16,)),
        "note": Bytes(least=1, most=MAX_NOTE),
        "gaps": Array(
            Fixed((UInt(1, 2**53 - 1), Bytes(least=LEAF_BYTES, most=MAX_REPORT))),
            least=1,
            most=200_000,
        ),
    }
)


@dataclass(frozen=True, slots=True)
class Gap:
    """Neighbouring places from `start` on, as their forms."""

    start: int
    forms: tuple[bytes, ...]

    @property
    def end(self) -> int:
        """The first place behind it."""
        return self.start + len(self.forms)

    def pieces(self) -> Iterator[Gap]:
        """The same in parts of which one log.restored each can name."""
        for place in range(0, len(self.forms), MAX_NAMED):
            yield Gap(self.start + place, self.forms[place : place + MAX_NAMED])


@dataclass(frozen=True, slots=True)
class LossReport:
    """Gaps of one log; `note` is the newest signed head of it, `directory` all 32 bytes."""

    directory: bytes
    log: LogId
    note: bytes
    gaps: tuple[Gap, ...]

    def text(self) -> str:
        """The report as one word."""
        return pack_word(
            PREFIX,
            {
                "directory": self.directory,
                "log": self.log,
                "note": self.note,
                "gaps": [[gap.start, b"".join(gap.forms)] for gap in self.gaps],
            },
        )

    @classmethod
    def parse(cls, text: str) -> LossReport:
        """Read and check; raises ReportDamaged."""
        try:
            fields = open_word(PREFIX, text, MAX_REPORT)
            _SHAPE.check(fields, "report")
        except (NotAWord, ProtocolError) as error:
            raise ReportDamaged(f"not a good report: {error}") from error
        gaps: list[Gap] = []
        for start, forms in fields["gaps"]:
            if len(forms) % LEAF_BYTES or (gaps and start <= gaps[-1].end):
                raise ReportDamaged("ascending gaps with forms of 56 bytes expected")
            gaps.append(Gap(start, tuple(forms_in(forms))))
        return cls(fields["directory"], LogId(fields["log"]), fields["note"], tuple(gaps))
