"""Accounts against a real server process on the embedded store."""

from __future__ import annotations

import asyncio
import base64
import secrets
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import socketio  # type: ignore[import-untyped]
from cencomm_crypto.public.primitives import keyed
from cencomm_crypto.public.wire import Receipt, Submission

from tests.support.directory import DirectoryBuilder, HeldAdministration, HeldDevice, HeldPerson
from tests.support.server_process import (
    Enlisted,
    PostedDirectory,
    Reply,
    ServerProcess,
    command,
)

pytestmark = pytest.mark.timed


class Scene:
    """One server with a directory, an administration, and its contact point logged in."""

    def __init__(self, server: ServerProcess) -> None:
        self.server = server
        self.directory = PostedDirectory(server)
        self.france: HeldAdministration = self.directory.administration("FR")
        self.ncp: Enlisted = self.directory.enlist(self.france.ncp)

    def person(self, **options: Any) -> HeldPerson:
        return self.directory.person(self.france, **options)

    def log_in(
        self,
        enlisted: Enlisted,
        token: bytes,
        *,
        code: str | None = None,
        device: HeldDevice | None = None,
    ) -> Reply:
        """One login; `code` None takes the next code that has not been used."""
        device = device or enlisted.person.device
        fields = {
            "account": enlisted.person.code,
            "login_secret": enlisted.secret.hex(),
            "totp": code or self.fresh_code(enlisted),
        }
        proof = self.server.prove(device, self.directory.id32, token)
        return self.server.ask("POST", "/v1/login", {**fields, **proof})

    @staticmethod
    def fresh_code(enlisted: Enlisted) -> str:
        """The code of the next step: the server takes one step of a fast clock."""
        return enlisted.authenticator.at(int(time.time()) + 30)

    def auth(self, device: HeldDevice, token: bytes) -> dict[str, Any]:
        proof = self.server.prove(device, self.directory.id32, token)
        del proof["token_hash"]
        return {"token": base64.urlsafe_b64encode(token).rstrip(b"=").decode(), **proof}


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory, embedded_program: Path) -> Iterator[Scene]:
    with ServerProcess(tmp_path_factory.mktemp("server"), embedded_program) as server:
        yield Scene(server)


def test_the_genesis_must_name_this_server(scene: Scene) -> None:
    other = DirectoryBuilder(name="other.example", seed="other")
    entry = other.entries[0].entry
    assert entry is not None
    assert scene.directory.post(entry).code == "wrong_deployment"


def test_a_second_directory_is_refused_and_the_same_is_the_same(scene: Scene) -> None:
    first = scene.directory.entries[0].entry
    assert first is not None
    assert Receipt.decode(scene.directory.post(first).body).seq == 0
    again = scene.directory.by_governance(
        "directory.genesis", {**scene.directory.genesis_body, "suite_min": 1, "rules": 1}
    )
    assert scene.directory.post(again).code == "already_exists"


def test_without_a_session_only_root_signed_entries_are_taken(scene: Scene) -> None:
    body = {"person": bytes(16), "code": "FR-999", "kind": "human"}
    entry = scene.directory.author("person.add", body, scene.france.ncp.device)
    assert entry.body_bytes is not None
    data = Submission(entry.header_bytes, entry.body_bytes, entry.sig, b"", b"").encode()
    assert scene.server.ask("POST", "/v1/directory/entries", data).code == "wrong_type"
    path = f"/v1/logs/{scene.directory.log.id16.hex()}/entries"
    assert scene.server.ask("POST", path, data).code == "not_authenticated"


