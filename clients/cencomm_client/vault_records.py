"""What a vault holds, by name: typed reading and changing of its contents, in memory.

Every change marks the records as changed; `vault.Vault` writes them. Checkpoints and promises
never go back, an entry id never gets other bytes, and an old box key goes only on purpose.
"""

from __future__ import annotations

from collections.abc import Mapping

from cencomm_crypto.public.encoding import Value, encode
from cencomm_crypto.public.ids import ChannelId, DeviceId, EntryId, LogId, PersonId
from cencomm_crypto.public.keys import BoxKey, SigningKey, device_id

from cencomm_client.errors import VaultBehind
from cencomm_client.sealed_file import Random
from cencomm_client.vault_contents import (
    BoxSeed,
    Contents,
    EpochAt,
    IssuedInvitation,
    KnownHead,
    OutboxItem,
    PromisedHead,
    StoredReceipt,
)


class Records:
    """The contents of an open vault."""

    def __init__(self, contents: Contents, random: Random) -> None:
        """`random` draws new box keys."""
        self._contents = contents
        self._random = random
        self._changed = False
        self._device_key = SigningKey.from_seed(contents.sign)
        self._box_keys = {box.seed: BoxKey.from_seed(box.seed) for box in contents.boxes}

    @property
    def changed(self) -> bool:
        """Whether something is not on disk yet."""
        return self._changed

    # -- who this is --------------------------------------------------------------------------

    @property
    def server_url(self) -> str:
        """Where the server is; may change without harm, the pin decides."""
        return self._contents.url

    @server_url.setter
    def server_url(self, url: str) -> None:
        self._contents.url = url
        self._touch()

    @property
    def person(self) -> PersonId:
        """The person whose device this is."""
        return self._contents.person

    @property
    def is_bot(self) -> bool:
        """Whether the person is a bot."""
        return self._contents.bot

    @property
    def device_key(self) -> SigningKey:
        """The device's signing key."""
        return self._device_key

    @property
    def device(self) -> DeviceId:
        """The device's id."""
        return device_id(self._device_key.public)

    # -- box keys -----------------------------------------------------------------------------

    @property
    def box_key(self) -> BoxKey:
        """The newest box key: the present one, once the directory shows it."""
        return self._box_keys[self._contents.boxes[-1].seed]

    @property
    def box_keys(self) -> tuple[BoxKey, ...]:
        """Newest first, with the old ones until they are retired."""
        return tuple(self._box_keys[box.seed] for box in reversed(self._contents.boxes))

    def box_key_for(self, public: bytes) -> BoxKey | None:
        """The pair of this public key, if it is still here."""
        return next((key for key in self._box_keys.values() if key.public == public), None)

    def add_box_key(self, since: int) -> BoxKey:
        """Draw the next box key (for `device.rekey`); save before the entry is sent."""
        box = BoxSeed(self._random(32), since)
        self._contents.boxes.append(box)
        self._box_keys[box.seed] = BoxKey.from_seed(box.seed)
        self._touch()
        return self._box_keys[box.seed]

    def retire_box_key(self, public: bytes) -> None:
        """Delete an old box key, once all that was wrapped to it is in the vault (DESIGN 3)."""
        if public == self.box_key.public:
            raise ValueError("the newest box key is never retired")
        kept = [box for box in self._contents.boxes if self._box_keys[box.seed].public != public]
        if len(kept) != len(self._contents.boxes):
            self._contents.boxes = kept
            self._box_keys = {box.seed: self._box_keys[box.seed] for box in kept}
            self._touch()

    # -- epochs -------------------------------------------------------------------------------

    def epoch_secret(self, log: LogId, chan: ChannelId, n: int) -> bytes | None:
        """E of an epoch, 32 bytes, or None."""
        return self._contents.epochs.get((log, chan, n))

    def put_epoch_secret(self, log: LogId, chan: ChannelId, n: int, secret: bytes) -> None:
        """Keep E; save before anything is sealed under it."""
        if self._contents.epochs.get((log, chan, n)) != secret:
            self._contents.epochs[log, chan, n] = secret
            self._touch()

    def forget_epoch_secret(self, log: LogId, chan: ChannelId, n: int) -> None:
        """Delete E, when the rules of closing say so (DESIGN 3 Close)."""
        if self._contents.epochs.pop((log, chan, n), None) is not None:
            self._touch()

    def epoch_secrets(self, log: LogId, chan: ChannelId) -> dict[int, bytes]:
        """n -> E of one channel."""
        return _of_channel(self._contents.epochs, log, chan)

    def close_key(self, log: LogId, chan: ChannelId, n: int) -> bytes | None:
        """KC of an epoch, 32 bytes, or None."""
        return self._contents.closes.get((log, chan, n))

    def put_close_key(self, log: LogId, chan: ChannelId, n: int, key: bytes) -> None:
        """Keep KC."""
        if self._contents.closes.get((log, chan, n)) != key:
            self._contents.closes[log, chan, n] = key
            self._touch()

    def close_keys(self, log: LogId, chan: ChannelId) -> dict[int, bytes]:
        """n -> KC of one channel."""
        return _of_channel(self._contents.closes, log, chan)

    # -- own entries --------------------------------------------------------------------------

    def outbox(self, log: LogId | None = None) -> tuple[OutboxItem, ...]:
        """Signed and not yet acknowledged, in the order in which they were put in."""
        return tuple(
            item for item in self._contents.outbox.values() if log is None or item.log == log
        )

    def put_outbox(self, item: OutboxItem) -> None:
        """Keep signed bytes; save before they are sent, so that a crash sends the same again."""
        held = self._contents.outbox.get((item.log, item.id))
        if held is not None and held.submission != item.submission:
            raise ValueError("an entry id is never used for other bytes")
        self._contents.outbox[item.log, item.id] = item
        self._touch()

    def drop_outbox(self, log: LogId, entry: EntryId) -> None:
        """Forget bytes: acknowledged, or superseded beyond doubt in the verified log."""
        if self._contents.outbox.pop((log, entry), None) is not None:
            self._touch()

    def receipts(self, log: LogId | None = None) -> tuple[StoredReceipt, ...]:
        """Own entries that were acknowledged, oldest first."""
        return tuple(
            item for item in self._contents.receipts.values() if log is None or item.log == log
        )

    def receipt(self, log: LogId, entry: EntryId) -> StoredReceipt | None:
        """The receipt of one own entry."""
        return self._contents.receipts.get((log, entry))

    def put_receipt(self, receipt: StoredReceipt) -> None:
        """Keep a verified receipt and take its entry out of the outbox, in one write."""
        self._contents.receipts[receipt.log, receipt.id] = receipt
        self._contents.outbox.pop((receipt.log, receipt.id), None)
        self._touch()

    # -- what was verified --------------------------------------------------------------------

    def head(self, log: LogId) -> KnownHead | None:
        """The newest verified checkpoint of a log."""
        return self._contents.heads.get(log)

    def heads(self) -> tuple[KnownHead, ...]:
        """One per log that this device ever verified."""
        return tuple(self._contents.heads.values())

    def advance_head(self, head: KnownHead) -> None:
        """Go forward; raises VaultBehind for a smaller size or another root of the same size."""
        held = self._contents.heads.get(head.log)
        if held is not None:
            if head.size < held.size or head.log_id32 != held.log_id32:
                raise VaultBehind(
                    f"checkpoint {head.size} offered where {held.size} was verified before"
                )
            if head.size == held.size:
                if head.root != held.root:
                    raise VaultBehind(f"another root of size {head.size} was verified before")
                return
        self._contents.heads[head.log] = head
        self._touch()

    def promises(self, log: LogId) -> tuple[PromisedHead, ...]:
        """Signed heads that own reading has not reached yet, smallest first."""
        found = [head for head in self._contents.promises.values() if head.log == log]
        return tuple(sorted(found, key=lambda head: head.size))

    def put_promise(self, head: PromisedHead) -> None:
        """Remember a signed head; raises VaultBehind if another root of that size is held."""
        held = self._contents.promises.get((head.log, head.size))
        if held is None:
            self._contents.promises[head.log, head.size] = head
            self._touch()
        elif held.root != head.root:
            raise VaultBehind(f"another root of size {head.size} was promised before")

    def keep_promises_above(self, log: LogId, size: int) -> None:
        """Forget the promises up to `size`, which came true."""
        done = [at for at in self._contents.promises if at[0] == log and at[1] <= size]
        for at in done:
            del self._contents.promises[at]
        if done:
            self._touch()

    # -- invitations --------------------------------------------------------------------------

    def invitations(self) -> tuple[IssuedInvitation, ...]:
        """Those handed out and not yet used."""
        return tuple(self._contents.invitations.values())

    def put_invitation(self, invitation: IssuedInvitation) -> None:
        """Keep the secret; save before the paper leaves the printer."""
        self._contents.invitations[invitation.lookup] = invitation
        self._touch()

    def drop_invitation(self, lookup: bytes) -> None:
        """Forget one that was used or withdrawn."""
        if self._contents.invitations.pop(lookup, None) is not None:
            self._touch()

    # -- session ------------------------------------------------------------------------------

    @property
    def session(self) -> tuple[bytes, int] | None:
        """The session's token (32 bytes) and its end in ms, or None."""
        contents = self._contents
        return (contents.token, contents.token_until_ms) if contents.token else None

    def put_session(self, token: bytes, until_ms: int) -> None:
        """Keep the token of a session; empty bytes forget it."""
        self._contents.token, self._contents.token_until_ms = token, until_ms
        self._touch()

    @property
    def client_secret(self) -> bytes:
        """A bot's second factor at login; empty for people."""
        return self._contents.client_secret

    @client_secret.setter
    def client_secret(self, secret: bytes) -> None:
        self._contents.client_secret = secret
        self._touch()

    # -- for the other parts of the client ----------------------------------------------------

    @property
    def notes(self) -> Mapping[str, Value]:
        """Small values kept by name; names have at most 23 bytes."""
        return self._contents.notes

    def put_note(self, name: str, value: Value) -> None:
        """Keep a small value (never message text) under a name; CBOR values only."""
        encode({"notes": {name: value}})  # refuse now what could not be saved later
        self._contents.notes[name] = value
        self._touch()

    def drop_note(self, name: str) -> None:
        """Forget one."""
        if self._contents.notes.pop(name, None) is not None:
            self._touch()

    def _touch(self) -> None:
        self._changed = True


def _of_channel(kept: Mapping[EpochAt, bytes], log: LogId, chan: ChannelId) -> dict[int, bytes]:
    return {n: value for (at, where, n), value in kept.items() if at == log and where == chan}
