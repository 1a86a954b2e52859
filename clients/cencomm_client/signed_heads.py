"""What a log has signed: its keys, its checkpoints, and the promises among them.

A signed head is believed only under a key that the verified directory names; once seen, it must
come true: own roots agree with it, and nothing newer lies behind it (A4, A36, A50).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from cencomm_crypto.errors import ProtocolError
from cencomm_crypto.public.entry import Head
from cencomm_crypto.public.ids import LogId
from cencomm_crypto.public.note import Checkpoint, open_checkpoint, origin
from cencomm_crypto.public.primitives import equal
from cencomm_crypto.public.replay import DirectoryLog, OperationLog
from cencomm_crypto.public.wire import Sequenced

from cencomm_client.errors import AnswerMalformed, ClientCode, LogAlarm
from cencomm_client.vault_contents import KnownHead, PromisedHead


class HeadNote(NamedTuple):
    """A signed note, and the size that it is of."""

    size: int
    note: bytes


class LogKeys:
    """The deployment's name and log keys, as the verified directory names them."""

    def __init__(self, directory: DirectoryLog) -> None:
        self._directory = directory
        self._keys: list[bytes] = []  # oldest first
        self._size = 0

    @property
    def name(self) -> str:
        """The deployment's name; empty before the directory's genesis."""
        return self._directory.state.name if self._directory.size else ""

    def newest_first(self) -> list[bytes]:
        """Every log key that governance ever named.

        Old ones stay good: the note of a quiet log was signed before a change of the key.
        """
        for size in range(self._size + 1, self._directory.size + 1):
            key = self._directory.at(size).log_key
            if key not in self._keys:
                self._keys.append(key)
        self._size = self._directory.size
        return [*self._keys[::-1], *self._directory.void_log_keys]


