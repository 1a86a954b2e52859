"""A certificate for 127.0.0.1 and its key, made for one test: Ed25519, self-signed, a day long."""

from __future__ import annotations

import base64
import time
from pathlib import Path

from nacl.signing import SigningKey

_ED25519 = bytes.fromhex("300506032b6570")  # SEQUENCE { OID 1.3.101.112 } (RFC 8410)
_COMMON_NAME = bytes.fromhex("0603550403")
_ALT_NAME = bytes.fromhex("0603551d11")


def make_certificate(folder: Path) -> tuple[Path, Path]:
    """Write `cert.pem` and `key.pem`; their paths."""
    key = SigningKey.generate()
    name = _tlv(0x30, _tlv(0x31, _tlv(0x30, _COMMON_NAME + _tlv(0x0C, b"cencomm test"))))
    now = time.time()
    validity = _tlv(0x30, _time(now - 3600) + _time(now + 86_400))
    public = _tlv(0x30, _ED25519 + _tlv(0x03, b"\x00" + bytes(key.verify_key)))
    address = _tlv(0x30, _tlv(0x87, bytes((127, 0, 0, 1))))  # iPAddress (RFC 5280 4.2.1.6)
    extensions = _tlv(0xA3, _tlv(0x30, _tlv(0x30, _ALT_NAME + _tlv(0x04, address))))
    version, serial = _tlv(0xA0, _tlv(0x02, b"\x02")), _tlv(0x02, b"\x01")
    body = _tlv(0x30, version + serial + _ED25519 + name + validity + name + public + extensions)
    signature = _tlv(0x03, b"\x00" + key.sign(body).signature)
    private = _tlv(0x30, _tlv(0x02, b"\x00") + _ED25519 + _tlv(0x04, _tlv(0x04, bytes(key))))
    cert, secret = folder / "cert.pem", folder / "key.pem"
    cert.write_text(_pem("CERTIFICATE", _tlv(0x30, body + _ED25519 + signature)))
    secret.touch(mode=0o600)
    secret.write_text(_pem("PRIVATE KEY", private))
    return cert, secret


def _tlv(tag: int, value: bytes) -> bytes:
    size = len(value)
    if size < 0x80:
        return bytes((tag, size)) + value
    digits = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(digits))) + digits + value


def _time(at: float) -> bytes:
    return _tlv(0x17, time.strftime("%y%m%d%H%M%SZ", time.gmtime(at)).encode())


def _pem(what: str, data: bytes) -> str:
    text = base64.encodebytes(data).decode()
    return f"-----BEGIN {what}-----\n{text}-----END {what}-----\n"
