"""The live connection: pushed entries in, own entries out, over Socket.IO on WebSocket only.

At each connect a fresh challenge is signed (A27). A broken connection comes back with growing
pauses and jitter, and every time it does the owner is told to pull by cursor: a push saves a
request, it is never the truth. Frames have a size limit and no compression (A16, A35).
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping
from enum import StrEnum
from typing import Any

import aiohttp
import socketio  # type: ignore[import-untyped]  # no stubs
from cencomm_crypto.public.ids import LogId
from cencomm_crypto.public.wire import Receipt, Submission
from socketio.exceptions import SocketIOError  # type: ignore[import-untyped]  # no stubs

from cencomm_client.answers import PushFrame, parse_push, parse_receipt
from cencomm_client.backoff import Backoff
from cencomm_client.errors import (
    AnswerMalformed,
    LoginFailed,
    NotAuthenticated,
    Refused,
    TransportError,
    Unreachable,
    refusal,
)
from cencomm_client.transport import Transport

SOCKET_PATH = "/v1/socket"
MAX_FRAME = 8 * 1024 * 1024  # bytes; a push covers one commit of the server
MAX_LIVE_APPEND = 120 * 1024  # DESIGN 9: the server's buffer is 128 KiB; larger goes by HTTP
MAX_QUEUED = 32 * 1024 * 1024  # bytes of pushes that wait for the owner
MAX_QUEUED_FRAMES = 1024
ACK_TIMEOUT_S = 20.0
MOST_FAILED_PROOFS = 3  # in a row
_LOST = object()  # in the place of an answer: the connection broke before it came

AuthFields = Callable[[], Awaitable[Mapping[str, Any]]]
"""Makes the auth object for one connect: token, device, nonce, expiry, sig."""


class LiveState(StrEnum):
    """Where the connection stands."""

    CONNECTING = "connecting"
    CONNECTED = "connected"
    WAITING = "waiting"  # until the next try
    REFUSED = "refused"  # the session is over: log in again
    CLOSED = "closed"


class LiveConnection:
    """Keeps one Socket.IO connection up while `run` runs.

    `on_connected` is awaited after each connect (pull by cursor there); `on_entries` and
    `on_head` get parsed frames that nobody has verified yet; `on_state` hears of changes.
    """

    def __init__(
        self,
        transport: Transport,
        auth: AuthFields,
        *,
        on_connected: Callable[[], Awaitable[None]],
        on_entries: Callable[[PushFrame], Awaitable[None]],
        on_head: Callable[[PushFrame], Awaitable[None]],
        on_state: Callable[[LiveState], None] = lambda state: None,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._transport = transport
        self._auth = auth
        self._on_connected = on_connected
        self._on_entries = on_entries
        self._on_head = on_head
        self._on_state = on_state
        self._backoff = Backoff(jitter)
        self._client: socketio.AsyncClient | None = None
        self._lost = asyncio.Event()
        self._asked: set[asyncio.Future[object]] = set()  # appends without an answer yet
        self._closing = False
        self._frames: asyncio.Queue[tuple[str, PushFrame, int]] = asyncio.Queue()
        self._queued_bytes = 0
        self._missed = False
        self.state = LiveState.CONNECTING

    @property
    def connected(self) -> bool:
        """Whether `append` can go this way now."""
        return self.state is LiveState.CONNECTED

    async def run(self) -> None:
        """Stay connected until `close`; raises Refused when the session is over."""
        worker = asyncio.create_task(self._hand_over())
        failed_proofs = 0
        try:
            while not self._closing:
                asked_s = 0.0
                if worker.done():  # it failed to pull: else each new connection ends at once
                    worker = asyncio.create_task(self._hand_over())
                self._become(LiveState.CONNECTING)
                try:
                    await self._connect()
                    await self._on_connected()
                    self._become(LiveState.CONNECTED)
                    failed_proofs = 0
                    self._backoff.came_up()
                    await self._until_lost(worker)
                except NotAuthenticated:
                    self._become(LiveState.REFUSED)
                    raise
                except LoginFailed:  # a challenge that took too long, or a device that is revoked
                    failed_proofs += 1
                    if failed_proofs == MOST_FAILED_PROOFS:
                        self._become(LiveState.REFUSED)
                        raise
                except Refused as refused:
                    asked_s = refused.retry_after_s
                except TransportError:
                    pass
                finally:
                    await self._disconnect()
                if self._closing:
                    break
                self._become(LiveState.WAITING)
                await asyncio.sleep(max(asked_s, self._backoff.next_s()))
        finally:
            worker.cancel()
            await asyncio.gather(worker, return_exceptions=True)
            if self.state is not LiveState.REFUSED:
                self._become(LiveState.CLOSED)

    async def close(self) -> None:
        """End `run`."""
        self._closing = True
        self._lose(self._lost)
        await self._disconnect()

    async def append(self, log: LogId, submission: Submission) -> Receipt:
        """Post an entry over the live connection; raises Unreachable, Refused.

        The receipt is not verified here. After Unreachable the outcome is unknown: send the
        same bytes again.
        """
        client, data = self._client, log + submission.encode()
        if client is None or not self.connected or len(data) > MAX_LIVE_APPEND:
            raise Unreachable("the live connection cannot take this entry now")
        answered: asyncio.Future[object] = asyncio.get_running_loop().create_future()
        self._asked.add(answered)
        try:
            async with asyncio.timeout(ACK_TIMEOUT_S):
                await client.emit("append", data, callback=_answering(answered))
                answer = await answered
        except (SocketIOError, aiohttp.ClientError, OSError, ValueError) as error:
            raise Unreachable(f"append: {type(error).__name__}") from error
        finally:
            self._asked.discard(answered)
        if answer is _LOST:
            raise Unreachable("the connection broke before the acknowledgement came")
        if isinstance(answer, bytes):
            return parse_receipt(answer)
        raise _refusal_of(answer)

    async def _connect(self) -> None:
        auth = dict(await self._auth())
        client = socketio.AsyncClient(
            reconnection=False,
            handle_sigint=False,
            http_session=self._transport.http,
            websocket_extra_options={"max_msg_size": MAX_FRAME, "compress": 0},
        )
        refused: list[object] = []
        self._lost = lost = asyncio.Event()
        client.on("connect_error", refused.append)
        client.on("disconnect", lambda reason: self._lose(lost))
        client.on("entries", self._receiver("entries", lost))
        client.on("head", self._receiver("head", lost))
        self._client = client
        try:
            await client.connect(
                self._transport.origin,
                auth=auth,
                transports=["websocket"],
                socketio_path=SOCKET_PATH,
                wait_timeout=10,
            )
        except (SocketIOError, aiohttp.ClientError, OSError, ValueError, TimeoutError) as error:
            answer = next((item for item in refused if isinstance(item, dict)), None)
            if answer is not None:
                raise _refusal_of(answer.get("data") or answer) from error
            raise Unreachable(f"live connection: {type(error).__name__}") from error

    def _lose(self, lost: asyncio.Event) -> None:
        """This connection is over; who waits for an answer on it gets none."""
        lost.set()
        if lost is self._lost:
            for answered in self._asked:
                if not answered.done():
                    answered.set_result(_LOST)

    def _receiver(self, event: str, lost: asyncio.Event) -> Callable[[object], Awaitable[None]]:
        async def receive(data: object) -> None:
            try:
                if not isinstance(data, bytes):
                    raise AnswerMalformed(f"{event}: bytes expected")
                self._enqueue(event, parse_push(data), len(data))
            except AnswerMalformed:
                self._lose(lost)  # a server that talks like this is left; the cursor is the truth

        return receive

    def _enqueue(self, event: str, frame: PushFrame, size: int) -> None:
        """Queue a frame; beyond the bound it is dropped, and the owner pulls by cursor (A34)."""
        if self._queued_bytes + size > MAX_QUEUED or self._frames.qsize() >= MAX_QUEUED_FRAMES:
            self._missed = True
            return
        self._queued_bytes += size
        self._frames.put_nowait((event, frame, size))

    async def _hand_over(self) -> None:
        """Give frames to the owner one at a time, in their order."""
        while True:
            event, frame, size = await self._frames.get()
            self._queued_bytes -= size
            await (self._on_entries if event == "entries" else self._on_head)(frame)
            if self._missed and self._frames.empty():
                self._missed = False
                await self._on_connected()

    async def _until_lost(self, worker: asyncio.Task[None]) -> None:
        lost = asyncio.create_task(self._lost.wait())
        try:
            await asyncio.wait((lost, worker), return_when=asyncio.FIRST_COMPLETED)
            if worker.done():
                worker.result()  # what the owner raised (an alarm) ends `run`
        finally:
            lost.cancel()

    async def _disconnect(self) -> None:
        client, self._client = self._client, None
        if client is not None and client.connected:
            try:
                async with asyncio.timeout(3):
                    await client.disconnect()
            except (SocketIOError, aiohttp.ClientError, OSError, TimeoutError):
                pass
        self._lose(self._lost)  # whatever the library has told of it

    def _become(self, state: LiveState) -> None:
        if state is not self.state:
            self.state = state
            self._on_state(state)


def _answering(answered: asyncio.Future[object]) -> Callable[..., None]:
    """What the library calls with the server's answer: a future costs a third of its `call`,
    which makes three tasks for each entry."""

    def answer(*given: object) -> None:
        if not answered.done():
            answered.set_result(given[0] if len(given) == 1 else None)

    return answer


def _refusal_of(answer: object) -> Refused | AnswerMalformed:
    if isinstance(answer, Mapping):
        code, detail = answer.get("code"), answer.get("detail", "")
        if isinstance(code, str) and isinstance(detail, str):
            wait = answer.get("retry_after_s", 0)
            return refusal(
                code[:64],
                detail[:512],
                retry_after_s=float(wait) if isinstance(wait, int) and 0 <= wait <= 3600 else 0.0,
            )
    return AnswerMalformed("the acknowledgement is neither a receipt nor a refusal")
