"""A webhook as a source: the source system posts each hit, signed, and may safely post it again.

    POST /hits
    CENcomm-Id: 1 to 64 characters, the request's own; the same one when it is sent again
    CENcomm-Time: Unix seconds
    CENcomm-Signature: v1=<hex of HMAC-SHA256(secret, time "." id "." body)>

202 once the hit is on the disk. Whoever heard nothing sends the same bytes again: 200 with the
same answer and no second hit; another body under the id is a 409. A request that somebody took
on the way is worth nothing after five minutes, and before that it is a request sent again.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import re
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from aiohttp import web
from aiohttp.typedefs import Handler
from cencomm_config.catalog import sentence

from cencomm_client.bots.dropping import Disk
from cencomm_client.bots.folder import outcome_document
from cencomm_client.bots.reading import MAX_BYTES
from cencomm_client.bots.serving import Address, serving
from cencomm_client.bots.source import Outcome, RawHit, Result, State
from cencomm_client.errors import ClientCode, QueueUnwritable

WINDOW_S = 300
REMEMBER_S = 2 * WINDOW_S + 60  # longer than any request is good for
LEAST_SECRET = 32  # bytes
AT_ONCE = 512  # requests that come in, or wait for the disk; beyond it 503
BUSY_S = 5
BODY_S = 10.0  # within which a body is to be whole
_AS_TEXT = "json"
ID, TIME, SIGNATURE = "CENcomm-Id", "CENcomm-Time", "CENcomm-Signature"
_ID = re.compile(r"[\x21-\x7e]{1,64}", re.ASCII)
_TIME = re.compile(r"[0-9]{1,12}", re.ASCII)


class Refusal(Exception):
    """A request that gets no hit in."""

    def __init__(self, status: int, code: ClientCode, detail: str) -> None:
        super().__init__(detail)
        self.status, self.code, self.detail = status, code, detail


@dataclass
class _Asked:
    """A hit on its way to the disk."""

    answer: asyncio.Future[Outcome]


@dataclass
class _Turn:
    """Requests of one id take turns; how many hold the lock or wait for it."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    requests: int = 0


class Webhook:
    """Listens on loopback; `secret` is shared with the source system, at least 32 bytes."""

    name = "webhook"

    def __init__(
        self,
        address: Address,
        secret: bytes,
        *,
        clock: Callable[[], int],
        on_port: Callable[[int], None] = lambda port: None,
    ) -> None:
        """`clock` in ms; `on_port` hears where it listens."""
        if len(secret) < LEAST_SECRET:
            raise ValueError(f"a secret of at least {LEAST_SECRET} bytes expected")
        self._address, self._secret, self._clock, self._on_port = address, secret, clock, on_port
        self._arrived: asyncio.Queue[RawHit] = asyncio.Queue(AT_ONCE)
        self._busy: dict[str, _Turn] = {}
        self._waiting = 0
        self.memory: Memory = _Forgetful()
        """Answers by request id, durable; `Bot` puts its queue here."""

    async def hits(self) -> AsyncIterator[RawHit]:
        """What is posted, for ever."""
        application = web.Application(client_max_size=MAX_BYTES, middlewares=[_elsewhere])
        application.router.add_post("/hits", self._answer)
        async with serving(application, self._address) as port:
            self._on_port(port)
            while True:
                yield await self._arrived.get()

    async def taken(self, hit: RawHit, outcome: Outcome) -> None:
        """It is on the disk: whoever posted it may hear so."""
        if isinstance(hit.token, _Asked) and not hit.token.answer.done():
            hit.token.answer.set_result(outcome)

    async def done(self, key: str, outcome: Outcome) -> None:
        """Nobody waits for that."""

    async def answered(self, key: str, result: Result) -> None:
        """Nobody asks for that here: `Bot.answered` and `cencomm bot hits --json` tell it."""

    # -- inside -------------------------------------------------------------------------------

    async def _answer(self, request: web.Request) -> web.Response:
        try:
            if self._waiting >= AT_ONCE:
                raise Refusal(503, ClientCode.QUEUE_FULL, f"{AT_ONCE} requests wait already")
            self._waiting += 1
            try:
                return await self._in_turn(*await self._judged(request))
            finally:
                self._waiting -= 1
        except QueueUnwritable as error:  # sent again it is known, or taken then
            return _refused(Refusal(503, ClientCode.QUEUE_FULL, error.detail))
        except Refusal as refusal:
            return _refused(refusal)

    async def _in_turn(self, id: str, body: bytes) -> web.Response:
        """The same request twice at once is one after the other."""
        turn = self._busy.setdefault(id, _Turn())
        turn.requests += 1
        try:
            async with turn.lock:
                return await self._served(id, body)
        finally:
            turn.requests -= 1
            if not turn.requests:  # a lock that is free may still have been promised to one
                self._busy.pop(id, None)

    async def _judged(self, request: web.Request) -> tuple[str, bytes]:
        """Id and body of a request that the source system signed just now."""
        missing = [name for name in (ID, TIME, SIGNATURE) if name not in request.headers]
        if missing:
            raise Refusal(400, ClientCode.REQUEST_MALFORMED, f"no header {', '.join(missing)}")
        twice = [name for name in (ID, TIME, SIGNATURE) if len(request.headers.getall(name)) > 1]
        if twice:
            raise Refusal(400, ClientCode.REQUEST_MALFORMED, f"{', '.join(twice)} more than once")
        if "Content-Encoding" in request.headers:  # few bytes could become many
            raise Refusal(400, ClientCode.REQUEST_MALFORMED, "a body as it is, not compressed")
        id, moment = request.headers[ID], request.headers[TIME]
        if not _ID.fullmatch(id):
            raise Refusal(
                400, ClientCode.REQUEST_MALFORMED, f"{ID}: 1 to 64 visible ASCII characters"
            )
        if not _TIME.fullmatch(moment):
            raise Refusal(400, ClientCode.REQUEST_MALFORMED, f"{TIME}: Unix seconds")
        body = await _body(request)
        expected = signature(self._secret, moment, id, body)
        given = request.headers[SIGNATURE].encode("utf-8", "replace")
        if not hmac.compare_digest(expected.encode(), given):
            raise Refusal(
                401, ClientCode.SIGNATURE_WRONG, f"{SIGNATURE} is not that of time, id and body"
            )
        off_s = self._clock() // 1000 - int(moment)
        if abs(off_s) > WINDOW_S:
            raise Refusal(
                401, ClientCode.TIME_OUTSIDE, f"{off_s} s away from this clock, {WINDOW_S} allowed"
            )
        return id, body

    async def _served(self, id: str, body: bytes) -> web.Response:
        digest = hashlib.sha256(body).digest()
        known = await self.memory.recall(id)
        if known is not None:
            if not hmac.compare_digest(known[0], digest):
                raise Refusal(
                    409, ClientCode.REQUEST_REUSED, f"another body came under the {ID} before"
                )
            answer = known[1]
            invalid = answer.get("state") == State.INVALID
            return web.json_response(answer, status=422 if invalid else 200)
        outcome = await self._asked(body)
        answer = outcome_document(outcome)
        if outcome.state is State.INVALID:
            answer["message"] = sentence(outcome.code)
        await self.memory.remember(id, digest, answer, self._clock())
        if outcome.state is State.INVALID:
            return web.json_response(answer, status=422)
        return web.json_response(answer, status=200 if outcome.known else 202)

    async def _asked(self, body: bytes) -> Outcome:
        asked = _Asked(asyncio.get_running_loop().create_future())
        try:
            self._arrived.put_nowait(RawHit(None, body, asked))
        except asyncio.QueueFull as error:  # bodies of those that wait no longer lie there still
            raise Refusal(503, ClientCode.QUEUE_FULL, "the queue takes nothing now") from error
        try:
            async with asyncio.timeout(BUSY_S):
                return await asked.answer
        except TimeoutError as error:  # it may yet come onto the disk; then its key is known
            raise Refusal(503, ClientCode.QUEUE_FULL, "the queue takes nothing now") from error


