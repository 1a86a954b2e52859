"""Signatures of a long stretch of a log, verified by a second thread while the rules run.

libsodium lets go of the interpreter's lock while it verifies. Nothing is taken from here: the
rules verify every signature themselves, under the key that the directory names at the entry's
watermark; one that was found good under that key, of these very bytes, they do not verify anew.
What is bad, or of another key, they find as ever (A8).
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from itertools import islice

from cencomm_crypto.errors import ProtocolError
from cencomm_crypto.public.entry import Entry, verify_signature
from cencomm_crypto.public.ids import DeviceId
from cencomm_crypto.public.wire import Sequenced

STRETCH = 64  # items per turn of the thread
_WAITING = 3  # stretches that are verified or wait for it, before the rules take the first
_SWITCH_S = 1e-4  # about a signature
_USUAL_SWITCH_S = sys.getswitchinterval()

KeyOf = Callable[[DeviceId], bytes | None]
"""Signing key of a device; None where nobody knows it yet."""


def verified_ahead(items: Iterable[Sequenced], key_of: KeyOf) -> Generator[Sequenced, None, None]:
    """The items in their order, the signatures of the coming ones being verified meanwhile.

    Close it where you may stop before its end: that ends the thread.
    """
    source = iter(items)
    stretch = list(islice(source, STRETCH))
    if len(stretch) < STRETCH:  # a push, a small log: not worth a thread
        yield from stretch
        return
    with _taking_turns(), ThreadPoolExecutor(1, "signatures") as thread:
        waiting: deque[tuple[Sequence[Sequenced], Future[None]]] = deque()
        while stretch or waiting:
            if stretch:
                waiting.append((stretch, thread.submit(_verify, _signed(stretch, key_of))))
                stretch = list(islice(source, STRETCH))
                if stretch and len(waiting) < _WAITING:
                    continue
            ready, verified = waiting.popleft()
            verified.result()
            yield from ready


@contextmanager
def _taking_turns() -> Iterator[None]:
    """Let the second thread on after each signature: by default Python has it wait 5 ms for its
    next turn, in which the rules could have had forty more signatures."""
    sys.setswitchinterval(_SWITCH_S)
    try:
        yield
    finally:
        sys.setswitchinterval(_USUAL_SWITCH_S)  # another log may be read meanwhile: not "as before"


def _signed(items: Iterable[Sequenced], key_of: KeyOf) -> list[tuple[Entry, bytes]]:
    """Entries and the keys they would be of: looked up here, for the rules change the states."""
    return [
        (item.entry, key)
        for item in items
        if item.entry is not None and (key := key_of(item.entry.header.device)) is not None
    ]


def _verify(signed: Iterable[tuple[Entry, bytes]]) -> None:
    for entry, key in signed:
        with suppress(ProtocolError):  # the rules say what is wrong with it
            verify_signature(entry, key)
