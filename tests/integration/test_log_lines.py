"""Nothing that a server logs names a person, a place or a secret; each line is one JSON object."""

from __future__ import annotations

import asyncio
import base64
import http.client
import json
import re
import secrets
import socket
import time
from pathlib import Path
from typing import Any

import pytest
import socketio  # type: ignore[import-untyped]

from tests.support.directory import HeldAdministration
from tests.support.log_events import documented
from tests.support.server_process import Enlisted, PostedDirectory, ServerProcess

ELSEWHERE = "203.0.113.77"  # what a proxy says
TELLTALE = "Telltale-Zanzibar"  # goes wherever a stranger can put words
ADDRESS = re.compile(r"\b\d{1,3}(?:\.\d{1,3}){3}\b|\b(?:[0-9a-f]{1,4}:){3,}[0-9a-f:]+")
ALWAYS = {"event", "level", "timestamp"}


def wrong_code(who: Enlisted) -> str:
    """Six digits that are not this person's, now or in the next minutes."""
    now = time.time()
    right = {who.authenticator.at(int(now) + 30 * step) for step in range(-4, 20)}
    return next(code for code in map("{:06d}".format, range(100)) if code not in right)


def text(token: bytes) -> str:
    return base64.urlsafe_b64encode(token).rstrip(b"=").decode()


class Session:
    """Everything that a server is sent in a day, and what of it must not be in its log."""

    def __init__(self, server: ServerProcess) -> None:
        self.server = server
        self.secrets: set[str] = {TELLTALE, ELSEWHERE, "127.0.0.1", PASSWORD_LIKE}
        self.directory = PostedDirectory(server)
        self.france: HeldAdministration = self.directory.administration("FRANCE-ADM")
        self.ncp = self.enlist("FRANCE-ADM-001", first=True)

    def enlist(self, code: str, *, first: bool = False) -> Enlisted:
        person = self.france.ncp if first else self.directory.person(self.france, code)
        enlisted = self.directory.enlist(person)
        self.hide(enlisted.token, enlisted.secret)
        self.secrets |= {person.code, enlisted.authenticator.secret, enlisted.authenticator.now()}
        return enlisted

    def hide(self, *values: bytes) -> None:
        for value in values:
            self.secrets |= {value.hex(), text(value), base64.b64encode(value).decode()}

    def log_in(self, who: Enlisted, secret: bytes, code: str) -> str:
        token = secrets.token_bytes(32)
        proof = self.server.prove(who.person.device, self.directory.id32, token)
        self.hide(token, secret, bytes.fromhex(proof["nonce"]), bytes.fromhex(proof["sig"]))
        self.secrets |= {code, proof["token_hash"]}
        fields = {"account": who.person.code, "login_secret": secret.hex(), "totp": code}
        return self.server.ask("POST", "/v1/login", {**fields, **proof}).code

    def strange(self, method: str, path: str, body: bytes, **headers: str) -> int:
        """One request with a stranger's words wherever HTTP has room for them."""
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=30)
        try:
            connection.request(
                method,
                path,
                body,
                {
                    "User-Agent": TELLTALE,
                    "Referer": f"https://{TELLTALE}.example/",
                    "X-Forwarded-For": ELSEWHERE,
                    "Cookie": f"session={PASSWORD_LIKE}",
                    **headers,
                },
            )
            return connection.getresponse().status
        finally:
            connection.close()

    async def sockets(self, who: Enlisted) -> None:
        """A live socket that is refused, and one that sends what is no packet."""
        client = socketio.AsyncClient(reconnection=False)
        auth = {"token": text(secrets.token_bytes(32)), "device": TELLTALE}
        self.secrets.add(auth["token"])
        try:
            await client.connect(
                self.server.url, socketio_path="/v1/socket", transports=["websocket"], auth=auth
            )
        except socketio.exceptions.ConnectionError:
            pass
        else:
            raise AssertionError("a socket with a wrong token was let in")
        finally:
            await client.disconnect()


PASSWORD_LIKE = "correct-horse-battery-staple"


