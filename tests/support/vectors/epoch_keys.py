"""The keys of an epoch, wraps and links, without a log (PROTOCOL 8.1 to 8.3)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from cencomm_crypto.member.epoch import EpochContext, EpochSecret
from cencomm_crypto.member.wrap import wrap
from cencomm_crypto.public.ids import ChannelId, DeviceId, LogId
from cencomm_crypto.public.keys import BoxKey
from cencomm_crypto.public.primitives import kdf, keyed, sha256

from tests.support.vectors.notation import Case, Json, fixed

LOG, CHAN = LogId(fixed("log", 16)), ChannelId(fixed("chan", 16))
DEVICE = DeviceId(fixed("device", 16))
BOX = BoxKey.from_seed(fixed("device box"))


def epoch(n: int = 1, previous: EpochSecret | None = None, name: str = "epoch") -> EpochSecret:
    """A fixed epoch of a fixed log and channel."""
    commit = bytes(32) if previous is None else previous.commit
    return EpochSecret(fixed(f"{name} {n}"), EpochContext(LOG, CHAN, n, commit))


FIRST = epoch()
SECOND = epoch(2, FIRST)


def context(of: EpochContext) -> Json:
    """What names an epoch, in inputs."""
    return {"log": of.log, "chan": of.chan, "n": of.n, "previous_commit": of.previous_commit}


def derived() -> Iterator[Case]:
    late = EpochSecret(fixed("late"), EpochContext(LOG, CHAN, 2**53 - 1, SECOND.commit))
    for name, secret in (("first epoch", FIRST), ("second epoch", SECOND), ("a late epoch", late)):
        key = keyed(secret.secret, "epoch", secret.context.encoded)
        yield Case(
            name,
            "EPO-3",
            "epoch",
            {"secret": secret.secret, **context(secret.context)},
            {
                "commit": secret.commit,
                "close_commit": secret.close_commit,
                "message_key": secret.message_key,
                "link_key": secret.link_key,
                "drop_pk": secret.drop_keys.public,
                "drop_secret": secret.drop_keys.secret,
                "close_key": secret.close_key.key,
                "audit_secret": secret.audit_secret,
            },
            intermediate={
                "c": secret.context.encoded,
                "c_hash": secret.context.digest,
                "K": key,
                "drop_seed": kdf(key, 3),
            },
        )
    elsewhere: dict[str, dict[str, Any]] = {
        "another log": {"log": LogId(bytes(16))},
        "another channel": {"chan": ChannelId(bytes(16))},
        "another number": {"n": 2},
        "another previous epoch": {"previous_commit": bytes(31) + b"\x01"},
    }
    for name, changed in elsewhere.items():
        other = EpochSecret(FIRST.secret, replace(FIRST.context, **changed))
        yield Case(
            f"the same secret in {name} does not prove itself",
            "EPO-1",
            "check epoch",
            {"secret": FIRST.secret, **context(other.context), "commit": FIRST.commit},
            failure="bad_commit",
        )
    given = {"secret": FIRST.secret, **context(FIRST.context)}
    yield Case("a secret that proves itself", "EPO-1", "check epoch",
               {**given, "commit": FIRST.commit}, {})  # fmt: skip
    yield Case("another secret", "EPO-1", "check epoch",
               {**given, "secret": fixed("other"), "commit": FIRST.commit},
               failure="bad_commit")  # fmt: skip


def wraps() -> Iterator[Case]:
    w = wrap(FIRST, DEVICE, BOX.public)
    seed = FIRST.derive("wrap", DEVICE, BOX.public)
    yield Case(
        "wrap",
        "WRAP-2",
        "wrap",
        {
            "secret": FIRST.secret,
            **context(FIRST.context),
            "device": DEVICE,
            "box_pk": BOX.public,
            "box_secret": BOX.secret,
        },
        {"wrap": w, "hash": sha256(w)},
        intermediate={"seed": seed, "epk": w[:32], "plain": FIRST.secret + FIRST.context.digest},
    )
    other = BoxKey.from_seed(fixed("other box"))
    base = {
        "wrap": w,
        "box_seed": fixed("device box"),
        **context(FIRST.context),
        "commit": FIRST.commit,
    }
    yield Case("a wrap opens", "WRAP-1", "open wrap", base, {"secret": FIRST.secret})
    changes: dict[str, dict[str, Json]] = {
        "with another key": {"box_seed": fixed("other box")},
        "with a flipped bit": {"wrap": w[:40] + bytes([w[40] ^ 1]) + w[41:]},
        "cut short": {"wrap": w[:-1]},
        "one byte longer": {"wrap": w + b"\x00"},
        "for another epoch": context(SECOND.context),
        "for another channel": {"chan": bytes(16)},
        "against another commit": {"commit": SECOND.commit},
        "to another device's key": {"wrap": wrap(FIRST, DEVICE, other.public)},
    }
    for name, changed in changes.items():
        yield Case(f"a wrap {name}", "WRAP-1", "open wrap", {**base, **changed},
                   failure="cannot_open")  # fmt: skip


def links() -> Iterator[Case]:
    link = SECOND.seal_link(FIRST)
    close = SECOND.close_key.seal_previous(FIRST.close_key)
    both = {"secret": SECOND.secret, **context(SECOND.context)}
    before = {"previous_secret": FIRST.secret, "previous_context": context(FIRST.context)}
    yield Case("prev_link and prev_close", "ROT-8", "links", {**both, **before},
               {"prev_link": link, "prev_close": close})  # fmt: skip
    opened = {**both, "previous_context": context(FIRST.context), "commit": FIRST.commit,
              "close_commit": FIRST.close_commit}  # fmt: skip
    yield Case("prev_link opens", "EPO-1", "open prev_link", {**opened, "sealed": link},
               {"secret": FIRST.secret})  # fmt: skip
    yield Case("prev_close opens", "EPO-1", "open prev_close", {**opened, "sealed": close},
               {"close_key": FIRST.close_key.key})  # fmt: skip
    wrong = epoch(1, name="wrong")
    rows: list[tuple[str, str, bytes, str]] = [
        ("prev_link with a flipped bit", "open prev_link", _flip(link), "cannot_open"),
        ("prev_link to another secret", "open prev_link", SECOND.seal_link(wrong), "bad_commit"),
        ("prev_close with a flipped bit", "open prev_close", _flip(close), "cannot_open"),
        ("prev_close to another key", "open prev_close",
         SECOND.close_key.seal_previous(wrong.close_key), "bad_commit"),
        ("prev_close in place of prev_link", "open prev_link", close, "cannot_open"),
    ]  # fmt: skip
    for name, op, sealed, code in rows:
        yield Case(name, "EPO-1", op, {**opened, "sealed": sealed}, failure=code)


def _flip(data: bytes) -> bytes:
    return bytes([data[0] ^ 1]) + data[1:]
