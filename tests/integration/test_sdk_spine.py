"""One joint operation, end to end, through the SDK: real server, real store, real clients."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest
import pytest_asyncio
from cencomm_client import Admission, Client, Message, Operation, OperationPlan
from cencomm_client.cen import extract
from cencomm_crypto.errors import CencommError, ErrorCode
from cencomm_crypto.member.closing import revealed
from cencomm_crypto.public.ids import PersonId
from cencomm_crypto.public.phases import Phase

from tests.support.deployment import PASSWORD, Deployment, deployed, now_ms
from tests.support.forms import accepted, hit, text_of, warning

pytestmark = pytest.mark.asyncio(loop_scope="module")
LEAST_WINDOW_S = 15.0
ONE_OFFICER = [Admission("FR-001", "ncp"), Admission("FR-014", "officer")]
T = TypeVar("T")


async def until(look: Callable[[], T | None], what: str, timeout_s: float = 20) -> T:
    """Wait until `look` gives something."""
    async with asyncio.timeout(timeout_s):
        while True:
            found = look()
            if found:
                return found
            await asyncio.sleep(0.05)
    raise AssertionError(what)


def readable(operation: Operation, text: str) -> Message | None:
    """The message with this text, if this device shows it."""
    for item in operation.items():
        if isinstance(item, Message) and item.content is not None and text_of(item.content) == text:
            return item
    return None


async def running(
    rilo: Client,
    members: list[Admission],
    *,
    name: str = "MERIDIAN",
    seconds: float = 3600,
    **fields: object,
) -> Operation:
    """An operation in its live phase with one channel for all."""
    now = now_ms()
    plan = OperationPlan(
        name=name,
        not_before=now - 1000,
        not_after=now + int(seconds * 1000),
        legal="test",
        **fields,  # type: ignore[arg-type]
    )
    operation = await rilo.create_operation(plan)
    await operation.create_channel("alpha")
    await operation.admit(members)
    await operation.set_phase("prep")
    await operation.set_phase("live")
    return operation


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def town(
    embedded_program: Path, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Deployment]:
    """One deployment for the module; each test founds an operation of its own."""
    async with deployed(tmp_path_factory.mktemp("spine")) as made:
        await made.may_create(await made.contact_point("RILO", "RILO-001"))
        await made.person(await made.contact_point("FR", "FR-001"), "FR-014", name="A. Martin")
        yield made


async def test_messages_reach_everybody_in_one_order(town: Deployment) -> None:
    rilo, agent = town.client("RILO-001"), town.client("FR-014")
    operation = await running(rilo, ONE_OFFICER, name="EQUINOX")
    warned = await operation.channel("alpha").post("WRN", warning("container"), prio="flash")
    seen = await agent.operation("EQUINOX")
    got = await until(lambda: readable(seen, "container"), "the warning")
    assert got.place.leaf == warned.leaf
    assert (got.author.code, got.kind, got.prio) == ("RILO-001", "WRN", "flash")
    answer = await seen.channel("alpha").post("ACK", accepted("accepted"), re=got)
    back = await until(lambda: readable(operation, "accepted"), "the answer")
    assert (back.re, back.place.seq) == (warned.leaf, answer.seq)
    assert back.flags == frozenset()


async def test_a_whole_operation_from_founding_to_the_extract(town: Deployment) -> None:
    began = time.monotonic()
    rilo, fr, agent = (town.client(code) for code in ("RILO-001", "FR-001", "FR-014"))
    de = await town.contact_point("DE", "DE-001")
    auditors = [
        await town.contact_point("WCO", "WCO-001"),
        await town.contact_point("NL", "NL-001"),
    ]
    rogue = await town.person(de, "DE-027", name="R. Ogue")
    bot = await town.bot(fr, "FR-BOT")
    operation = await running(
        rilo,
        [
            Admission("FR-001", "ncp"),
            Admission("DE-001", "ncp"),
            Admission("FR-014", "officer"),
            Admission("DE-027", "officer"),
            Admission("FR-BOT", "bot", channel="alpha", kinds=("HIT",), rate=60),
        ],
        seconds=max(LEAST_WINDOW_S, 2 * (time.monotonic() - began)),  # by how busy it is here
        grace_ms=1000,
        auditors=("WCO-001", "NL-001"),
        quorum=2,
    )
    alpha = operation.channel("alpha")

    # a bot drops what it cannot read; everybody else can
    robot = await bot.operation("MERIDIAN")
    dropped = await robot.channel("alpha").drop("HIT", hit("TOB-7 on MSKU6011672"))
    seen = await agent.operation("MERIDIAN")
    got = await until(lambda: readable(seen, "TOB-7 on MSKU6011672"), "the hit")
    assert (got.place.leaf, got.type, got.author.code) == (dropped.leaf, "drop", "FR-BOT")
    own = next(item for item in robot.items() if isinstance(item, Message))
    assert own.damage is not None
    assert own.damage.code == ErrorCode.NO_EPOCH_KEY

    # names travel sealed
    await until(lambda: operation.view.names.name(agent_id(agent)), "the profile")

    # a form with a wrong check digit does not leave; the right one does
    with pytest.raises(CencommError) as wrong:
        await seen.channel("alpha").post("SZR", seizure("MSKU6011673"))
    assert wrong.value.code == "form_invalid"
    assert "MSKU6011672" in wrong.value.detail
    seized = await seen.channel("alpha").post("SZR", seizure("MSKU6011672"), re=dropped)

    # a removed member gets no later epoch, and its client refuses to send
    theirs = await rogue.operation("MERIDIAN")
    await until(lambda: readable(theirs, "TOB-7 on MSKU6011672"), "the hit at DE-027")
    before = alpha.state.epoch
    await operation.remove(["DE-027"])
    later = await alpha.post("MSG", {"text": "not for everybody any more"})
    assert alpha.state.epoch > before
    with pytest.raises(CencommError) as refused:
        await theirs.channel("alpha").post("MSG", {"text": "still here"}, patience_s=1)
    assert refused.value.code in (ErrorCode.NOT_MEMBER, "unknown_log")
    await until(lambda: readable(seen, "not for everybody any more"), "the later message")
    assert readable(theirs, "not for everybody any more") is None

    # the time is over: it closes by itself, keys are revealed, auditors verify
    await until(lambda: operation.phase is Phase.CLOSED, "the end", 200)
    await until(lambda: alpha.state.closed_at, "the channel's close")
    await until(lambda: not missing(operation), "all reveals")
    with pytest.raises(CencommError) as over:
        await alpha.post("MSG", {"text": "too late"})
    assert over.value.code == ErrorCode.OUT_OF_WINDOW
    verdicts = []
    for auditor in auditors:
        audited = await auditor.operation("MERIDIAN")
        verdict = await audited.verify()
        assert verdict.ok, verdict.findings
        assert verdict.withheld == 0
        assert verdict.readable == 0
        verdicts.append(verdict)
    mine = await operation.verify()
    assert mine.ok, mine.findings
    assert {(row.root, row.size, row.trail) for row in (*verdicts, mine)} == {
        (mine.root, mine.size, mine.trail)
    }

    # the owning NCP's extract holds no names and no container
    french = await fr.operation("MERIDIAN")
    made = await extract(french)
    assert [record.leaf for record in made.extract.records] == [seized.leaf]
    lines = made.extract.lines.decode()
    assert "MSKU" not in lines
    assert "Example" not in lines
    assert [release.manifest for release in french.state.releases.values()] == [
        made.extract.manifest_hash
    ]
    again = await extract(french)
    assert again.posted == ()
    assert again.extract.lines == made.extract.lines
    assert later.seq < made.posted[0].seq


async def test_a_bot_whose_session_ended_comes_back_by_itself(town: Deployment) -> None:
    rilo = town.client("RILO-001")
    bot = await town.bot(rilo, "RILO-BOT")
    operation = await running(
        rilo,
        [Admission("RILO-BOT", "bot", channel="alpha", kinds=("HIT",), rate=60)],
        name="OPSON",
    )
    robot = await bot.operation("OPSON")
    await robot.channel("alpha").drop("HIT", hit("before"))
    before = bot.vault.session
    await bot._station.transport.logout()  # as if the server had ended it
    await until(lambda: bot.live and bot.vault.session != before, "a new session", 30)
    await robot.channel("alpha").drop("HIT", hit("after"))
    await until(lambda: readable(operation, "after"), "the hit after the new session")


async def test_a_new_device_heals_and_a_dead_server_loses_nothing(town: Deployment) -> None:
    rilo, agent = town.client("RILO-001"), town.client("FR-014")
    operation = await running(rilo, ONE_OFFICER, name="TRADEWIND")
    alpha = operation.channel("alpha")
    await alpha.post("MSG", {"text": "before the phone"})
    seen = await agent.operation("TRADEWIND")
    await until(lambda: readable(seen, "before the phone"), "the first message")

    await until(lambda: not agent.vault.outbox(seen.id), "what it posts by itself", 60)

    # the server dies; what is posted meanwhile waits, and goes out once
    await town.server.stop(kill=True)
    with pytest.raises(CencommError) as away:
        await seen.channel("alpha").post("MSG", {"text": "into the void"}, patience_s=0.5)
    assert away.value.code == "unreachable"
    assert agent.vault.outbox(seen.id)  # beside what it may post by itself
    await town.server.start()
    await until(lambda: readable(operation, "into the void"), "what had waited", 40)
    await until(lambda: not agent.vault.outbox(seen.id), "the receipt", 40)
    texts = [item.content for item in operation.items() if isinstance(item, Message)]
    assert texts.count({"text": "into the void"}) == 1

    # the agent's second device, vouched for by the first, reads the past by a grant
    phone = await town.device(agent, "FR-014-phone")
    mobile = await phone.operation("TRADEWIND")
    await until(lambda: readable(mobile, "before the phone"), "the past on the phone", 40)
    grants = [item for item in mobile.items() if getattr(item, "type", "") == "channel.grant"]
    assert grants
    await mobile.channel("alpha").post("MSG", {"text": "from the phone"})
    await until(lambda: readable(operation, "from the phone"), "the phone's message")
    await until(lambda: readable(mobile, "from the phone"), "its own message")

    # a restarted client has everything, without a server too
    await phone.close()
    town.clients.remove(phone)
    await town.server.stop()
    again = await Client.resume(town.vault("FR-014-phone"), PASSWORD, settings=town.settings)
    town.clients.append(again)
    kept = await again.operation("TRADEWIND")
    assert readable(kept, "before the phone")
    assert readable(kept, "from the phone")
    verdict = await kept.verify(online=False)
    assert verdict.ok, verdict.findings


def agent_id(client: Client) -> PersonId:
    return client.directory.person(client.code).id


def missing(operation: Operation) -> list[int]:
    """Epochs that the reveals in the log do not reach yet."""
    found: list[int] = []
    for channel in operation.state.channels.values():
        found += revealed(operation.state, channel.id).missing
    return found


def seizure(container: str) -> dict[str, Any]:
    return {
        "form": "simple",
        "country": "FR",
        "office": "FRLEH",
        "at": now_ms(),
        "precision": "day",
        "location": "seaport",
        "direction": "import",
        "offence": "smuggling",
        "detection": "xray",
        "trigger": "hit",
        "goods": [{"category": "tobacco", "hs": "240220", "quantity": "10040", "unit": "MIL"}],
        "conveyance": {"mode": "1", "container": container},
        "persons": [{"role": "consignee", "name": "A. Example"}],
    }
