"""Codes and exceptions of the service: what goes wrong around the protocol, not in it.

The protocol's own codes are `cencomm_crypto.errors.ErrorCode`. Both kinds are stable wire codes,
both have a sentence in `catalog/`, and the server maps both to a status in one table
(`cencomm_server.errors`). A client turns an answer back into an exception with `error_for`.
"""

from __future__ import annotations

from enum import StrEnum

from cencomm_crypto.errors import CencommError, ErrorCode, ProtocolError


class ServiceCode(StrEnum):
    """Every code that the server's services and transports can give (docs/api.md)."""

    # who is asking
    LOGIN_FAILED = "login_failed"
    NOT_AUTHENTICATED = "not_authenticated"
    SESSION_EXPIRED = "session_expired"
    ACCOUNT_EXISTS = "account_exists"
    INVITATION_UNKNOWN = "invitation_unknown"
    INVITATION_SPENT = "invitation_spent"
    FORBIDDEN = "forbidden"
    BAD_ORIGIN = "bad_origin"
    # how it was asked
    BAD_REQUEST = "bad_request"
    NOT_FOUND = "not_found"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    UNSUPPORTED_MEDIA = "unsupported_media"
    ID_REUSED = "id_reused"
    UNKNOWN_LOG = "unknown_log"
    WRONG_DEPLOYMENT = "wrong_deployment"
    SETUP_REFUSED = "setup_refused"
    # whether it can be done now
    RATE_LIMITED = "rate_limited"
    TOO_BUSY = "too_busy"
    NO_DIRECTORY = "no_directory"
    STORE_DOWN = "store_down"
    STORE_FULL = "store_full"
    CLOCK_JUMPED = "clock_jumped"
    LOG_BEHIND = "log_behind"
    SHUTTING_DOWN = "shutting_down"
    # the installation
    BAD_SETTINGS = "bad_settings"
    BAD_INSTALLATION = "bad_installation"
    OPERATORS_NEEDED = "operators_needed"
    UNKNOWN_FORMAT = "unknown_format"
    INTERNAL = "internal"


class ServiceError(CencommError):
    """Base of the service's errors; each subclass has one code."""

    code: str = ServiceCode.INTERNAL


class LoginFailed(ServiceError):
    """Unknown account, wrong secret, wrong code, wrong signature: one answer for all (A37)."""

    code = ServiceCode.LOGIN_FAILED


class NotAuthenticated(ServiceError):
    """No token, or one that the server does not know."""

    code = ServiceCode.NOT_AUTHENTICATED


class SessionExpired(ServiceError):
    """The session passed its idle or absolute limit, or its device is no longer active."""

    code = ServiceCode.SESSION_EXPIRED


class AccountExists(ServiceError):
    """The person has an account already; only a reset entry of its NCP makes room for another."""

    code = ServiceCode.ACCOUNT_EXISTS


class InvitationUnknown(ServiceError):
    """No invitation waits under this lookup value: never made, expired, or withdrawn."""

    code = ServiceCode.INVITATION_UNKNOWN


class InvitationSpent(ServiceError):
    """The invitation holds an enrolment of other keys already."""

    code = ServiceCode.INVITATION_SPENT


class Forbidden(ServiceError):
    """Who asks is known and may not do this."""

    code = ServiceCode.FORBIDDEN


class BadOrigin(ServiceError):
    """A browser page of an origin that is not on the list (A27)."""

    code = ServiceCode.BAD_ORIGIN


class BadRequest(ServiceError):
    """The request does not have the form that docs/api.md gives; the detail names the field."""

    code = ServiceCode.BAD_REQUEST


class NotFound(ServiceError):
    """No such route or object."""

    code = ServiceCode.NOT_FOUND


class MethodNotAllowed(ServiceError):
    """The route exists under another method."""

    code = ServiceCode.METHOD_NOT_ALLOWED


class UnsupportedMedia(ServiceError):
    """The Content-Type is not the one that the route takes."""

    code = ServiceCode.UNSUPPORTED_MEDIA


class IdReused(ServiceError):
    """The same (scope, device, id) with other bytes: an alarm, never a second entry (A5)."""

    code = ServiceCode.ID_REUSED


class UnknownLog(ServiceError):
    """No such log here, or none that this person may see."""

    code = ServiceCode.UNKNOWN_LOG


class WrongDeployment(ServiceError):
    """A directory genesis that names another log key or another name than this server's."""

    code = ServiceCode.WRONG_DEPLOYMENT


class SetupRefused(ServiceError):
    """A directory genesis without the set-up token that `cencomm-server init` made."""

    code = ServiceCode.SETUP_REFUSED


class OperatorsNeeded(ServiceError):
    """A dangerous command without the operators that the settings ask for (ADR 0021)."""

    code = ServiceCode.OPERATORS_NEEDED


class RateLimited(ServiceError):
    """Too many tries; `retry_after_s` seconds from now one more is taken."""

    code = ServiceCode.RATE_LIMITED

    def __init__(self, detail: str = "", *, retry_after_s: int = 60) -> None:
        super().__init__(detail)
        self.retry_after_s = retry_after_s


class TooBusy(ServiceError):
    """A bounded queue is full; the same request may succeed in a moment."""

    code = ServiceCode.TOO_BUSY


class NoDirectory(ServiceError):
    """The server has no directory yet: the genesis has not been posted."""

    code = ServiceCode.NO_DIRECTORY


class StoreDown(ServiceError):
    """The store does not answer or refuses to write; nothing was acknowledged."""

    code = ServiceCode.STORE_DOWN


class StoreFull(StoreDown):
    """The store refuses writes because its disk is full; nothing was acknowledged."""

    code = ServiceCode.STORE_FULL


class ClockJumped(ServiceError):
    """Wall and monotonic clock disagree, or the clock is behind the log (DESIGN 11)."""

    code = ServiceCode.CLOCK_JUMPED


class LogBehind(ServiceError):
    """The store holds less of this log than was signed (A50); nothing is taken yet."""

    code = ServiceCode.LOG_BEHIND


class ShuttingDown(ServiceError):
    """The server is stopping and takes nothing new."""

    code = ServiceCode.SHUTTING_DOWN


class BadSettings(ServiceError):
    """A setting is missing, unknown or has a value out of its range; the detail names it."""

    code = ServiceCode.BAD_SETTINGS


class BadInstallation(ServiceError):
    """The data directory is not one that `init` made, or a key file is missing or readable."""

    code = ServiceCode.BAD_INSTALLATION


class UnknownFormat(ServiceError):
    """Something kept on disk has a format number that this version does not know (DESIGN 11)."""

    code = ServiceCode.UNKNOWN_FORMAT


class Internal(ServiceError):
    """A defect of the server; the detail says nothing, the server's log says what."""

    code = ServiceCode.INTERNAL


_SERVICE_ERRORS: dict[str, type[ServiceError]] = {
    str(cls.code): cls for base in (ServiceError, StoreDown) for cls in base.__subclasses__()
}


def error_for(code: str, detail: str) -> CencommError:
    """The exception for an answer `{code, detail}`; an unknown code keeps its name."""
    known = _SERVICE_ERRORS.get(code)
    if known is not None:
        return known(detail)
    try:
        return ProtocolError(ErrorCode(code), detail)
    except ValueError:
        foreign = ServiceError(detail)
        foreign.code = code  # a newer server's code keeps its name
        return foreign
