"""A webhook takes what its source signed just now, once; all else has a code and no hit."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from cencomm_client.bots.bot import _known
from cencomm_client.bots.checking import KIND, checked
from cencomm_client.bots.dropping import Disk
from cencomm_client.bots.intake import Intake
from cencomm_client.bots.queue import Queue
from cencomm_client.bots.reading import MAX_BYTES
from cencomm_client.bots.serving import Address
from cencomm_client.bots.source import Outcome, State
from cencomm_client.bots.webhook import (
    ID,
    SIGNATURE,
    TIME,
    WINDOW_S,
    QueueMemory,
    Webhook,
    signature,
)
from cencomm_client.errors import AddressUnusable, QueueUnwritable
from cencomm_config.forms import FormInvalid
from cencomm_crypto.public.ids import LogId

SECRET = b"s" * 32
HIT: dict[str, Any] = {
    "source": "manifest screening",
    "rule": "TOB-7",
    "rule_version": "3",
    "snapshot_at": 1_790_000_000_000,
    "dedupe": "a",
}


class Door:
    """A webhook before a real queue, and a source system that talks to it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.now_ms = time.time_ns() // 1_000_000

    async def __aenter__(self) -> Door:
        self.disk = Disk(Queue(self.folder / "queue", bytes(32), LogId(bytes(16))))
        listening: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self.webhook = Webhook(
            Address("127.0.0.1", 0), SECRET, clock=lambda: self.now_ms, on_port=listening.set_result
        )
        self.webhook.memory = QueueMemory(self.disk)
        self._intake = Intake(self.disk, "webhook", lambda: self.now_ms)
        self._serving = asyncio.create_task(self._serve())
        self.url = f"http://127.0.0.1:{await listening}/hits"
        self.http = aiohttp.ClientSession()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.http.close()
        self._serving.cancel()
        with suppress(asyncio.CancelledError):
            await self._serving
        self.disk.close()

    async def _serve(self) -> None:
        async for raw in self.webhook.hits():
            try:
                kept = await self._intake.take(checked(raw, KIND, self.now_ms))
                outcome = _known("", kept)
            except FormInvalid as wrong:
                outcome = Outcome(State.INVALID, code=wrong.code, fields=wrong.errors)
            await self.webhook.taken(raw, outcome)

    async def post(
        self,
        content: Any = HIT,
        id: str = "one",
        *,
        behind_s: int = 0,
        secret: bytes = SECRET,
        **headers: str | None,
    ) -> tuple[int, dict[str, Any]]:
        """Post and give status and answer; a header that is None is left out."""
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        moment = str(self.now_ms // 1000 - behind_s)
        signed = signature(secret, moment, id, body)
        given: dict[str, str | None] = {ID: id, TIME: moment, SIGNATURE: signed}
        given |= {name.replace("_", "-"): value for name, value in headers.items()}
        sent = {name: value for name, value in given.items() if value is not None}
        async with self.http.post(self.url, data=body, headers=sent) as answer:
            return answer.status, json.loads(await answer.read())

    async def rows(self) -> int:
        return (await self.disk(Queue.counts)).waiting


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[Door]:
    async with Door(tmp_path) as made:
        yield made


async def test_a_signed_hit_is_on_the_disk_when_it_is_answered(door: Door) -> None:
    status, answer = await door.post()
    assert (status, answer["state"], await door.rows()) == (202, "waiting", 1)


async def test_the_same_request_again_has_the_same_answer_and_no_second_hit(door: Door) -> None:
    _, first = await door.post()
    assert await door.post() == (200, first)
    assert await door.rows() == 1
    door.now_ms += 60_000
    assert await door.post() == (200, first)  # sent again with a new time


async def test_the_same_request_many_times_at_once_is_one_hit(door: Door) -> None:
    answers = await asyncio.gather(*(door.post() for _ in range(20)))
    assert sorted(status for status, _ in answers) == [200] * 19 + [202]
    assert await door.rows() == 1


async def test_a_restart_forgets_no_request(tmp_path: Path) -> None:
    async with Door(tmp_path) as before:
        _, first = await before.post()
    async with Door(tmp_path) as after:
        assert await after.post() == (200, first)
        assert (await after.post({**HIT, "dedupe": "b"}))[0] == 409
        assert await after.rows() == 1


async def test_another_body_under_the_id_is_refused(door: Door) -> None:
    await door.post()
    status, answer = await door.post({**HIT, "score": 5})
    assert (status, answer["code"], await door.rows()) == (409, "request_reused", 1)


async def test_a_known_key_under_another_id_is_no_second_hit(door: Door) -> None:
    await door.post()
    status, answer = await door.post(id="two")
    assert (status, answer["known"], await door.rows()) == (200, True, 1)


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"secret": b"t" * 32}, 401, "signature_wrong"),
        ({"CENcomm_Signature": "v1=" + "0" * 64}, 401, "signature_wrong"),
        ({"CENcomm_Signature": "v1=\xe9"}, 401, "signature_wrong"),
        ({"CENcomm_Signature": ""}, 401, "signature_wrong"),
        ({"CENcomm_Signature": None}, 400, "request_malformed"),
        ({"CENcomm_Time": None}, 400, "request_malformed"),
        ({"CENcomm_Id": None}, 400, "request_malformed"),
        ({"CENcomm_Id": "two"}, 401, "signature_wrong"),
        ({"CENcomm_Time": "1"}, 401, "signature_wrong"),
        ({"CENcomm_Time": "yesterday"}, 400, "request_malformed"),
        ({"CENcomm_Time": "-1"}, 400, "request_malformed"),
        ({"id": "x" * 65}, 400, "request_malformed"),
        ({"id": "a b"}, 400, "request_malformed"),
        ({"behind_s": WINDOW_S + 1}, 401, "time_outside"),
        ({"behind_s": -WINDOW_S - 1}, 401, "time_outside"),
        ({"content": b"x" * (MAX_BYTES + 1)}, 413, "request_too_large"),
        ({"content": b"{"}, 422, "form_invalid"),
        ({"content": b"[1]"}, 422, "form_invalid"),
        ({"content": {}}, 422, "form_invalid"),
    ],
)
async def test_what_is_not_right_has_a_code_and_is_no_hit(
    door: Door, change: dict[str, Any], status: int, code: str
) -> None:
    found, answer = await door.post(**change)
    assert (found, answer["code"], await door.rows()) == (status, code, 0)
    assert answer["message"].endswith(".")
    assert (await door.post(id="good"))[0] == 202  # it goes on


