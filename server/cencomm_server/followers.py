"""What the accounts see of the engine: the committed directory, and each of its commits."""

from __future__ import annotations

import asyncio

import structlog
from cencomm_config.errors import NoDirectory
from cencomm_crypto.errors import CencommError
from cencomm_crypto.public.directory.state import DirectoryState, Person

from cencomm_server.accounts.revocations import Revocations
from cencomm_server.engine.committed import Commit
from cencomm_server.engine.logs import Logs

_log = structlog.get_logger("accounts")


class CommittedDirectory:
    """`accounts.principal.Directory` over the engine's logs."""

    def __init__(self, logs: Logs) -> None:
        """`logs` may have no directory yet."""
        self._logs = logs

    @property
    def state(self) -> DirectoryState | None:
        """The newest committed state; None before the genesis."""
        try:
            return self._logs.directory.state
        except NoDirectory:
            return None

    def reset_at(self, person: Person) -> int:
        """Server time (ms) of the person's last reset entry, -1 if there was none."""
        if person.reset is None:
            return -1
        return self._logs.directory.at(person.reset + 1).at


class DirectoryFollower:
    """Hands each directory commit to the revocations, in order, beside the commit itself."""

    def __init__(self, revocations: Revocations) -> None:
        """`committed` is to be given to `Logs.listen`."""
        self._revocations = revocations
        self._waiting: asyncio.Queue[Commit] = asyncio.Queue()
        self._task = asyncio.create_task(self._follow(), name="follow directory")

    def committed(self, commit: Commit) -> None:
        """Called by the engine for every log."""
        if isinstance(commit.state, DirectoryState) and commit.entries:
            self._waiting.put_nowait(commit)

    async def stop(self) -> None:
        """End; sessions ask the directory at each use, so nothing is missed for good."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _follow(self) -> None:
        while True:
            commit = await self._waiting.get()
            if not isinstance(commit.state, DirectoryState):
                continue
            try:
                await self._revocations.committed(commit.entries, commit.state)
            except CencommError as error:
                _log.warning("revocation_not_followed", size=commit.size, code=error.code)
