"""A running server with an operation of many members, each with a session and a device key.

Everything in it went in through the server's routes, but for the sessions: those are put into
the store as a login leaves them, for hundreds of Argon2id runs would take minutes.
"""

from __future__ import annotations

import asyncio
import base64
import json
import secrets
import time
from collections.abc import Sequence
from typing import Any

from cencomm_crypto.member.epoch import EpochSecret
from cencomm_crypto.member.message import seal_message
from cencomm_crypto.member.payload import make_payload
from cencomm_crypto.member.rotation import make_rotation
from cencomm_crypto.public.encoding import encode
from cencomm_crypto.public.entry import Entry, Header, author
from cencomm_crypto.public.ids import ChannelId, EntryId, LogId
from cencomm_crypto.public.primitives import sha256
from cencomm_crypto.public.wire import Receipt, Sequenced, Submission
from cencomm_server.events import SOCKET_PATH
from cencomm_server.store.documents import SessionDoc
from cencomm_server.store.mongo import open_store

from tests.bench.places import database_of, store_uri
from tests.bench.sockets import BINARY, TEXT, Connection, frame, marked
from tests.support.directory import HeldPerson
from tests.support.operation import OperationBuilder
from tests.support.server_process import PostedDirectory, ServerProcess

ADMINISTRATIONS = 10
ADMIT_AT_ONCE = 1_000
HOUR_MS = 3_600_000


class PostedOperation(OperationBuilder):
    """A builder whose every entry goes to a real server first and takes its time from there."""

    def __init__(self, server: ServerProcess, directory: PostedDirectory, **options: Any) -> None:
        self.server, self._posted = server, directory
        super().__init__(directory, **options)

    def append(self, entry: Entry, wraps: bytes = b"", shares: bytes = b"") -> Sequenced:
        """Post with the session of the author's device, then append at the same place."""
        genesis = entry.header.type == "operation.genesis"
        path = "/v1/logs" if genesis else f"/v1/logs/{self.log.id16.hex()}/entries"
        data = Submission.of(entry, wraps, shares).encode()
        token = self._posted.tokens[entry.header.device]
        reply = self.server.ask("POST", path, data, token=token)
        assert reply.status == 200, (entry.header.type, reply.body)
        self.clock = Receipt.decode(reply.body).at
        return super().append(entry)


class Town:
    """The members of one channel of one operation; made by `settle`."""

    alive = frame(TEXT, b"3")  # a pong; engine.io's server takes one that it did not ask for

    def __init__(
        self, server: ServerProcess, directory: PostedDirectory, operation: PostedOperation,
        people: Sequence[HeldPerson], chan: ChannelId, secret: EpochSecret, size_bytes: int,
    ) -> None:  # fmt: skip
        self._server, self.directory, self.operation = server, directory, operation
        self.people, self._chan = people, chan
        self._channels = [(chan, secret)]
        self._seen, self._dir = operation.head, directory.head
        self._filler = "x" * (size_bytes - len(encode(self._payload(0, ""))) - 2)

    # -- `load.Side` --------------------------------------------------------------------------

    async def join(self, member: int) -> Connection:
        """Connect as the SDK does: a fresh challenge, signed, in the auth object."""
        device = self.people[member].device
        token = self.directory.tokens[device.id]
        auth = self._server.prove(device, self.directory.id32, token)
        del auth["token_hash"]
        auth["token"] = base64.urlsafe_b64encode(token).rstrip(b"=").decode()
        path = f"{SOCKET_PATH}/?EIO=4&transport=websocket"
        connection = await Connection.open(self._server.port, path, b"461-")
        connection.transport.write(frame(TEXT, b"40" + json.dumps(auth).encode()))
        await connection.heard(b'40{"sid"')
        return connection

    def prepare(self, member: int, number: int) -> bytes:
        """An `append` event with one attachment: the sealed and signed message."""
        data = self.log + self.submission(member, number).encode()
        event = b'451-%d["append",{"_placeholder":true,"num":0}]' % number
        return frame(TEXT, event) + frame(BINARY, data)

    # -- the same without a socket --------------------------------------------------------------

    @property
    def log(self) -> LogId:
        """The operation's log."""
        return self.operation.log.id16

    def add(self, chan: ChannelId, secret: EpochSecret) -> None:
        """Another channel of everybody; messages go to all of them in turn."""
        self._channels.append((chan, secret))
        self._seen = self.operation.head

    @property
    def size(self) -> int:
        """How many members there are."""
        return len(self.people)

    def authored(self, member: int, body: bytes, id: bytes) -> Entry:
        """A message whose sealed body nobody can open: for whoever only orders and keeps it."""
        person = self.people[member]
        header = Header(
            type="message",
            device=person.device.id,
            id=EntryId(id),
            time=self.operation.clock,
            seen=self._seen,
            dir=self._dir,
            log=self.log,
            chan=self._chan,
            epoch=1,
        )
        return author(header, body, person.device.sign)

    def token(self, member: int) -> bytes:
        """The token of a member's session."""
        return self.directory.tokens[self.people[member].device.id]

    def submission(self, member: int, number: int) -> Submission:
        """The sealed and signed message of this number."""
        person, now = self.people[member], time.time_ns() // 1_000_000
        chan, secret = self._channels[number % len(self._channels)]
        payload = self._payload(number, self._filler)
        header = Header(
            type="message",
            device=person.device.id,
            id=self.operation.entry_id(),
            time=now,
            seen=self._seen,
            dir=self._dir,
            log=self.operation.log.id16,
            chan=chan,
            epoch=1,
            kind=payload["kind"],
            re=payload["re"],
        )
        body = seal_message(
            header, secret, payload, secrets.token_bytes(24), secrets.token_bytes(16)
        )
        return Submission.of(author(header, body, person.device.sign))

    def _payload(self, number: int, text: str) -> dict[str, Any]:
        """Marked in `re`, a field that the header shows."""
        return make_payload("MSG", secrets.token_bytes(16), {"text": text}, re=marked(number))


