"""The stages of `tests.mallory`, with everybody honest."""

from __future__ import annotations

from tests.mallory.conftest import no_waiting_for_the_disk, stages, world

__all__ = ["no_waiting_for_the_disk", "stages", "world"]
