"""The custodians' process: governance root and administrations' roots, off the server.

In real life these are several people with several machines, and drafts travel between them as
files; here one process holds all their key files and does the same steps with the same code.
"""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

from cencomm_crypto.public.entry import Head
from cencomm_crypto.public.ids import PersonId
from cencomm_crypto.public.primitives import EMPTY_ROOT

from cencomm_client.contact_point import NcpRequest
from cencomm_client.demo.verbs import Verb
from cencomm_client.root import ceremony
from cencomm_client.root.draft import Draft
from cencomm_client.root.keyfile import RootKey, RootKind
from cencomm_client.transport import Transport

CUSTODIANS, THRESHOLD = 3, 2


class Roots:
    """Open key files of one deployment."""

    def __init__(self) -> None:
        self._governance: list[RootKey] = []
        self._administrations: dict[str, RootKey] = {}
        self._transport: Transport | None = None
        self._name = ""
        self._log_key = b""
        self._directory = b""

    def alarms(self) -> list[dict[str, str]]:
        """The custodians follow no log."""
        return []

    @property
    def verbs(self) -> dict[str, Verb]:
        """What the conductor may ask."""
        return {"found": self.found, "appoint": self.appoint, "grant": self.grant}

    async def leave(self) -> None:
        """The end of the process: give the key files back."""
        for root in (*self._governance, *self._administrations.values()):
            root.close()
        if self._transport is not None:
            await self._transport.close()

    async def found(
        self,
        folder: str,
        passphrase: str,
        url: str,
        name: str,
        log_key: str,
        setup: str,
        codes: list[str],
    ) -> dict[str, Any]:
        """Draw all keys, sign and publish the genesis, add the administrations."""
        place = Path(folder)
        await asyncio.to_thread(place.mkdir, parents=True, exist_ok=True)
        self._transport = Transport(url)
        self._name, self._log_key = name, bytes.fromhex(log_key)
        for number in range(1, CUSTODIANS + 1):
            path = place / f"governance-{number}.root"
            label = f"custodian {number}"
            self._governance.append(RootKey.create(path, passphrase, RootKind.GOVERNANCE, label))
        first = self._governance[0]
        keys = [root.public for root in self._governance]
        draft = ceremony.draft_genesis(
            first, name=name, log_key=self._log_key, keys=keys, k=THRESHOLD
        )
        for root in self._governance[:THRESHOLD]:
            draft = ceremony.sign(draft, root)
        genesis = ceremony.complete(draft, first, Head(0, EMPTY_ROOT), _now())
        self._directory = ceremony.directory_id_of(genesis)
        await ceremony.publish(
            self._transport, genesis, name=name, log_key=self._log_key, setup=setup
        )
        for root in self._governance:
            root.adopt(self._directory)
        for code in codes:
            admin = RootKey.create(
                place / f"{code}.root", passphrase, RootKind.ADMINISTRATION, code
            )
            admin.adopt(self._directory)
            self._administrations[code] = admin
            await self._govern(ceremony.add_administration(code, admin.public))
        return {"directory": self._directory.hex()}

    async def appoint(self, administration: str, request: str) -> dict[str, Any]:
        """An administration's root appoints an NCP from its device's request."""
        root = self._administrations[administration]
        decision = ceremony.appoint_ncp(root.admin, NcpRequest.parse(request))
        draft = ceremony.sign(ceremony.draft(root, decision), root)
        return await self._publish(draft, root)

    async def grant(self, person: str) -> dict[str, Any]:
        """Governance lets a person create operations."""
        return await self._govern(ceremony.grant_role(PersonId(bytes.fromhex(person))))

    async def _govern(self, decision: ceremony.Decision) -> dict[str, Any]:
        first = self._governance[0]
        keys = [root.public for root in self._governance]
        draft = ceremony.draft(first, decision, keys=keys, k=THRESHOLD)
        for root in self._governance[:THRESHOLD]:
            draft = ceremony.sign(draft, root)
        return await self._publish(draft, first)

    async def _publish(self, draft: Draft, poster: RootKey) -> dict[str, Any]:
        assert self._transport is not None  # noqa: S101 - `found` comes first
        head = await ceremony.directory_head(self._transport, self._directory)
        entry = ceremony.complete(draft, poster, head, _now())
        receipt = await ceremony.publish(
            self._transport, entry, name=self._name, log_key=self._log_key
        )
        return {"seq": receipt.seq}


def _now() -> int:
    return time.time_ns() // 1_000_000
