"""The log key: notes of this deployment's logs, and nothing else (DESIGN 3 Notes)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from cencomm_config.errors import BadInstallation
from cencomm_crypto.errors import ErrorCode, ProtocolError
from cencomm_crypto.public.ids import LogId
from cencomm_crypto.public.keys import SigningKey
from cencomm_crypto.public.note import Checkpoint, open_checkpoint, origin, sign_checkpoint


class Signer:
    """Signs heads under the deployment's name with the key that the directory names.

    More than one key is held only around a `logkey.set`; of earlier ones the public halves stay,
    for the notes that they signed.
    """

    def __init__(
        self,
        deployment: str,
        keys: Sequence[SigningKey],
        *,
        past: Sequence[bytes] = (),
        look_again: Callable[[], Sequence[SigningKey]] = tuple,
    ) -> None:
        """`look_again` gives all keys that are held by now: one may have come since the start."""
        self.deployment = deployment
        self._keys = {key.public: key for key in keys}
        self._past = tuple(past)
        self._look_again = look_again

    def holds(self, log_key: bytes) -> bool:
        """Whether notes can be signed under this public key."""
        if log_key not in self._keys:
            self._keys.update({key.public: key for key in self._look_again()})
        return log_key in self._keys

    def sign(self, log: LogId, size: int, root: bytes, log_key: bytes) -> bytes:
        """The note of (log, size) under `log_key`; raises BadInstallation without its secret."""
        if not self.holds(log_key):
            raise BadInstallation(
                f"the directory names log key {log_key.hex()[:16]}..., which is not held here"
            )
        key = self._keys[log_key]
        return sign_checkpoint(Checkpoint(origin(self.deployment, log), size, root), key)

    def open(self, log: LogId, note: bytes) -> Checkpoint:
        """The head that one of the own keys signed; raises ProtocolError(BAD_NOTE)."""
        found = self._opened(log, note)
        if found is None:  # another process may have signed with a key that has just come
            self._keys.update({key.public: key for key in self._look_again()})
            found = self._opened(log, note)
        if found is not None:
            return found
        raise ProtocolError(ErrorCode.BAD_NOTE, "a stored checkpoint is not signed by a key held")

    def _opened(self, log: LogId, note: bytes) -> Checkpoint | None:
        for public in (*self._keys, *self._past):
            try:
                return open_checkpoint(note, origin(self.deployment, log), public)
            except ProtocolError:
                continue
        return None