def test_a_person_is_added_registers_logs_in_and_reads(scene: Scene) -> None:
    agent = scene.directory.enlist(scene.person())
    token = secrets.token_bytes(32)
    reply = scene.log_in(agent, token)
    assert reply.status == 200, reply.body
    assert reply.json["expires"] > time.time() * 1000
    assert scene.server.ask("GET", "/v1/logs", token=agent.token).code == "not_authenticated"
    logs = scene.server.ask("GET", "/v1/logs", token=token).json
    assert [log["kind"] for log in logs["logs"]] == ["directory"]
    read = scene.server.ask("GET", f"/v1/logs/{logs['logs'][0]['log']}/entries", token=token)
    assert read.headers["Content-Type"] == "application/cbor-seq"
    assert read.headers["X-Cencomm-Size"] == str(scene.directory.log.size)


def test_one_code_used_fifty_times_at_once_lets_one_in(scene: Scene) -> None:
    """A26."""
    agent = scene.directory.enlist(scene.person())
    code = scene.fresh_code(agent)
    tokens = [secrets.token_bytes(32) for _ in range(50)]
    with ThreadPoolExecutor(50) as pool:
        replies = list(pool.map(lambda token: scene.log_in(agent, token, code=code), tokens))
    won = [token for token, reply in zip(tokens, replies, strict=True) if reply.status == 200]
    assert len(won) == 1
    assert {reply.code for reply in replies} <= {"", "login_failed", "rate_limited"}
    assert scene.server.ask("GET", "/v1/logs", token=won[0]).status == 200


@pytest.mark.alone
def test_every_failure_gets_one_answer_after_one_time(scene: Scene) -> None:
    """A37."""
    agent = scene.directory.enlist(scene.person())
    nobody = scene.person()  # in the directory, without an account
    stranger = scene.directory.new_device(agent.person.id)
    wrong = replace(agent, secret=bytes(32))
    unknown = replace(agent, person=nobody)
    good = scene.fresh_code(agent)
    bad = f"{(int(good) + 1) % 10**6:06}"
    attempts: dict[str, Callable[[], Reply]] = {
        "wrong secret": lambda: scene.log_in(wrong, secrets.token_bytes(32), code=good),
        "wrong code": lambda: scene.log_in(agent, secrets.token_bytes(32), code=bad),
        "unknown account": lambda: scene.log_in(unknown, secrets.token_bytes(32), code=good),
        "unknown device": lambda: scene.log_in(
            agent, secrets.token_bytes(32), code=good, device=stranger
        ),
    }
    times: dict[str, list[float]] = {name: [] for name in attempts}
    answers = set()
    for _ in range(2):
        for name, attempt in attempts.items():
            began = time.monotonic()
            answers.add(attempt().body)
            times[name].append(time.monotonic() - began)
    assert len(answers) == 1
    assert b"login_failed" in answers.pop()
    quickest = [min(taken) for taken in times.values()]
    assert max(quickest) - min(quickest) < 0.15, times


def test_a_new_device_is_invited_vouched_for_and_uses_the_account(scene: Scene) -> None:
    """A40: the mailbox carries public halves; the contact point checks the proof."""
    agent = scene.directory.enlist(scene.person())
    secret = secrets.token_bytes(32)
    lookup = keyed(secret, "invitation-id", scene.directory.id32)[:16].hex()
    made = scene.server.ask(
        "POST",
        "/v1/invitations",
        {"invitation": lookup, "person": agent.person.id.hex()},
        token=scene.ncp.token,
    )
    assert made.status == 200, made.body
    phone = scene.directory.new_device(agent.person.id)
    enrolment = {
        "invitation": lookup,
        "sign_pk": phone.sign.public.hex(),
        "box_pk": phone.box.public.hex(),
        "enrol_sig": phone.proof(scene.directory.id32).hex(),
        "proof": secrets.token_hex(32),
    }
    assert scene.server.ask("POST", "/v1/enrolments", enrolment).json == {"status": "waiting"}
    listed = scene.server.ask("GET", "/v1/invitations", token=scene.ncp.token).json
    (row,) = [row for row in listed["invitations"] if row["invitation"] == lookup]
    assert row["enrolment"]["sign_pk"] == phone.sign.public.hex()
    body = scene.directory.device_body(phone)
    scene.directory.append(scene.directory.author("device.add", body, scene.france.ncp.device))
    status = scene.server.ask("GET", f"/v1/enrolments?invitation={lookup}").json
    assert status == {"status": "done"}
    assert scene.log_in(agent, secrets.token_bytes(32), device=phone).status == 200