class Memory(Protocol):
    """Answers by request id."""

    async def recall(self, id: str) -> tuple[bytes, dict[str, Any]] | None:
        """Hash of the body, and the answer."""
        ...

    async def remember(self, id: str, body: bytes, answer: dict[str, Any], now: int) -> None:
        """Durably, for as long as the request could come again."""
        ...


class QueueMemory:
    """In the bot's queue: a restart forgets none."""

    def __init__(self, disk: Disk) -> None:
        self._disk = disk

    async def recall(self, id: str) -> tuple[bytes, dict[str, Any]] | None:
        found = await self._disk(lambda queue: queue.request(id))
        return None if found is None else (found[0], json.loads(found[1][_AS_TEXT]))

    async def remember(self, id: str, body: bytes, answer: dict[str, Any], now: int) -> None:
        before = now - REMEMBER_S * 1000
        # As text: an answer repeats what was read, and that may be half a character.
        held = {_AS_TEXT: json.dumps(answer)}
        await self._disk(lambda queue: queue.keep_request(id, body, held, now, before))


class _Forgetful:
    """Until a Bot puts its queue there: nothing is answered that a restart would forget."""

    async def recall(self, id: str) -> tuple[bytes, dict[str, Any]] | None:
        raise RuntimeError("a webhook is run by a Bot")

    async def remember(self, id: str, body: bytes, answer: dict[str, Any], now: int) -> None:
        raise RuntimeError("a webhook is run by a Bot")


def signature(secret: bytes, moment: str, id: str, body: bytes) -> str:
    """The header of a request: `v1=` and hex."""
    signed = moment.encode() + b"." + id.encode() + b"." + body
    return "v1=" + hmac.new(secret, signed, hashlib.sha256).hexdigest()


async def _body(request: web.Request) -> bytes:
    """The whole body."""
    try:
        async with asyncio.timeout(BODY_S):
            return await request.read()
    except web.HTTPRequestEntityTooLarge as error:
        detail = f"at most {MAX_BYTES} bytes"
        raise Refusal(413, ClientCode.REQUEST_TOO_LARGE, detail) from error
    except TimeoutError as error:
        detail = f"the body is to come within {BODY_S:g} s"
        raise Refusal(408, ClientCode.REQUEST_SLOW, detail) from error
    except web.RequestPayloadError as error:
        raise Refusal(400, ClientCode.REQUEST_MALFORMED, "a body that breaks off") from error


@web.middleware
async def _elsewhere(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Another path or method has a code too."""
    try:
        return await handler(request)
    except (web.HTTPNotFound, web.HTTPMethodNotAllowed) as error:
        detail = "POST /hits is all that there is here"
        refused = _refused(Refusal(error.status, ClientCode.REQUEST_MALFORMED, detail))
        refused.headers.update(
            {name: error.headers[name] for name in ("Allow",) if name in error.headers}
        )
        return refused


def _refused(refusal: Refusal) -> web.Response:
    document = {
        "code": str(refusal.code),
        "message": sentence(refusal.code),
        "detail": refusal.detail,
    }
    headers = {"Retry-After": str(BUSY_S)} if refusal.status == 503 else None
    return web.json_response(document, status=refusal.status, headers=headers)
