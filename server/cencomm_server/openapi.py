"""The OpenAPI 3.1 document of this server, made from `routes`, `described` and the table of codes.

Served as /v1/openapi.json. It describes HTTP alone; the live socket's events stand in docs/api.md.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any

from cencomm_config.catalog import sentences
from cencomm_config.errors import ServiceCode as S
from cencomm_crypto.errors import ErrorCode as E

from cencomm_server.described import DESCRIBED
from cencomm_server.describing import Described, hexes
from cencomm_server.errors import STATUS
from cencomm_server.http.call import CBOR, JSON, Access, Answer, Route, Takes

EVERYWHERE: tuple[str, ...] = (
    S.BAD_REQUEST,
    S.BAD_ORIGIN,
    S.METHOD_NOT_ALLOWED,
    S.UNSUPPORTED_MEDIA,
    S.RATE_LIMITED,
    S.TOO_BUSY,
    S.SHUTTING_DOWN,
    S.INTERNAL,
    E.TOO_LARGE,
)
WITH_TOKEN: tuple[str, ...] = (
    S.NOT_AUTHENTICATED,
    S.SESSION_EXPIRED,
    S.NO_DIRECTORY,
    S.STORE_DOWN,
    S.CLOCK_JUMPED,
)
WITH_JSON: tuple[str, ...] = (E.TOO_DEEP,)
_SCHEMES = {Access.TOKEN: "session", Access.OPERATOR: "operator"}
_MEDIA = {Takes.JSON: JSON, Takes.SUBMISSION: CBOR, Takes.TAIL: CBOR}


def codes_of(route: Route, described: Described) -> list[str]:
    """Every code that a route may answer with, sorted."""
    codes = {*EVERYWHERE, *described.codes}
    if route.access is Access.TOKEN:
        codes.update(WITH_TOKEN)
    if route.takes is Takes.JSON:
        codes.update(WITH_JSON)
    return sorted(map(str, codes))


def document(routes: Iterable[Route], version: str) -> dict[str, Any]:
    """The document as a value; `routes` may lack only what `described` does not know either."""
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        described = DESCRIBED[route.method, route.path]
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, described)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "CENcomm",
            "version": version,
            "description": "End-to-end encrypted coordination of joint customs operations. Bytes "
            "are defined in crypto/PROTOCOL.md, the live socket in docs/api.md.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "session": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "The session's token: 32 bytes in base64url without padding.",
                },
                "operator": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "The setting `metrics_token`.",
                },
            },
        },
        "x-codes": {
            code: {"status": int(status), "sentence": sentences()[code]}
            for code, status in sorted(STATUS.items())
        },
    }


def served(routes: Iterable[Route], version: str) -> Answer:
    """The answer of /v1/openapi.json, built once at start."""
    text = json.dumps(document(routes, version), ensure_ascii=True, separators=(",", ":"))
    return Answer(text.encode("ascii"), JSON)


def _operation(route: Route, described: Described) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": _name_of(route),
        "summary": described.says,
        "security": [{_SCHEMES[route.access]: []}] if route.access in _SCHEMES else [],
        "responses": {"200": _success(described), **_failures(route, described)},
    }
    parameters = [
        {"name": name, "in": "path", "required": True, "schema": hexes(16)}
        for name in re.findall(r"\{(\w+)\}", route.path)
    ]
    parameters += [
        {
            "name": parameter.name,
            "in": "query",
            "required": parameter.required,
            "description": parameter.says,
            "schema": parameter.schema,
        }
        for parameter in described.query
    ]
    if parameters:
        operation["parameters"] = parameters
    if route.takes is not Takes.NOTHING:
        media = {_MEDIA[route.takes]: {"schema": described.takes}}
        operation["requestBody"] = {"required": True, "content": media}
    return operation


def _success(described: Described) -> dict[str, Any]:
    answer: dict[str, Any] = {
        "description": described.says,
        "content": {described.media: {"schema": described.gives}},
    }
    if described.headers:
        answer["headers"] = {
            name: {"description": says, "required": True, "schema": {"type": "string"}}
            for name, says in described.headers.items()
        }
    return answer


def _failures(route: Route, described: Described) -> dict[str, Any]:
    by_status: dict[int, list[str]] = {}
    for code in codes_of(route, described):
        by_status.setdefault(int(STATUS[code]), []).append(code)
    return {
        str(status): _failure(HTTPStatus(status), codes, described)
        for status, codes in sorted(by_status.items())
    }


def _failure(status: HTTPStatus, codes: list[str], described: Described) -> dict[str, Any]:
    schema: Mapping[str, Any] = {
        "type": "object",
        "required": ["code", "detail"],
        "additionalProperties": False,
        "properties": {"code": {"enum": codes}, "detail": {"type": "string"}},
    }
    if described.unready is not None and status is HTTPStatus.SERVICE_UNAVAILABLE:
        schema = {"anyOf": [described.unready, schema]}
    answer: dict[str, Any] = {
        "description": f"{status.phrase}: {', '.join(codes)}",
        "content": {JSON: {"schema": schema}},
    }
    if status in (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE):
        answer["headers"] = {
            "Retry-After": {
                "description": "Seconds.",
                "schema": {"type": "string", "pattern": "^[0-9]+$"},
            }
        }
    elif status is HTTPStatus.UNAUTHORIZED:
        answer["headers"] = {"WWW-Authenticate": {"schema": {"const": "Bearer"}}}
    elif status is HTTPStatus.METHOD_NOT_ALLOWED:
        answer["headers"] = {"Allow": {"schema": {"type": "string"}}}
    return answer


def _name_of(route: Route) -> str:
    words = re.findall(r"[a-z]+", route.path.removeprefix("/v1").replace("json", ""))
    return "_".join([route.method.lower(), *words])
