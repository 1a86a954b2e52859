"""The server's routes as typed calls over HTTP/1.1 (aiohttp).

The server is assumed hostile: every answer has a size limit that is enforced while reading, a
shape that is checked, no redirect is followed, no compression is taken (A16, A35), TLS is
checked as the system does and there is no switch against it; plain http is for this machine
itself. Refusals become exceptions by their code (`errors.refusal`). Judging what was sent is
the verifier's; this module believes nothing.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from ipaddress import ip_address
from types import TracebackType
from typing import Any

import aiohttp
from cencomm_crypto.public.ids import ChannelId, DeviceId, LogId, PersonId
from cencomm_crypto.public.note import MAX_NOTE
from cencomm_crypto.public.wire import Receipt, Submission
from yarl import URL

from cencomm_client.answers import (
    MAX_SHORT,
    Challenge,
    DeviceProof,
    EntriesPage,
    LogListing,
    ReceivedEnrolment,
    ServerInfo,
    Wraps,
    header_int,
    hex_field,
    int_field,
    objects_field,
    parse_json,
    parse_receipt,
    parse_wraps,
    text_field,
    token_text,
    unhex,
)
from cencomm_client.errors import (
    AnswerMalformed,
    AnswerTooLarge,
    InsecureUrl,
    NoSession,
    Redirected,
    Refused,
    Unreachable,
    refusal,
)

MAX_JSON = 1024 * 1024  # bytes
MAX_PAGE = 4 * 1024 * 1024 + 128 * 1024  # DESIGN 11: a log read returns at most 4 MiB
MAX_PAGES = 1000  # of one list
TIMEOUT_S = 30.0
JSON = "application/json"
CBOR = "application/cbor"


def check_url(url: str) -> URL:
    """Parse a server's address; raises InsecureUrl unless https, or http to this machine."""
    try:
        parsed = URL(url)
        host = parsed.host or ""
    except ValueError as error:
        raise InsecureUrl("not an address of the form https://host") from error
    local = host == "localhost"
    with suppress(ValueError):
        local = local or ip_address(host).is_loopback
    if parsed.scheme != "https" and not (parsed.scheme == "http" and local):
        raise InsecureUrl(f"{url!a}: https expected; http is taken for this machine only")
    if not host or parsed.user or parsed.password or parsed.query_string or parsed.fragment:
        raise InsecureUrl(f"{url!a}: scheme, host and port expected, nothing else")
    return parsed.origin()


