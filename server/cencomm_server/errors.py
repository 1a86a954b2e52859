"""The one table from code to HTTP status, for every code of protocol and service (docs/api.md).

Services raise; `http.middleware` asks here; nothing else in the server knows a status number.
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from types import MappingProxyType

from cencomm_config.errors import ServiceCode
from cencomm_crypto.errors import ErrorCode

_BAD, _REFUSED, _CONFLICT = HTTPStatus.BAD_REQUEST, HTTPStatus.FORBIDDEN, HTTPStatus.CONFLICT
_INVALID, _AGAIN = HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.SERVICE_UNAVAILABLE

_PROTOCOL: dict[ErrorCode, HTTPStatus] = {
    # bytes: not what the protocol says
    ErrorCode.MALFORMED: _BAD,
    ErrorCode.TOO_LARGE: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    ErrorCode.TOO_DEEP: _BAD,
    ErrorCode.NOT_CANONICAL: _BAD,
    ErrorCode.WRONG_TYPE: _BAD,
    ErrorCode.UNKNOWN_TYPE: _BAD,
    ErrorCode.UNKNOWN_VERSION: _BAD,
    # keys and proofs: well-formed and not valid
    ErrorCode.BAD_KEY: _INVALID,
    ErrorCode.BAD_SIGNATURE: _INVALID,
    ErrorCode.BAD_PROOF: _INVALID,
    ErrorCode.BAD_NOTE: _INVALID,
    ErrorCode.KEY_REUSED: _CONFLICT,
    ErrorCode.BAD_SERIAL: _CONFLICT,
    ErrorCode.BAD_THRESHOLD: _REFUSED,
    # the log: the state has moved, or the author saw another one
    ErrorCode.LOG_DAMAGED: HTTPStatus.INTERNAL_SERVER_ERROR,
    ErrorCode.WRONG_LOG: _BAD,
    ErrorCode.WRONG_SCOPE: _BAD,
    ErrorCode.WRONG_HEAD: _CONFLICT,
    ErrorCode.STALE_SEEN: _CONFLICT,
    ErrorCode.STALE_DIRECTORY: _CONFLICT,
    ErrorCode.SEEN_DECREASED: _CONFLICT,
    ErrorCode.DUPLICATE_ID: _CONFLICT,
    ErrorCode.DIRECTORY_BEHIND: _AGAIN,
    # rights, phases, life-cycle
    ErrorCode.OUT_OF_WINDOW: _REFUSED,
    ErrorCode.WRONG_PHASE: _REFUSED,
    ErrorCode.NOT_PERMITTED: _REFUSED,
    ErrorCode.NOT_MEMBER: _REFUSED,
    ErrorCode.INACTIVE: _REFUSED,
    ErrorCode.UNKNOWN_DEVICE: _REFUSED,
    ErrorCode.UNKNOWN_PERSON: _INVALID,
    ErrorCode.UNKNOWN_CHANNEL: _INVALID,
    ErrorCode.UNKNOWN_ADMINISTRATION: _INVALID,
    ErrorCode.UNKNOWN_PROPOSAL: _INVALID,
    ErrorCode.PROPOSAL_SPENT: _CONFLICT,
    ErrorCode.PROPOSAL_EXPIRED: _CONFLICT,
    ErrorCode.SAME_ADMINISTRATION: _REFUSED,
    ErrorCode.ALREADY_EXISTS: _CONFLICT,
    ErrorCode.UNKNOWN_REFERENCE: _INVALID,
    ErrorCode.BAD_AUDIT_SET: _INVALID,
    ErrorCode.HELD: _CONFLICT,
    ErrorCode.NOT_CLOSED: _CONFLICT,
    ErrorCode.CLOSED: _CONFLICT,
    ErrorCode.TOO_MANY: _INVALID,
    ErrorCode.BAD_VALUE: _INVALID,
    # epochs
    ErrorCode.WRONG_EPOCH: _CONFLICT,
    ErrorCode.STALE_EPOCH: _CONFLICT,
    ErrorCode.BAD_RECIPIENTS: _INVALID,
    ErrorCode.BAD_COUNT: _INVALID,
    ErrorCode.BAD_EPOCH_LINK: _INVALID,
    ErrorCode.BAD_COMMIT: _INVALID,
    # a client's business; here so that the table has no hole
    ErrorCode.VOID: _CONFLICT,
    ErrorCode.ROTATION_MISMATCH: _INVALID,
    ErrorCode.CANNOT_OPEN: _INVALID,
    ErrorCode.NO_EPOCH_KEY: _INVALID,
    ErrorCode.FORGED_METADATA: _INVALID,
}

_SERVICE: dict[ServiceCode, HTTPStatus] = {
    ServiceCode.LOGIN_FAILED: HTTPStatus.UNAUTHORIZED,
    ServiceCode.NOT_AUTHENTICATED: HTTPStatus.UNAUTHORIZED,
    ServiceCode.SESSION_EXPIRED: HTTPStatus.UNAUTHORIZED,
    ServiceCode.ACCOUNT_EXISTS: _CONFLICT,
    ServiceCode.INVITATION_UNKNOWN: HTTPStatus.NOT_FOUND,
    ServiceCode.INVITATION_SPENT: _CONFLICT,
    ServiceCode.FORBIDDEN: _REFUSED,
    ServiceCode.BAD_ORIGIN: _REFUSED,
    ServiceCode.BAD_REQUEST: _BAD,
    ServiceCode.NOT_FOUND: HTTPStatus.NOT_FOUND,
    ServiceCode.METHOD_NOT_ALLOWED: HTTPStatus.METHOD_NOT_ALLOWED,
    ServiceCode.UNSUPPORTED_MEDIA: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    ServiceCode.ID_REUSED: _CONFLICT,
    ServiceCode.UNKNOWN_LOG: HTTPStatus.NOT_FOUND,
    ServiceCode.WRONG_DEPLOYMENT: _CONFLICT,
    ServiceCode.SETUP_REFUSED: _REFUSED,
    ServiceCode.RATE_LIMITED: HTTPStatus.TOO_MANY_REQUESTS,
    ServiceCode.TOO_BUSY: _AGAIN,
    ServiceCode.NO_DIRECTORY: _AGAIN,
    ServiceCode.STORE_DOWN: _AGAIN,
    ServiceCode.STORE_FULL: _AGAIN,
    ServiceCode.CLOCK_JUMPED: _AGAIN,
    ServiceCode.LOG_BEHIND: _AGAIN,
    ServiceCode.SHUTTING_DOWN: _AGAIN,
    ServiceCode.BAD_SETTINGS: HTTPStatus.INTERNAL_SERVER_ERROR,
    ServiceCode.BAD_INSTALLATION: HTTPStatus.INTERNAL_SERVER_ERROR,
    ServiceCode.OPERATORS_NEEDED: HTTPStatus.INTERNAL_SERVER_ERROR,
    ServiceCode.UNKNOWN_FORMAT: HTTPStatus.INTERNAL_SERVER_ERROR,
    ServiceCode.INTERNAL: HTTPStatus.INTERNAL_SERVER_ERROR,
}

STATUS: Mapping[str, HTTPStatus] = MappingProxyType(
    {str(code): status for table in (_PROTOCOL, _SERVICE) for code, status in table.items()}
)
