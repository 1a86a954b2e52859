"""docs/api.md describes every route and event, and no other; the handlers answer as it says."""

import re
import secrets
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer
from cencomm_config.errors import StoreDown
from cencomm_crypto.public.keys import SigningKey
from cencomm_server.engine.append import Appends
from cencomm_server.engine.clock import Clock
from cencomm_server.engine.handing_back import HandingBack
from cencomm_server.engine.logs import Logs
from cencomm_server.engine.reading import Reading
from cencomm_server.engine.signer import Signer
from cencomm_server.errors import STATUS
from cencomm_server.events import EVENTS, SOCKET_PATH
from cencomm_server.founding import Founding
from cencomm_server.http.accounts import AccountHandlers
from cencomm_server.http.call import Access, Route, Takes
from cencomm_server.http.gate import Gate, Limits
from cencomm_server.http.logs import LogHandlers
from cencomm_server.http.running import RunningHandlers
from cencomm_server.installation import Installation
from cencomm_server.metrics import Metrics
from cencomm_server.readiness import Readiness
from cencomm_server.routes import routes

from tests.support.accounts import Desk
from tests.support.directory import DirectoryBuilder
from tests.support.throttles import wide

DOCS = (Path(__file__).parents[3] / "docs" / "api.md").read_text()
Client = TestClient[Any, Any]


def _founding(desk: Desk) -> Founding:
    key = SigningKey.from_seed(bytes(32))
    return Founding(Installation(Path(), "town.example", key, bytes(32)), desk.directory)


class Front:
    """All routes over the memory store; `broken` makes the store check fail."""

    def __init__(self) -> None:
        self.desk = Desk(DirectoryBuilder())
        self.metrics = Metrics("0")
        self.broken = False
        builder = self.desk.builder
        signer = Signer(builder.genesis_body["name"], [builder.log_key])
        logs = Logs(self.desk.store, signer, Clock())
        self.table: tuple[Route, ...] = routes(
            RunningHandlers(
                readiness=Readiness({"store": self._check}),
                metrics=self.metrics,
                directory=self.desk.directory,
                name="x",
                log_key=builder.log_key.public,
                version="0",
                limits={"read_bytes": 1},
            ),
            AccountHandlers(self.desk.services, self.metrics),
            LogHandlers(
                appends=Appends(logs),
                reading=Reading(logs),
                handing_back=HandingBack(logs),
                founding=_founding(self.desk),
            ),
        )
        limits = Limits(json_bytes=4096, submission_bytes=65536)
        self.app = Gate(self.desk.sessions, limits, wide()).application(self.table)

    async def _check(self) -> None:
        if self.broken:
            raise StoreDown("no store")


@pytest.fixture
def front() -> Front:
    return Front()


@pytest.fixture
async def client(front: Front) -> AsyncIterator[Client]:
    async with TestClient(TestServer(front.app)) as opened:
        yield opened


async def test_every_route_is_documented_and_every_documented_one_is_there(front: Front) -> None:
    sections = re.findall(r"^#### `(GET|POST) (/[^?`]*)[^`]*`\n(.*?)(?=^#|\Z)", DOCS, re.M | re.S)
    assert [(method, path) for method, path, _ in sections] == [
        (route.method, route.path) for route in front.table
    ]
    for route, (_, path, text) in zip(front.table, sections, strict=True):
        takes_proof = "nonce" in text and route.takes is Takes.JSON
        said_public = "No token." in text or takes_proof
        with_token = (Access.TOKEN, Access.OPERATOR)
        assert said_public == (route.access not in with_token), path
        assert ("Submission" in text) == (route.takes is Takes.SUBMISSION), path


async def test_every_event_is_documented_with_its_sender_and_payload() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (client|server) \| (.*) \|$", DOCS, re.M)
    assert [(name, sender, text.replace("\\|", "|")) for name, sender, text in rows] == [
        (event.name, event.sender, event.payload) for event in EVENTS
    ]
    assert f"`{SOCKET_PATH}`" in DOCS


async def test_every_token_route_is_shut_without_one(front: Front, client: Client) -> None:
    for route in front.table:
        if route.access is Access.TOKEN:
            path = route.path.replace("{log}", "00" * 16)
            response = await client.request(route.method, path)
            assert response.status == 401, path


async def test_garbage_on_every_route_gets_a_code_and_a_sentence(
    front: Front, client: Client
) -> None:
    bodies = [b"", b"\x00" * 100, b"{}", b"[" * 1000, secrets.token_bytes(300), b"\xa0", b"null"]
    for route in front.table:
        if route.access is Access.TOKEN or route.takes is Takes.NOTHING:
            continue
        kind = "application/json" if route.takes is Takes.JSON else "application/cbor"
        for body in bodies:
            headers = {"Content-Type": kind}
            response = await client.post(route.path, data=body, headers=headers)
            answer = await response.json()
            assert 400 <= response.status < 500, (route.path, body, answer)
            assert STATUS[answer["code"]] == 400, answer
            assert len(answer["detail"]) > 10


async def test_every_field_of_a_login_is_needed_and_named(front: Front, client: Client) -> None:
    person = front.desk.builder.administration("FR").ncp
    proof = front.desk.prove(person.device, b"t" * 32)
    whole: dict[str, Any] = {
        "device": proof.device.hex(),
        "account": person.code,
        "login_secret": "00" * 32,
        "totp": "123456",
        "nonce": proof.nonce.hex(),
        "expiry": proof.expiry,
        "token_hash": proof.token_hash.hex(),
        "sig": proof.sig.hex(),
    }
    answer = await (await client.post("/v1/login", json=whole)).json()
    assert answer["code"] == "login_failed"
    for name in whole:
        wrongs: list[object] = [None, [], "x" if name != "account" else ""]
        for wrong in wrongs:
            response = await client.post("/v1/login", json={**whole, name: wrong})
            answer = await response.json()
            assert (answer["code"], name in answer["detail"]) == ("bad_request", True), answer
        missing = {key: value for key, value in whole.items() if key != name}
        answer = await (await client.post("/v1/login", json=missing)).json()
        assert answer["detail"] == f"field {name} is missing"


async def test_readiness_says_which_part_is_not(front: Front, client: Client) -> None:
    response = await client.get("/readyz")
    assert (response.status, await response.json()) == (
        200,
        {"ready": True, "checks": {"store": "ok"}},
    )


async def test_a_store_that_is_down_makes_it_unready(front: Front, client: Client) -> None:
    front.broken = True
    response = await client.get("/readyz")
    assert response.status == 503
    assert (await response.json())["checks"] == {"store": "store_down"}
    assert (await client.get("/healthz")).status == 200


async def test_info_names_directory_and_log_key(front: Front, client: Client) -> None:
    info = await (await client.get("/v1/info")).json()
    builder = front.desk.builder
    assert info["directory"] == builder.id32.hex()
    assert info["log_key"] == builder.log_key.public.hex()
    assert (info["v"], info["suite"]) == (1, 1)
