"""`cencomm-server` as a process on its own folder, and a directory posted to it by entry.

with ServerProcess(tmp_path, program) as server:
    directory = PostedDirectory(server)           # init, run, genesis
    france = directory.administration("FR")       # posted under root signatures
    ncp = directory.enlist(france.ncp)            # registers, confirms, has a session
    agent = directory.person(france)              # posted with the contact point's token
"""

from __future__ import annotations

import base64
import http.client
import json
import os
import secrets
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import pyotp
from cencomm_crypto.public.bodies import ROOT_SIGNED
from cencomm_crypto.public.directory.state import DirectoryState
from cencomm_crypto.public.entry import Entry
from cencomm_crypto.public.ids import DeviceId
from cencomm_crypto.public.keys import SigningKey, SigType, login_message
from cencomm_crypto.public.primitives import sha256
from cencomm_crypto.public.wire import Receipt, Submission

from tests.support.commands import command_line
from tests.support.directory import DirectoryBuilder, HeldDevice, HeldPerson

COMMAND = Path(sys.executable).with_name("cencomm-server")
NAME = "process.example"
START_S = 60.0


@dataclass(frozen=True)
class Reply:
    """An HTTP answer."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> dict[str, Any]:
        """The body as a JSON object."""
        value: dict[str, Any] = json.loads(self.body)
        return value

    @property
    def code(self) -> str:
        """The failure's code, empty for an answer that is none."""
        return "" if self.status < 400 else str(self.json["code"])


