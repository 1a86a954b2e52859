"""Text is judged by one version of Unicode, whatever the interpreter knows (PROTOCOL ENC-4)."""

from __future__ import annotations

import unicodedata

import pytest
from cencomm_crypto.errors import ErrorCode, ProtocolError
from cencomm_crypto.public.encoding import decode, encode
from cencomm_crypto.public.unicode14 import unassigned


def test_the_table_is_that_of_unicode_14() -> None:
    every = [chr(point) for point in range(0x110000) if not 0xD800 <= point <= 0xDFFF]
    unknown = {character for character in every if unassigned(character)}
    here = {character for character in every if unicodedata.category(character) == "Cn"}
    assert here <= unknown  # nothing is ever taken back
    if unicodedata.unidata_version == "14.0.0":
        assert here == unknown
    assert len(unknown) == 829_834


def test_the_first_unassigned_character_is_named() -> None:
    assert unassigned("") == unassigned("Öresund 関税 \U0001f6a2") == ""
    assert unassigned("a\u0378b\u0379") == "\u0378"
    assert unassigned("\U0001fae8") == "\U0001fae8"  # an emoji of Unicode 15


@pytest.mark.parametrize("text", ["\u0378", "ok \U0001fae8", "\U0010ffff", "\u0897"])
def test_text_that_other_versions_may_normalise_otherwise_is_not_of_the_subset(text: str) -> None:
    raw = text.encode()
    data = bytes([0x60 | len(raw)]) + raw
    for attempt in (lambda: encode(text), lambda: decode(data, max_size=64)):
        with pytest.raises(ProtocolError) as caught:
            attempt()
        assert caught.value.code == ErrorCode.MALFORMED
        assert "Unicode 14.0" in caught.value.detail
