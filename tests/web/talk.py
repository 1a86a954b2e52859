"""An operation in which people say things, some of them odd, and what the Python shows of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from typing import Any

from cencomm_client.form_library import FormLibrary
from cencomm_client.items import Alarm, Control, Flag, Item, Message, Notice
from cencomm_client.keyring import Keyring
from cencomm_client.profiles import Names
from cencomm_client.reader import Reader
from cencomm_client.roles import Roles
from cencomm_config.forms import FormSet
from cencomm_crypto.errors import Rejected
from cencomm_crypto.member.epoch import EpochSecret
from cencomm_crypto.member.message import message_key, seal_bytes
from cencomm_crypto.member.sealing import seal_box
from cencomm_crypto.public.encoding import encode
from cencomm_crypto.public.entry import Entry, author
from cencomm_crypto.public.ids import ChannelId
from cencomm_crypto.public.operation.state import OperationState
from cencomm_crypto.public.primitives import sha256
from cencomm_crypto.public.wire import Sequenced, encode_sequenced

from tests.support.cast import Cast
from tests.support.directory import HeldPerson
from tests.support.epochs import Epochs
from tests.support.vector_runner.reading import notation

MINUTE_MS = 60_000
NOT_OF_THE_PROTOCOL = {Flag.EXERCISE, Flag.NOT_DIRECTED, Flag.OPEN_TASKS, Flag.LATE_WARNING}
BODY_WITHHELD = "body_withheld"  # a client's word for a body that is gone: it cannot be opened


@dataclass
class Talk:
    """Random entries of one seed; a third of them is odd in one way or another."""

    random: Random
    cast: Cast = field(default_factory=Cast)
    items: list[Sequenced] = field(default_factory=list)
    rejected: dict[int, Rejected] = field(default_factory=dict)
    secrets: dict[tuple[ChannelId, int], EpochSecret] = field(default_factory=dict)

    def __post_init__(self) -> None:
        operation = self.cast.operation
        epochs = Epochs(operation)
        for chan in (operation.main, self.cast.work):
            secret = epochs.rotate(chan, previous=None)
            self.secrets[chan, secret.context.n] = secret
        self._unknown = epochs.rotate(self.cast.work, previous=None)  # which the reader has not
        known = epochs.rotate(self.cast.work, previous=None)
        self.secrets[self.cast.work, known.context.n] = known
        self.items = list(operation.entries)
        self._mids = [self.random.randbytes(16) for _ in range(20)]

    def say(self, count: int) -> None:
        for place in range(count):
            if place == count // 2:
                self._revoke()
            self._append(self._entry())

    def _append(self, entry: Entry) -> None:
        operation = self.cast.operation
        item = operation.sequenced(entry)
        result = operation.force(entry)
        if isinstance(result, Rejected):
            self.rejected[item.seq] = result
        elif self.random.random() < 0.05 and entry.body_bytes is not None:
            gone = Entry(**{**_fields(entry), "body_bytes": None})
            item = Sequenced(item.seq, item.at, item.scope, item.inner, gone)
        self.items.append(item)

    def _revoke(self) -> None:
        """The analyst's device: what it sends under the head before is kept, and told of."""
        self._old_head = self.cast.directory.head
        device = self.cast.analyst.device
        self.cast.directory.revoke(device, by=self.cast.analyst.device)

    def _entry(self) -> Entry:
        random, cast = self.random, self.cast
        by = random.choice((cast.chief, cast.officer, cast.analyst, cast.expert, cast.outsider))
        kind = "message"
        if random.random() < 0.25:
            kind, by = "drop", cast.bot
        chan = cast.work if random.random() < 0.8 or kind == "drop" else cast.operation.main
        payload = self._payload(kind, chan, by)
        shown: dict[str, Any] = {}
        if random.random() < 0.3:
            shown["kind"] = payload["kind"] if random.random() < 0.6 else "OTHER"
        if random.random() < 0.3:
            shown["time"] = cast.operation.clock + random.choice((-11, -10, 0, 10, 11)) * MINUTE_MS
        if hasattr(self, "_old_head"):
            shown["dir"] = self._old_head
        n = cast.operation.state.channels[chan].epoch
        header = cast.operation.author(kind, b"", by, chan=chan, epoch=n).header
        if random.random() < 0.05:
            shown["epoch"] = n + 1
        header = replace(header, **shown)
        secret = self.secrets[chan, n]
        digest = sha256(header.encode())
        nonce, salt = random.randbytes(24), random.randbytes(16)
        data = encode(payload)
        if kind == "drop":
            key = random.randbytes(32)
            box = seal_box(random.randbytes(32), key + digest, secret.drop_keys.public)
            body = box + seal_bytes(key, digest, data, nonce, salt)
        else:
            body = seal_bytes(message_key(secret, digest), digest, data, nonce, salt)
        if random.random() < 0.1:
            body = random.randbytes(len(body))
        return author(header, body, by.device.sign)

    def _payload(self, kind: str, chan: ChannelId, by: HeldPerson) -> dict[str, Any]:
        random = self.random
        name = random.choice(("HIT", "OTHER")) if kind == "drop" else "MSG"
        content: dict[str, Any] = {"text": f"quai {random.randrange(100)}"}
        if random.random() < (0.6 if chan == self.cast.operation.main else 0.1):
            name, content = "PRF", self._profiles()
        return {"kind": name, "mid": random.choice(self._mids), "content": content}

    def _profiles(self) -> dict[str, Any]:
        random, cast = self.random, self.cast
        people = random.sample((cast.chief, cast.officer, cast.analyst, cast.outsider), 2)
        rows = [
            {
                "person": person.id,
                "code": self._code(person) if random.random() < 0.8 else "X-1",
                "name": f"Name {random.randrange(1000)}",
            }
            for person in people
        ]
        if random.random() < 0.15:
            rows.append(rows[0])  # twice the same: malformed
        return {"persons": rows}

    def _code(self, person: HeldPerson) -> str:
        return self.cast.directory.state.persons[person.id].code

    # -- as bytes, and as the Python shows it ------------------------------------------------------

    @property
    def inputs(self) -> dict[str, Any]:
        """For the bridge."""
        return {
            "directory": [encode_sequenced(item).hex() for item in self.cast.directory.entries],
            "operation": [encode_sequenced(item).hex() for item in self.items],
        }

    @property
    def shown_secrets(self) -> list[list[Any]]:
        return [[chan.hex(), n, one.secret.hex()] for (chan, n), one in self.secrets.items()]

    def rows(self) -> Iterator[list[Any]]:
        """What `Reader` makes of it, in the form of the op "view"."""
        state, history = self.cast.operation.state, self.cast.directory.log
        secrets, roles = _Secrets(self.secrets), Roles()
        reader = Reader(state.id16, secrets, Names(), _NoForms(Path()), lambda: state.at, roles)
        for item in self.items:
            if item.seq not in self.rejected:
                roles.take(item, state.author)
            made = reader.item(item, self.rejected.get(item.seq), state, history)
            row = _row(item, made)
            if row is not None:
                yield row


