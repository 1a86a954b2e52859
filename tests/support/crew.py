"""Real SDK clients that post without pause, and remember what they tried and what they saw.

Each has a vault, a replica and a live connection of its own and posts as programs do; nothing
here retries: what becomes of a post whose server dies is the SDK's affair.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from cencomm_client import Admission, Client, Message, Operation, OperationPlan
from cencomm_client.kept_logs import Update
from cencomm_client.vault_contents import StoredReceipt
from cencomm_crypto.public.ids import LogId

from tests.support.deployment import Deployment, now_ms

CHANNEL = "alpha"
DAY_MS = 86_400_000
PATIENCE_S = 45.0  # of one post: longer than any recovery that the tests allow

Notes = defaultdict[tuple[LogId, int], set[bytes]]


@dataclass
class Poster:
    """One client, what it tried to post, and every signed head that it verified."""

    client: Client
    operation: Operation
    tried: list[str] = field(default_factory=list)
    acknowledged: int = 0  # posts that returned
    notes: Notes = field(default_factory=lambda: defaultdict(set))

    def __post_init__(self) -> None:
        self.client._station.mirror.listen(self._moved)

    @property
    def receipts(self) -> tuple[StoredReceipt, ...]:
        """What its vault keeps of its own entries in the operation."""
        return self.client.vault.receipts(self.operation.id)

    @property
    def waiting(self) -> int:
        """How many of its signed entries have no receipt."""
        return len(self.client.vault.outbox(self.operation.id))

    async def post(self) -> None:
        """Post one message that nobody else ever posts; returns when it is acknowledged."""
        text = f"{self.client.code} {len(self.tried)}"
        self.tried.append(text)
        channel = self.operation.channel(CHANNEL)
        await channel.post("MSG", {"text": text}, patience_s=PATIENCE_S)
        self.acknowledged += 1

    def shown(self) -> list[Message]:
        """Every message of the channel that it can read, in the log's order."""
        return [
            item
            for item in self.operation.items()
            if isinstance(item, Message)
            and item.channel_name == CHANNEL
            and item.content is not None
        ]

    def _moved(self, update: Update) -> None:
        vault = self.client.vault
        head = vault.head(update.log)
        if head is not None:
            self.notes[update.log, head.size].add(head.note)
        for promise in vault.promises(update.log):
            self.notes[update.log, promise.size].add(promise.note)


class Crew:
    """Posters of one operation; `busy` lets all of them post until the block ends."""

    def __init__(self, posters: list[Poster]) -> None:
        self.posters = posters

    @property
    def log(self) -> LogId:
        """The operation's log."""
        return self.posters[0].operation.id

    @property
    def waiting(self) -> int:
        """Entries on their way."""
        return sum(poster.waiting for poster in self.posters)

    @property
    def live(self) -> bool:
        """Whether all of them have their live connection."""
        return all(poster.client.live for poster in self.posters)

    @property
    def acknowledged(self) -> list[int]:
        """Posts that returned, by poster."""
        return [poster.acknowledged for poster in self.posters]

    def since(self, before: list[int]) -> list[int]:
        """Posts that returned since `acknowledged` was `before`, by poster."""
        return [now - then for now, then in zip(self.acknowledged, before, strict=True)]

    @asynccontextmanager
    async def busy(self) -> AsyncIterator[None]:
        """All post, one message after the other; at the end each finishes the one it is at."""
        ended = asyncio.Event()

        async def post(poster: Poster) -> None:
            while not ended.is_set():
                await poster.post()

        async with asyncio.TaskGroup() as group:
            for poster in self.posters:
                group.create_task(post(poster))
            try:
                yield
            finally:
                ended.set()


async def muster(town: Deployment, size: int) -> Crew:
    """Found an operation in its live phase, with `size` members of two administrations."""
    chief = await town.contact_point("RILO", "RILO-001")
    await town.may_create(chief)
    contact = await town.contact_point("FR", "FR-001")
    codes = [f"FR-{number:03}" for number in range(10, 8 + size)]
    agents = [await town.person(contact, code) for code in codes]
    now = now_ms()
    operation = await chief.create_operation(
        OperationPlan(name="ENDURANCE", not_before=now - 1000, not_after=now + DAY_MS, legal="test")
    )
    await operation.create_channel(CHANNEL)
    await operation.admit(
        [Admission("FR-001", "ncp"), *(Admission(code, "officer") for code in codes)]
    )
    await operation.set_phase("prep")
    await operation.set_phase("live")
    posters = [Poster(chief, operation)]
    for client in (contact, *agents):
        posters.append(Poster(client, await client.operation("ENDURANCE")))
    return Crew(posters)
