"""What travels between machines as one word: a file, a QR code, a line of a mail.

    word = prefix || base64url (no padding) of  CBOR || H(CBOR)[0..4]

The check tells a slip of the hand; it proves nothing.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping

from cencomm_crypto.errors import ProtocolError
from cencomm_crypto.public.encoding import Value, decode_map, encode
from cencomm_crypto.public.primitives import sha256

_CHECK_SIZE = 4


class NotAWord(Exception):
    """The text is not what was written; says what was expected."""


def pack_word(prefix: str, fields: Mapping[str, Value]) -> str:
    """The word of these fields."""
    data = encode(dict(fields))
    packed = base64.urlsafe_b64encode(data + sha256(data)[:_CHECK_SIZE])
    return prefix + packed.decode("ascii").rstrip("=")


def open_word(prefix: str, text: str, most: int) -> dict[str, Value]:
    """The fields of a word of at most so many characters, white space apart; raises NotAWord."""
    word = "".join(text[: 2 * most].split())
    if not word.startswith(prefix) or len(word) > most:
        raise NotAWord(f"a word that starts with {prefix} expected")
    packed = word.removeprefix(prefix)
    try:
        raw = base64.b64decode(packed + "=" * (-len(packed) % 4), altchars=b"-_", validate=True)
        data, check = raw[:-_CHECK_SIZE], raw[-_CHECK_SIZE:]
        if sha256(data)[:_CHECK_SIZE] != check:
            raise NotAWord("it was cut or changed: its check does not hold")
        return decode_map(data, max_size=most)
    except (ProtocolError, binascii.Error, ValueError) as error:
        raise NotAWord(str(error)) from error
