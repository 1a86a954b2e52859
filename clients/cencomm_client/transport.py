"""The server's routes as typed calls.

Shapes are checked (`answers`), limits are kept (`exchange`); judging what was sent is the
verifier's: this module believes nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

from cencomm_crypto.public.ids import ChannelId, DeviceId, LogId, PersonId
from cencomm_crypto.public.note import MAX_NOTE
from cencomm_crypto.public.tail import TailPart
from cencomm_crypto.public.wire import Receipt, Submission

from cencomm_client.answers import (
    MAX_SHORT,
    Challenge,
    DeviceProof,
    EntriesPage,
    LogListing,
    OpenedSession,
    ReceivedEnrolment,
    SecondFactor,
    ServerInfo,
    Standing,
    Wraps,
    header_int,
    hex_field,
    int_field,
    parse_json,
    parse_receipt,
    parse_recovery,
    parse_session,
    parse_standing,
    parse_wraps,
    text_field,
    unhex,
)
from cencomm_client.errors import AnswerMalformed, Refused
from cencomm_client.exchange import Exchange

_TOTP_URI = re.compile(r"otpauth://totp/[!-~]{1,400}", re.ASCII)
_TOTP_SECRET = re.compile(r"[A-Z2-7]{16,128}", re.ASCII)
MAX_PAGE = 4 * 1024 * 1024 + 128 * 1024  # DESIGN 11: a log read returns at most 4 MiB
CBOR = "application/cbor"


class Transport(Exchange):
    """One server. Use as an async context manager; one HTTP session, kept alive."""

    # -- public -------------------------------------------------------------------------------

    async def ready(self) -> bool:
        """Whether the server says it is ready."""
        try:
            await self.json("GET", "/readyz", token=False)
        except Refused:
            return False
        return True

    async def info(self) -> ServerInfo:
        """Name, directory id, log key, protocol version."""
        answer = await self.json("GET", "/v1/info", token=False)
        return ServerInfo(
            text_field(answer, "name"),
            b"" if answer.get("directory") is None else hex_field(answer, "directory", 32),
            hex_field(answer, "log_key", 32),
            int_field(answer, "v"),
            int_field(answer, "suite"),
        )

    async def directory_head(self) -> tuple[int, bytes, bytes]:
        """(size, root, note) of the directory: what a root ceremony names as seen."""
        answer = await self.json("GET", "/v1/directory/head", token=False)
        return (
            int_field(answer, "size"),
            hex_field(answer, "root", 32),
            text_field(answer, "note").encode(),
        )

    async def post_root_entry(self, submission: Submission, *, setup: str = "") -> Receipt:
        """Post a body that root signatures carry, without a session.

        `setup`: the token that the server's `init` printed, for its first genesis.
        """
        extra = {"X-Cencomm-Setup": setup} if setup else {}
        return await self._post_entry("/v1/directory/entries", submission, token=False, extra=extra)

    # -- enrolment ----------------------------------------------------------------------------

    async def post_enrolment(
        self, invitation: bytes, sign_pk: bytes, box_pk: bytes, enrol_sig: bytes, proof: bytes
    ) -> None:
        """Hand in a new device's keys for an invitation; raises InvitationUnknown."""
        await self.json(
            "POST",
            "/v1/enrolments",
            {
                "invitation": invitation.hex(),
                "sign_pk": sign_pk.hex(),
                "box_pk": box_pk.hex(),
                "enrol_sig": enrol_sig.hex(),
                "proof": proof.hex(),
            },
            token=False,
        )

    async def enrolment_done(self, invitation: bytes) -> bool:
        """Whether somebody vouched for the device of this invitation."""
        answer = await self.json(
            "GET", "/v1/enrolments", query={"invitation": invitation.hex()}, token=False
        )
        return text_field(answer, "status") == "done"

    async def post_invitation(self, invitation: bytes, person: PersonId) -> None:
        """Open an invitation at the server, which learns its lookup id only."""
        await self.json(
            "POST", "/v1/invitations", {"invitation": invitation.hex(), "person": person.hex()}
        )

    async def invitations(self) -> tuple[ReceivedEnrolment, ...]:
        """Enrolments that came for own invitations."""
        found: list[ReceivedEnrolment] = []
        async for row in self.rows("/v1/invitations", "invitations"):
            enrolment = row.get("enrolment")
            if enrolment is None:
                continue
            if not isinstance(enrolment, dict):
                raise AnswerMalformed("invitations: an enrolment that is no object")
            found.append(
                ReceivedEnrolment(
                    hex_field(row, "invitation", 16),
                    PersonId(hex_field(row, "person", 16)),
                    hex_field(enrolment, "sign_pk", 32),
                    hex_field(enrolment, "box_pk", 32),
                    hex_field(enrolment, "enrol_sig", 64),
                    hex_field(enrolment, "proof", 32),
                )
            )
        return tuple(found)

    # -- session ------------------------------------------------------------------------------

    async def challenge(self, device: DeviceId) -> Challenge:
        """A nonce to sign."""
        answer = await self.json(
            "POST", "/v1/login/challenge", {"device": device.hex()}, token=False
        )
        return Challenge(hex_field(answer, "nonce", 32), int_field(answer, "expires"))

    async def register_account(
        self, account: str, login_secret: bytes, proof: DeviceProof
    ) -> tuple[str, str]:
        """First registration: (totp_uri, totp_secret); confirm with a first code."""
        answer = await self.json(
            "POST",
            "/v1/account",
            {"account": account, "login_secret": login_secret.hex(), **proof.fields()},
            token=False,
        )
        uri, secret = text_field(answer, "totp_uri"), text_field(answer, "totp_secret")
        if not (_TOTP_URI.fullmatch(uri) and _TOTP_SECRET.fullmatch(secret)):
            raise AnswerMalformed("the second factor is no otpauth address with its secret")
        return uri, secret

    async def confirm_account(
        self, account: str, login_secret: bytes, totp: str, proof: DeviceProof
    ) -> OpenedSession:
        """Activate the account with a first one-time code; the first session, recovery codes."""
        answer = await self.json(
            "POST",
            "/v1/account/confirm",
            {
                "account": account,
                "login_secret": login_secret.hex(),
                "totp": totp,
                **proof.fields(),
            },
            token=False,
        )
        return parse_session(answer)

    async def login(
        self, account: str, login_secret: bytes, code: str, proof: DeviceProof
    ) -> OpenedSession:
        """Log in a person; `code`: one-time or recovery code. Raises LoginFailed."""
        answer = await self.json(
            "POST",
            "/v1/login",
            {
                "account": account,
                "login_secret": login_secret.hex(),
                **SecondFactor(code).fields(),
                **proof.fields(),
            },
            token=False,
        )
        return parse_session(answer)

    async def renew_recovery(self, login_secret: bytes, code: str) -> tuple[str, ...]:
        """Other recovery codes; the earlier ones are void. Raises LoginFailed."""
        answer = await self.json(
            "POST",
            "/v1/account/recovery",
            {"login_secret": login_secret.hex(), **SecondFactor(code).fields()},
        )
        return parse_recovery(answer)

    async def bot_login(self, account: str, client_secret: bytes, proof: DeviceProof) -> int:
        """Log in a bot; returns the session's end in ms."""
        answer = await self.json(
            "POST",
            "/v1/bot/login",
            {"account": account, "client_secret": client_secret.hex(), **proof.fields()},
            token=False,
        )
        return int_field(answer, "expires")

    async def bot_secret(self, person: PersonId) -> bytes:
        """A bot's client secret, shown once to its NCP."""
        answer = await self.json("POST", "/v1/bot/secret", {"person": person.hex()})
        return hex_field(answer, "client_secret", 32)

    async def logout(self) -> None:
        """End the session."""
        await self.json("POST", "/v1/logout", {})

    # -- logs ---------------------------------------------------------------------------------

    async def logs(self) -> tuple[LogListing, ...]:
        """All logs that this person may read."""
        return tuple(
            [
                LogListing(
                    LogId(hex_field(row, "log", 16)),
                    text_field(row, "kind"),
                    int_field(row, "size"),
                )
                async for row in self.rows("/v1/logs", "logs")
            ]
        )

    async def create_log(self, submission: Submission) -> Receipt:
        """Post an operation's genesis."""
        return await self._post_entry("/v1/logs", submission)

    async def append(self, log: LogId, submission: Submission) -> Receipt:
        """Post an entry; the same bytes give the same place again."""
        return await self._post_entry(f"/v1/logs/{log.hex()}/entries", submission)

    async def entries(self, log: LogId, after: int) -> EntriesPage:
        """Items from seq `after` on."""
        data, headers = await self.request(
            "GET", f"/v1/logs/{log.hex()}/entries", MAX_PAGE, query={"after": str(after)}
        )
        return EntriesPage(
            data, header_int(headers, "X-Cencomm-Next"), header_int(headers, "X-Cencomm-Size")
        )

    async def checkpoint(self, log: LogId, size: int | None = None, *, least: int = 0) -> bytes:
        """The newest signed note, or that of exactly `size`.

        `least`: the size that this reader knows there is; the server looks for it in the store,
        where another of its processes may have written.
        """
        query = {} if size is None else {"size": str(size)}
        if least:
            query["least"] = str(least)
        data, _ = await self.request(
            "GET", f"/v1/logs/{log.hex()}/checkpoint", MAX_NOTE, query=query
        )
        return data

    async def consistency(self, log: LogId, old: int, new: int) -> tuple[bytes, ...]:
        """RFC 6962 consistency proof between two sizes."""
        answer = await self.json(
            "GET", f"/v1/logs/{log.hex()}/proof", query={"old": str(old), "new": str(new)}
        )
        proof = answer.get("proof")
        if not isinstance(proof, list) or len(proof) > 128:
            raise AnswerMalformed("proof: a list of hashes expected")
        return tuple(unhex(item, "proof", 32) for item in proof)

    async def tail(self, log: LogId, part: TailPart) -> Standing:
        """Hand back a part of what a restored server lost; how the log stands there."""
        data, _ = await self.request(
            "POST", f"/v1/logs/{log.hex()}/tail", MAX_SHORT, body=part.encode(), kind=CBOR
        )
        return parse_standing(parse_json(data))

    async def bring_wraps(self, log: LogId, submission: Submission) -> None:
        """Bring back wraps beside an entry that is in the log, and that a restored server lost."""
        await self.request(
            "POST", f"/v1/logs/{log.hex()}/wraps", MAX_SHORT, body=submission.encode(), kind=CBOR
        )

    async def wraps(self, log: LogId, chan: ChannelId, n: int) -> Wraps:
        """Own wrap and share wraps of an epoch."""
        data, _ = await self.request(
            "GET",
            f"/v1/logs/{log.hex()}/wraps",
            MAX_SHORT,
            query={"chan": chan.hex(), "n": str(n)},
        )
        return parse_wraps(data)

    async def _post_entry(
        self,
        path: str,
        submission: Submission,
        *,
        token: bool = True,
        extra: Mapping[str, str] = MappingProxyType({}),
    ) -> Receipt:
        data, _ = await self.request(
            "POST",
            path,
            MAX_SHORT,
            body=submission.encode(),
            kind=CBOR,
            token=token,
            extra=extra,
            waits=not token,  # with a session it is the outbox that waits and keeps the bytes
        )
        return parse_receipt(data)
