"""Sealing one payload for a channel's present epoch, and opening own sealed bytes again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from cencomm_crypto.errors import ProtocolError
from cencomm_crypto.member.drop import seal_drop
from cencomm_crypto.member.message import decode_payload, open_bytes, open_message, seal_message
from cencomm_crypto.member.payload import VISIBLE_FIELDS
from cencomm_crypto.member.sealing import SEALED_BOX_OVERHEAD
from cencomm_crypto.public.entry import Entry, Header
from cencomm_crypto.public.ids import ChannelId, EntryId
from cencomm_crypto.public.rights import Role

from cencomm_client.authoring import entry_id
from cencomm_client.automation.healing import sealable
from cencomm_client.automation.rotation import blocking
from cencomm_client.station import Station
from cencomm_client.view import OperationView

_DROP_BOX = 64 + SEALED_BOX_OVERHEAD  # mk || H(header), boxed


class Sealer:
    """Makes messages and drops of this device in one operation; sends nothing."""

    def __init__(self, station: Station, view: OperationView) -> None:
        self._station, self._view = station, view

    def seal(self, chan: ChannelId, payload: Mapping[str, Any]) -> Entry | None:
        """A signed message, or a bot's drop, in the present epoch; None if it takes none."""
        standing = self._view.standing()
        channel = standing.state.channels[chan]
        author, random = self._station.author, self._station.settings.random
        if standing.role is Role.BOT:
            drops = self.open_to_drops(chan)
            if drops is None:
                return None
            key = random(32)
            entry = drops.seal(payload, key)
            self._station.vault.put_note(drop_key_note(entry.header.id), key)  # to open it again
            return entry
        secret = self._view.keyring.secret(standing.state, chan, channel.epoch)
        if secret is None or not sealable(standing, channel):
            return None
        header = self._header("message", chan, channel.epoch, payload)
        return author.sign(header, seal_message(header, secret, payload, random(24), random(16)))

    def open_to_drops(self, chan: ChannelId) -> DropSeal | None:
        """What a bot seals with in the channel's current epoch, until the next await; None if
        nothing may be sealed there now."""
        standing = self._view.standing()
        channel = standing.state.channels[chan]
        if blocking(standing, channel) is not None:
            return None
        header = self._station.author.header(
            "drop", self._view.log, chan=channel.id, epoch=channel.epoch
        )
        drop_pk = channel.epochs[channel.epoch].drop_pk  # from a verified rotate only (A45)
        return DropSeal(self._station, header, drop_pk, minimal=self._minimal)

    def reopen(self, entry: Entry) -> Mapping[str, Any] | None:
        """What own bytes held, to seal it anew under the same `mid`; None if they do not open."""
        header = entry.header
        if header.chan is None or header.epoch is None or entry.body_bytes is None:
            return None
        try:
            if header.type == "message":
                secret = self._view.keyring.secret(self._view.state, header.chan, header.epoch)
                return None if secret is None else open_message(entry, secret)
            key = self._station.vault.notes.get(drop_key_note(header.id))
            if not isinstance(key, bytes):
                return None
            tail = entry.body_bytes[_DROP_BOX:]
            return decode_payload(open_bytes(key, entry.header_hash, tail))
        except ProtocolError:
            return None

    def done(self, entry: Entry) -> None:
        """Forget what was kept to open own bytes: they are in the log, or given up."""
        if entry.header.type == "drop":
            self._station.vault.drop_note(drop_key_note(entry.header.id))

    @property
    def _minimal(self) -> bool:
        return bool(self._view.state.genesis["metadata"] == "minimal")

    def _header(self, kind: str, chan: ChannelId, epoch: int, payload: Mapping[str, Any]) -> Header:
        header = self._station.author.header(kind, self._view.log, chan=chan, epoch=epoch)
        return header if self._minimal else replace(header, **_visible(payload))


class DropSeal:
    """Seals any number of drops over the heads and the epoch of one moment."""

    def __init__(self, station: Station, header: Header, drop_pk: bytes, *, minimal: bool) -> None:
        self._station, self._first, self._drop_pk = station, header, drop_pk
        self._minimal = minimal

    def seal(self, payload: Mapping[str, Any], key: bytes) -> Entry:
        """A signed drop under the message key `key`: 32 random bytes, for it alone. The caller
        keeps what it needs to seal the same anew. Raises ProtocolError for a payload that no drop
        takes."""
        random = self._station.settings.random
        shown = {} if self._minimal else _visible(payload)
        fresh = entry_id(self._station.now(), random)
        header = replace(self._first, id=fresh, time=self._station.now(), **shown)
        body = seal_drop(header, self._drop_pk, payload, key, random(24), random(16), random(32))
        return self._station.author.sign(header, body)


def _visible(payload: Mapping[str, Any]) -> dict[str, Any]:
    """What the server may see of a payload, as header fields: nothing if metadata are minimal."""
    shown = {name: payload[name] for name in VISIBLE_FIELDS if name in payload}
    if "to" in shown:
        shown["to"] = tuple(shown["to"])
    return shown


def drop_key_note(entry: EntryId) -> str:
    """Name of the vault's note with the message key of an own drop that is not in yet."""
    return f"drop/{entry.hex()[-16:]}"
