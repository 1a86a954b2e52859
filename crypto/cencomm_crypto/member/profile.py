"""Profiles: the names behind functional codes, sealed in the main channel (PROTOCOL 8.7).

No control or directory body holds a name; this is the only way a name travels.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from cencomm_crypto.errors import ErrorCode, ProtocolError
from cencomm_crypto.public.bodies import CODE, ID
from cencomm_crypto.public.encoding import Value
from cencomm_crypto.public.ids import PersonId
from cencomm_crypto.public.shape import Array, Map, Text

KIND = "PRF"
MAX_PERSONS = 1000
CONTENT = Map(
    {
        "persons": Array(
            Map(
                {
                    "person": ID,
                    "code": CODE,
                    "name": Text(200),
                    "unit?": Text(200),
                    "languages?": Array(Text(16), least=1, most=16),
                    "note?": Text(1000),
                }
            ),
            least=1,
            most=MAX_PERSONS,
        )
    }
)


@dataclass(frozen=True, slots=True)
class Profile:
    """One person as its administration presents it."""

    person: PersonId
    code: str  # functional code, as in the directory
    name: str
    unit: str | None = None
    languages: tuple[str, ...] = ()  # BCP 47 tags, first choice first
    note: str | None = None

    def _fields(self) -> dict[str, Value]:
        fields: dict[str, Value] = {"person": self.person, "code": self.code, "name": self.name}
        if self.unit is not None:
            fields["unit"] = self.unit
        if self.languages:
            fields["languages"] = list(self.languages)
        if self.note is not None:
            fields["note"] = self.note
        return fields


def profile_content(profiles: Iterable[Profile]) -> dict[str, Value]:
    """Content of a PRF message: all profiles of an administration together.

    Raises ProtocolError(MALFORMED) for a field off its shape; a list too long for one message
    is TOO_LARGE when it is sealed.
    """
    content: dict[str, Value] = {"persons": [profile._fields() for profile in profiles]}
    CONTENT.check(content, "content")
    return content


def parse_profiles(content: Mapping[str, Value]) -> tuple[Profile, ...]:
    """Read the content of a PRF message; raises ProtocolError(MALFORMED).

    The caller drops profiles of persons who are not of the author's administration, or whose
    code is not the directory's: nobody introduces somebody else's people (A53).
    """
    CONTENT.check(dict(content), "content")
    rows = content["persons"]
    if len({row["person"] for row in rows}) != len(rows):
        raise ProtocolError(ErrorCode.MALFORMED, "content.persons: one profile per person expected")
    return tuple(
        Profile(
            person=PersonId(row["person"]),
            code=row["code"],
            name=row["name"],
            unit=row.get("unit"),
            languages=tuple(row.get("languages", ())),
            note=row.get("note"),
        )
        for row in rows
    )
