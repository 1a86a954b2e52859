"""Who asks: a device with a living session, as reads, appends and pushes see it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from cencomm_crypto.public.ids import DeviceId, PersonId


@dataclass(frozen=True, slots=True)
class Reader:
    """An authenticated device and its person; `kind` as in the directory."""

    device: DeviceId
    person: PersonId
    kind: Literal["human", "bot"] = "human"
