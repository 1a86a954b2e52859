"""Who is asking, once a token has been believed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from cencomm_crypto.public.ids import DeviceId, PersonId

Clock = Callable[[], int]
"""Unix time in milliseconds."""


@dataclass(frozen=True, slots=True)
class Principal:
    """A device with a living session; `token_hash` is H(token), the session's name in the store."""

    device: DeviceId
    person: PersonId
    token_hash: bytes = field(repr=False)