class Transport:
    """One server. Use as an async context manager; one HTTP session, kept alive."""

    def __init__(self, url: str, *, timeout_s: float = TIMEOUT_S) -> None:
        """Raises InsecureUrl."""
        self._base = check_url(url)
        self._timeout_s = timeout_s
        self._session: aiohttp.ClientSession | None = None
        self.token: bytes | None = None
        """The session's token, 32 bytes; set by `session`."""

    @property
    def origin(self) -> str:
        """scheme://host[:port], as it is signed at login."""
        return str(self._base)

    @property
    def http(self) -> aiohttp.ClientSession:
        """The HTTP session, made on first use inside an event loop."""
        if self._session is None or self._session.closed:
            self._session = aiohttp.ClientSession(
                auto_decompress=False,
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=10, sock_read=30),
                headers={"Accept-Encoding": "identity", "User-Agent": "cencomm"},
                trust_env=False,
                max_line_size=8190,
                max_field_size=32768,
            )
        return self._session

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()

    async def __aenter__(self) -> Transport:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    # -- public -------------------------------------------------------------------------------

    async def ready(self) -> bool:
        """Whether the server says it is ready."""
        try:
            await self._json("GET", "/readyz", token=False)
        except Refused:
            return False
        return True

    async def info(self) -> ServerInfo:
        """Name, directory id, log key, protocol version."""
        answer = await self._json("GET", "/v1/info", token=False)
        return ServerInfo(
            text_field(answer, "name"),
            b"" if answer.get("directory") is None else hex_field(answer, "directory", 32),
            hex_field(answer, "log_key", 32),
            int_field(answer, "v"),
            int_field(answer, "suite"),
        )

    async def directory_head(self) -> tuple[int, bytes, bytes]:
        """(size, root, note) of the directory: what a root ceremony names as seen."""
        answer = await self._json("GET", "/v1/directory/head", token=False)
        return (
            int_field(answer, "size"),
            hex_field(answer, "root", 32),
            text_field(answer, "note").encode(),
        )

    async def post_root_entry(self, submission: Submission) -> Receipt:
        """Post a body that root signatures carry, without a session."""
        return await self._post_entry("/v1/directory/entries", submission, token=False)

    # -- enrolment ----------------------------------------------------------------------------

    async def post_enrolment(
        self, invitation: bytes, sign_pk: bytes, box_pk: bytes, enrol_sig: bytes, proof: bytes
    ) -> None:
        """Hand in a new device's keys for an invitation; raises InvitationUnknown."""
        await self._json(
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
        answer = await self._json(
            "GET", "/v1/enrolments", query={"invitation": invitation.hex()}, token=False
        )
        return text_field(answer, "status") == "done"

    async def post_invitation(self, invitation: bytes, person: PersonId) -> None:
        """Open an invitation at the server, which learns its lookup id only."""
        await self._json(
            "POST", "/v1/invitations", {"invitation": invitation.hex(), "person": person.hex()}
        )

    async def invitations(self) -> tuple[ReceivedEnrolment, ...]:
        """Enrolments that came for own invitations."""
        found: list[ReceivedEnrolment] = []
        async for row in self._rows("/v1/invitations", "invitations"):
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
        answer = await self._json(
            "POST", "/v1/login/challenge", {"device": device.hex()}, token=False
        )
        return Challenge(hex_field(answer, "nonce", 32), int_field(answer, "expires"))

    async def register_account(
        self, account: str, login_secret: bytes, proof: DeviceProof
    ) -> tuple[str, str]:
        """First registration: (totp_uri, totp_secret); confirm with a first code."""
        answer = await self._json(
            "POST",
            "/v1/account",
            {"account": account, "login_secret": login_secret.hex(), **proof.fields()},
            token=False,
        )
        return text_field(answer, "totp_uri"), text_field(answer, "totp_secret")

    async def confirm_account(
        self, account: str, login_secret: bytes, totp: str, proof: DeviceProof
    ) -> int:
        """Activate the account with a first one-time code; returns the session's end in ms."""
        answer = await self._json(
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
        return int_field(answer, "expires")

    async def login(self, account: str, login_secret: bytes, totp: str, proof: DeviceProof) -> int:
        """Log in a person; returns the session's end in ms. Raises LoginFailed."""
        answer = await self._json(
            "POST",
            "/v1/login",
            {
                "account": account,
                "login_secret": login_secret.hex(),
                "totp": totp,
                **proof.fields(),
            },
            token=False,
        )
        return int_field(answer, "expires")

    async def bot_login(self, account: str, client_secret: bytes, proof: DeviceProof) -> int:
        """Log in a bot; returns the session's end in ms."""
        answer = await self._json(
            "POST",
            "/v1/bot/login",
            {"account": account, "client_secret": client_secret.hex(), **proof.fields()},
            token=False,
        )
        return int_field(answer, "expires")

    async def bot_secret(self, person: PersonId) -> bytes:
        """A bot's client secret, shown once to its NCP."""
        answer = await self._json("POST", "/v1/bot/secret", {"person": person.hex()})
        return hex_field(answer, "client_secret", 32)

    async def logout(self) -> None:
        """End the session."""
        await self._json("POST", "/v1/logout", {})

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
                async for row in self._rows("/v1/logs", "logs")
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
        data, headers = await self._request(
            "GET", f"/v1/logs/{log.hex()}/entries", MAX_PAGE, query={"after": str(after)}
        )
        return EntriesPage(
            data, header_int(headers, "X-Cencomm-Next"), header_int(headers, "X-Cencomm-Size")
        )

    async def checkpoint(self, log: LogId, size: int | None = None) -> bytes:
        """The newest signed note, or that of exactly `size`."""
        query = {} if size is None else {"size": str(size)}
        data, _ = await self._request(
            "GET", f"/v1/logs/{log.hex()}/checkpoint", MAX_NOTE, query=query
        )
        return data

    async def consistency(self, log: LogId, old: int, new: int) -> tuple[bytes, ...]:
        """RFC 6962 consistency proof between two sizes."""
        answer = await self._json(
            "GET", f"/v1/logs/{log.hex()}/proof", query={"old": str(old), "new": str(new)}
        )
        proof = answer.get("proof")
        if not isinstance(proof, list) or len(proof) > 128:
            raise AnswerMalformed("proof: a list of hashes expected")
        return tuple(unhex(item, "proof", 32) for item in proof)

    async def wraps(self, log: LogId, chan: ChannelId, n: int) -> Wraps:
        """Own wrap and share wraps of an epoch."""
        data, _ = await self._request(
            "GET",
            f"/v1/logs/{log.hex()}/wraps",
            MAX_SHORT,
            query={"chan": chan.hex(), "n": str(n)},
        )
        return parse_wraps(data)

    # -- inside -------------------------------------------------------------------------------

    async def _rows(self, path: str, name: str) -> AsyncIterator[dict[str, Any]]:
        """Every row of a list that comes in pages of `{name: [...], next}` (DESIGN 11)."""
        query: dict[str, str] = {}
        for _ in range(MAX_PAGES):
            answer = await self._json("GET", path, query=query)
            for row in objects_field(answer, name):
                yield row
            following = answer.get("next")
            if following is None:
                return
            query = {"after": text_field(answer, "next")}
        raise AnswerTooLarge(f"{path}: a list of more than {MAX_PAGES} pages")

    async def _post_entry(
        self, path: str, submission: Submission, *, token: bool = True
    ) -> Receipt:
        data, _ = await self._request(
            "POST", path, MAX_SHORT, body=submission.encode(), kind=CBOR, token=token
        )
        return parse_receipt(data)

    async def _json(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        query: Mapping[str, str] | None = None,
        token: bool = True,
    ) -> dict[str, Any]:
        data, _ = await self._request(
            method,
            path,
            MAX_JSON,
            body=None if body is None else json.dumps(body).encode(),
            kind=JSON,
            query=query,
            token=token,
        )
        return parse_json(data) if data else {}

    async def _request(
        self,
        method: str,
        path: str,
        max_size: int,
        *,
        body: bytes | None = None,
        kind: str = JSON,
        query: Mapping[str, str] | None = None,
        token: bool = True,
    ) -> tuple[bytes, Mapping[str, str]]:
        """One exchange: (body, headers) of a 2xx answer; raises TransportError or Refused."""
        headers = {} if body is None else {"Content-Type": kind}
        if token:
            if self.token is None:
                raise NoSession("log in first")
            headers["Authorization"] = f"Bearer {token_text(self.token)}"
        url = self._base.with_path(path).with_query(query or {})
        try:
            async with (
                asyncio.timeout(self._timeout_s),
                self.http.request(
                    method, url, data=body, headers=headers, allow_redirects=False
                ) as answer,
            ):
                if 300 <= answer.status < 400:
                    raise Redirected(f"{path}: the server answered {answer.status}")
                if answer.headers.get("Content-Encoding", "identity") != "identity":
                    raise AnswerMalformed(f"{path}: a compressed answer; none was asked for")
                good = 200 <= answer.status < 300
                data = await _read(answer, max_size if good else MAX_SHORT, path)
                if not good:
                    raise _refused(answer.status, answer.headers, data)
                return data, answer.headers
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise Unreachable(f"{method} {path}: {type(error).__name__}") from error


async def _read(answer: aiohttp.ClientResponse, max_size: int, path: str) -> bytes:
    """Read at most `max_size` bytes; raises AnswerTooLarge before holding more."""
    if (answer.content_length or 0) > max_size:
        raise AnswerTooLarge(f"{path}: {answer.content_length} bytes, at most {max_size} expected")
    pieces: list[bytes] = []
    held = 0
    async for piece in answer.content.iter_any():
        held += len(piece)
        if held > max_size:
            raise AnswerTooLarge(f"{path}: more than {max_size} bytes")
        pieces.append(piece)
    return b"".join(pieces)


def _refused(status: int, headers: Mapping[str, str], data: bytes) -> Refused:
    try:
        answer = parse_json(data)
        code, detail = text_field(answer, "code"), text_field(answer, "detail")
    except AnswerMalformed:
        code, detail = "refused", f"the server answered {status} without a code"
    try:
        retry_after_s = min(max(float(headers.get("Retry-After", "0")), 0.0), 3600.0)
    except ValueError:
        retry_after_s = 0.0
    if status >= 500 and code == "refused":
        code = "too_busy"  # a proxy in between, or a server that is going down: try again
    return refusal(code[:64], detail[:512], status=status, retry_after_s=retry_after_s)
