"""No failed login is answered sooner than any other (A37)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from cencomm_config.errors import LoginFailed, RateLimited, SessionExpired


@asynccontextmanager
async def floor(floor_ms: int) -> AsyncIterator[None]:
    """Let a LoginFailed or RateLimited from inside leave only `floor_ms` after entering.

    Equal work alone would let a stranger burn the pool of argon2 threads: who cannot sign with a
    device of the directory costs a signature check, and still waits as long as everybody.
    """
    loop = asyncio.get_running_loop()
    due = loop.time() + floor_ms / 1000
    try:
        yield
    except (LoginFailed, RateLimited, SessionExpired):
        await asyncio.sleep(max(0.0, due - loop.time()))
        raise
