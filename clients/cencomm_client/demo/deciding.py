"""What a member's process decides on request: time, roles, suspension, holds (DESIGN 4, 5)."""

from __future__ import annotations

from typing import Any

from cencomm_crypto.public.ids import DeviceId

from cencomm_client.demo.coordination import Coordination
from cencomm_client.posting import Posted


class Deciding(Coordination):
    """Entries that a rule judges; each may be refused, and the refusal names its code."""

    async def extend(self, not_after: int) -> dict[str, Any]:
        """Propose a later end (ms) of the operation, of LIVE and of every working channel."""
        operation = self.operation
        working = [
            channel.id.hex()
            for channel in operation.channels()
            if channel.parent is None and not channel.state.main
        ]
        ends = dict.fromkeys(working, not_after)
        return _told(await operation.extend(not_after=not_after, live=not_after, channels=ends))

    async def propose(self, subject: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """Propose what needs two administrations."""
        return _told(await self.operation.propose(subject, body))

    async def approve(self, proposal: str) -> dict[str, Any]:
        """Approve a proposal by its leaf."""
        return _told(await self.operation.approve(bytes.fromhex(proposal)))

    async def suspend(self) -> dict[str, Any]:
        """Stop all sealing."""
        return _told(await self.operation.suspend())

    async def suspend_person(self, account: str) -> dict[str, Any]:
        """As its contact point: stop every device of a person."""
        return {"seq": (await self.client.directory.suspend(account)).seq}

    async def accept_device(self, device: str) -> dict[str, Any]:
        """Let a device read that an NCP alone added."""
        return _told(await self.operation.accept_device(DeviceId(bytes.fromhex(device))))

    async def set_role(self, code: str, role: str) -> dict[str, Any]:
        """Give a member another role."""
        return _told(await self.operation.set_role(code, role))

    async def offboard(self, administration: str) -> dict[str, Any]:
        """Take an administration out, without a successor of its coordinators."""
        gone = await self.operation.offboard(administration)
        return {"removed": list(gone.removed)}

    async def hold(self, reason: str) -> dict[str, Any]:
        """Put a legal hold on the operation."""
        return _told(await self.operation.hold(reason))

    async def standing(self) -> dict[str, Any]:
        """Window, proposals, holds and roles by the verified log."""
        operation, persons = self.operation, self.client.directory.state.persons
        return {
            "window": list(operation.state.window),
            "phase": str(operation.phase),
            "proposals": {one.leaf.hex(): str(one.standing) for one in operation.proposals()},
            "holds": len(operation.state.holds),
            "roles": {persons[one.person].code: str(one.role) for one in operation.members()},
        }


def _told(posted: Posted) -> dict[str, Any]:
    return {"seq": posted.seq, "leaf": posted.leaf.hex()}
