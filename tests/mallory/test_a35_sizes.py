"""A35: oversized, deeply nested or huge-count input: refused before it is parsed, or built."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass

import aiohttp
import pytest
from cencomm_client.answers import token_text
from cencomm_client.errors import AnswerTooLarge, LogAlarm
from cencomm_crypto.public.encoding import encode
from cencomm_crypto.public.wire import Sequenced
from cencomm_server.engine.reader import Reader
from cencomm_server.engine.reading import Reading
from cencomm_server.http.call import Route
from cencomm_server.http.gate import Limits

from tests.mallory.harness import Stage, Stages
from tests.mallory.hostile import arrange, honest_then_telling, shape
from tests.mallory.rawsocket import auth_of, raw_socket
from tests.mallory.world import ALERTS, CHIEF, OFFICER, PLAN, WARNING
from tests.support.waiting import until

MIB = 1 << 20
CBOR, JSON = "application/cbor", "application/json"
HUGE_ARRAY = b"\x9b" + b"\xff" * 8  # says that 2^64-1 items follow
HUGE_TEXT = b"\x5b" + b"\x7f" + b"\xff" * 7  # says that 2^63 bytes follow
DEEP = b"\x81" * 100_000 + b"\x00"
ENTRIES = "/v1/logs/{log}/entries"


@dataclass(frozen=True)
class Request:
    """One request that asks for trouble, and the codes that may answer it."""

    name: str
    codes: frozenset[str]
    path: str = ENTRIES
    body: bytes = b""
    kind: str = CBOR
    method: str = "POST"
    chunked: bool = False
    header: tuple[str, str] | None = None


def asks(name: str, codes: str, **fields: object) -> Request:
    return Request(name, frozenset(codes.split()), **fields)  # type: ignore[arg-type]


REQUESTS = (
    asks("a body of 2 MiB", "too_large", body=bytes(2 * MIB)),
    asks("a body of 2 MiB that does not say so", "too_large", body=bytes(2 * MIB), chunked=True),
    asks("arrays in arrays, 100,000 deep", "too_deep malformed", body=DEEP),
    asks("maps in maps", "too_deep malformed", body=b"\xa1\x61a" * 50_000 + b"\x00"),
    asks("an array of 2^64 items", "malformed too_large", body=HUGE_ARRAY),
    asks("a string of 2^63 bytes", "malformed too_large", body=HUGE_TEXT),
    asks(
        "300,000 items",
        "malformed too_large too_many",
        body=b"\x9a\x00\x04\x93\xe0" + bytes(300_000),
    ),
    asks("an endless array", "malformed not_canonical", body=b"\x9f" + b"\x00" * 100_000),
    asks("tags on tags", "wrong_type malformed not_canonical", body=b"\xc1" * 100_000 + b"\x00"),
    asks(
        "a header of 60 kB",
        "too_large malformed",
        body=encode([bytes(60_000), b"", bytes(64), b"", b""]),
    ),
    asks(
        "wraps for 20,000 devices",
        "too_large",
        body=encode([b"\xa0", b"", bytes(64), bytes(112 * 20_000), b""]),
    ),
    asks(
        "a compressed body",
        "unsupported_media",
        body=b"\x1f\x8b" + bytes(100),
        header=("Content-Encoding", "gzip"),
    ),
    asks(
        "JSON of 1 MiB",
        "too_large",
        path="/v1/login/challenge",
        body=b'{"device": "' + b"a" * MIB + b'"}',
        kind=JSON,
    ),
    asks(
        "JSON in JSON, 8,000 deep",
        "bad_request too_deep",
        path="/v1/login/challenge",
        body=b"[" * 8000 + b"]" * 8000,
        kind=JSON,
    ),
    asks(
        "a number of 16,000 digits",
        "bad_request",
        path="/v1/login/challenge",
        body=b'{"device": ' + b"9" * 16_000 + b"}",
        kind=JSON,
    ),
    asks(
        "a place beyond all numbers",
        "bad_request",
        method="GET",
        path=ENTRIES + "?after=" + "9" * 40,
    ),
    asks("a page without end", "bad_request", method="GET", path=ENTRIES + "?limit=999999999"),
    asks("a parameter twice", "bad_request", method="GET", path=ENTRIES + "?after=1&after=2"),
    asks("an address of 20 kB", "bad_request", method="GET", path="/v1/logs?" + "a" * 20_000),
    asks(
        "a header line of 40 kB",
        "bad_request",
        method="GET",
        path="/v1/logs",
        header=("X-Long", "a" * 40_000),
    ),
)


async def send(stage: Stage, request: Request) -> tuple[str, float]:
    """The code of the answer, and how many seconds it took."""
    headers = {
        "Authorization": f"Bearer {token_text(stage.station(OFFICER).transport.token or b'')}"
    }
    if request.method == "POST":
        headers["Content-Type"] = request.kind
    if request.header is not None:
        headers[request.header[0]] = request.header[1]

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(request.body), 65536):
            yield request.body[start : start + 65536]

    url = stage.server.url + request.path.replace("{log}", stage.log.hex())
    began = time.monotonic()
    async with aiohttp.ClientSession() as http:
        try:
            async with http.request(
                request.method,
                url,
                data=pieces() if request.chunked else request.body or None,
                headers=headers,
            ) as answer:
                told = json.loads(await answer.read())
        except aiohttp.ClientOSError:  # cut before it was sent to its end
            return "too_large", time.monotonic() - began
    assert told.keys() == {"code", "detail"}
    assert answer.status in (400, 413, 415, 422), answer.status
    return told["code"], time.monotonic() - began


async def test_http_requests_that_ask_for_too_much(stages: Stages) -> None:
    async with stages() as stage:
        await stage.look(CHIEF, OFFICER)
        head = stage.head()
        found = {request.name: await send(stage, request) for request in REQUESTS}
        wrong = {
            request.name: found[request.name]
            for request in REQUESTS
            if found[request.name][0] not in request.codes
        }
        assert not wrong
        assert max(seconds for _, seconds in found.values()) < 2
        assert stage.head() == head
        await (await stage.operation(CHIEF)).channel(ALERTS).post("MSG", {"text": "unharmed"})
        await stage.look(OFFICER)
        assert stage.texts(OFFICER)[-1] == "unharmed"
        stage.quiet()


class Boundless(Limits):
    """Takes bodies of any size."""

    def most(self, route: Route) -> int:
        return 1 << 40


async def test_what_would_happen_without_the_limit(stages: Stages) -> None:
    """The body is read to its end and handed to the parser."""
    large = next(request for request in REQUESTS if request.name == "JSON of 1 MiB")
    for limits in (Limits, Boundless):
        async with stages(Limits=limits) as stage:
            await stage.client(OFFICER)
            code, _ = await send(stage, large)
            assert code == ("too_large" if limits is Limits else "bad_request")


# -- the live socket ----------------------------------------------------------------------------

PLACEHOLDER = '{"_placeholder":true,"num":0}'
MESSAGES: dict[str, tuple[str | bytes, ...]] = {
    "a message of 129 kB": (f'451-["append",{PLACEHOLDER}]', bytes(129 * 1024)),
    "text of 1 MiB": ("42" + "a" * MIB,),
    "ten thousand million attachments": (f'410000000000-["append",{PLACEHOLDER}]',),
    "two attachments": (f'452-["append",{PLACEHOLDER}]',),
    "arrays 50,000 deep": ('42["append",' + "[" * 50_000 + "]" * 50_000 + "]",),
    "bytes that nothing announced": (b"\x00" * 100,),
    "an event of another name": ('42["disconnect","now"]',),
    "no packet at all": ("9" * 1000,),
    "an acknowledgement number of 100 digits": ("42" + "9" * 100 + '["append",1]',),
}


@pytest.mark.parametrize("name", MESSAGES)
async def test_socket_messages_that_ask_for_too_much(stages: Stages, name: str) -> None:
    """That socket is closed or answered with an error; the others stay, and go on."""
    async with stages() as stage:
        await stage.look(CHIEF, OFFICER)
        chief = await stage.client(CHIEF)
        await chief.go_live()
        await until(lambda: chief.live)
        head = stage.head()
        async with raw_socket(stage) as socket:
            assert await socket.connect(await auth_of(stage, OFFICER)) == ""
            for message in MESSAGES[name]:
                await socket.send(message)
            reason = await socket.end_or_answer()
            assert reason.partition(":")[0] in ("", "malformed", "bad_request", "too_large")
        store = stage.server.logs.store
        fresh = await store.read_entries(stage.log, head.size, stage.head().size)
        assert {doc.device for doc in fresh} <= {stage.device(CHIEF)}  # its program's own
        assert chief.live
        officer = await stage.operation(OFFICER)
        await officer.channel(ALERTS).post("MSG", {"text": "unharmed"})
        await until(lambda: stage.texts(CHIEF)[-1] == "unharmed")
        stage.quiet()


# -- a hostile server against the client --------------------------------------------------------


async def speak(stage: Stage) -> None:
    await stage.look(CHIEF, OFFICER)
    await (await stage.operation(CHIEF)).channel(ALERTS).post("MSG", {"text": "stop the lorry"})


@honest_then_telling
async def test_a_page_without_end(stages: Stages, reading: type[Reading]) -> None:
    """It is given up while it is being read: never held."""
    async with stages(Reading=reading) as stage:
        await speak(stage)
        arrange(stage, lambda items: [*items, bytes(8 * MIB)])
        operation = await stage.operation(OFFICER)
        if reading is Reading:
            await operation.refresh()
            stage.quiet()
            assert stage.texts(OFFICER)[-1] == "stop the lorry"
        else:
            with pytest.raises(AnswerTooLarge):
                await operation.refresh()
            assert stage.texts(OFFICER) == [WARNING, PLAN]


@honest_then_telling
@pytest.mark.parametrize(
    ("data", "row"),
    [(DEEP, "A35"), (HUGE_ARRAY, "A14"), (HUGE_TEXT, "A14"), (bytes(70_000), "A14")],
)
async def test_an_item_that_asks_for_too_much(
    stages: Stages, reading: type[Reading], data: bytes, row: str
) -> None:
    async with stages(Reading=reading) as stage:
        await speak(stage)
        last = stage.head().size - 1

        def bloated(reader: Reader, item: Sequenced, sent: bytes) -> bytes:
            return data if item.seq == last else sent

        shape(stage, bloated)
        operation = await stage.operation(OFFICER)
        if reading is Reading:
            await operation.refresh()
            stage.quiet()
            return
        with pytest.raises(LogAlarm) as caught:
            await operation.refresh()
        assert caught.value.row == row
        stage.expect({row}, OFFICER)
        assert stage.texts(OFFICER) == [WARNING, PLAN]
