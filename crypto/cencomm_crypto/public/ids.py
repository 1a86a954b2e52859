"""Identifiers: 16-byte strings, one NewType each, so that one is never taken for another."""

from __future__ import annotations

from typing import NewType

LogId = NewType("LogId", bytes)
ChannelId = NewType("ChannelId", bytes)
DeviceId = NewType("DeviceId", bytes)
PersonId = NewType("PersonId", bytes)
AdminId = NewType("AdminId", bytes)
EntryId = NewType("EntryId", bytes)

ID_SIZE = 16
ZERO_SCOPE = bytes(ID_SIZE)  # scope of control and directory entries
