"""A32: sealed content injects into what is made of it. The extract for CEN takes typed fields.

Pages come with issue 7, spreadsheets with the exports that write them; terminals are A51's.
"""

from __future__ import annotations

import json
import unicodedata
from typing import Any

import pytest
from cencomm_client.cen import Extract, prepare
from cencomm_client.demo.scenario import seizure
from cencomm_client.items import Message
from cencomm_crypto.errors import ProtocolError
from cencomm_crypto.member.message import seal_message
from cencomm_crypto.member.payload import make_payload
from cencomm_crypto.public.encoding import encode
from cencomm_crypto.public.primitives import sha256

from tests.mallory.harness import Stage, Stages
from tests.mallory.insiders import secret_of
from tests.mallory.world import ALERTS, ANALYST, CONTACT, MEMBERS
from tests.support.hostile_text import HOSTILE


def sealable(text: str) -> bool:
    """Whether it is text at all: what is none cannot even be sealed."""
    try:
        encode(text)
    except ProtocolError:
        return False
    return True


INJECTIONS = {
    **{
        name: normal
        for name, text in HOSTILE.items()
        if sealable(normal := unicodedata.normalize("NFC", text))
    },
    "formula": '=HYPERLINK("http://evil.example","report")',
    "command": "+cmd|' /C calc'!A0",
    "markup": "<script>alert(1)</script>",
    "a second record": '"}\n{"format":1,"record":"00"}',
    "path": "../../etc/passwd",
}


def report(**goods: Any) -> dict[str, Any]:
    """A seizure of Belgium's analyst; `goods` changes its one line."""
    made = {**seizure(1_790_000_000_000, sha256(b"w")), "country": "BE", "office": "BEANR"}
    return {**made, "goods": [{**made["goods"][0], **goods}]}


async def sent(stage: Stage, content: dict[str, Any]) -> None:
    """Sealed and posted by the analyst's own program, which checks no form."""
    secret = secret_of(stage, ANALYST)
    assert secret is not None
    header = stage.header(ANALYST, "message", chan=stage.chan(ALERTS), epoch=1)
    payload = make_payload("SZR", sha256(header.id)[:16], content)
    body = seal_message(header, secret, payload, header.id + bytes(8), bytes(16))
    await stage.post(ANALYST, stage.sign(ANALYST, header, body))


def extract(stage: Stage) -> Extract:
    """What Belgium's contact point releases after a person said yes to all the free text."""
    messages = [item for item in stage.shown(CONTACT).items() if isinstance(item, Message)]
    first = prepare(messages, operation="MERIDIAN", administration="BE")
    return prepare(
        messages,
        operation="MERIDIAN",
        administration="BE",
        approved=[text.answer for text in first.pending],
    )


async def test_free_text_stays_one_value_of_one_line(stages: Stages) -> None:
    """Whatever it holds: or it does not leave at all. Nothing goes without a person's yes."""
    async with stages() as stage:
        await stage.look(*MEMBERS)
        for text in INJECTIONS.values():
            await sent(stage, report(description=text))
        await stage.look(*MEMBERS)
        assert len(INJECTIONS) > 30
        made = extract(stage)
        lines = made.lines.split(b"\n")
        assert lines.pop() == b""
        assert len(lines) == len(made.records)
        assert len(made.records) + len(made.excluded) == len(INJECTIONS)
        assert made.lines.isascii()
        assert not set(made.lines) & {*range(10), *range(11, 32), 127}
        for line in lines:
            record = json.loads(line)
            (goods,) = record["goods"]
            assert goods["description"] in INJECTIONS.values()
            assert set(record) <= {
                *("format", "record", "operation", "case", "goods", "route", "persons"),
                *("conveyance", "concealment"),
            }
        stage.quiet()


UNTYPED: dict[str, dict[str, Any]] = {
    "text for a list": {**report(), "goods": "=1+1"},
    "a map for text": report(description={"html": "<b>x</b>"}),
    "a formula for a number": report(quantity="=1+1"),
    "a formula for a code": report(hs="=240220"),
    "markup for a country": {**report(), "country": "<b>"},
    "a field of its own": {**report(), "html": "<script>"},
    "a path for a place": {**report(), "office": "../.."},
}


@pytest.mark.parametrize("name", ["sound", *UNTYPED])
async def test_what_is_not_of_its_type_does_not_leave(stages: Stages, name: str) -> None:
    """A form that fails on opening is excluded, with its reason; the sound one passes."""
    async with stages() as stage:
        await stage.look(*MEMBERS)
        await sent(stage, UNTYPED.get(name, report()))
        await stage.look(*MEMBERS)
        made = extract(stage)
        assert len(made.records) == (name == "sound")
        assert [item.reason for item in made.excluded] == ["damaged"] * (name != "sound")
        for bad in (b"=1+1", b"<b>", b"<script>", b"../.."):
            assert bad not in made.lines
        stage.quiet()
