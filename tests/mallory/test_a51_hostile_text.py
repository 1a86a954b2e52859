"""A51: terminal escapes, bidi controls and markup, in whatever another party may write.

A member writes them into messages, names of channels and people, the server into its answers, a
stranger into its requests. The command shows them to people and to programs, the server logs.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import quote

import aiohttp
import pytest
import structlog
from cencomm_client.cli import app
from cencomm_client.plan import OperationPlan
from cencomm_config.display import shown
from cencomm_crypto.errors import CencommError, ProtocolError
from cencomm_crypto.member.message import seal_message
from cencomm_crypto.member.payload import make_payload
from cencomm_crypto.public.encoding import encode
from cencomm_server import journal
from cencomm_server.http.call import JSON, Answer, Call
from cencomm_server.http.logs import LogHandlers
from typer.testing import CliRunner, Result

from tests.mallory.harness import Stage, Stages
from tests.mallory.insiders import secret_of
from tests.mallory.world import (
    ALERTS,
    ANALYST,
    CHIEF,
    CONTACT,
    HOUR_MS,
    MEMBERS,
    OFFICER,
    OPERATION,
)
from tests.support.hostile_text import HOSTILE, is_harmless
from tests.support.vaults import PASSWORD

SGR = re.compile(r"\x1b\[[0-9;]*m")  # colours, which are the program's own


def sealable(text: str) -> bool:
    """Whether the protocol's encoding takes it at all."""
    with suppress(ProtocolError):
        encode(text)
        return True
    return False


SEALED = {name: text for name, text in HOSTILE.items() if sealable(text)}


def plain_names() -> list[str]:
    """What fits into a name of the protocol: no control characters, at most 60 bytes."""
    return [
        text
        for text in SEALED.values()
        if len(text.encode()) <= 60 and not any(ord(c) < 32 or ord(c) == 127 for c in text)
    ]


def key_of(text: str) -> str:
    """As much of a text as a map key may be: 23 bytes."""
    while len(text.encode()) > 23 or not sealable(text):
        text = text[:-1]
    return text


async def write_everything(stage: Stage, texts: list[str]) -> None:
    """The analyst says it all, as texts, as keys and in lists, under every visible field."""
    secret = secret_of(stage, ANALYST)
    assert secret is not None
    for n, text in enumerate(texts):
        contents: list[dict[str, Any]] = [
            {"text": text},
            {key_of(text): text, "list": [text, {key_of(text): [text]}]},
        ]
        for usual, content in zip(
            ("MSG", "XYZ"), contents, strict=True
        ):  # a form, and a newer kind
            header = stage.header(ANALYST, "message", chan=stage.chan(ALERTS), epoch=1)
            fields: dict[str, Any] = {}
            kind = usual
            if text in plain_names() and len(text.encode()) <= 32:
                kind = text
                fields = {"prio": text}
            header = replace(header, kind=kind, **fields)
            payload = make_payload(kind, b"%016d" % n, content, **fields)
            body = seal_message(header, secret, payload, b"%024d" % n, bytes(16))
            await stage.post(ANALYST, stage.sign(ANALYST, header, body))


def command(folder: Path, *words: str, code: str = OFFICER, **env: str) -> Result:
    """Run `cencomm` on a person's vault to its end."""
    password = folder / "password"
    password.write_text(PASSWORD)
    password.chmod(0o600)
    given = [*words, "--vault", str(folder / code), "--password-file", str(password)]
    return CliRunner().invoke(app, given, env={"COLUMNS": "300", **env})


def harmless_output(text: str) -> None:
    """Lines for people: nothing that steers, hides or reorders, but the program's own colours."""
    for line in SGR.sub("", text).split("\n"):
        bad = [char for char in line if not is_harmless(char) and char not in "<>&[]"]
        assert not bad, (bad, line)