def settle(server: ServerProcess, members: int, size_bytes: int) -> Town:
    """Found a directory and a live operation; payloads of messages will have `size_bytes`."""
    directory = PostedDirectory(server)
    people = enlist(server, directory, ADMINISTRATIONS, members)
    log_in(server, directory, people)
    return operate(server, directory, people, size_bytes)


def enlist(
    server: ServerProcess, directory: PostedDirectory, administrations: int, members: int
) -> list[HeldPerson]:
    """Persons of so many administrations in turn; the first may create operations."""
    admins = [directory.administration(f"A{number}") for number in range(administrations)]
    log_in(server, directory, [administration.ncp for administration in admins])
    people = [directory.person(admins[number % administrations]) for number in range(members)]
    directory.grant_operations(people[0])
    return people


def another(server: ServerProcess, town: Town, size_bytes: int) -> Town:
    """A second operation of the same people on the same server."""
    return operate(server, town.directory, town.people, size_bytes, seed="another")


def operate(
    server: ServerProcess, directory: PostedDirectory, people: Sequence[HeldPerson],
    size_bytes: int, **options: Any,
) -> Town:  # fmt: skip
    """A live operation with a channel of everybody, in its first epoch."""
    now = time.time_ns() // 1_000_000
    window = [now - HOUR_MS, now + HOUR_MS]
    operation = PostedOperation(
        server, directory, creator=people[0], at=now, window=window, live=window, **options
    )
    for start in range(1, len(people), ADMIT_AT_ONCE):
        rows = [
            {"person": person.id, "role": "officer"}
            for person in people[start : start + ADMIT_AT_ONCE]
        ]
        operation.control("members.admit", {"members": rows})
    operation.start()
    chan = operation.channel("work")
    secret = rotate(operation, directory, chan, people[0])
    return Town(server, directory, operation, people, chan, secret, size_bytes)


def rotate(
    operation: PostedOperation, directory: PostedDirectory, chan: ChannelId, by: HeldPerson
) -> EpochSecret:
    """Post the first epoch of a channel; its secret."""
    made = make_rotation(operation.state, chan, directory.state, secrets.token_bytes(32), None)
    entry = operation.author("channel.rotate", made.body, by, chan=chan, epoch=1)
    operation.append(entry, made.wraps, made.shares)
    return made.secret


def log_in(server: ServerProcess, directory: PostedDirectory, people: Sequence[HeldPerson]) -> None:
    """Give each person's first device a session, as a login leaves it in the store."""
    now = time.time_ns() // 1_000_000

    async def put() -> None:
        store = await open_store(store_uri(server), database_of(server))
        try:
            for person in people:
                token, device = secrets.token_bytes(32), person.device.id
                await store.put_session(
                    SessionDoc(sha256(token), device, person.id, now, now + 24 * HOUR_MS, now)
                )
                directory.tokens[device] = token
        finally:
            await store.close()

    asyncio.run(put())