class _NoForms(FormLibrary):
    """What a form holds is no matter of the protocol: any content will do."""

    def of(self, digest: bytes) -> FormSet:
        return FormSet("none", {})


class _Secrets(Keyring):
    """What is at hand, without a vault."""

    def __init__(self, secrets: dict[tuple[ChannelId, int], EpochSecret]) -> None:
        self._held = secrets

    def secret(self, state: OperationState, chan: ChannelId, n: int) -> EpochSecret | None:
        return self._held.get((chan, n))


def _row(item: Sequenced, made: Item | None) -> list[Any] | None:
    entry = item.entry
    if isinstance(made, Alarm) and entry is not None:
        return [item.seq, entry.header.type, str(made.code), None, [], [], None]
    if not isinstance(made, Message):
        assert made is None or isinstance(made, Control | Notice)
        return None
    code = None if made.damage is None else str(made.damage.code)
    content = None if made.content is None else notation(made.content)
    flags = sorted(str(flag) for flag in made.flags - NOT_OF_THE_PROTOCOL)
    failure = "cannot_open" if code == BODY_WITHHELD else code
    return [item.seq, made.type, None, failure, flags, list(made.forged), content]


def _fields(entry: Entry) -> dict[str, Any]:
    names = ("header", "header_bytes", "body_bytes", "body_hash", "sig", "body", "header_hash")
    return {name: getattr(entry, name) for name in (*names, "inner")}
