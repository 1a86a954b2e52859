"""What is sealed in a message or drop (PROTOCOL 8.5 MSG-3).

The payload repeats `kind`, `re`, `prio`, `ack_by` and `to` always; the header shows them to the
server only where the operation's metadata are "full". A difference is a forgery and is shown.
"""

from __future__ import annotations

from collections.abc import Mapping

from cencomm_crypto.errors import ErrorCode, ProtocolError
from cencomm_crypto.public.bodies import CODE, ID, MILLIS
from cencomm_crypto.public.encoding import Value, is_normal
from cencomm_crypto.public.entry import MAX_ADDRESSEES, Header
from cencomm_crypto.public.shape import Array, Bytes, Map, Shape, Surely

MAX_PAYLOAD = 49_135  # 49,152 less the salt and one byte of padding
VISIBLE_FIELDS = ("kind", "re", "prio", "ack_by", "to")


class Content(Shape):
    """A map of any shape: forms are judged by client rules, not by the protocol."""

    def check(self, value: Value, path: str) -> None:
        if not isinstance(value, Mapping):
            raise ProtocolError(
                ErrorCode.WRONG_TYPE, f"{path}: {type(value).__name__} read, a map expected"
            )

    def surely(self) -> Surely:
        return lambda value: type(value) is dict and is_normal(value, 1)

    def cddl(self) -> str:
        return "{ * tstr => any }"


PAYLOAD = Map(
    {
        "kind": CODE,
        "mid": ID,
        "content": Content(),
        "re?": Bytes((32,)),
        "prio?": CODE,
        "ack_by?": MILLIS,
        "to?": Array(ID, least=1, most=MAX_ADDRESSEES),
    }
)

IS_PAYLOAD = PAYLOAD.surely()


def make_payload(
    kind: str,
    mid: bytes,
    content: Mapping[str, Value],
    *,
    re: bytes | None = None,
    prio: str | None = None,
    ack_by: int | None = None,
    to: tuple[bytes, ...] | None = None,
) -> dict[str, Value]:
    """A payload of the fields that are present.

    `mid` is 16 bytes that stay when the message is sealed anew after a rotate (RULES Headers);
    `re` is the leaf hash of what is answered; `ack_by` is in ms since 1970 UTC.
    """
    payload: dict[str, Value] = {"kind": kind, "mid": mid, "content": dict(content)}
    optional = {"re": re, "prio": prio, "ack_by": ack_by, "to": None if to is None else list(to)}
    payload.update({name: value for name, value in optional.items() if value is not None})
    check_payload(payload)
    return payload


def check_payload(payload: Mapping[str, Value]) -> None:
    """Raise ProtocolError(MALFORMED or WRONG_TYPE) unless the payload has its shape."""
    PAYLOAD.check(payload if type(payload) is dict else dict(payload), "payload")


def forged_fields(header: Header, payload: Mapping[str, Value]) -> tuple[str, ...]:
    """Names of the fields that the header shows otherwise than the sealed payload."""
    forged: tuple[str, ...] = ()
    for name in VISIBLE_FIELDS:
        shown = getattr(header, name)
        if shown is not None and _differs(shown, payload, name):
            forged += (name,)
    return forged


def check_metadata(header: Header, payload: Mapping[str, Value]) -> None:
    """Raise ProtocolError(FORGED_METADATA) where header and payload differ (MSG-3)."""
    forged = forged_fields(header, payload)
    if forged:
        raise ProtocolError(
            ErrorCode.FORGED_METADATA,
            f"the header shows another {', '.join(forged)} than the sealed payload",
        )


def _differs(shown: Value, payload: Mapping[str, Value], name: str) -> bool:
    sealed = payload.get(name)
    if name == "to":
        return sealed is None or tuple(shown) != tuple(sealed)
    return bool(shown != sealed)
