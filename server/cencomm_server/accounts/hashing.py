"""argon2id over login secrets and bot secrets, in a capped pool of threads.

The client has stretched the password already (DESIGN 3 Login); this second hash makes a stolen
database useless for logging in (A38). argon2-cffi releases the interpreter lock, so threads compute
beside the event loop; each takes 64 MiB, hence the cap.
"""

from __future__ import annotations

import asyncio
import base64
import secrets
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import argon2
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.low_level import ARGON2_VERSION
from cencomm_config.errors import Internal, TooBusy

T = TypeVar("T")


class SecretHasher:
    """Hashes and verifies; `verify` takes the same time whether there is a hash or not (A37)."""

    def __init__(
        self, *, threads: int, queue: int, memory_kib: int = 64 * 1024, passes: int = 3
    ) -> None:
        """`queue`: calls that may wait beside the `threads` that compute."""
        self._argon2 = argon2.PasswordHasher(
            time_cost=passes, memory_cost=memory_kib, parallelism=1, type=argon2.Type.ID
        )
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="argon2")
        self._room = threads + queue
        self._dummy = _of_no_secret(self._argon2)

    async def hash(self, secret: bytes) -> str:
        """An argon2id string with a salt of its own; raises TooBusy."""
        return await self._run(lambda: self._argon2.hash(secret))

    async def verify(self, stored: str | None, secret: bytes) -> bool:
        """Whether `secret` is the one that was hashed; with None a dummy is computed; TooBusy."""
        matches = await self._run(lambda: self._matches(stored or self._dummy, secret))
        return matches and stored is not None

    def close(self) -> None:
        """Stop the threads; what waits is dropped."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _matches(self, stored: str, secret: bytes) -> bool:
        try:
            return self._argon2.verify(stored, secret)
        except VerificationError:
            return False
        except InvalidHashError as error:
            raise Internal("a stored hash is not an argon2 string") from error

    async def _run(self, work: Callable[[], T]) -> T:
        if self._room <= 0:
            raise TooBusy("too many logins are being computed; try again in a second")
        self._room -= 1
        future = self._pool.submit(work)
        loop = asyncio.get_running_loop()
        # Counted until the thread is free again, also when the caller has gone away meanwhile.
        future.add_done_callback(lambda done: self._give_back(loop, done))
        return await asyncio.wrap_future(future)

    def _give_back(self, loop: asyncio.AbstractEventLoop, _: Future[T]) -> None:
        try:
            loop.call_soon_threadsafe(self._leave)
        except RuntimeError:  # the loop is closed: so is the server
            self._leave()

    def _leave(self) -> None:
        self._room += 1


def _of_no_secret(argon2id: argon2.PasswordHasher) -> str:
    """A hash that is none: to verify it takes what any takes, to make it takes no computing."""
    salt, digest = (
        base64.b64encode(secrets.token_bytes(size)).decode().rstrip("=")
        for size in (argon2id.salt_len, argon2id.hash_len)
    )
    cost = f"m={argon2id.memory_cost},t={argon2id.time_cost},p={argon2id.parallelism}"
    return f"$argon2id$v={ARGON2_VERSION}${cost}${salt}${digest}"
