"""Handlers of enrolment, accounts and sessions."""

from __future__ import annotations

from cencomm_crypto.public.ids import DeviceId, PersonId

from cencomm_server.accounts.bots import SECRET_SIZE, BotLogin
from cencomm_server.accounts.invitations import LOOKUP_SIZE, PAGE, Enrolment
from cencomm_server.accounts.login import Login, Registration, Renewal
from cencomm_server.accounts.proof import Proof
from cencomm_server.accounts.recovery import CODE_LENGTH
from cencomm_server.accounts.services import AccountServices
from cencomm_server.accounts.sessions import Session
from cencomm_server.http.call import Answer, Call, json_answer
from cencomm_server.http.fields import Fields
from cencomm_server.metrics import LoginKind, Metrics
from cencomm_server.store.documents import InvitationDoc

ACCOUNT_LENGTH = 64  # characters of a functional code


class AccountHandlers:
    """One method per route; each parses, asks one service, answers."""

    def __init__(self, services: AccountServices, metrics: Metrics) -> None:
        """The services behind the routes; `metrics` counts what becomes of logins."""
        self._metrics = metrics
        self._accounts = services.accounts
        self._bots = services.bots
        self._sessions = services.sessions
        self._proofs = services.proofs
        self._invitations = services.invitations

    async def challenge(self, call: Call) -> Answer:
        """POST /v1/login/challenge."""
        fields = call.fields()
        device = DeviceId(fields.hex("device", 16))
        fields.end()
        challenge = self._proofs.challenge(device)
        return json_answer({"nonce": challenge.nonce.hex(), "expires": challenge.expires})

    async def register(self, call: Call) -> Answer:
        """POST /v1/account."""
        fields = call.fields()
        request = Registration(
            proof=_proof(fields),
            account=fields.text("account", ACCOUNT_LENGTH),
            login_secret=fields.hex("login_secret", 32),
        )
        fields.end()
        with self._metrics.logging_in(LoginKind.REGISTRATION):
            made = await self._accounts.register(request)
        return json_answer({"totp_uri": made.uri, "totp_secret": made.base32})

    async def confirm(self, call: Call) -> Answer:
        """POST /v1/account/confirm."""
        request = _login(call.fields(), recovers=False)
        with self._metrics.logging_in(LoginKind.REGISTRATION):
            return _session(await self._accounts.confirm(request))

    async def login(self, call: Call) -> Answer:
        """POST /v1/login."""
        request = _login(call.fields())
        with self._metrics.logging_in(LoginKind.RECOVERY if request.recovery else LoginKind.PERSON):
            return _session(await self._accounts.login(request))

    async def renew_recovery(self, call: Call) -> Answer:
        """POST /v1/account/recovery."""
        fields = call.fields()
        secret = fields.hex("login_secret", 32)
        totp, recovery = _second_factor(fields)
        fields.end()
        request = Renewal(secret, totp, recovery)
        return json_answer(
            {"recovery": list(await self._accounts.renew_recovery(call.principal, request))}
        )

    async def bot_login(self, call: Call) -> Answer:
        """POST /v1/bot/login."""
        fields = call.fields()
        request = BotLogin(
            proof=_proof(fields),
            account=fields.text("account", ACCOUNT_LENGTH),
            client_secret=fields.hex("client_secret", SECRET_SIZE),
        )
        fields.end()
        with self._metrics.logging_in(LoginKind.BOT):
            return _session(await self._bots.login(request))

    async def bot_secret(self, call: Call) -> Answer:
        """POST /v1/bot/secret."""
        fields = call.fields()
        person = PersonId(fields.hex("person", 16))
        fields.end()
        secret = await self._bots.make_secret(call.principal, person)
        return json_answer({"client_secret": secret.hex()})

    async def logout(self, call: Call) -> Answer:
        """POST /v1/logout."""
        call.fields().end()
        await self._sessions.end(call.principal)
        return json_answer({})

    async def invite(self, call: Call) -> Answer:
        """POST /v1/invitations."""
        fields = call.fields()
        lookup = fields.hex("invitation", LOOKUP_SIZE)
        person = PersonId(fields.hex("person", 16))
        fields.end()
        doc = await self._invitations.invite(call.principal, lookup, person)
        return json_answer({"expires": doc.expires})

    async def invitations(self, call: Call) -> Answer:
        """GET /v1/invitations."""
        after = call.query.optional_hex("after", LOOKUP_SIZE) or b""
        limit = call.query.count("limit", PAGE, least=1, most=PAGE)
        call.query.end()
        page = await self._invitations.made_by(call.principal, after, limit)
        return json_answer(
            {
                "invitations": [_invitation(doc) for doc in page.items],
                "next": page.next.hex() if page.next is not None else None,
            }
        )

    async def enrol(self, call: Call) -> Answer:
        """POST /v1/enrolments."""
        fields = call.fields()
        enrolment = Enrolment(
            invitation=fields.hex("invitation", LOOKUP_SIZE),
            sign_pk=fields.hex("sign_pk", 32),
            box_pk=fields.hex("box_pk", 32),
            enrol_sig=fields.hex("enrol_sig", 64),
            proof=fields.hex("proof", 32),
        )
        fields.end()
        return json_answer({"status": await self._invitations.leave(enrolment)})

    async def enrolment(self, call: Call) -> Answer:
        """GET /v1/enrolments."""
        lookup = call.query.hex("invitation", LOOKUP_SIZE)
        call.query.end()
        return json_answer({"status": await self._invitations.status(lookup)})


def _proof(fields: Fields) -> Proof:
    return Proof(
        device=DeviceId(fields.hex("device", 16)),
        nonce=fields.hex("nonce", 32),
        expiry=fields.count("expiry"),
        token_hash=fields.hex("token_hash", 32),
        sig=fields.hex("sig", 64),
    )


def _login(fields: Fields, *, recovers: bool = True) -> Login:
    proof = _proof(fields)
    account = fields.text("account", ACCOUNT_LENGTH)
    secret = fields.hex("login_secret", 32)
    totp, recovery = _second_factor(fields) if recovers else (fields.digits("totp", 6), "")
    fields.end()
    return Login(proof, account, secret, totp, recovery)


def _second_factor(fields: Fields) -> tuple[str, str]:
    """`totp` or `recovery`, one of them."""
    if fields.has("recovery"):
        return "", fields.letters("recovery", CODE_LENGTH)
    return fields.digits("totp", 6), ""


def _session(session: Session) -> Answer:
    answer: dict[str, object] = {"expires": session.expires, "idle_s": session.idle_s}
    if session.recovery_left is not None:
        answer["recovery_left"] = session.recovery_left
    if session.recovery:
        answer["recovery"] = list(session.recovery)
    return json_answer(answer)


def _invitation(doc: InvitationDoc) -> dict[str, object]:
    left = doc.enrolment
    return {
        "invitation": doc.lookup.hex(),
        "person": doc.person.hex(),
        "expires": doc.expires,
        "enrolment": None
        if left is None
        else {
            "sign_pk": left.sign_pk.hex(),
            "box_pk": left.box_pk.hex(),
            "enrol_sig": left.enrol_sig.hex(),
            "proof": left.proof.hex(),
        },
    }
