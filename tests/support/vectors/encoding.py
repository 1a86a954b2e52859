"""encoding.json: PROTOCOL 1.4."""

from __future__ import annotations

import unicodedata
from typing import Any

from cencomm_crypto.public.encoding import encode

from tests.support.vectors.notation import Book, Case, show

GOOD: dict[str, tuple[str, Any]] = {
    "zero": ("ENC-1", 0),
    "23 in one byte": ("ENC-2", 23),
    "24 in two bytes": ("ENC-2", 24),
    "255": ("ENC-2", 255),
    "256": ("ENC-2", 256),
    "65535": ("ENC-2", 65_535),
    "65536": ("ENC-2", 65_536),
    "2^32-1": ("ENC-2", 2**32 - 1),
    "2^32": ("ENC-2", 2**32),
    "2^53-1": ("ENC-1", 2**53 - 1),
    "greatest integer": ("ENC-1", 2**64 - 1),
    "least integer": ("ENC-1", -(2**64)),
    "-1": ("ENC-1", -1),
    "false": ("ENC-1", False),
    "true": ("ENC-1", True),
    "no bytes": ("ENC-1", b""),
    "24 bytes": ("ENC-2", bytes(range(24))),
    "no text": ("ENC-4", ""),
    "text in NFC": ("ENC-4", unicodedata.normalize("NFC", "Öresund é 関税")),
    "an emoji": ("ENC-4", "\U0001f6a2"),
    "empty array": ("ENC-1", []),
    "array of kinds": ("ENC-1", [1, b"\x01", "1", True, [], {}]),
    "empty map": ("ENC-3", {}),
    "shorter keys first": ("ENC-3", {"b": 1, "aa": 2, "": 3}),
    "keys bytewise": ("ENC-3", {"ä": 1, "zz": 2, "za": 3, "z": 4}),
    "key of 23 bytes": ("ENC-3", {"k" * 23: 1}),
    "key of 22 bytes in 11 letters": ("ENC-3", {"ä" * 11: 1}),
    "eight levels of arrays": ("ENC-5", [[[[[[[[]]]]]]]]),
    "eight levels of maps": ("ENC-5", {"a": {"a": {"a": {"a": {"a": {"a": {"a": {}}}}}}}}),
    "an item beside the eighth level": ("ENC-5", [[[[[[[[7]]]]]]], 8]),
}

