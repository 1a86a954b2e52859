"""Handlers that say whether the server lives, whether it is ready, and what it is."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

from cencomm_config.errors import LogBehind
from cencomm_crypto.public.entry import ENTRY_V, SUITE

from cencomm_server.accounts.principal import Directory
from cencomm_server.http.call import Answer, Call, json_answer
from cencomm_server.metrics import MEDIA, Metrics
from cencomm_server.readiness import OK, Readiness


class RunningHandlers:
    """One method per route."""

    def __init__(
        self,
        *,
        readiness: Readiness,
        metrics: Metrics,
        directory: Directory,
        name: str,
        log_key: bytes,
        version: str,
        limits: Mapping[str, int],
    ) -> None:
        """`name` and `log_key` of the installation; `limits` as /v1/info tells them."""
        self._readiness, self._metrics = readiness, metrics
        self._directory = directory
        self.version = version
        self._openapi = json_answer({})
        self._about = {
            "name": name,
            "log_key": log_key.hex(),
            "v": ENTRY_V,
            "suite": SUITE,
            "version": version,
            "limits": dict(limits),
        }

    def describe(self, openapi: Answer) -> None:
        """What /v1/openapi.json answers; `routes` calls this with the table it has made."""
        self._openapi = openapi

    async def openapi(self, call: Call) -> Answer:
        """GET /v1/openapi.json."""
        call.query.end()
        return self._openapi

    async def alive(self, call: Call) -> Answer:
        """GET /healthz."""
        call.query.end()
        return json_answer({"ok": True})

    async def ready(self, call: Call) -> Answer:
        """GET /readyz."""
        call.query.end()
        checks = await self._readiness.report()
        # A log that is behind is handed back by members: a balancer must not keep them away.
        is_ready = all(code in (OK, LogBehind.code) for code in checks.values())
        status = HTTPStatus.OK if is_ready else HTTPStatus.SERVICE_UNAVAILABLE
        return json_answer({"ready": is_ready, "checks": checks}, status)

    async def metrics(self, call: Call) -> Answer:
        """GET /metrics."""
        call.query.end()
        return Answer(self._metrics.expose(await self._readiness.report()), MEDIA)

    async def info(self, call: Call) -> Answer:
        """GET /v1/info."""
        call.query.end()
        state = self._directory.state
        directory = state.id32.hex() if state is not None else None
        log_key = state.log_key.hex() if state is not None else self._about["log_key"]
        return json_answer({**self._about, "directory": directory, "log_key": log_key})