def test_a_bot_gets_its_secret_once_and_logs_in(scene: Scene) -> None:
    bot = scene.person(kind="bot")
    wanted = {"person": bot.id.hex()}
    made = scene.server.ask("POST", "/v1/bot/secret", wanted, token=scene.ncp.token)
    again = scene.server.ask("POST", "/v1/bot/secret", wanted, token=scene.ncp.token)
    assert (made.status, again.code) == (200, "account_exists")
    token = secrets.token_bytes(32)
    proof = scene.server.prove(bot.device, scene.directory.id32, token)
    fields = {"account": bot.code, "client_secret": made.json["client_secret"], **proof}
    assert scene.server.ask("POST", "/v1/bot/login", fields).status == 200
    assert scene.server.ask("POST", "/v1/bot/login", fields).code == "login_failed"
    assert scene.server.ask("GET", "/v1/logs", token=token).status == 200


class Live:
    """A Socket.IO client that notes what comes."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.client = socketio.AsyncClient(reconnection=False)
        self.gone = asyncio.Event()
        self.refused: list[Any] = []
        self.client.on("disconnect", lambda reason: self.gone.set())
        self.client.on("connect_error", self.refused.append)

    async def connect(self, auth: dict[str, Any], **headers: str) -> bool:
        try:
            await self.client.connect(
                self.scene.server.url,
                auth=auth,
                headers=headers,
                transports=["websocket"],
                socketio_path="/v1/socket",
                wait_timeout=5,
            )
        except socketio.exceptions.ConnectionError:
            await self.close()
            return False
        return True

    async def close(self) -> None:
        await self.client.disconnect()
        await asyncio.sleep(0)


async def test_a_live_socket_needs_token_and_key_and_ends_with_the_session(scene: Scene) -> None:
    """A27."""
    agent = await asyncio.to_thread(lambda: scene.directory.enlist(scene.person()))
    device = agent.person.device
    live = Live(scene)
    auth = await asyncio.to_thread(scene.auth, device, agent.token)
    assert await live.connect(auth)
    replay = Live(scene)
    assert not await replay.connect(auth)
    assert replay.refused[0]["data"]["code"] == "login_failed"
    stolen = Live(scene)
    other = await asyncio.to_thread(scene.auth, scene.france.ncp.device, agent.token)
    assert not await stolen.connect(other)
    wrong_page = Live(scene)
    auth = await asyncio.to_thread(scene.auth, device, agent.token)
    assert not await wrong_page.connect(auth, Origin="http://evil.example")
    logout = await asyncio.to_thread(
        lambda: scene.server.ask("POST", "/v1/logout", {}, token=agent.token)
    )
    assert logout.status == 200
    await asyncio.wait_for(live.gone.wait(), 2)
    assert scene.server.ask("GET", "/v1/logs", token=agent.token).code == "not_authenticated"


@pytest.mark.parametrize("kind", ["device.revoke", "person.suspend", "person.reset"])
async def test_an_entry_of_the_directory_ends_socket_and_session_at_once(
    scene: Scene, kind: str
) -> None:
    agent = await asyncio.to_thread(lambda: scene.directory.enlist(scene.person()))
    device = agent.person.device
    live = Live(scene)
    assert await live.connect(await asyncio.to_thread(scene.auth, device, agent.token))
    body = {"device": device.id} if kind == "device.revoke" else {"person": agent.person.id}
    entry = scene.directory.author(kind, body, scene.france.ncp.device)
    began = time.monotonic()
    await asyncio.to_thread(scene.directory.append, entry)
    await asyncio.wait_for(live.gone.wait(), 2)
    assert time.monotonic() - began < 2
    reply = await asyncio.to_thread(lambda: scene.server.ask("GET", "/v1/logs", token=agent.token))
    assert reply.code in ("session_expired", "not_authenticated")


@pytest.mark.parametrize(
    "data",
    [
        b"GARBAGE\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /\x00 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 20_000 + b"\r\n\r\n",
        b"POST /v1/login HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
    ],
)
def test_what_is_not_http_gets_a_code_and_the_server_goes_on(scene: Scene, data: bytes) -> None:
    with socket.create_connection(("127.0.0.1", scene.server.port), timeout=5) as raw:
        raw.sendall(data)
        answer = b""
        while part := raw.recv(65536):
            answer += part
    assert answer.split(b"\r\n")[0].endswith(b" 400 Bad Request"), answer[:200]
    assert b'"code":"bad_request"' in answer
    assert scene.server.ask("GET", "/healthz").json == {"ok": True}


def test_a_restart_keeps_accounts_sessions_and_the_log(scene: Scene) -> None:
    agent = scene.directory.enlist(scene.person())
    before = scene.server.ask("GET", "/v1/directory/head").json
    assert scene.server.stop() == 0
    scene.server.start()
    assert scene.server.ready["directory"] == scene.directory.id32.hex()
    assert scene.server.ask("GET", "/v1/directory/head").json == before
    assert scene.server.ask("GET", "/v1/logs", token=agent.token).status == 200
    assert scene.server.ask("GET", "/readyz").status == 200
    scene.person()


def test_after_kill_9_the_server_takes_over_what_was_left(scene: Scene) -> None:
    agent = scene.directory.enlist(scene.person())
    assert scene.server.kill() == -9
    scene.server.start()
    assert scene.server.ask("GET", "/v1/logs", token=agent.token).status == 200
    scene.person()


def test_doctor_looks_at_a_running_server_and_finds_it_well(scene: Scene) -> None:
    found = command("doctor", "--data", str(scene.server.data), "--json", env=scene.server.env)
    assert found.returncode == 0, found.stdout + found.stderr
    assert '"ok": true' in found.stdout
    assert f"{scene.directory.log.size} entries replayed" in found.stdout


def test_export_writes_every_entry_of_a_running_server(scene: Scene, tmp_path: Path) -> None:
    out = tmp_path / "all.cbor"
    words = ("export", "--data", str(scene.server.data), "--out", str(out), "--json")
    alone = command(*words, env=scene.server.env)
    assert (alone.returncode, "operators_needed" in alone.stdout) == (3, True)
    env = {**scene.server.env, "CENCOMM_SINGLE_OPERATOR": "true"}
    done = command(*words, env=env)
    assert done.returncode == 0, done.stdout + done.stderr
    content = out.read_bytes()
    for item in scene.directory.entries:
        assert item.entry is not None
        assert item.entry.header_bytes in content
    again = command(*words, env=env)
    assert again.returncode == 3


def test_no_secret_stands_in_the_servers_log(scene: Scene) -> None:
    token = secrets.token_bytes(32)
    scene.log_in(scene.ncp, token)
    text = scene.server.log.read_text()
    hidden = [
        scene.ncp.secret.hex(),
        scene.ncp.authenticator.secret,
        base64.urlsafe_b64encode(scene.ncp.token).rstrip(b"=").decode(),
        scene.ncp.token.hex(),
        scene.france.ncp.code,
        "127.0.0.1",
    ]
    assert '"request"' in text
    assert not [word for word in hidden if word in text]


def test_a_second_server_on_the_same_folder_is_refused(scene: Scene) -> None:
    words = ("run", "--data", str(scene.server.data), "--port", "0", "--json")
    second = command(*words, env=scene.server.env)
    assert second.returncode == 3
    assert "another server" in second.stdout
