"""AccountStore over document collections: accounts, one-time steps, failed tries, recovery."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from cencomm_crypto.public.ids import PersonId

from cencomm_server.store import schema
from cencomm_server.store.collection import Collection, Records
from cencomm_server.store.documents import AccountDoc
from cencomm_server.store.port import KeyTaken

_ACCOUNT = Records(AccountDoc, schema.ACCOUNTS)
_CHANGING = ("account", "secret_hash", "totp_sealed", "state", "created")
_KEPT_FAILURES_MS = 24 * 3600 * 1000  # the longest window that settings allow


class KeptAccounts:
    """Every change is one conditional update; nothing is read, judged and written back."""

    def __init__(self, accounts: Collection, failures: Collection, recovery: Collection) -> None:
        self._accounts = accounts
        self._failed = failures
        self._recovery = recovery

    async def create_account(self, doc: AccountDoc) -> None:
        try:
            await self._accounts.insert(_ACCOUNT.document(doc))
        except KeyTaken:
            raise KeyTaken("this person or this account name has an account") from None

    async def account(self, account: str) -> AccountDoc | None:
        document = await self._accounts.find_one({"account": account})
        return None if document is None else _ACCOUNT.record(document)

    async def account_of(self, person: PersonId) -> AccountDoc | None:
        document = await self._accounts.find_one({"_id": person})
        return None if document is None else _ACCOUNT.record(document)

    async def update_account(self, new: AccountDoc, *, was: AccountDoc) -> bool:
        before, after = _ACCOUNT.document(was), _ACCOUNT.document(new)
        del before["totp_last_step"]
        try:
            return await self._accounts.update(
                before, {"$set": {name: after[name] for name in _CHANGING}}
            )
        except KeyTaken:
            raise KeyTaken("this account name belongs to another person") from None

    async def take_totp_step(self, person: PersonId, step: int) -> bool:
        return await self._accounts.update(
            {"_id": person, "totp_last_step": {"$lt": step}}, {"$set": {"totp_last_step": step}}
        )

    async def record_failure(self, who: str, at: int, since: int) -> list[int]:
        # Insert first, then count: of racing tries the k-th to be inserted sees k at least.
        gone = datetime.fromtimestamp((at + _KEPT_FAILURES_MS) / 1000, UTC)
        await self._failed.insert({"who": who, "at": at, "gone": gone})
        return await self.failures(who, since)

    async def drop_failure(self, who: str, at: int) -> None:
        await self._failed.take({"who": who, "at": at})

    async def failures(self, who: str, since: int) -> list[int]:
        found = await self._failed.find({"who": who, "at": {"$gt": since}}, "at")
        return [int(document["at"]) for document in found]

    async def clear_failures(self, who: str) -> None:
        await self._failed.delete({"who": who})

    async def put_recovery(self, person: PersonId, hashes: Sequence[bytes]) -> None:
        # Gone before the new ones come: a crash in between leaves none, never two sets.
        await self._recovery.delete({"person": person})
        if hashes:
            await self._recovery.insert_many([{"_id": one, "person": person} for one in hashes])

    async def take_recovery(self, person: PersonId, code_hash: bytes) -> bool:
        return await self._recovery.take({"_id": code_hash, "person": person}) is not None

    async def count_recovery(self, person: PersonId) -> int:
        return len(await self._recovery.find({"person": person}, "_id"))
