"""escrow.json: PROTOCOL 8.9."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from cencomm_crypto.member.epoch import EpochSecret
from cencomm_crypto.member.escrow import audit_grant_body, seal_escrow, shares_of, wrap_share
from cencomm_crypto.member.shamir import combine, split
from cencomm_crypto.public.keys import BoxKey
from cencomm_crypto.public.primitives import keyed, u8

from tests.support.vectors.epoch_keys import BOX, DEVICE, FIRST, SECOND, context
from tests.support.vectors.notation import Book, Case, Json, fixed, show


def book() -> Book:
    """Shares of a secret, the escrow, its opening by k of n, and false shares."""
    cases = [*_shamir(), *_escrows(), *_share_wraps(), *_openings()]
    return Book("PROTOCOL 8.9: escrow and shares", cases)


def _shamir() -> Iterator[Case]:
    secret = fixed("shared secret")
    for k, n in ((2, 2), (2, 3), (3, 5), (9, 16), (16, 16)):
        coefficients = [fixed(f"coefficient {j}") for j in range(1, k)]
        shares = split(secret, coefficients, n)
        yield Case(f"{k} of {n}", "ESC-5", "split",
                   {"secret": secret, "coefficients": coefficients, "count": n},
                   {"shares": shares})  # fmt: skip
        chosen = list(range(n - k + 1, n + 1))
        yield Case(f"the last {k} of {n}", "ESC-5", "combine",
                   {"shares": [[x, shares[x - 1]] for x in chosen]},
                   {"secret": combine({x: shares[x - 1] for x in chosen})})  # fmt: skip
    bad = {"one of one": (1, 1), "one of two": (1, 2), "three of two": (3, 2), "2 of 17": (2, 17)}
    for name, (k, n) in bad.items():
        yield Case(name, "ESC-5", "split",
                   {"secret": secret, "coefficients": [bytes(32)] * (k - 1), "count": n},
                   failure="bad_audit_set")  # fmt: skip
    ones, powers = b"\x01" * 32, bytes(range(1, 33))
    yield Case("multiplication in the field", "ESC-5", "split",
               {"secret": powers, "coefficients": [powers, b"\x80" * 32], "count": 4},
               {"shares": split(powers, [powers, b"\x80" * 32], 4)})  # fmt: skip
    yield Case("a constant", "ESC-5", "split",
               {"secret": ones, "coefficients": [bytes(32)], "count": 3},
               {"shares": [ones] * 3})  # fmt: skip


def _escrows() -> Iterator[Case]:
    for name, secret in (("first epoch", FIRST), ("second epoch", SECOND)):
        c = secret.context.encoded
        yield Case(
            f"escrow of the {name}",
            "ESC-1",
            "escrow",
            {"secret": secret.secret, **context(secret.context), "k": 2, "count": 3},
            {"escrow": seal_escrow(secret), "shares": shares_of(secret, 2, 3)},
            intermediate={
                "S": secret.audit_secret,
                "key": keyed(secret.close_key.key, "escrow", secret.audit_secret, c),
                "a1": secret.derive("share", u8(1)),
            },
        )


def _share_wraps() -> Iterator[Case]:
    share = shares_of(FIRST, 2, 3)[1]
    w = wrap_share(FIRST, share, DEVICE, BOX.public)
    given = {"secret": FIRST.secret, **context(FIRST.context)}
    yield Case("share wrap", "ESC-1", "share wrap",
               {**given, "share": share, "device": DEVICE, "box_pk": BOX.public},
               {"wrap": w},
               intermediate={
                   "seed": FIRST.derive("audit-wrap", DEVICE, BOX.public, share)})  # fmt: skip
    opening = {"wrap": w, "box_seed": fixed("device box"), **context(FIRST.context)}
    yield Case("a share wrap opens", "ESC-1", "open share", opening, {"share": share})
    changes: dict[str, dict[str, Json]] = {
        "with another key": {"box_seed": fixed("other box")},
        "of another epoch": context(SECOND.context),
        "with a flipped bit": {"wrap": w[:50] + bytes([w[50] ^ 4]) + w[51:]},
    }
    for name, changed in changes.items():
        yield Case(f"a share wrap {name}", "ESC-1", "open share", {**opening, **changed},
                   failure="cannot_open")  # fmt: skip
    opener = BoxKey.from_seed(fixed("opener"))
    seed = fixed("grant seed")
    body = audit_grant_body(fixed("request"), 2, share, FIRST.context, opener.public, seed)
    yield Case(
        "audit grant",
        "ESC-4",
        "audit grant",
        {
            "request": fixed("request"),
            "x": 2,
            "share": share,
            **context(FIRST.context),
            "opener_box_pk": opener.public,
            "ephemeral_seed": seed,
        },
        {"body": show(body)},
    )
    yield Case("an audit grant opens", "ESC-4", "open share",
               {"wrap": body["share"], "box_seed": fixed("opener"), **context(FIRST.context)},
               {"share": share})  # fmt: skip


def _openings() -> Iterator[Case]:
    for k, n in ((2, 3), (3, 5)):
        shares = dict(enumerate(shares_of(FIRST, k, n), start=1))
        yield _opening(f"{k} of {n}: the first", k, n, _of(shares, range(1, k + 1)), [])
        yield _opening(f"{k} of {n}: the last", k, n, _of(shares, range(n - k + 1, n + 1)), [])
        yield _opening(f"{k} of {n}: all", k, n, shares, [])
        yield _opening(f"{k} of {n}: too few", k, n, _of(shares, range(1, k)), None)
        lied = {**shares, 1: fixed("lie")}
        yield _opening(f"{k} of {n}: one lies", k, n, lied, [1])
        short = {**shares, 2: shares[2][:31]}
        yield _opening(f"{k} of {n}: one share is short", k, n, short, [2])
    shares = dict(enumerate(shares_of(FIRST, 2, 3), start=1))
    yield _opening("2 of 3: two lie", 2, 3, {1: shares[1], 2: fixed("a"), 3: fixed("b")}, None)
    yield _opening("2 of 3: shares in each other's place", 2, 3,
                   {1: shares[2], 2: shares[1]}, None)  # fmt: skip
    other = shares_of(SECOND, 2, 3)
    yield _opening("2 of 3: shares of another epoch", 2, 3, {1: other[0], 2: other[1]}, None)
    yield _opening("2 of 3: without the close key", 2, 3, shares, None, kc=fixed("kc"))
    yield _opening("2 of 3: another escrow", 2, 3, shares, None, escrow=seal_escrow(SECOND))


def _of(shares: Mapping[int, bytes], places: range) -> dict[int, bytes]:
    return {x: shares[x] for x in places}


def _opening(
    name: str,
    k: int,
    n: int,
    shares: Mapping[int, bytes],
    liars: list[int] | None,
    *,
    kc: bytes | None = None,
    escrow: bytes | None = None,
    secret: EpochSecret = FIRST,
) -> Case:
    inputs = {
        **context(secret.context),
        "escrow": seal_escrow(secret) if escrow is None else escrow,
        "kc": secret.close_key.key if kc is None else kc,
        "shares": [[x, shares[x]] for x in sorted(shares)],
        "k": k,
        "count": n,
        "commit": secret.commit,
    }
    if liars is None:
        return Case(name, "ESC-3", "recover", inputs, failure="cannot_open")
    return Case(name, "ESC-3", "recover", inputs, {"secret": secret.secret, "liars": liars})
