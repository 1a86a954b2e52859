"""The way of a seizure under H2 to CEN: only a REL of who may grant opens it."""

from __future__ import annotations

from cencomm_client.cen import extract
from cencomm_client.work import authoring

from tests.mallory.harness import Stages
from tests.mallory.world import ALERTS, ANALYST, CHIEF, CONTACT, DEPUTY, MEMBERS
from tests.support.loopback import now_ms
from tests.support.talk import seizure


async def test_who_may_not_grant_takes_no_h2_off_on_the_way_to_cen(stages: Stages) -> None:
    async with stages() as stage:
        await stage.look(*MEMBERS)
        analyst, contact = [await stage.operation(code) for code in (ANALYST, CONTACT)]
        said = seizure(at=now_ms(), trigger="routine", handling=["H2"])
        freed, kept = [await analyst.channel(ALERTS).post("SZR", said) for _ in range(2)]
        for posted in (freed, kept):
            await authoring.correct(analyst, posted.leaf, {"handling": []}, "not needed")
        grant = {"entry": freed.leaf, "fields": ["*"], "use": "CEN", "decision": "granted"}
        await contact.refresh()
        await contact.channel(ALERTS).post("REL", grant)
        chief, deputy = [await stage.operation(code) for code in (CHIEF, DEPUTY)]
        await deputy.approve(await chief.close())
        made = (await extract(contact)).extract
        assert [(row.leaf, row.reason) for row in made.excluded] == [(kept.leaf, "handling_h2")]
        assert [record.leaf for record in made.records] == [freed.leaf]
