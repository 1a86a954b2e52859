"""What a coordinator's process does on request."""

from __future__ import annotations

import asyncio
from typing import Any

from cencomm_client.demo.participant import Enrolment
from cencomm_client.items import Message
from cencomm_client.operation import Operation
from cencomm_client.plan import Admission, OperationPlan
from cencomm_client.station import wall_clock

DRILL_MS = 3_600_000


class Coordination(Enrolment):
    """What coordinators decide."""

    async def create_operation(
        self,
        name: str,
        legal: str,
        window: list[int],
        grace_ms: int,
        auditors: list[str],
        quorum: int,
    ) -> dict[str, Any]:
        """Found the operation."""
        plan = OperationPlan(
            name=name,
            not_before=window[0],
            not_after=window[1],
            legal=legal,
            grace_ms=grace_ms,
            auditors=tuple(auditors),
            quorum=quorum,
        )
        self._enter(await self.client.create_operation(plan))
        return {"log": self.operation.id.hex()}

    async def drill(self, name: str, legal: str) -> dict[str, Any]:
        """Found an exercise beside the operation, a draft; the leaf of its own last entry."""
        now = wall_clock()
        plan = OperationPlan(
            name=name, not_before=now, not_after=now + DRILL_MS, legal=legal, exercise=True
        )
        made = await self.client.create_operation(plan)
        await made.create_channel("play")
        (*_, last) = self.client.vault.receipts(made.id)
        return {"leaf": last.leaf.hex()}

    async def admit(self, members: list[dict[str, Any]]) -> dict[str, Any]:
        """Admit people."""
        rows = [
            Admission(**{**member, "kinds": tuple(member.get("kinds", ()))}) for member in members
        ]
        posted = await self.operation.admit(rows)
        return {"seq": posted[-1].seq}

    async def create_channel(self, name: str) -> dict[str, Any]:
        """A channel for all members."""
        channel = await self.operation.create_channel(name)
        return {"channel": channel.id.hex()}

    async def set_phase(self, phase: str) -> dict[str, Any]:
        """Go to a phase."""
        return {"seq": (await self.operation.set_phase(phase)).seq}

    async def remove(self, codes: list[str]) -> dict[str, Any]:
        """Remove members."""
        return {"seq": (await self.operation.remove(codes)).seq}

    def _enter(self, operation: Operation) -> None:
        self._operation = operation
        self._watch = asyncio.create_task(self._watch_items())

    async def _watch_items(self) -> None:
        """Note when each message became readable here, once."""
        async for item in self.operation.follow():
            if isinstance(item, Message) and item.content is not None:
                self._seen_ms.setdefault(item.place.leaf, wall_clock())
