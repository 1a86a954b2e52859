"""The first entry of a directory (PROTOCOL 6.2)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from cencomm_crypto.errors import ProtocolError, Rejected
from cencomm_crypto.public.directory.projection import state_hash
from cencomm_crypto.public.entry import Entry, Head, log_id32
from cencomm_crypto.public.keys import SigType
from cencomm_crypto.public.replay import DirectoryLog
from cencomm_crypto.public.wire import encode_sequenced, sequence

from tests.support.directory import START_AT, ZERO32, DirectoryBuilder
from tests.support.vectors.directory.acts import SMALL, Body, broken
from tests.support.vectors.notation import Case, fixed


def _found(
    name: str, rule: str, entry: Entry, failure: str | None = None, pin: bytes | None = None
) -> Case:
    item = sequence(0, START_AT, entry)
    inputs = {"item": encode_sequenced(item)}
    if pin is not None:
        inputs["pin"] = pin
    try:
        result = DirectoryLog(pin).check(item)
    except ProtocolError as error:
        found: str | None = error.code
    else:
        if not isinstance(result, Rejected):
            if failure is not None:
                raise ValueError(f"{name}: accepted, {failure} is what the specification says")
            output = {"state": state_hash(result), "id": result.id32}
            return Case(name, rule, "found directory", inputs, output)
        found = result.code
    if found != failure:
        raise ValueError(f"{name}: {found} came out, {failure} is what the specification says")
    return Case(name, rule, "found directory", inputs, failure=failure)


def geneses() -> Iterator[Case]:
    builder = DirectoryBuilder(seed="vectors/genesis")
    good = builder.genesis_body
    keys = good["governance"]["keys"]

    def made(changed: Body | None = None, **more: Any) -> Entry:
        return builder.by_governance("directory.genesis", {**good, **(changed or {})}, **more)

    def signed(sigs: list[tuple[int, int]], over: bytes = ZERO32) -> Entry:
        """Signatures by governance key `second`, listed under index `first`."""
        body = {
        "type": "directory.genesis", **good, "poster": builder.poster.sign.public, "serial": 0,
    }  # fmt: skip
        chosen = [(index, builder.governance[key]) for index, key in sigs]
        signed_body = builder.signed(body, SigType.GOVERNANCE, chosen, over)
        return builder.author("directory.genesis", signed_body, builder.poster)

    first = made()
    yield _found("genesis", "DIR-1", first)
    yield _found("genesis, pinned", "DIR-1", first, pin=log_id32(first))
    yield _found("genesis, another one pinned", "ENT-4", first, "wrong_log", pin=fixed("pin"))
    yield _found("genesis signed by all three", "DIR-1", made(signers=(0, 1, 2)))
    seen = {
        "has seen an entry": Head(1, fixed("root")),
        "has seen another empty root": Head(0, bytes(32)),
    }
    for name, head in seen.items():
        yield _found(f"genesis {name}", "DIR-1", made(seen=head), "wrong_head")
    yield _found("genesis of rules 2", "DIR-1", made({"rules": 2}), "unknown_version")
    yield _found("genesis of suite 2", "DIR-1", made({"suite_min": 2}), "unknown_version")
    stranger = builder.new_device(builder.poster.person)
    body = {
        "type": "directory.genesis", **good, "poster": builder.poster.sign.public, "serial": 0,
    }  # fmt: skip
    other = builder.signed(
        body, SigType.GOVERNANCE, list(enumerate(builder.governance))[:2], ZERO32
    )
    yield _found("genesis by another device than the poster", "DIR-2",
                 builder.author("directory.genesis", other, stranger),
                 "unknown_device")  # fmt: skip
    yield _found("genesis with a broken entry signature", "ENT-1", broken(first), "bad_signature")
    yield _found("genesis of serial 1", "DIR-1", made(serial=1), "bad_serial")
    for name, text in (
        ("a space", "cen comm"),
        ("a plus", "cen+comm"),
        ("a mark", "cen\u200bcomm"),
        ("an umlaut", "z\u00f6ll"),
    ):
        yield _found(f"genesis with {name} in its name", "DIR-1", made({"name": text}), "bad_value")
    yield _found("genesis with k above its keys", "DIR-1",
                 made({"governance": {"keys": keys, "k": 4}}), "bad_threshold")  # fmt: skip
    yield _found("genesis with a governance key twice", "DIR-13",
                 made({"governance": {"keys": [keys[0], keys[0], keys[1]], "k": 2}}),
                 "key_reused")  # fmt: skip
    yield _found("genesis with one signature of two", "DIR-1", made(signers=(0,)), "bad_threshold")
    yield _found("genesis with falling indices", "DIR-2", signed([(1, 1), (0, 0)]), "bad_threshold")
    yield _found("genesis with one index twice", "DIR-2", signed([(0, 0), (0, 0)]), "bad_threshold")
    yield _found("genesis with an index beyond", "DIR-2", signed([(0, 0), (3, 1)]), "bad_threshold")
    yield _found("genesis with a key under another's index", "DIR-2", signed([(0, 0), (2, 1)]),
                 "bad_signature")  # fmt: skip
    yield _found("genesis signed over an id", "KEY-8",
                 signed([(0, 0), (1, 1)], over=fixed("directory")), "bad_signature")  # fmt: skip
    yield _found("genesis whose log key is a governance key", "DIR-13",
                 made({"log_key": keys[0]}), "key_reused")  # fmt: skip
    yield _found("genesis with a log key of small order", "KEY-1",
                 made({"log_key": SMALL}), "bad_key")  # fmt: skip


def witnesses() -> Iterator[Case]:
    builder = DirectoryBuilder(seed="vectors/witness")
    keys = [builder.signing_key("witness").public for _ in range(3)]
    rows = [[f"w{place}.example", key] for place, key in enumerate(keys)]
    policies: list[tuple[str, str, Body, str | None]] = [
        ("two of three", "DIR-16", {"keys": rows, "k": 2, "fresh": 300, "mode": "strict"}, None),
        ("without witnesses but k 1", "DIR-16",
         {"keys": [], "k": 1, "fresh": 0, "mode": "warn"}, "bad_value"),
        ("without witnesses but strict", "DIR-16",
         {"keys": [], "k": 0, "fresh": 0, "mode": "strict"}, "bad_value"),
        ("k 0", "DIR-16", {"keys": rows, "k": 0, "fresh": 300, "mode": "warn"}, "bad_threshold"),
        ("k above the keys", "DIR-16",
         {"keys": rows, "k": 4, "fresh": 300, "mode": "warn"}, "bad_threshold"),
        ("fresh 0", "DIR-16", {"keys": rows, "k": 1, "fresh": 0, "mode": "warn"}, "bad_value"),
        ("a name with a space", "DIR-16",
         {"keys": [["w one", keys[0]]], "k": 1, "fresh": 9, "mode": "warn"}, "bad_value"),
        ("a name with a plus", "DIR-16",
         {"keys": [["w+1", keys[0]]], "k": 1, "fresh": 9, "mode": "warn"}, "bad_value"),
        ("one name twice", "DIR-16",
         {"keys": [rows[0], [rows[0][0], keys[1]]], "k": 1, "fresh": 9, "mode": "warn"},
         "bad_value"),
        ("one key twice", "DIR-13",
         {"keys": [rows[0], ["other.example", keys[0]]], "k": 1, "fresh": 9, "mode": "warn"},
         "key_reused"),
        ("a key of small order", "KEY-1",
         {"keys": [["w.example", SMALL]], "k": 1, "fresh": 9, "mode": "warn"}, "bad_key"),
        ("the log's key as witness", "DIR-13",
         {"keys": [["w.example", builder.log_key.public]], "k": 1, "fresh": 9, "mode": "warn"},
         "key_reused"),
    ]  # fmt: skip
    for name, rule, policy, code in policies:
        body = {**builder.genesis_body, "witness": policy}
        entry = builder.by_governance("directory.genesis", body)
        yield _found(f"witness policy: {name}", rule, entry, code)
