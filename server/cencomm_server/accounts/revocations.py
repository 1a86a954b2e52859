"""Ends sessions and live sockets the moment a directory entry says so (A27)."""

from __future__ import annotations

from collections.abc import Iterable

import structlog
from cencomm_crypto.public.directory.state import DirectoryState
from cencomm_crypto.public.ids import AdminId, DeviceId, PersonId
from cencomm_crypto.public.wire import Sequenced

from cencomm_server.accounts.sessions import Sessions

_log = structlog.get_logger("accounts")


class Revocations:
    """Told of each directory commit, in order; a session checks the directory itself besides."""

    def __init__(self, sessions: Sessions) -> None:
        """`sessions` does the ending."""
        self._sessions = sessions

    async def committed(self, entries: Iterable[Sequenced], state: DirectoryState) -> None:
        """`state` is the directory after all of `entries`; those without effect end nothing."""
        for sequenced in entries:
            entry = sequenced.entry
            if entry is None or entry.body is None:
                continue
            kind, body = entry.header.type, entry.body
            if kind == "device.revoke":
                device = state.device(DeviceId(bytes(body["device"])))
                if device is not None and device.revoked is not None:
                    await self._sessions.end_device(device.id)
            elif kind in ("person.suspend", "person.reset"):
                person = state.person(PersonId(bytes(body["person"])))
                if person is not None and (person.suspended or person.reset == sequenced.seq):
                    await self._sessions.end_person(person.id)
            elif kind == "admin.suspend":
                await self._end_administration(state, AdminId(bytes(body["admin"])))
            else:
                continue
            _log.info("sessions_ended", type=kind, seq=sequenced.seq)

    async def _end_administration(self, state: DirectoryState, admin: AdminId) -> None:
        found = state.administration(admin)
        if found is None or not found.suspended:
            return
        for person in state.persons.values():
            if person.admin == admin:
                await self._sessions.end_person(person.id)