def test_a_days_log_names_nobody(tmp_path: Path, embedded_program: Path) -> None:
    settings = {"proxies": "127.0.0.0/8", "log_level": "debug", "login_floor_ms": 0}
    with ServerProcess(tmp_path, embedded_program, **settings) as server:
        session = Session(server)
        agent = session.enlist("FRANCE-ADM-014")
        wrong = wrong_code(agent)
        codes = [
            session.log_in(agent, agent.secret, wrong),
            session.log_in(agent, secrets.token_bytes(32), agent.authenticator.now()),
        ]
        assert codes == ["login_failed", "login_failed"]
        session.directory.person(session.france, "FRANCE-ADM-015")
        session.secrets.add("FRANCE-ADM-015")
        log = session.directory.log.id16.hex()
        answers = [
            session.strange("GET", f"/v1/{TELLTALE}?{TELLTALE}={TELLTALE}", b""),
            session.strange("GET", f"/v1/logs/{log}/entries?after={TELLTALE}", b""),
            session.strange("POST", "/v1/login", json.dumps({TELLTALE: TELLTALE}).encode()),
            session.strange(
                "POST", "/v1/login", b"{}", **{"Content-Type": f"application/{TELLTALE}"}
            ),
            session.strange(
                "POST",
                "/v1/enrolments",
                json.dumps({"invitation": TELLTALE}).encode(),
                **{"Content-Type": "application/json"},
            ),
            session.strange("GET", "/v1/logs", b"", Authorization=f"Bearer {PASSWORD_LIKE}"),
            session.strange("GET", "/v1/socket/?EIO=4", b"", Origin=f"https://{TELLTALE}.example"),
            session.strange(TELLTALE.upper(), "/v1/logs", b""),
            session.strange("POST", "/v1/directory/entries", TELLTALE.encode() * 50),
        ]
        assert all(400 <= status < 500 for status in answers), answers
        for raw in (f"{TELLTALE}\r\n\r\n", f"GET /{TELLTALE} HTTP/9.9\r\n\r\n", "\x16\x03\x01"):
            with socket.create_connection(("127.0.0.1", server.port)) as bare:
                bare.sendall(raw.encode("latin-1"))
                bare.shutdown(socket.SHUT_WR)
                bare.recv(4096)
        asyncio.run(session.sockets(agent))
        token = session.directory.tokens[agent.person.device.id]
        assert server.ask("POST", "/v1/logout", {}, token=token).status == 200
        status = server.stop()
    assert status == 0
    lines = server.log.read_text().splitlines()
    assert len(lines) > 20
    seen = scan(lines, session.secrets)
    assert {"started", "request", "request_not_served", "stopping"} <= seen


def scan(lines: list[str], hidden: set[str]) -> set[str]:
    """Hold every line against what may be in it; the events seen."""
    page, seen = documented(), set[str]()
    for line in lines:
        value: dict[str, Any] = json.loads(line)
        seen.add(value["event"])
        for secret in hidden:
            assert secret.lower() not in line.lower(), (secret, line)
        assert not ADDRESS.search(line.replace(value["timestamp"], "")), line
        assert value["event"] in page, line
        assert value.keys() - ALWAYS <= page[value["event"]].fields, line
        assert value["level"] in page[value["event"]].levels, line
    return seen


@pytest.mark.parametrize(
    "line",
    [
        "Traceback (most recent call last):",
        '{"event": "request", "level": "info", "timestamp": "t", "route": "Zanzibar-7"}',
        '{"event": "request", "level": "info", "timestamp": "t", "route": "from 198.51.100.9"}',
        '{"event": "request", "level": "info", "timestamp": "t", "route": "from fe80:1:2:3::1"}',
        '{"event": "request", "level": "info", "timestamp": "t", "account": "x"}',
        '{"event": "news", "level": "info", "timestamp": "t"}',
    ],
)
def test_the_scan_finds_what_it_looks_for(line: str) -> None:
    with pytest.raises((AssertionError, ValueError)):
        scan([line], {"Zanzibar-7"})
