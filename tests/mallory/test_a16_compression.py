"""A16: compression tells what is secret beside what is chosen. Nothing here is compressed."""

from __future__ import annotations

import gzip
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from cencomm_client.errors import ClientCode
from cencomm_crypto.public.wire import Submission
from cencomm_server.engine.append import Appends
from cencomm_server.engine.reader import Reader
from cencomm_server.events import SOCKET_PATH
from cencomm_server.http.gate import Gate

from tests.mallory.harness import Stage, Stages, refusal
from tests.mallory.world import ALERTS, CHIEF, OFFICER, PLAN, WARNING
from tests.support.bad_input.bench import Bench

ASKS = {"Accept-Encoding": "gzip, deflate, br, zstd"}


class Compressing(Gate):
    """Compresses every answer of a log, whatever the client takes. In the place of `Gate`."""

    def application(self, routes: Any) -> web.Application:
        app = super().application(routes)

        async def compress(request: web.Request, response: web.StreamResponse) -> None:
            of_a_log = request.path.startswith("/v1/logs/")
            if of_a_log and isinstance(response, web.Response):
                assert isinstance(response.body, bytes)
                response.body = gzip.compress(response.body)
                response.headers["Content-Encoding"] = "gzip"

        app.on_response_prepare.append(compress)
        return app


async def test_no_answer_is_compressed_though_the_client_takes_all(stages: Stages) -> None:
    async with stages() as stage, aiohttp.ClientSession(auto_decompress=False) as http:
        await stage.look(OFFICER)
        bench = Bench(stage, http)
        headers = {"Authorization": f"Bearer {bench.token(OFFICER)}", **ASKS}
        for path in ("/v1/info", "/v1/logs", f"/v1/logs/{stage.log.hex()}/entries?after=0"):
            async with http.get(stage.server.url + path, headers=headers) as answer:
                assert answer.status == 200
                assert "Content-Encoding" not in answer.headers
                assert int(answer.headers["Content-Length"]) == len(await answer.read())


async def test_no_live_socket_is_compressed_though_the_browser_offers_it(stages: Stages) -> None:
    """Nor does the own client offer it."""
    async with stages() as stage, aiohttp.ClientSession() as http:
        url = f"{stage.server.url}{SOCKET_PATH}/?EIO=4&transport=websocket"
        async with http.ws_connect(url, compress=15) as socket:
            assert socket.compress == 0
            assert "Sec-WebSocket-Extensions" not in socket._response.headers


@pytest.mark.parametrize("gate", [Gate, Compressing], ids=["honest", "compressing"])
async def test_a_server_that_compresses_all_the_same(stages: Stages, gate: type[Gate]) -> None:
    """A client reads no such answer: whoever sealed beside chosen text would be measured."""
    async with stages(Gate=gate, Appends=Appends) as stage:
        await posted(stage)
        if gate is Gate:
            await stage.look(OFFICER)
            assert stage.texts(OFFICER) == [WARNING, PLAN, "chosen"]
        else:
            officer = await stage.client(OFFICER)
            assert await refusal(officer.refresh()) == ClientCode.ANSWER_MALFORMED
            assert stage.texts(OFFICER) == [WARNING, PLAN]
        stage.quiet()


async def posted(stage: Stage) -> None:
    """A message comes into the log, past the server's HTTP."""
    await stage.client(CHIEF)
    await stage.client(OFFICER)
    entry, vault = stage.message(CHIEF, ALERTS, "chosen"), stage.station(CHIEF).vault
    reader = Reader(vault.device, vault.person, "human")
    await stage.server.part(Appends).append(stage.log, Submission.of(entry), reader)
