"""No usable answer came, no address may be used, or nobody is logged in or enrolled yet."""

from __future__ import annotations

from cencomm_client.errors.codes import ClientCode, ClientError


class TransportError(ClientError):
    """No usable answer came: try again, the outcome is unknown."""


class Unreachable(TransportError):
    """No connection, or it broke or timed out before the answer was complete."""

    code = ClientCode.UNREACHABLE


class AnswerTooLarge(TransportError):
    """The server sent more than this route may (A35)."""

    code = ClientCode.ANSWER_TOO_LARGE


class AnswerMalformed(TransportError):
    """The server's answer is not of the shape of this route."""

    code = ClientCode.ANSWER_MALFORMED


class Redirected(TransportError):
    """The server pointed elsewhere; a redirect is never followed."""

    code = ClientCode.REDIRECTED


class InsecureUrl(ClientError):
    """Plain http is taken for this machine itself only."""

    code = ClientCode.INSECURE_URL


class AddressUnusable(ClientError):
    """A bot cannot listen there."""

    code = ClientCode.ADDRESS_UNUSABLE


class NoSession(ClientError):
    """Log in first."""

    code = ClientCode.NO_SESSION


class EnrolmentWaiting(ClientError):
    """Nobody has vouched for this device yet."""

    code = ClientCode.ENROLMENT_WAITING