async def test_within_the_window_clocks_may_differ(door: Door) -> None:
    for number, off_s in enumerate((-WINDOW_S, 0, WINDOW_S)):
        content = {**HIT, "dedupe": str(number)}
        assert (await door.post(content, str(number), behind_s=off_s))[0] == 202


async def test_every_wrong_field_is_named(door: Door) -> None:
    status, answer = await door.post({"dedupe": "a", "source": 7, "score": 101, "colour": "red"})
    assert status == 422
    named = {row["path"] for row in answer["fields"]}
    assert named == {"source", "rule", "rule_version", "score", "snapshot_at", "colour"}
    assert await door.post({"dedupe": "a", "source": 7, "score": 101, "colour": "red"}) == (
        422,
        answer,
    )


async def test_a_full_queue_asks_to_come_again(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cencomm_client.bots.webhook.BUSY_S", 0.1)
    monkeypatch.setattr(door._intake, "take", lambda hit: asyncio.sleep(60))
    status, answer = await door.post()
    assert (status, answer["code"]) == (503, "queue_full")


async def test_half_a_character_is_named_and_named_again(door: Door) -> None:
    """JSON may hold a lone surrogate, which no text that is sealed may."""
    body = json.dumps(HIT | {"remarks": "a\ud800b"}).encode()
    first, again = await door.post(body), await door.post(body)
    assert first == again
    assert (first[0], [row["path"] for row in first[1]["fields"]]) == (422, ["remarks"])


async def test_what_is_no_http_fills_no_log(door: Door, caplog: pytest.LogCaptureFixture) -> None:
    port = int(door.url.split(":")[2].split("/")[0])
    for rest in (b"Transfer-Encoding: chunked\r\n\r\nZZZ\r\n", b"Content-Length: x\r\n\r\n"):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"POST /hits HTTP/1.1\r\nHost: here\r\n" + rest)
        assert b" 400 " in await reader.readline()
        writer.close()
    status, _ = await door.post(Content_Encoding="gzip")
    assert status == 400
    assert caplog.records == []


