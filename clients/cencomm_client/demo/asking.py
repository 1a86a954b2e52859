"""The acts of asking: requests, tasks, reports; a circle of a few, an expert's thread."""

from __future__ import annotations

import asyncio

from cencomm_client.demo import papers, scenario
from cencomm_client.demo.papers import HOUR_MS, NEVER_SAID, adapted
from cencomm_client.demo.stage import Stage, code_of, ms


class Asking(Stage):
    """What is asked, told, and shown to a few."""

    async def questions(self) -> None:
        self.screen.act("asking")
        soon = ms(self.closes) + HOUR_MS
        asked = await self.write(
            "fr", scenario.FIELD, "RFI", adapted("RFI", deadline=soon), to=["DE-001"]
        )
        await self.seen("ncp-de", asked)
        await self.write("ncp-de", scenario.FIELD, "RPL", adapted("RPL"), re=asked["leaf"])
        still = await self.cast["rilo"].call("wait_for_desk", leaves=[asked["leaf"]], listed=True)
        final = {"status": "final", "answer": "A dealer in Hamburg; no record."}
        await self.write("ncp-de", scenario.FIELD, "RPL", final, re=asked["leaf"])
        await self.cast["rilo"].call("wait_for_desk", leaves=[asked["leaf"]], listed=False)
        task = await self.write(
            "rilo", scenario.FIELD, "TSK", adapted("TSK", due=soon), to=["PL-001"]
        )
        self.leaves["task"] = task["leaf"]
        self.screen.say("rilo", "TSK for Poland, mandatory: send the manifest")
        await asyncio.gather(
            self.write("ncp-fr", scenario.FIELD, "SIT", papers.situation(nil=False)),
            self.write("ncp-pl", scenario.FIELD, "SIT", papers.situation(nil=True)),
            self.write("rilo", scenario.FIELD, "BUL", adapted("BUL")),
            self.write("wco", scenario.FIELD, "MSG", adapted("MSG")),
        )
        last = await self.write("wco", scenario.FIELD, "NDR", self._clone())
        self.leaves["clone"] = last["leaf"]
        await self.seen("ncp-fr", last)
        desk = await self.cast["ncp-fr"].call("wait_for_desk", leaves=[task["leaf"]], listed=True)
        self.judge(
            "questions_and_returns_counted",
            acted="ncp-de",
            by=("rilo", "ncp-fr"),
            held=asked["leaf"] in still["open"] and desk["nil"]["PL"] == 1 and desk["clones"] == 1,
            question=asked["seq"],
            nil=desk["nil"],
            clones=desk["clones"],
        )

    async def circles(self) -> None:
        self.screen.act("for_few")
        secret = {"text": NEVER_SAID, "tlp": "RED"}
        for kind, content in (("MSG", secret), ("CDN", papers.delivery())):
            await self.refused_post("de", "not_directed", kind=kind, content=content)
        circle = await self.cast["de"].call(
            "direct", parent=scenario.FIELD, people=[code_of("ncp-pl"), code_of("rilo")]
        )
        notice = await self.write("de", circle["channel"], "CDN", papers.delivery())
        self.leaves["delivery"] = notice["leaf"]
        self.circle_seq = notice["seq"]
        self.screen.say("de", "CDN to Poland and the RILO: Hamburg to Gdansk by road")
        got = await self.seen("ncp-pl", notice)
        outside = await self.cast["pl"].call("read_in", channel=circle["channel"])
        await self.refused_post("pl", "not_member", channel=circle["channel"])
        self.judge(
            "directed_channel_closed_to_others",
            acted="de",
            by=("ncp-pl", "pl"),
            held=got["kind"] == "CDN"
            and 0 < outside["made"] < notice["seq"]
            and outside["read"] == outside["keys"] == 0,
            entry=notice["seq"],
            outsider=outside,
        )
        await self._expert()

    async def _expert(self) -> None:
        lab = code_of("lab")
        question = self._question()
        await self.refused_post(
            "de", "not_directed", channel=scenario.EXPERTS, kind="EXP", content=question, to=[lab]
        )
        circle = await self.cast["de"].call(
            "direct", parent=scenario.EXPERTS, people=[lab, code_of("wco")]
        )
        asked = await self.write("de", circle["channel"], "EXP", question, to=[lab])
        await self.seen("lab", asked)
        answer = adapted("EXP", question=None, photos=None)
        told = await self.write("lab", circle["channel"], "EXP", answer, re=asked["leaf"])
        self.screen.say("lab", f"EXP {papers.SPECIES}, confidence high")
        await self.refused_post("lab", "not_member")
        got = await self.seen("wco", told)
        field = await self.cast["lab"].call("heard", words=["garden furniture"])
        self.judge(
            "expert_answers_in_its_thread",
            acted="lab",
            by=("wco",),
            held=got["re"] == asked["leaf"]
            and got["content"]["answer"] == papers.SPECIES
            and field["seqs"] == [],
            entries=[asked["seq"], told["seq"]],
        )

    def _clone(self) -> dict[str, object]:
        now = ms(self.opens)
        places = [{"place": "DEHAM", "at": now}, {"place": "FRLEH", "at": now}]
        return adapted("NDR", identifiers={"container": papers.container(30)}, sightings=places)

    def _question(self) -> dict[str, object]:
        return adapted("EXP", answer=None, confidence=None)