def every_text(value: Any) -> Iterator[str]:
    """All keys and texts of a JSON value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from every_text(item)
    elif isinstance(value, list):
        for item in value:
            yield from every_text(item)


def harmless_json(text: str) -> list[Any]:
    """Lines for programs: ASCII, and every text in them went through `shown`."""
    assert text.isascii()
    assert "\x1b" not in text
    documents = [json.loads(line) for line in text.splitlines()]
    for document in documents:
        for found in every_text(document):
            assert shown(found) == found
            assert is_harmless(found)
    return documents


@pytest.mark.usefixtures("_unlogged")
async def test_what_members_write_is_shown_as_what_it_is(stages: Stages) -> None:
    """Ordinary text first; then the hostile: each on its line, visible, and without effect."""
    assert len(SEALED) >= 40
    ordinary = [
        "MSCU 639 8707, 4,800 sticks (24.02)",
        "Zoll, K\u00f6ln",
        "\u6d77\u5173\u603b\u7f72",
    ]
    for texts in (ordinary, list(SEALED.values())):
        async with stages() as stage:
            await stage.look(*MEMBERS)
            await write_everything(stage, texts)
            await stage.look(*MEMBERS)
            await stage.leave(OFFICER)

            def run(*words: str, folder: Path = stage.folder, **env: str) -> Result:
                return command(folder, *words, **env)

            people = await asyncio.to_thread(run, "follow", OPERATION, "--once")
            coloured = await asyncio.to_thread(run, "follow", OPERATION, "--once", FORCE_COLOR="1")
            programs = await asyncio.to_thread(run, "follow", OPERATION, "--once", "--json")
            assert [people.exit_code, coloured.exit_code, programs.exit_code] == [0, 0, 0]
            harmless_output(people.output)
            harmless_output(coloured.output)
            documents = harmless_json(programs.stdout)
            assert people.stdout.count("\n") == len(documents)  # one item, one line
            said = [row["content"] for row in documents if row["item"] == "message"][
                -len(texts) * 2 :
            ]
            for text, alone, nested in zip(texts, said[::2], said[1::2], strict=True):
                assert alone == {"text": shown(text)}
                assert nested[shown(key_of(text))] == shown(text)
                assert shown(text) in people.stdout
                if text in ordinary:
                    assert shown(text) == text


@pytest.mark.usefixtures("_unlogged")
async def test_what_stands_in_names_is_shown_as_what_it_is(stages: Stages) -> None:
    """Channels, operations, people, reasons: all that a member may name."""
    names = plain_names()
    assert len(names) >= 15
    async with stages() as stage:
        await stage.look(*MEMBERS)
        chief = stage.shown(CHIEF)
        taken = 0
        for name in names:
            with suppress(CencommError):  # some are not names: the rules say so
                await chief.create_channel(name)
                taken += 1
        await chief.hold("legal: \u202ereversed [bold]")
        await stage.look(*MEMBERS)
        now, rilo = stage.clock(), stage.clients[CHIEF]
        for name in names[:5]:
            with suppress(CencommError):
                await rilo.create_operation(
                    OperationPlan(name=name, not_before=now, not_after=now + HOUR_MS, legal=name)
                )
        content = {
            "persons": [
                {"person": stage.person(ANALYST), "code": ANALYST, "name": name}
                for name in names[:1]
            ]
        }
        main = stage.shown(CONTACT).main
        await stage.shown(CONTACT)._poster.seal(main.id, make_payload("PRF", bytes(16), content))
        await stage.look(*MEMBERS)
        for code in (CHIEF, OFFICER):
            await stage.leave(code)
        for words in (
            ("operation", "list"),
            ("operation", "show", OPERATION),
            ("follow", OPERATION, "--once"),
            ("verify", OPERATION),
            ("status",),
        ):
            people = await asyncio.to_thread(command, stage.folder, *words, code=CHIEF)
            programs = await asyncio.to_thread(command, stage.folder, *words, "--json", code=CHIEF)
            assert (people.exit_code, programs.exit_code) == (0, 0), words
            harmless_output(people.output)
            assert harmless_json(programs.stdout)
        assert taken >= 5


class Rude(LogHandlers):
    """Answers a list of logs with a refusal whose code and detail are hostile text."""

    code = text = ""

    async def logs(self, call: Call) -> Answer:
        if not self.text:
            return await super().logs(call)
        body = json.dumps({"code": self.code, "detail": self.text}).encode()
        return Answer(body, JSON, HTTPStatus.FORBIDDEN)


@pytest.mark.usefixtures("_unlogged")
async def test_what_the_server_answers_is_shown_as_what_it_is(stages: Stages) -> None:
    """Codes are words; details are text; neither reaches the terminal as it came."""
    async with stages(LogHandlers=Rude) as stage:
        await stage.look(OFFICER)
        await stage.leave(OFFICER)
        server, texts = stage.server.part(Rude), list(HOSTILE.values())
        for start in range(-1, len(texts), 5):  # five in a detail; the first of them as the code
            server.text = " ".join(texts[start : start + 5]) if start >= 0 else ""
            server.code = texts[start] if start >= 0 else ""
            for words in (("operation", "list"), ("operation", "list", "--json")):
                done = await asyncio.to_thread(command, stage.folder, *words)
                assert (done.exit_code == 0) == (start < 0), (server.text, done.output)
                if "--json" in words:
                    assert harmless_json(done.output)
                else:
                    harmless_output(done.output)


@pytest.fixture
def _unlogged() -> Iterator[None]:
    """The server in this process logs nothing: it would mix with what the command prints."""
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
    yield
    structlog.reset_defaults()


@pytest.fixture
def _journal() -> Iterator[None]:
    journal.configure("debug")
    yield
    structlog.reset_defaults()


Ask = Callable[[aiohttp.ClientSession, str, str], Any]
REQUESTS: dict[str, Ask] = {
    "path": lambda http, url, text: http.get(f"{url}/v1/{quote(text, errors='replace')}"),
    "log id": lambda http, url, text: http.get(
        f"{url}/v1/logs/{quote(text, safe='', errors='replace')}/entries"
    ),
    "parameter": lambda http, url, text: http.get(
        f"{url}/v1/enrolments?{quote(text, errors='replace')}=1"
    ),
    "parameter's value": lambda http, url, text: http.get(
        f"{url}/v1/enrolments?invitation={quote(text, errors='replace')}"
    ),
    "field": lambda http, url, text: http.post(f"{url}/v1/login/challenge", json={text: "1"}),
    "field's value": lambda http, url, text: http.post(
        f"{url}/v1/login/challenge", json={"device": text}
    ),
    "account": lambda http, url, text: http.post(f"{url}/v1/account", json={"account": text}),
    "raw body": lambda http, url, text: http.post(
        f"{url}/v1/login/challenge",
        data=text.encode(errors="surrogatepass"),
        headers={"Content-Type": "application/json"},
    ),
    "header": lambda http, url, text: http.get(
        f"{url}/v1/logs", headers={"Authorization": f"Bearer {text!a}", "X-Any": ascii(text)}
    ),
    "origin": lambda http, url, text: http.get(
        f"{url}/v1/socket?EIO=4&transport=websocket", headers={"Origin": ascii(text)}
    ),
    "agent": lambda http, url, text: http.get(
        f"{url}/v1/info", headers={"User-Agent": ascii(text)}
    ),
}


@pytest.mark.usefixtures("_journal")
async def test_what_a_stranger_sends_is_logged_as_what_it_is(
    stages: Stages, capfd: pytest.CaptureFixture[str]
) -> None:
    """One request, one line of ASCII JSON; what it holds of the request is its route and code."""
    async with stages() as stage, aiohttp.ClientSession() as http:
        capfd.readouterr()
        for text in HOSTILE.values():
            for ask in REQUESTS.values():
                async with ask(http, stage.server.url, text) as answer:
                    told = await answer.text()
                    if answer.status >= 400:
                        assert all(map(is_harmless, every_text(json.loads(told)))), told
        lines = capfd.readouterr().err.splitlines()
        assert len(lines) == len(HOSTILE) * len(REQUESTS)
        for row in harmless_json("\n".join(lines)):
            assert row["event"] == "request"
            assert set(row) <= {
                "event",
                "level",
                "timestamp",
                "method",
                "route",
                "status",
                "code",
                "ms",
            }
            assert row["route"].startswith("/") or row["route"] == "none"
