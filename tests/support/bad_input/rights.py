"""What somebody may not do, or not now, or not here: rights, phases, heads, epochs."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from cencomm_crypto.member.flag import FlagReason, flag_body
from cencomm_crypto.member.grant import make_grant
from cencomm_crypto.public.entry import Head
from cencomm_crypto.public.primitives import sha256
from cencomm_crypto.public.wire import Submission

from tests.mallory.insiders import rotation, secret_of
from tests.mallory.world import (
    ALERTS,
    ANALYST,
    BOT,
    CHIEF,
    DEPUTY,
    HOUR_MS,
    OFFICER,
    OUTSIDER,
    RAID,
)
from tests.support.bad_input.bench import LATER, Answer, Bench
from tests.support.bad_input.cases import Group

DAY_MS = 24 * HOUR_MS
Body = Mapping[str, Any]

rights = Group("rights")


@rights.case("an officer admits somebody", "not_permitted")
async def _admit(bench: Bench) -> Answer:
    body = {"members": [{"person": bench.stage.person(OUTSIDER), "role": "officer"}]}
    return await bench.post(OFFICER, bench.control(OFFICER, "members.admit", body))


@rights.case("an officer sets the phase", "not_permitted")
async def _phase(bench: Bench) -> Answer:
    return await bench.post(OFFICER, bench.control(OFFICER, "phase.set", {"phase": "post"}))


@rights.case("a bot posts a message", "not_permitted")
async def _bot(bench: Bench) -> Answer:
    return await bench.post(BOT, bench.opaque(BOT))


@rights.case("a member drops", "not_permitted")
async def _drop(bench: Bench) -> Answer:
    return await bench.post(OFFICER, bench.opaque(OFFICER, "drop"))


@rights.case("somebody from outside posts", "not_member")
async def _outside(bench: Bench) -> Answer:
    return await bench.post(OUTSIDER, bench.opaque(OUTSIDER))


@rights.case("somebody from outside reads", "unknown_log")
async def _reads(bench: Bench) -> Answer:
    return await bench.ask("GET", f"/v1/logs/{bench.stage.log.hex()}/entries", by=OUTSIDER)


@rights.case("somebody from outside asks for wraps", "unknown_log")
async def _wraps(bench: Bench) -> Answer:
    path = f"/v1/logs/{bench.stage.log.hex()}/wraps?chan={bench.chan().hex()}&n=1"
    return await bench.ask("GET", path, by=OUTSIDER)


@rights.case("an auditor posts before the close", "not_permitted")
async def _auditor(bench: Bench) -> Answer:
    return await bench.post("NL-001", bench.opaque("NL-001"))


@rights.case("into a channel that one is not in", "not_member")
async def _channel(bench: Bench) -> Answer:
    return await bench.post(ANALYST, bench.opaque(ANALYST, chan=bench.chan(RAID)))


@rights.case("a bot into another channel", "not_member")
async def _bot_elsewhere(bench: Bench) -> Answer:
    return await bench.post(BOT, bench.opaque(BOT, "drop", chan=bench.chan(RAID)))


@rights.case("founding an operation without the role", "not_permitted")
async def _found(bench: Bench) -> Answer:
    stage = bench.stage
    genesis = next(stage.station(CHIEF).mirror.items(stage.log, 0, 1)).entry
    assert genesis is not None
    assert genesis.body is not None
    entry = stage.sign(OFFICER, stage.station(OFFICER).author.genesis_header(), dict(genesis.body))
    body = Submission.of(entry).encode()
    return await bench.ask("POST", "/v1/logs", body, by=OFFICER, kind="application/cbor")


decisions = Group("decisions")
DECISIONS: list[tuple[str, str, str, Body]] = [
    ("a phase out of its turn", "wrong_phase", "phase.set", {"phase": "prep"}),
    ("a role for nobody", "not_member", "role.set", {"person": bytes(16), "role": "officer"}),
    ("removing nobody we know", "not_member", "members.remove", {"persons": [bytes(16)]}),
    ("a channel outside the window", "bad_value", "channel.create",
     {"name": "late", "window": [0, 1], "rule": {"all": True}}),
    ("approving what was not proposed", "unknown_proposal", "close.approve",
     {"proposal": bytes(32)}),
    ("lifting a hold that is none", "unknown_reference", "unhold.propose", {"hold": bytes(32)}),
    ("cancelling what has begun", "wrong_phase", "operation.cancel", {}),
    ("closing before the end alone", "not_closed", "operation.close", {}),
    ("accepting a device that is not there", "unknown_device", "device.accept",
     {"device": bytes(16)}),
    ("a sync with nothing to sync", "stale_directory", "directory.sync", {}),
    ("raising the rules to where they are", "bad_value", "rules.raise", {"rules": 1}),
    ("an audit of a channel that is not there", "not_closed", "audit.request",
     {"chan": bytes(16), "purpose": "none"}),
    ("a receipt of a release that is none", "not_permitted", "release.receipt",
     {"release": bytes(32), "receipt": "CEN-1"}),
]  # fmt: skip
for _name, _code, _kind, _body in DECISIONS:

    async def _decide(bench: Bench, kind: str = "", body: Body | None = None) -> Answer:
        return await bench.post(CHIEF, bench.control(CHIEF, kind, body or {}))

    decisions.case(_name, _code)(partial(_decide, kind=_kind, body=_body))


@decisions.case("a channel of the same name", "already_exists")
async def _same_name(bench: Bench) -> Answer:
    window = bench.stage.shown(CHIEF).state.window
    body = {"name": ALERTS, "window": list(window), "rule": {"all": True}}
    return await bench.post(CHIEF, bench.control(CHIEF, "channel.create", body))


@decisions.case("decided on an old state", "stale_seen")
async def _stale(bench: Bench) -> Answer:
    stage = bench.stage
    runtime = stage.server.logs.known(stage.log)
    assert runtime is not None
    old = Head(5, runtime.replay.tree.root(5))
    return await bench.post(CHIEF, bench.control(CHIEF, "hold", {"reason": "old"}, seen=old))


heads = Group("heads")


@heads.case("a root that this log never had", "wrong_head")
async def _root(bench: Bench) -> Answer:
    seen = bench.stage.head()._replace(root=bytes(32))
    return await bench.post(OFFICER, bench.message(seen=seen))


@heads.case("a size that this log has not yet", "wrong_head")
async def _ahead(bench: Bench) -> Answer:
    size, root = bench.stage.head()
    return await bench.post(OFFICER, bench.message(seen=Head(size + 1, root)))


@heads.case("a directory root that was never", "wrong_head")
async def _directory_root(bench: Bench) -> Answer:
    head = bench.stage.head(bench.stage.directory)._replace(root=bytes(32))
    return await bench.post(OFFICER, bench.message(dir=head))


@heads.case("a directory size that is not yet", "directory_behind")
async def _directory_ahead(bench: Bench) -> Answer:
    size, root = bench.stage.head(bench.stage.directory)
    return await bench.post(OFFICER, bench.message(dir=Head(size + 1, root)))


@heads.case("having seen less than before", "seen_decreased")
async def _less(bench: Bench) -> Answer:
    stage = bench.stage
    runtime = stage.server.logs.known(stage.log)
    assert runtime is not None
    return await bench.post(CHIEF, bench.message(CHIEF, seen=Head(1, runtime.replay.tree.root(1))))


times = Group("time and phases")


async def _after(bench: Bench, ahead_ms: int) -> Answer:
    stage = bench.stage
    entry = bench.message()
    stage.ahead_ms += ahead_ms
    try:
        return await bench.post(OFFICER, entry)
    finally:
        stage.ahead_ms -= ahead_ms


times.case("a message after window and grace", "closed")(partial(_after, ahead_ms=DAY_MS))


@times.case("a rotate after window and grace", "closed")
async def _late_rotate(bench: Bench) -> Answer:
    entry, beside = rotation(bench.stage, OFFICER)
    bench.stage.ahead_ms += DAY_MS
    try:
        return await bench.submit(OFFICER, Submission.of(entry, **beside))
    finally:
        bench.stage.ahead_ms -= DAY_MS


@times.case("a message before its channel opens", "out_of_window")
async def _early(bench: Bench) -> Answer:
    chan = bench.chan(LATER, bench.pending)
    return await bench.post(OFFICER, bench.opaque(OFFICER, log=bench.pending, chan=chan))


@times.case("a message in a draft", "wrong_phase")
async def _draft(bench: Bench) -> Answer:
    main = bench.stage.station(CHIEF).mirror.operation(bench.draft).state.main
    return await bench.post(CHIEF, bench.opaque(CHIEF, log=bench.draft, chan=main))


@times.case("a close key before the end", "not_closed")
async def _reveal(bench: Bench) -> Answer:
    secret = secret_of(bench.stage, OFFICER)
    assert secret is not None
    header = bench.header(OFFICER, "channel.reveal", chan=bench.chan())
    body = {"n": 1, "kc": secret.close_key.key}
    return await bench.post(OFFICER, bench.stage.sign(OFFICER, header, body))


epochs = Group("epochs")


@epochs.case("an epoch that is not yet", "wrong_epoch")
async def _future(bench: Bench) -> Answer:
    return await bench.post(OFFICER, bench.opaque(OFFICER, epoch=2))


@epochs.case("after a removal, before the next rotate", "stale_epoch")
async def _stale_epoch(bench: Bench) -> Answer:
    chan = bench.chan(log=bench.pending)
    return await bench.post(OFFICER, bench.opaque(OFFICER, log=bench.pending, chan=chan))


@epochs.case("a removed member in its old epoch", "not_member")
async def _removed(bench: Bench) -> Answer:
    chan = bench.chan(log=bench.pending)
    return await bench.post(ANALYST, bench.opaque(ANALYST, log=bench.pending, chan=chan))


ROTATES: list[tuple[str, str, dict[str, Any]]] = [
    ("a rotate for one fewer", "bad_count", {"count": 4}),
    ("a rotate for others", "bad_recipients", {"recips": bytes(32)}),
    ("a rotate that links a hole", "bad_epoch_link", {"p": 7}),
    ("a rotate without its link", "bad_epoch_link", {"prev_link": None}),
    ("a rotate without its close link", "bad_epoch_link", {"prev_close": None}),
    ("a rotate without its escrow", "bad_audit_set", {"escrow": None}),
    ("a rotate with too few shares", "bad_count", {"shares": 1}),
    ("a rotate with another root of wraps", "bad_commit", {"wraps_root": bytes(32)}),
    ("a rotate with another root of shares", "bad_commit", {"shares_root": bytes(32)}),
]
for _name, _code, _changed in ROTATES:

    async def _rotate(bench: Bench, changed: Body | None = None) -> Answer:
        def body(secret: object, made: dict[str, Any]) -> Body:
            fields = {**made, **(changed or {})}
            return {name: value for name, value in fields.items() if value is not None}

        entry, beside = rotation(bench.stage, OFFICER, body=body)
        return await bench.submit(OFFICER, Submission.of(entry, **beside))

    epochs.case(_name, _code)(partial(_rotate, changed=_changed))


@epochs.case("a rotate without wraps", "bad_count")
async def _no_wraps(bench: Bench) -> Answer:
    entry, beside = rotation(bench.stage, OFFICER)
    return await bench.post(OFFICER, entry, shares=beside["shares"])


@epochs.case("a rotate with one bit of a wrap changed", "bad_commit")
async def _wrap_bit(bench: Bench) -> Answer:
    entry, beside = rotation(bench.stage, OFFICER)
    wraps = bytearray(beside["wraps"])
    wraps[0] ^= 1
    return await bench.post(OFFICER, entry, wraps=bytes(wraps), shares=beside["shares"])


async def _grant(bench: Bench, to: str, wrap: bytes | None = None, n: int = 1) -> Answer:
    stage, secret = bench.stage, secret_of(bench.stage, DEPUTY)
    assert secret is not None
    device = stage.station(DEPUTY).directory.devices[stage.device(to)]
    body, made = make_grant(secret, device.id, device.box_pk)
    header = bench.header(DEPUTY, "channel.grant", chan=bench.chan(), epoch=1)
    entry = stage.sign(DEPUTY, header, {**body, "n": n})
    return await bench.post(DEPUTY, entry, wraps=made if wrap is None else wrap)


epochs.case("a grant to somebody from outside", "not_permitted")(partial(_grant, to=OUTSIDER))
epochs.case("a grant of an epoch that is not there", "wrong_epoch")(
    partial(_grant, to=ANALYST, n=9)
)
epochs.case("a grant with another wrap", "bad_commit")(
    partial(_grant, to=ANALYST, wrap=sha256(b"other") * 3 + bytes(16))
)
epochs.case("a grant without its wrap", "bad_count")(partial(_grant, to=ANALYST, wrap=b""))


@epochs.case("a flag on an epoch that is not there", "wrong_epoch")
async def _flag(bench: Bench) -> Answer:
    header = bench.header(OFFICER, "channel.flag", chan=bench.chan(), epoch=1)
    entry = bench.stage.sign(OFFICER, header, dict(flag_body(9, FlagReason.WRAPS)))
    return await bench.post(OFFICER, entry)
