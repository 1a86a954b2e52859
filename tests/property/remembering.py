"""Pure functions, asked once: seven parties verify the same bytes, and a run is 50 steps long.

What is remembered is what each of them would compute: the answer for the same bytes. A refusal
is never remembered.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import lru_cache
from unittest.mock import patch

from cencomm_crypto.public.entry import Entry, verify_signature
from cencomm_crypto.public.note import open_checkpoint
from cencomm_crypto.public.wire import decode_sequenced

SIZE = 50_000
_VERIFYING = (
    "operation.rules",
    "operation.genesis",
    "directory.rules",
    "directory.root_signatures",
)


@contextmanager
def remembering() -> Iterator[None]:
    """Signatures, notes and items are checked once per byte string while the block runs."""
    verified: set[tuple[bytes, bytes]] = set()

    def verify(entry: Entry, sign_pk: bytes) -> None:
        if (entry.inner, sign_pk) not in verified:
            verify_signature(entry, sign_pk)
            verified.add((entry.inner, sign_pk))

    opened, decoded = lru_cache(SIZE)(open_checkpoint), lru_cache(SIZE)(decode_sequenced)
    with ExitStack() as stack:
        for module in _VERIFYING:
            stack.enter_context(patch(f"cencomm_crypto.public.{module}.verify_signature", verify))
        for module in ("cencomm_client.signed_heads", "cencomm_server.engine.signer"):
            stack.enter_context(patch(f"{module}.open_checkpoint", opened))
        for module in ("kept_logs", "arriving"):
            stack.enter_context(patch(f"cencomm_client.{module}.decode_sequenced", decoded))
        yield
