"""A web server on loopback for tests: handlers in, address out."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager

from aiohttp import web

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def serving(app: web.Application) -> AsyncIterator[str]:
    """Serve an application on a free port; gives its address."""
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def answering(routes: Mapping[str, Handler]) -> AsyncIterator[str]:
    """Serve handlers by path, for every method."""
    app = web.Application(client_max_size=2**24)
    for path, handler in routes.items():
        app.router.add_route("*", path, handler)
    async with serving(app) as url:
        yield url