def command(*words: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run one `cencomm-server` command to its end."""
    return subprocess.run(
        command_line("cencomm-server", *words),
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, **(env or {})},
        check=False,
    )


class ServerProcess:
    """A server with the embedded store; `start` again after `stop` or `kill` finds its data."""

    def __init__(self, folder: Path, program: Path, **settings: object) -> None:
        """`settings` by their names, as environment variables of the process."""
        self.launcher: tuple[str | Path, ...] = (COMMAND,)  # a test may put another in its place
        self.data = folder / "data"
        self.log = folder / "server.log"
        self.env = {
            "CENCOMM_EMBEDDED_PROGRAM": str(program),
            "CENCOMM_EMBEDDED_CACHE_MB": "64",
            **{f"CENCOMM_{name.upper()}": str(value) for name, value in settings.items()},
        }
        made = command("init", "--data", str(self.data), "--name", NAME, "--json")
        assert made.returncode == 0, made.stderr
        self.options: tuple[str, ...] = ()
        self.setup_token: str = json.loads(made.stdout)["setup_token"]
        self.port = 0
        self._process: subprocess.Popen[str] | None = None
        self.ready: dict[str, Any] = {}

    def __enter__(self) -> ServerProcess:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        """The running process."""
        assert self._process is not None
        return self._process.pid

    @property
    def url(self) -> str:
        """Also the origin that logins are signed for."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def log_key(self) -> SigningKey:
        """The log key that `init` made."""
        return SigningKey.from_seed(bytes.fromhex((self.data / "keys/log.key").read_text()))

    def start(self) -> None:
        """Start and wait for the ready line; after the first time on the same port."""
        with self.log.open("a") as errors:
            self._process = subprocess.Popen(
                [
                    *(*self.launcher, "run", "--data", self.data),
                    *("--port", str(self.port), "--json"),
                    *self.options,
                ],
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                env={**os.environ, **self.env},
            )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, self.log.read_text()[-4000:]
        self.ready = json.loads(line)
        self.port = self.ready["port"]

    def stop(self) -> int:
        """SIGTERM; the exit status."""
        return self._end(signal.SIGTERM)

    def kill(self) -> int:
        """SIGKILL; the embedded store is left behind."""
        return self._end(signal.SIGKILL)

    def _end(self, number: signal.Signals) -> int:
        process, self._process = self._process, None
        if process is None:
            return 0
        process.send_signal(number)
        status = process.wait(START_S)
        if process.stdout is not None:
            process.stdout.close()
        return status

    def ask(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        token: bytes | None = None,
        kind: str = "application/json",
        headers: dict[str, str] | None = None,
    ) -> Reply:
        """One HTTP request; a dict goes as JSON, bytes as they are."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        headers = dict(headers or {})
        if token is not None:
            text = base64.urlsafe_b64encode(token).rstrip(b"=").decode()
            headers["Authorization"] = f"Bearer {text}"
        data = body if isinstance(body, bytes) else None
        if body is not None and data is None:
            data = json.dumps(body).encode()
        if data is not None:
            headers["Content-Type"] = "application/cbor" if isinstance(body, bytes) else kind
        connection.request(method, path, data, headers)
        answer = connection.getresponse()
        try:
            return Reply(answer.status, dict(answer.getheaders()), answer.read())
        finally:
            connection.close()

    def prove(self, device: HeldDevice, directory: bytes, token: bytes) -> dict[str, Any]:
        """Fetch a challenge and sign it for `token`."""
        made = self.ask("POST", "/v1/login/challenge", {"device": device.id.hex()}).json
        nonce, expiry = bytes.fromhex(made["nonce"]), made["expires"]
        message = login_message(nonce, directory, self.url, sha256(token), expiry)
        return {
            "device": device.id.hex(),
            "nonce": made["nonce"],
            "expiry": expiry,
            "token_hash": sha256(token).hex(),
            "sig": device.sign.sign(SigType.LOGIN, message).hex(),
        }


@dataclass
class Enlisted:
    """A person with an account and the session of its confirmation."""

    person: HeldPerson
    secret: bytes
    authenticator: pyotp.TOTP
    token: bytes


class PostedDirectory(DirectoryBuilder):
    """A builder whose every entry goes to a real server first and takes its time from there."""

    def __init__(self, server: ServerProcess, **options: Any) -> None:
        self.server = server
        self.tokens: dict[DeviceId, bytes] = {}
        super().__init__(name=NAME, at=time.time_ns() // 1_000_000, **options)

    def signing_key(self, what: str) -> SigningKey:
        """The server's log key where the log key is meant."""
        return self.server.log_key if what == "log" else super().signing_key(what)

    def append(self, entry: Entry) -> DirectoryState:
        """Post the entry, then append it with the time that the server gave it."""
        reply = self.post(entry)
        assert reply.status == 200, (entry.header.type, reply.status, reply.body)
        self._clock = Receipt.decode(reply.body).at
        return super().append(entry)

    def post(self, entry: Entry) -> Reply:
        """Only post; with the session of its device where it needs one."""
        assert entry.body_bytes is not None
        submission = Submission(entry.header_bytes, entry.body_bytes, entry.sig, b"", b"").encode()
        if entry.header.type in ROOT_SIGNED:
            setup = {"X-Cencomm-Setup": self.server.setup_token}
            return self.server.ask("POST", "/v1/directory/entries", submission, headers=setup)
        path = f"/v1/logs/{self.log.id16.hex()}/entries"
        token = self.tokens[entry.header.device]
        return self.server.ask("POST", path, submission, token=token)

    def enlist(self, person: HeldPerson) -> Enlisted:
        """Register and confirm the person on its first device; its session posts its entries."""
        secret, token = secrets.token_bytes(32), secrets.token_bytes(32)
        fields = {"account": person.code, "login_secret": secret.hex()}
        proof = self.server.prove(person.device, self.id32, secrets.token_bytes(32))
        made = self.server.ask("POST", "/v1/account", {**fields, **proof})
        assert made.status == 200, made.body
        authenticator = pyotp.TOTP(made.json["totp_secret"])
        proof = self.server.prove(person.device, self.id32, token)
        fields["totp"] = authenticator.now()
        done = self.server.ask("POST", "/v1/account/confirm", {**fields, **proof})
        assert done.status == 200, done.body
        self.tokens[person.device.id] = token
        return Enlisted(person, secret, authenticator, token)
