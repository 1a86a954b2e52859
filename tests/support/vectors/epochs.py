"""epochs.json: PROTOCOL 8.1 to 8.4 and 8.8, with real epochs in a real log."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from cencomm_crypto.member.closing import reach, to_reveal, verify_reveal
from cencomm_crypto.member.epoch import EpochSecret
from cencomm_crypto.member.flag import RotationMismatch
from cencomm_crypto.member.grant import make_grant
from cencomm_crypto.member.links import earlier_epochs
from cencomm_crypto.member.rotation import make_rotation
from cencomm_crypto.member.wrap import wrap
from cencomm_crypto.public.ids import ChannelId
from cencomm_crypto.public.wire import encode_sequenced

from tests.support.epochs import Epochs
from tests.support.vectors.epoch_keys import BOX, DEVICE, context, derived, links, wraps
from tests.support.vectors.notation import Book, Case, Json, fixed, show
from tests.support.vectors.stage import Stage


def book() -> Book:
    """Keys of an epoch, wraps and links; then rotates, grants and reveals in a log."""
    stage = Stage("sealed", live=False)
    stage.operation.start()
    epochs = Epochs(stage.operation)
    for by in (stage.chief, stage.officer, stage.officer):
        epochs.rotate(stage.work, by)
    stage.settle()
    cases = [*derived(), *wraps(), *links()]
    for part in (_made, _stored, _checked, _grants, _closing):
        cases += part(stage, epochs)
    return Book("PROTOCOL 8.1 to 8.4, 8.8: epochs", cases, {stage.name: stage.scene()})


def _added(stage: Stage) -> dict[str, Json]:
    """What was appended since the scene."""
    inputs: dict[str, Json] = {"scene": stage.name}
    directory = stage.directory.entries[stage.base_directory :]
    operation = stage.operation.entries[stage.base_operation :]
    if directory:
        inputs["directory"] = [encode_sequenced(item) for item in directory]
    if operation:
        inputs["operation"] = [encode_sequenced(item) for item in operation]
    return inputs


def _made(stage: Stage, epochs: Epochs) -> Iterator[Case]:
    """Bodies, wraps and shares of rotates, of the state that the scene gives."""
    state, directory, work = stage.operation.state, stage.directory.state, stage.work
    for name, n in (("that links the current epoch", 3), ("that links an older epoch", 1)):
        previous = epochs.made[work, n].secret
        yield _rotation(stage, f"rotate {name}", "ROT-8", work, previous, n)
    yield _rotation(stage, "first rotate of a channel", "ROT-8", state.main, None, 0)
    secret, found = fixed("rotate"), epochs.made[work, 3].secret
    rotation = make_rotation(state, work, directory, secret, found)
    for name, n in (("that is none of the channel's", 2), ("of a number that is not there", 4)):
        foreign = EpochSecret(found.secret, replace(found.context, n=n))
        yield Case(
            f"rotate from an epoch {name}",
            "ROT-5",
            "make rotation",
            {
                **_added(stage),
                "chan": work,
                "secret": secret,
                "previous": {"secret": foreign.secret, "context": context(foreign.context)},
            },
            failure="bad_epoch_link",
        )
    if len(rotation.wraps) != 112 * len(epochs.epoch(work, 3).recips):
        raise ValueError("one wrap for each recipient expected")


def _rotation(
    stage: Stage, name: str, rule: str, chan: ChannelId, previous: EpochSecret | None, p: int
) -> Case:
    secret = fixed("rotate")
    rotation = make_rotation(stage.operation.state, chan, stage.directory.state, secret, previous)
    if rotation.body["p"] != p:
        raise ValueError(f"{name}: p is {rotation.body['p']}")
    inputs: dict[str, Json] = {**_added(stage), "chan": chan, "secret": secret}
    if previous is not None:
        inputs["previous"] = {"secret": previous.secret, "context": context(previous.context)}
    return Case(
        name,
        rule,
        "make rotation",
        inputs,
        {"n": rotation.n, "body": show(rotation.body), "wraps": rotation.wraps,
         "shares": rotation.shares},
    )  # fmt: skip


def _stored(stage: Stage, epochs: Epochs) -> Iterator[Case]:
    """What the server holds against the roots before it stores it."""
    made, body = epochs.made[stage.work, 3], epochs.epoch(stage.work, 3).body
    yield Case("wraps and shares rebuild their roots", "ROT-3", "wrap roots",
               {**_added(stage), "chan": stage.work, "wraps": made.wraps, "shares": made.shares},
               {"wraps_root": body["wraps_root"], "shares_root": body["shares_root"],
                "count": body["count"], "shares": body["shares"]})  # fmt: skip


FORGERIES: dict[str, tuple[str, dict[str, Any]]] = {
    "a false commit": ("commit", {"commit": fixed("forged")}),
    "a false close_commit": ("close_commit", {"close_commit": fixed("forged")}),
    "a false drop key": ("drop_pk", {"drop_pk": BOX.public}),
    "garbage as prev_link": ("prev_link", {"prev_link": bytes(48)}),
    "garbage as prev_close": ("prev_close", {"prev_close": bytes(48)}),
    "garbage in the escrow": ("escrow", {"escrow": bytes(48)}),
    "garbage as wraps": ("wraps_root", {"wraps_root": fixed("forged")}),
    "garbage as shares": ("shares_root", {"shares_root": fixed("forged")}),
}


def _checked(stage: Stage, epochs: Epochs) -> Iterator[Case]:
    """What every member recomputes, of an honest rotate and of forged ones (A18, A22)."""
    work = stage.work
    honest = epochs.made[work, 3].secret
    yield Case("an honest rotate", "ROT-4", "check rotation",
               {**_added(stage), "chan": work, "secret": honest.secret, "n": 3}, {})  # fmt: skip
    yield Case("an honest rotate, with the epoch before it", "ROT-4", "check rotation",
               {**_added(stage), "chan": work, "secret": honest.secret, "n": 3,
                "previous": 2, "previous_secret": epochs.made[work, 2].secret.secret},
               {})  # fmt: skip
    yield Case("a false secret", "ROT-4", "check rotation",
               {**_added(stage), "chan": work, "secret": fixed("false"), "n": 3},
               failure="rotation_mismatch", intermediate={"reason": "commit"})  # fmt: skip
    for name, (reason, forged) in FORGERIES.items():
        with stage.rewound():
            kept = dict(epochs.made)
            secret = epochs.rotate(work, stage.officer, **forged)
            try:
                epochs.check(work, 4, secret)
            except RotationMismatch as found:
                if found.reason != reason:
                    raise ValueError(f"{name}: {found.reason}") from found
            else:
                raise ValueError(f"{name} was not noticed")
            inputs = {**_added(stage), "chan": work, "secret": secret.secret, "n": 4}
            yield Case(f"a rotate with {name}", "ROT-4", "check rotation", inputs,
                       failure="rotation_mismatch", intermediate={"reason": reason})  # fmt: skip
            epochs.made = kept


def _grants(stage: Stage, epochs: Epochs) -> Iterator[Case]:
    secret = epochs.made[stage.work, 2].secret
    body, w = make_grant(secret, DEVICE, BOX.public)
    given = {"secret": secret.secret, **context(secret.context)}
    yield Case("grant", "GRA-2", "make grant",
               {**given, "device": DEVICE, "box_pk": BOX.public},
               {"body": show(body), "wrap": w})  # fmt: skip
    yield Case("a good grant", "GRA-2", "check grant", {**given, "body": show(body)}, {})
    rows: dict[str, dict[str, Json]] = {
        "of another wrap": {**body, "wrap": fixed("forged")},
        "of another epoch": {**body, "n": 1},
        "of another device": {**body, "device": bytes(16)},
        "of another key": {**body, "box_pk": fixed("other key")},
    }
    for name, forged in rows.items():
        yield Case(f"a grant {name}", "GRA-2", "check grant", {**given, "body": show(forged)},
                   failure="rotation_mismatch", intermediate={"reason": "grant"})  # fmt: skip
    opening = {
        "body": show(body), "wrap": w, "box_seed": fixed("device box"),
        **context(secret.context), "commit": secret.commit,
    }  # fmt: skip
    yield Case("a granted wrap opens", "GRA-3", "open grant", opening, {"secret": secret.secret})
    other = wrap(epochs.made[stage.work, 1].secret, DEVICE, BOX.public)
    for name, changed in (
        ("that the log does not name", {"wrap": other}),
        ("of a grant for another epoch", {"body": show({**body, "n": 1})}),
    ):
        yield Case(f"a wrap {name}", "GRA-3", "open grant", {**opening, **changed},
                   failure="cannot_open")  # fmt: skip


def _closing(stage: Stage, epochs: Epochs) -> Iterator[Case]:
    state, work = stage.operation.state, stage.work
    third = epochs.made[work, 3].secret
    rotate = epochs.epoch(work, 3)
    proof = {"kc": third.close_key.key, **context(third.context)}
    yield Case("a close key proves itself", "CLO-1", "verify reveal",
               {**proof, "close_commit": rotate.close_commit}, {})  # fmt: skip
    yield Case("a close key of another epoch", "CLO-1", "verify reveal",
               {**proof, "close_commit": epochs.epoch(work, 2).close_commit},
               failure="bad_commit")  # fmt: skip
    verify_reveal(third.close_key.key, third.context, rotate.close_commit)
    reached = reach(state, work, [third.close_key])
    yield Case("from the last close key to the first", "CLO-3", "reach",
               {**_added(stage), "chan": work, "keys": [[3, third.close_key.key]]},
               {"keys": [[n, reached.keys[n].key] for n in sorted(reached.keys)],
                "broken": list(reached.broken), "missing": list(reached.missing)})  # fmt: skip
    links = [[link.context.n, link.secret] for link in earlier_epochs(state, third)]
    yield Case("from the last secret to the first", "ROT-8", "earlier epochs",
               {**_added(stage), "chan": work, "n": 3, "secret": third.secret},
               {"secrets": links})  # fmt: skip
    with stage.rewound():
        kept = dict(epochs.made)
        epochs.rotate(work, stage.officer, epochs.made[work, 1].secret)
        epochs.rotate(work, stage.officer, prev_close=bytes(48))
        stage.operation.wait_until(stage.operation.state.end + 1)
        known = [epochs.made[work, n].secret for n in range(1, 6)]
        due = to_reveal(stage.operation.state, work, known)
        base = {**_added(stage), "chan": work}
        secrets = [[secret.context.n, secret.secret] for secret in known]
        yield Case("what has to be revealed", "CLO-3", "to reveal", {**base, "secrets": secrets},
                   {"due": [secret.context.n for secret in due]})  # fmt: skip
        last = epochs.made[work, 5].secret.close_key
        found = reach(stage.operation.state, work, [last])
        yield Case("a close key whose link is broken", "CLO-3", "reach",
                   {**base, "keys": [[5, last.key]]},
                   {"keys": [[n, found.keys[n].key] for n in sorted(found.keys)],
                    "broken": list(found.broken), "missing": list(found.missing)})  # fmt: skip
        epochs.made = kept