BAD: dict[str, tuple[str, str, str]] = {
    "half float": ("ENC-1", "f93c00", "wrong_type"),
    "single float": ("ENC-1", "fa3f800000", "wrong_type"),
    "double float": ("ENC-1", "fb3ff0000000000000", "wrong_type"),
    "NaN": ("ENC-1", "f97e00", "wrong_type"),
    "null": ("ENC-1", "f6", "wrong_type"),
    "undefined": ("ENC-1", "f7", "wrong_type"),
    "simple value 0": ("ENC-1", "e0", "wrong_type"),
    "simple value in two bytes": ("ENC-1", "f8ff", "wrong_type"),
    "false in two bytes": ("ENC-1", "f814", "wrong_type"),
    "a float cut short": ("ENC-1", "fb3f", "wrong_type"),
    "tag 0": ("ENC-1", "c074323031332d30332d32315432303a30343a30305a", "wrong_type"),
    "tag 1": ("ENC-1", "c100", "wrong_type"),
    "small bignum": ("ENC-1", "c24101", "wrong_type"),
    "bignum": ("ENC-1", "c249010000000000000000", "wrong_type"),
    "negative bignum": ("ENC-1", "c349010000000000000000", "wrong_type"),
    "self-described CBOR": ("ENC-1", "d9d9f700", "wrong_type"),
    "shared reference": ("ENC-1", "82d81c8100d81d00", "wrong_type"),
    "tag in an array": ("ENC-1", "8201c100", "wrong_type"),
    "indefinite bytes": ("ENC-2", "5f4100ff", "malformed"),
    "indefinite text": ("ENC-2", "7f6161ff", "malformed"),
    "indefinite array": ("ENC-2", "9fff", "malformed"),
    "indefinite map": ("ENC-2", "bfff", "malformed"),
    "break alone": ("ENC-2", "ff", "malformed"),
    "reserved head of an integer": ("ENC-2", "1c", "malformed"),
    "reserved head of bytes": ("ENC-2", "5d", "malformed"),
    "reserved head of a tag": ("ENC-2", "de", "malformed"),
    "reserved simple value": ("ENC-2", "fc", "malformed"),
    "1 in two bytes": ("ENC-2", "1801", "not_canonical"),
    "1 in three bytes": ("ENC-2", "190001", "not_canonical"),
    "255 in five bytes": ("ENC-2", "1a000000ff", "not_canonical"),
    "65535 in nine bytes": ("ENC-2", "1b000000000000ffff", "not_canonical"),
    "-1 in two bytes": ("ENC-2", "3800", "not_canonical"),
    "size of bytes in two": ("ENC-2", "580101", "not_canonical"),
    "size of an array in two": ("ENC-2", "980101", "not_canonical"),
    "size of a map in two": ("ENC-2", "b801616101", "not_canonical"),
    "size of a key in two": ("ENC-2", "a178016101", "not_canonical"),
    "keys out of order": ("ENC-3", "a2616201616101", "not_canonical"),
    "longer key first": ("ENC-3", "a262616101616201", "not_canonical"),
    "duplicate key": ("ENC-3", "a2616101616102", "malformed"),
    "duplicate key further on": ("ENC-3", "a3616101616202616103", "not_canonical"),
    "integer key": ("ENC-3", "a10101", "wrong_type"),
    "key of bytes": ("ENC-3", "a1416101", "wrong_type"),
    "array as key": ("ENC-3", "a18001", "wrong_type"),
    "null as key": ("ENC-3", "a1f601", "wrong_type"),
    "break as key": ("ENC-3", "a1ff01", "wrong_type"),
    "an indefinite length as key": ("ENC-3", "a15f01", "wrong_type"),
    "key of 24 bytes": ("ENC-3", "a17818" + "6b" * 24 + "01", "too_large"),
    "key of 24 bytes in 12 letters": ("ENC-3", "a17818" + "c3a4" * 12 + "01", "too_large"),
    "key not in NFC": ("ENC-4", "a16365cc8101", "not_canonical"),
    "text not in NFC": ("ENC-4", "6365cc81", "not_canonical"),
    "an unassigned code point": ("ENC-4", "62cdb8", "malformed"),
    "an emoji of Unicode 15": ("ENC-4", "64f09fabc8", "malformed"),
    "a noncharacter": ("ENC-4", "64f48fbfbf", "malformed"),
    "a key with an unassigned code point": ("ENC-4", "a162cdb800", "malformed"),
    "an unassigned code point before one not in NFC": ("ENC-4", "65cdb865cc81", "malformed"),
    "broken UTF-8": ("ENC-4", "62c328", "malformed"),
    "overlong UTF-8": ("ENC-4", "62c080", "malformed"),
    "a surrogate": ("ENC-4", "63eda080", "malformed"),
    "nine levels of arrays": ("ENC-5", "8181818181818181" + "80", "too_deep"),
    "nine levels of maps": ("ENC-5", "a16161" * 8 + "a0", "too_deep"),
    "nine levels, cut short": ("ENC-5", "81" * 9, "too_deep"),
    "nothing": ("ENC-7", "", "malformed"),
    "cut in the head": ("ENC-7", "19ff", "malformed"),
    "cut in the bytes": ("ENC-7", "58206162", "malformed"),
    "cut in an array": ("ENC-7", "8201", "malformed"),
    "a huge array announced": ("ENC-7", "9b000000ffffffffff", "malformed"),
    "a huge string announced": ("ENC-7", "5b000000ffffffffff", "malformed"),
    "a byte after the item": ("ENC-7", "0100", "malformed"),
    "two items": ("ENC-7", "a0a0", "malformed"),
    "first offence: float, then order": ("ENC-8", "a26162f93c00616101", "wrong_type"),
    "first offence: order, then float": ("ENC-8", "a26162016161f93c00", "not_canonical"),
    "first offence: long form, then null": ("ENC-8", "821801f6", "not_canonical"),
    "first offence: null, then cut short": ("ENC-8", "83f6", "wrong_type"),
    "first offence: long form, then depth": ("ENC-8", "81" * 8 + "9800", "not_canonical"),
    "first offence: long form, then a long key": (
        "ENC-8", "a1790018" + "6b" * 24 + "01", "not_canonical"),
    "first offence: a long key, then cut short": ("ENC-8", "a17818" + "6b", "too_large"),
    "first offence: not NFC, then order": ("ENC-8", "a26162016365cc8101", "not_canonical"),
    "first offence: depth, then more bytes": ("ENC-8", "81" * 8 + "8000", "too_deep"),
}  # fmt: skip


def book() -> Book:
    """What decodes, to which value, and what does not, with its code."""
    cases = [
        Case(name, rule, "encoding", {"value": show(value)}, {"data": encode(value)})
        for name, (rule, value) in GOOD.items()
    ]
    cases += [
        Case(name, rule, "decode", {"data": data, "max_size": 4096}, failure=code)
        for name, (rule, data, code) in BAD.items()
    ]
    data = encode(bytes(97))
    cases += [
        Case("as large as may be", "ENC-6", "decode", {"data": data, "max_size": 99},
             {"value": show(bytes(97))}),
        Case("too large before it is parsed", "ENC-6", "decode",
             {"data": "9f" * 100, "max_size": 99}, failure="too_large"),
    ]  # fmt: skip
    return Book("PROTOCOL 1.4: encoding", cases)