class SignedHeads:
    """The signed heads of one log, and how they stand to the own tree of its replay.

    `known` is the vault's checkpoint, `promises` are signed heads beyond what was read.
    """

    def __init__(
        self,
        log: DirectoryLog | OperationLog,
        log_id: LogId,
        keys: LogKeys,
        known: KnownHead | None,
        promises: Iterable[PromisedHead],
    ) -> None:
        self._log = log
        self._log_id = log_id
        self._keys = keys
        self._known = known
        self._promises = {head.size: head for head in promises}
        self._verified: KnownHead | None = None
        self._last: _Found | None = None

    @property
    def head(self) -> Head:
        """Newest verified (size, root); (0, empty root) at first."""
        if self._verified is None:
            return Head(0, self._log.tree.root(0))
        return Head(self._verified.size, self._verified.root)

    @property
    def verified_size(self) -> int:
        """The size up to which this device ever verified the log, also before a restart."""
        return max(0 if self._known is None else self._known.size, self.head.size)

    @property
    def least_size(self) -> int:
        """The size that the newest checkpoint of an honest server has at least, from now on."""
        return max(self.verified_size, *self._promises, 0)

    def is_signed(self, note: bytes) -> bool:
        """Whether a key that the directory names, as far as it was read, has signed the note."""
        return self._find(note, self._keys.name, self._keys.newest_first()) is not None

    def open(self, note: bytes, fresh: Sequence[Sequenced] = ()) -> Checkpoint:
        """Verify the log's signature; `fresh` are items that this very note covers.

        The directory's own items count at once: its genesis, and a change of the log key.
        Raises LogAlarm (A36).
        """
        name, keys = self._keys.name, self._keys.newest_first()
        if isinstance(self._log, DirectoryLog):
            name, keys = _named_just_now(name, keys, fresh)
        checkpoint = self._find(note, name, keys)
        if checkpoint is None:
            raise self._alarm(
                ClientCode.CHECKPOINT_FORGED,
                "the checkpoint is not signed by the key that the directory names for its logs",
                "A36",
                (note,),
            )
        if checkpoint.size == 0:
            raise self._alarm(
                ClientCode.LOG_GAP, "a log is signed without even its genesis", "A6", (note,)
            )
        return checkpoint

    def rolled_back(self, size: int, note: bytes, least: int) -> LogAlarm:
        """The alarm for a newest head that lies behind a signed one (A4, A50)."""
        return self._alarm(
            ClientCode.LOG_ROLLED_BACK,
            f"size {size} offered as the newest, {least} was signed",
            "A4",
            (note, *self._signed_beyond(size)),
        )

    def restored_behind(self, size: int, note: bytes) -> LogAlarm:
        """What is kept of a server that lost what it had signed, and hears of it (A50)."""
        return self._alarm(
            ClientCode.LOG_BEHIND,
            f"size {size} offered as the newest, more was signed; it was handed back",
            "A50",
            (note, *self._signed_beyond(size)),
        )

    def heads_beyond(self, size: int) -> tuple[HeadNote, ...]:
        """Signed heads of more than `size` entries, promised or verified, smallest first."""
        held = {head.size: head.note for head in self._promises.values()}
        for head in (self._known, self._verified):
            if head is not None:
                held[head.size] = head.note
        return tuple(HeadNote(beyond, held[beyond]) for beyond in sorted(held) if beyond > size)

    def expect_root(self, checkpoint: Checkpoint, note: bytes) -> None:
        """The own root of the checkpoint's size must be the signed one."""
        if not equal(self._log.tree.root(checkpoint.size), checkpoint.root):
            raise self._alarm(
                ClientCode.CHECKPOINT_MISMATCH,
                f"the items do not add up to the root signed for size {checkpoint.size}",
                "A4",
                (note, *self._signed_beyond(0)),
            )

    def expect_promises(self, size: int, note: bytes) -> None:
        """Own roots must agree with every head that was signed up to `size`."""
        promised = [(head.size, head.root, head.note) for head in self._promises.values()]
        if self._known is not None:
            promised.append((self._known.size, self._known.root, self._known.note))
        for promised_size, root, promised_note in promised:
            if promised_size <= size and not equal(self._log.tree.root(promised_size), root):
                raise self._forked(promised_size, (promised_note, note))

    def advance(self, checkpoint: Checkpoint, note: bytes) -> KnownHead:
        """Take a verified head as the newest, unless there is a newer one; gives the newest."""
        if self._verified is None or checkpoint.size > self._verified.size:
            self._verified = KnownHead(self._log.id32, checkpoint.size, checkpoint.root, note)
            for size in [size for size in self._promises if size <= checkpoint.size]:
                del self._promises[size]
        return self._verified

    def promise(self, checkpoint: Checkpoint, note: bytes) -> PromisedHead | None:
        """Hold a head against the own tree, or remember it if that does not reach so far.

        Returns what to remember, None for a head that is verified already.
        """
        if checkpoint.size <= self._log.size:
            self.expect_root(checkpoint, note)
            return None
        known = self._known
        if known is not None and known.size == checkpoint.size and known.root != checkpoint.root:
            raise self._forked(known.size, (known.note, note))  # a replica that is read anew
        promise = PromisedHead(self._log_id, checkpoint.size, checkpoint.root, note)
        held = self._promises.setdefault(promise.size, promise)
        if held.root != promise.root:
            raise self._forked(promise.size, (held.note, note))
        return promise

    def _find(self, note: bytes, name: str, keys: Sequence[bytes]) -> Checkpoint | None:
        """Receipts of one commit share a note: the one found last is not verified again."""
        if self._last is not None and self._last.is_of(note, name, keys):
            return self._last.checkpoint
        for key in keys:
            try:
                found = open_checkpoint(note, origin(name, self._log_id), key)
            except ProtocolError:
                continue
            self._last = _Found(note, name, key, found)
            return found
        return None

    def _signed_beyond(self, size: int) -> tuple[bytes, ...]:
        notes = [head.note for head in self._promises.values() if head.size > size]
        notes += [
            head.note
            for head in (self._known, self._verified)
            if head is not None and head.size > size
        ]
        return tuple(dict.fromkeys(notes))

    def _forked(self, size: int, notes: tuple[bytes, ...]) -> LogAlarm:
        detail = f"the log signed two histories of size {size}"
        return self._alarm(ClientCode.LOG_FORKED, detail, "A4", notes)

    def _alarm(
        self, code: ClientCode, detail: str, row: str, evidence: tuple[bytes, ...]
    ) -> LogAlarm:
        return LogAlarm(code, detail, row=row, log=self._log_id, evidence=evidence)


@dataclass(frozen=True, slots=True)
class _Found:
    """A note whose signature this key made."""

    note: bytes
    name: str
    key: bytes
    checkpoint: Checkpoint

    def is_of(self, note: bytes, name: str, keys: Sequence[bytes]) -> bool:
        return note == self.note and name == self.name and self.key in keys


def claimed_size(note: bytes) -> int:
    """The size a note claims, before its signature is checked: only how far to read."""
    lines = note.split(b"\n", 2)
    try:
        return int(lines[1])
    except (IndexError, ValueError) as error:
        raise AnswerMalformed("the checkpoint is no signed note") from error


def _named_just_now(
    name: str, keys: list[bytes], fresh: Sequence[Sequenced]
) -> tuple[str, list[bytes]]:
    """Add what the items name that this very note covers: the genesis, a change of the key."""
    for item in fresh:
        if item.entry is None or item.entry.body is None:
            continue
        if item.seq == 0 and item.entry.header.type == "directory.genesis":
            name = str(item.entry.body["name"])
        if item.entry.header.type in ("directory.genesis", "logkey.set"):
            keys = [bytes(item.entry.body["log_key"]), *keys]
    return name, keys