async def test_while_nothing_is_taken_no_more_bodies_lie_in_memory_than_may_wait(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cencomm_client.bots.webhook.BUSY_S", 0.02)
    monkeypatch.setattr(door._intake, "take", lambda hit: asyncio.sleep(60))
    door.webhook._arrived = asyncio.Queue(3)
    for number in range(6):
        status, _ = await door.post({**HIT, "dedupe": str(number)}, str(number))
        assert status == 503
    assert door.webhook._arrived.qsize() == 3


async def test_an_answer_that_cannot_be_kept_asks_to_come_again(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise QueueUnwritable("database or disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(Queue, "keep_request", full)
        status, answer = await door.post()
        assert (status, answer["code"]) == (503, "queue_full")
    status, answer = await door.post()
    assert (status, answer["known"], await door.rows()) == (200, True, 1)


async def test_a_hit_refused_before_is_answered_alike_when_it_is_sent_again(door: Door) -> None:
    await door.post(id="one")
    (waiting,) = await door.disk(lambda queue: queue.waiting(1))
    await door.disk(lambda queue: queue.end(refused=[(waiting.row, "too_large")]))
    first, again = await door.post(id="two"), await door.post(id="two")
    assert first == again
    assert (first[0], first[1]["state"]) == (200, "refused")


@pytest.mark.parametrize(
    "text", ["0.0.0.0:80", "example.org:80", "127.0.0.1", "127.0.0.1:99999", "10.0.0.1:80", ":80"]
)
def test_it_listens_on_this_machine_alone(text: str) -> None:
    with pytest.raises(AddressUnusable):
        Address.parse(text)
    assert Address.parse("[::1]:80") == Address("::1", 80)


def test_a_short_secret_is_refused() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        Webhook(Address("127.0.0.1", 0), b"short", clock=lambda: 0)


async def test_bodies_that_race_under_one_id_are_one_hit(door: Door) -> None:
    bodies = [HIT | {"dedupe": f"key-{number}"} for number in range(4)]
    answers = await asyncio.gather(*(door.post(body, "same") for body in bodies))
    assert sorted(status for status, _ in answers) == [202, 409, 409, 409]


class Raw:
    """A source system whose HTTP is its own."""

    def __init__(self, door: Door) -> None:
        self.door, self.port = door, int(door.url.split(":")[2].split("/")[0])

    def head(
        self, *lines: str, body: bytes = b"", method: str = "POST", path: str = "/hits"
    ) -> str:
        moment = str(self.door.now_ms // 1000)
        signed = signature(SECRET, moment, "raw", body)
        first = [f"{method} {path} HTTP/1.1", "Host: localhost", "Connection: close"]
        own = [f"{ID}: raw", f"{TIME}: {moment}", f"{SIGNATURE}: {signed}"]
        return "\r\n".join([*first, *own, *lines, "", ""])

    async def say(self, head: str, body: bytes, *, then_close: bool = False) -> tuple[int, str]:
        """Status and code of the answer; 0 where none came."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(head.encode() + body)
        await writer.drain()
        if then_close:
            writer.write_eof()
        async with asyncio.timeout(10):
            answer = await reader.read()
        writer.close()
        if not answer:
            return 0, ""
        first, _, document = answer.partition(b"\r\n\r\n")
        told = json.loads(document) if b"application/json" in first else {}
        return int(first.split()[1]), told.get("code", told.get("state", ""))


def chunked(*parts: bytes) -> bytes:
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (*parts, b""))


BODY = json.dumps(HIT).encode()
CHUNKED = "Transfer-Encoding: chunked"


async def test_a_body_in_chunks_is_a_body(door: Door) -> None:
    raw = Raw(door)
    body = chunked(BODY[:7], BODY[7:])
    assert await raw.say(raw.head(CHUNKED, body=BODY), body) == (202, "waiting")
    assert await door.rows() == 1


@pytest.mark.parametrize(
    ("lines", "body", "status", "code"),
    [
        ((CHUNKED,), chunked(*[b" " * 65_536] * 5), 413, "request_too_large"),
        ((CHUNKED,), b"zz\r\nnot a size\r\n", 400, ""),  # no HTTP at all: the library says so
        (("Content-Encoding: gzip", "Content-Length: 2"), b"\x1f\x8b", 400, "request_malformed"),
        ((f"{ID}: other", "Content-Length: 2"), b"{}", 400, "request_malformed"),
        ((f"{SIGNATURE}: v1=00", "Content-Length: 2"), b"{}", 400, "request_malformed"),
        (("Content-Length: 20",), b"{}", 408, "request_slow"),
        ((CHUNKED,), b"2\r\n{}\r\n", 408, "request_slow"),
    ],
)  # fmt: skip
async def test_http_of_any_kind_has_a_code_and_the_door_stays_open(
    door: Door,
    monkeypatch: pytest.MonkeyPatch,
    lines: tuple[str, ...],
    body: bytes,
    status: int,
    code: str,
) -> None:
    monkeypatch.setattr("cencomm_client.bots.webhook.BODY_S", 0.2)
    raw = Raw(door)
    assert await raw.say(raw.head(*lines, body=body), body) == (status, code)
    assert await door.rows() == 0
    assert (await door.post())[0] == 202


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/hits", 405), ("PUT", "/hits", 405), ("POST", "/", 404), ("POST", "/hits/..", 404)],
)
async def test_another_path_or_method_has_a_code(
    door: Door, method: str, path: str, status: int
) -> None:
    raw = Raw(door)
    head = raw.head("Content-Length: 2", method=method, path=path)
    assert await raw.say(head, b"{}") == (status, "request_malformed")


async def test_whoever_breaks_off_leaves_no_hit_and_no_place_taken(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cencomm_client.bots.webhook.AT_ONCE", 2)
    raw = Raw(door)
    for _ in range(5):
        await raw.say(raw.head("Content-Length: 2000", body=BODY), BODY, then_close=True)
    assert (await door.post())[0] == 202
    assert await door.rows() == 1


async def test_slow_bodies_leave_room_again(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cencomm_client.bots.webhook.AT_ONCE", 2)
    monkeypatch.setattr("cencomm_client.bots.webhook.BODY_S", 1.0)
    raw = Raw(door)
    slow = [asyncio.create_task(raw.say(raw.head("Content-Length: 9"), b"{")) for _ in range(2)]
    async with asyncio.timeout(5):
        while door.webhook._waiting < 2:  # noqa: ASYNC110 - they are on their way
            await asyncio.sleep(0.01)
    assert (await door.post())[0] == 503
    assert {await task for task in slow} == {(408, "request_slow")}
    assert (await door.post())[0] in (200, 202)
