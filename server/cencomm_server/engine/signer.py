"""The log key: notes of this deployment's logs, and nothing else (DESIGN 3 Notes)."""

from __future__ import annotations

from collections.abc import Sequence

from cencomm_config.errors import BadInstallation
from cencomm_crypto.errors import ErrorCode, ProtocolError
from cencomm_crypto.public.ids import LogId
from cencomm_crypto.public.keys import SigningKey
from cencomm_crypto.public.note import Checkpoint, open_checkpoint, origin, sign_checkpoint


class Signer:
    """Signs heads under the deployment's name with the key that the directory names.

    More than one key is held only around a `logkey.set`.
    """

    def __init__(self, deployment: str, keys: Sequence[SigningKey]) -> None:
        self.deployment = deployment
        self._keys = {key.public: key for key in keys}

    def holds(self, log_key: bytes) -> bool:
        """Whether notes can be signed under this public key."""
        return log_key in self._keys

    def sign(self, log: LogId, size: int, root: bytes, log_key: bytes) -> bytes:
        """The note of (log, size) under `log_key`; raises BadInstallation without its secret."""
        key = self._keys.get(log_key)
        if key is None:
            raise BadInstallation(
                f"the directory names log key {log_key.hex()[:16]}..., which is not held here"
            )
        return sign_checkpoint(Checkpoint(origin(self.deployment, log), size, root), key)

    def open(self, log: LogId, note: bytes) -> Checkpoint:
        """The head that one of the own keys signed; raises ProtocolError(BAD_NOTE)."""
        for public in self._keys:
            try:
                return open_checkpoint(note, origin(self.deployment, log), public)
            except ProtocolError:
                continue
        raise ProtocolError(ErrorCode.BAD_NOTE, "a stored checkpoint is not signed by a key held")
