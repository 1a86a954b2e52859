"""The form sets that this device holds: the base set, and those of operations, kept as files.

An operation's genesis names its set by hash (DESIGN 3). A narrowing only takes away, so whoever
lacks the file reads with the base set and is told so.
"""

from __future__ import annotations

from pathlib import Path

from cencomm_config.forms import FormSet, FormSetInvalid, base_set
from cencomm_config.forms.typed import loads

from cencomm_client.sealed_file import replace_file

MAX_DOCUMENT = 1024 * 1024


def data_folder(vault: Path) -> Path:
    """Where a device keeps form sets and code lists: beside its vault, nothing secret."""
    return vault.parent / "cencomm.data"


class FormLibrary:
    """Form sets by hash; a file that does not give its hash counts for nothing."""

    def __init__(self, folder: Path) -> None:
        """`folder`: the data folder; it need not be there."""
        self._folder = folder / "forms"
        self._held: dict[bytes, FormSet] = {}

    def find(self, digest: bytes) -> FormSet | None:
        """The set of this hash (32 bytes; empty names no set, and means the base set)."""
        base = base_set()
        if digest in (b"", base.hash):
            return base
        if digest not in self._held:
            try:
                found = read_set(self._file(digest).read_bytes())
            except (OSError, FormSetInvalid):
                return None
            if found.hash != digest:
                return None
            self._held[digest] = found
        return self._held[digest]

    def of(self, digest: bytes) -> FormSet:
        """The set of this hash, else the base set."""
        return self.find(digest) or base_set()

    def keep(self, document: bytes) -> FormSet:
        """Keep a narrowing document; raises FormSetInvalid, OSError."""
        made = read_set(document)
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        replace_file(self._file(made.hash), document)
        self._held[made.hash] = made
        return made

    def _file(self, digest: bytes) -> Path:
        return self._folder / f"{digest.hex()}.json"


def read_set(document: bytes) -> FormSet:
    """The set that a narrowing document (JSON, UTF-8) makes of the base set."""
    if len(document) > MAX_DOCUMENT:
        raise FormSetInvalid(f"the document: at most {MAX_DOCUMENT} bytes expected")
    try:
        value = loads(document.decode("utf-8"))
    except (ValueError, RecursionError) as error:  # also a number of more digits than Python reads
        raise FormSetInvalid(f"the document: not JSON: {error}") from error
    return base_set().narrow(value)
