"""The acts of the day's work: hits beyond the rate, warnings and what becomes of them, the desk."""

from __future__ import annotations

import asyncio
from typing import Any

from cencomm_client.demo import papers, scenario
from cencomm_client.demo.papers import adapted
from cencomm_client.demo.stage import Stage

FED = 6  # hits that the targeting system hands over at once


class Chains(Stage):
    """From the hit to the answer, as the coordinator's desk shows it."""

    async def more_hits(self) -> None:
        self.screen.act("surplus")
        rows = [papers.hit(number) for number in range(FED)]
        health = await self.cast["bot"].call("feed", rows=rows)
        self.screen.say("bot", f"{health['posted']} hits dropped, {health['waiting']} wait")
        seen = await self.cast["fr"].call("sequence", channel=scenario.ALERTS, kind="HIT")
        self.judge(
            "surplus_hits_wait",
            acted="bot",
            by=("fr",),
            held=health["posted"] + health["waiting"] == FED
            and health["waiting"] == FED + 1 - scenario.BOT_RATE
            and len(seen["seqs"]) == scenario.BOT_RATE,
            **health,
        )
        self.refusals.append(("bot", "rate_limited", health["blocked"]))
        hits = await self.cast["rilo"].call("leaves", channel=scenario.ALERTS, kind="HIT")
        first, second, third = hits["leaves"][1:4]  # act 3 has dealt with the first
        await self.cast["rilo"].call("wait_for_desk", leaves=[first, second, third], listed=True)
        promoted = await self.cast["fr"].call("decide_hit", leaf=first, decision="promote")
        self.leaves["promoted"] = promoted["leaf"]
        await self.seen("pl", promoted)
        await self.refused(
            "pl", "hit_decided", "decide_hit", leaf=first, decision="dismiss", said="No."
        )
        dismissed = await self.cast["ncp-fr"].call(
            "decide_hit", leaf=second, decision="dismiss", said="The consignee is well known."
        )
        merged = await self.cast["fr"].call(
            "decide_hit", leaf=third, decision="merge", said=promoted["leaf"]
        )
        desk = await self.cast["rilo"].call(
            "wait_for_desk", leaves=[first, second, third], listed=False
        )
        self.judge(
            "hits_decided_once",
            acted="fr",
            by=("rilo",),
            held=promoted["leaf"] in desk["open"],
            entries=[promoted["seq"], dismissed["seq"], merged["seq"]],
        )

    async def warnings(self) -> None:
        self.screen.act("chains")
        told = await asyncio.gather(
            self.write(
                "fr", scenario.ALERTS, "WRN", papers.warning(21, "cigarettes"), to=["DE-027"]
            ),
            self.write("pl", scenario.ALERTS, "WRN", papers.warning(22, "ivory"), to=["FR-014"]),
            self.write("wco", scenario.ALERTS, "WRN", papers.warning(23, "cocaine"), to=["DE-027"]),
        )
        to_de, to_fr, on_to_pl = told
        leaves = [one["leaf"] for one in told]
        self.leaves["to_de"] = to_de["leaf"]
        listed = await self.cast["rilo"].call("wait_for_desk", leaves=leaves, listed=True)
        await self.all(("fr", "de", "pl"), "wait_for", leaf=to_fr["leaf"])
        wrong = papers.warning(24, "cigarettes")
        wrong["identifiers"] = {"container": wrong["identifiers"]["container"][:-1] + "A"}
        await self.refused_post(
            "fr", "form_invalid", channel=scenario.ALERTS, kind="WRN", content=wrong
        )
        await asyncio.gather(
            self._answered_by_de(to_de),
            self._answered_by_fr(to_fr),
            self._handed_on(on_to_pl),
            self._promoted(),
        )
        every = [*leaves, self.leaves["promoted"]]
        cleared = await self.cast["rilo"].call("wait_for_desk", leaves=every, listed=False)
        self.judge(
            "desk_clears_answered_warnings",
            acted="de",
            by=("rilo",),
            held={listed["open"][leaf] for leaf in leaves} == {"waiting"}
            and cleared["seizures"] > listed["seizures"],
            warnings=[one["seq"] for one in told],
            open_before=len(listed["open"]),
            open_after=len(cleared["open"]),
        )

    async def _answered_by_de(self, told: dict[str, Any]) -> None:
        """Accepted, seized, fed back: the whole chain."""
        await self.seen("de", told)
        await self._ack("de", told, answer="accepted")
        report = papers.long_seizure(21, bytes.fromhex(told["leaf"]))
        seized = await self.write("de", scenario.FIELD, "SZR", report, re=told["leaf"])
        self.leaves["long_seizure"] = seized["leaf"]
        self.screen.say("de", "SZR, long form, H2: cigarettes, ivory and a chemical")
        await self._feedback("de", told, adapted("FBK", seizure=bytes.fromhex(seized["leaf"])))

    async def _answered_by_fr(self, told: dict[str, Any]) -> None:
        await self.seen("fr", told)
        await self._ack("fr", told, answer="accepted")
        await self._feedback("fr", told, adapted("FBK", outcome="no_finding", seizure=None))

    async def _handed_on(self, told: dict[str, Any]) -> None:
        """Germany hands the warning on, Poland answers it."""
        await self.seen("de", told)
        await self._ack("de", told, answer="transferred", transferred_to="PL-033")
        await self.seen("pl", told)
        await self._ack("pl", told, answer="accepted")
        await self._feedback(
            "pl",
            told,
            adapted("FBK", outcome="not_arrived", seizure=None, control=None, controlled_at=None),
        )

    async def _promoted(self) -> None:
        told = {"leaf": self.leaves["promoted"]}
        await self.seen("ncp-de", told)
        await self._ack("ncp-de", told, answer="declined", reason="It goes to Le Havre.")
        await self.seen("ncp-fr", told)
        await self._ack("ncp-fr", told, answer="accepted")
        await self._feedback("ncp-fr", told, adapted("FBK", outcome="no_finding", seizure=None))

    async def _ack(self, who: str, told: dict[str, Any], **content: Any) -> None:
        await self.write(who, scenario.ALERTS, "ACK", content, re=told["leaf"])
        self.screen.say(who, f"ACK {content['answer']}")

    async def _feedback(self, who: str, told: dict[str, Any], content: dict[str, Any]) -> None:
        await self.write(who, scenario.ALERTS, "FBK", content, re=told["leaf"])
        self.screen.say(who, f"FBK {content['outcome']}")
