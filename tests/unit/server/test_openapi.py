"""/v1/openapi.json: one entry per route, complete, and true of the table of codes."""

import json
import re
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from aiohttp.test_utils import TestClient, TestServer
from cencomm_config.errors import ServiceCode
from cencomm_server.described import DESCRIBED
from cencomm_server.errors import STATUS
from cencomm_server.http.call import Access, Route, Takes
from cencomm_server.openapi import document

from tests.unit.server.test_http_api import Front

API = (Path(__file__).parents[3] / "docs" / "api.md").read_text()
FRONT = Front()
DOCUMENT = document(FRONT.table, "1")
MEDIA = {
    Takes.JSON: "application/json",
    Takes.SUBMISSION: "application/cbor",
    Takes.TAIL: "application/cbor",
}
SECURITY: dict[Access, list[dict[str, list[str]]]] = {
    Access.FREE: [],
    Access.PUBLIC: [],
    Access.LOGIN: [],
    Access.TOKEN: [{"session": []}],
    Access.OPERATOR: [{"operator": []}],
}


def operation(route: Route) -> dict[str, Any]:
    found: dict[str, Any] = DOCUMENT["paths"][route.path][route.method.lower()]
    return found


def test_every_route_is_described_and_no_other() -> None:
    table = {(route.method, route.path) for route in FRONT.table}
    assert set(DESCRIBED) == table
    described = {
        (method.upper(), path) for path, item in DOCUMENT["paths"].items() for method in item
    }
    assert described == table
    names = [operation(route)["operationId"] for route in FRONT.table]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("route", FRONT.table, ids=lambda r: f"{r.method} {r.path}")
def test_a_route_says_who_may_call_it_and_what_it_takes(route: Route) -> None:
    found = operation(route)
    assert found["security"] == SECURITY[route.access]
    assert ("requestBody" in found) == (route.takes is not Takes.NOTHING)
    if route.takes is not Takes.NOTHING:
        assert list(found["requestBody"]["content"]) == [MEDIA[route.takes]]
    places = re.findall(r"\{(\w+)\}", route.path)
    parameters = found.get("parameters", [])
    assert [p["name"] for p in parameters if p["in"] == "path"] == places


@pytest.mark.parametrize("route", FRONT.table, ids=lambda r: f"{r.method} {r.path}")
def test_the_parameters_are_those_of_the_page_and_of_the_handler(route: Route) -> None:
    path = re.escape(route.path)
    (address,) = re.findall(rf"^#### `{route.method} ({path}(?:\?[^`]*)?)`$", API, re.M)
    documented = re.findall(r"[?&](\w+)=", address)
    found = operation(route)
    asked = [p["name"] for p in found.get("parameters", []) if p["in"] == "query"]
    assert sorted(asked) == sorted(documented)


@pytest.mark.parametrize("route", FRONT.table, ids=lambda r: f"{r.method} {r.path}")
def test_every_code_stands_under_the_status_of_the_table(route: Route) -> None:
    said: dict[str, int] = {}
    for status, answer in operation(route)["responses"].items():
        if status == "200":
            continue
        (content,) = answer["content"].values()
        schema = content["schema"]
        schema = schema["anyOf"][-1] if "anyOf" in schema else schema
        said |= dict.fromkeys(schema["properties"]["code"]["enum"], int(status))
    assert said == {code: int(STATUS[code]) for code in said}
    assert {"bad_request", "rate_limited", "internal", "method_not_allowed"} <= said.keys()
    assert ("session_expired" in said) == (route.access is Access.TOKEN)


def test_every_code_is_in_the_document_with_its_status_and_sentence() -> None:
    assert set(DOCUMENT["x-codes"]) == set(STATUS)
    used = {
        code
        for item in DOCUMENT["paths"].values()
        for found in item.values()
        for status, answer in found["responses"].items()
        if status != "200"
        for code in re.findall(r"[a-z_]{4,}", answer["description"].partition(": ")[2])
    }
    never = set(STATUS) - used
    installation = {
        str(code)
        for code in (
            ServiceCode.BAD_SETTINGS,
            ServiceCode.BAD_INSTALLATION,
            ServiceCode.UNKNOWN_FORMAT,
            ServiceCode.OPERATORS_NEEDED,
        )
    }
    opening = {"void", "rotation_mismatch", "cannot_open", "no_epoch_key", "forged_metadata"}
    assert never == installation | opening


def test_every_schema_in_it_is_a_schema() -> None:
    def schemas(value: Any) -> list[Any]:
        if isinstance(value, list):
            return [found for item in value for found in schemas(item)]
        if not isinstance(value, dict):
            return []
        here = [value["schema"]] if isinstance(value.get("schema"), dict) else []
        return here + [found for item in value.values() for found in schemas(item)]

    found = schemas(DOCUMENT["paths"])
    assert len(found) > 100
    for schema in found:
        jsonschema_rs.meta.validate({"$schema": jsonschema_rs_dialect(), **schema})


def jsonschema_rs_dialect() -> str:
    return "https://json-schema.org/draft/2020-12/schema"


async def test_the_server_serves_it() -> None:
    (route,) = [route for route in FRONT.table if route.path == "/v1/openapi.json"]
    async with TestClient(TestServer(Front().app)) as client:
        response = await client.get(route.path)
        assert response.status == 200
        served = json.loads(await response.read())
    assert served == json.loads(json.dumps(document(FRONT.table, "0")))
