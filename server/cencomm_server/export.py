"""`export`: every byte of every log that the server keeps, in one file (docs/api.md, The export).

It holds what a stolen server would give away, and nothing that opens it: no key files, no accounts.
"""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import BinaryIO

from cencomm_config.errors import BadInstallation
from cencomm_crypto.public.encoding import Value, encode
from cencomm_crypto.public.ids import ChannelId, DeviceId

from cencomm_server.engine.items import encode_whole, sequenced
from cencomm_server.installation import Installation
from cencomm_server.replaying import stored_entries
from cencomm_server.store.documents import EntryDoc, LogDoc
from cencomm_server.store.port import LogStore

EXPORT_V = 1
_LOG, _ENTRY, _WRAPS, _GRANT = 0, 1, 2, 3


@dataclass(slots=True)
class Exported:
    """How much was written."""

    logs: int = 0
    entries: int = 0
    wraps: int = 0
    bytes: int = 0

    def as_json(self) -> dict[str, object]:
        """What `export --json` prints."""
        return dict(asdict(self))


async def write_export(store: LogStore, installation: Installation, path: Path) -> Exported:
    """Write all logs of `store`; raises BadInstallation if `path` exists or cannot be written."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise BadInstallation(f"{path} cannot be written: {error.strerror}") from error
    with os.fdopen(descriptor, "wb") as file:
        writing = _Writing(store, file)
        writing.put(
            {"v": EXPORT_V, "name": installation.name, "log_key": installation.log_key.public}
        )
        for doc in await store.logs():
            await writing.log(doc)
    return writing.done


class _Writing:
    """A CBOR sequence under way."""

    def __init__(self, store: LogStore, file: BinaryIO) -> None:
        self._store, self._file = store, file
        self.done = Exported()

    def put(self, value: Value) -> None:
        self.done.bytes += self._file.write(encode(value))

    async def log(self, doc: LogDoc) -> None:
        """One log: its newest head, its entries, and after each rotate or grant its wraps."""
        head = await self._store.newest_checkpoint(doc.log)
        size, note = (0, b"") if head is None else (head.size, head.note)
        self.put([_LOG, doc.log, doc.kind.value, doc.id32, size, note])
        self.done.logs += 1
        async for kept in stored_entries(self._store, doc):
            self.put([_ENTRY, doc.log, encode_whole(kept)])
            self.done.entries += 1
            await self._wraps(doc, kept)

    async def _wraps(self, doc: LogDoc, kept: EntryDoc) -> None:
        entry = sequenced(kept).entry
        if entry is None or entry.body is None or entry.header.chan is None:
            return
        chan = ChannelId(entry.header.chan)
        if entry.header.type == "channel.rotate":
            n = entry.header.epoch or 0
            found = await self._store.wraps(doc.log, chan, n, kept.inner)
            if found is not None:
                self.put([_WRAPS, doc.log, chan, n, kept.inner, found.wraps, found.shares])
                self.done.wraps += 1
        elif entry.header.type == "channel.grant":
            n, device = entry.body["n"], DeviceId(entry.body["device"])
            for grant in await self._store.grants(doc.log, chan, n, device):
                if grant.inner == kept.inner:
                    self.put([_GRANT, doc.log, chan, n, kept.inner, device, grant.wrap])
                    self.done.wraps += 1
