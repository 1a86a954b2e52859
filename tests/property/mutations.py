"""The product with one rule taken away: the machine must find each, or it proves nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

from cencomm_crypto.public.directory.state import DirectoryState
from cencomm_crypto.public.ids import ChannelId
from cencomm_crypto.public.operation.recipients import Recipient, recipients
from cencomm_crypto.public.operation.state import OperationState
from cencomm_server.store.memory import MemoryStore

Patches = dict[str, Any]


@dataclass(frozen=True)
class Mutation:
    """What is replaced, and which invariants may be the first to break."""

    patches: Callable[[], Patches]
    breaks: tuple[str, ...]


def _with_ghosts(
    state: OperationState, chan: ChannelId, directory: DirectoryState
) -> tuple[Recipient, ...]:
    """Everybody who was ever removed still gets every epoch."""
    ghosts = [
        Recipient(device.id, device.box_pk, person)
        for person in state.former
        for device in directory.active_devices(person)
    ]
    return tuple(sorted({*recipients(state, chan, directory), *ghosts}))


_APPEND = MemoryStore.append_entries


async def _soon(self: MemoryStore, *given: Any, **named: Any) -> int:
    """Says that it wrote, and writes a little later."""

    async def write() -> None:
        await asyncio.sleep(0.02)
        await _APPEND(self, *given, **named)

    self.late = asyncio.create_task(write())  # type: ignore[attr-defined]
    return len(given[1])


MUTATIONS: dict[str, Mutation] = {
    "stale_epoch": Mutation(
        lambda: {"cencomm_crypto.public.operation.epochs.pending_rotation": lambda *_: None},
        ("nothing between a removal and a rotate",),
    ),
    "compare_and_set": Mutation(
        lambda: {"cencomm_crypto.public.operation.rules._expect_undisturbed": lambda *_: None},
        ("no decision is played into another state",),
    ),
    "ghost_recipients": Mutation(
        lambda: {
            "cencomm_crypto.public.operation.epochs.recipients": _with_ghosts,
            "cencomm_crypto.member.rotation.recipients": _with_ghosts,
        },
        ("who is out opens no later epoch",),
    ),
    "wraps_not_recomputed": Mutation(
        lambda: {"cencomm_client.keyring.check_rotation": lambda *_: None},
        ("nothing is sealed under a bad epoch",),
    ),
    "receipt_before_write": Mutation(
        lambda: {"cencomm_server.store.memory.MemoryStore.append_entries": _soon},
        ("nothing acknowledged is lost", "no alarm about an honest server"),
    ),
}


@contextmanager
def mutated(name: str) -> Iterator[None]:
    """The product without that rule, while the block runs."""
    with ExitStack() as stack:
        for target, stand_in in MUTATIONS[name].patches().items():
            stack.enter_context(patch(target, stand_in))
        yield
