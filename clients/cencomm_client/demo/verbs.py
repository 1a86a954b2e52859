"""The loop of a participant's process: read a line, run the verb, answer with what was seen."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import traceback
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

from cencomm_crypto.errors import CencommError

Verb = Callable[..., Awaitable[Any]]
Alarms = Callable[[], Iterable[Mapping[str, str]]]
WATCH_S = 0.1
LINE_LIMIT = 64 * 1024 * 1024
_Say = Callable[[Mapping[str, Any]], None]


async def serve(
    conductor: socket.socket,
    verbs: Mapping[str, Verb],
    leave: Callable[[], Awaitable[None]],
    alarms: Alarms,
) -> None:
    """Answer lines {"id", "verb", "values"} until the conductor ends; calls run side by side.

    What `alarms` gives, each with row, code and detail, is told unasked, once. Then `leave`.
    """
    reader, writer = await asyncio.open_connection(sock=conductor, limit=LINE_LIMIT)

    def say(line: Mapping[str, Any]) -> None:
        writer.write(json.dumps(line).encode() + b"\n")

    running: set[asyncio.Task[None]] = {asyncio.create_task(_watch(alarms, say))}
    while line := await reader.readline():
        call = json.loads(line)
        task = asyncio.create_task(_answer(verbs, call, say))
        running.add(task)
        task.add_done_callback(running.discard)
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)
    await leave()
    writer.close()
    with contextlib.suppress(ConnectionError):  # the conductor is gone
        await writer.wait_closed()


async def _watch(alarms: Alarms, say: _Say) -> None:
    told: set[tuple[str, ...]] = set()
    while True:
        for alarm in alarms():
            if (key := tuple(alarm.values())) not in told:
                told.add(key)
                say({"alarm": dict(alarm)})
        await asyncio.sleep(WATCH_S)


async def _answer(verbs: Mapping[str, Verb], call: Mapping[str, Any], say: _Say) -> None:
    answer: dict[str, Any] = {"id": call["id"]}
    try:
        answer["value"] = await verbs[call["verb"]](**call["values"])
    except asyncio.CancelledError:
        answer["error"] = {"code": "cancelled", "detail": "the process is asked to end"}
    except CencommError as error:
        answer["error"] = {"code": str(error.code), "detail": error.detail}
        if (row := getattr(error, "row", None)) is not None:
            say({"alarm": {"row": row, **answer["error"]}})
    except Exception as error:  # the conductor must learn of every failure, whatever it is
        traceback.print_exc()
        answer["error"] = {"code": "internal", "detail": f"{type(error).__name__}: {error}"}
    say(answer)
