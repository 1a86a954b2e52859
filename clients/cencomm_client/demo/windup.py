"""The acts that end the day: the busy spell, the observer, phases, what was refused, the hold."""

from __future__ import annotations

import asyncio

from cencomm_config.forms.schemas import CODES

from cencomm_client.demo import papers, scenario
from cencomm_client.demo.papers import NEVER_SAID, adapted
from cencomm_client.demo.refusals import MET
from cencomm_client.demo.stage import Stage, code_of

VOICES = ("rilo", "ncp-fr", "ncp-de", "ncp-pl", "fr", "de", "pl", "wco")
LISTENERS = ("fr", "de", "wco")
FORM_READERS = ("wco", "rilo", "ncp-pl")
LEAST_ENTRIES = 300
NOWHERE = "0e" * 16  # the id of no log and of no device
BIG = "é" * 30_000  # as many characters as a form takes, more bytes than a message takes


class Windup(Stage):
    """From the rush to the debrief."""

    async def busy_spell(self) -> None:
        self.screen.act("busy")
        said = await asyncio.gather(
            *(
                self.cast[who].call(
                    "talk", channel=scenario.FIELD, texts=papers.lines(code_of(who))
                )
                for who in VOICES
            )
        )
        places = sorted(seq for one in said for seq in one["seqs"])
        heard = await self.all(LISTENERS, "wait_for_heard", word=papers.SPELL, count=len(places))
        self.screen.say("rilo", f"{len(places)} messages by {len(VOICES)} voices")
        self.judge(
            "busy_spell_complete",
            acted="server",
            by=LISTENERS,
            held=all(one["seqs"] == places for one in heard.values()),
            messages=len(places),
            voices=len(VOICES),
        )

    async def observer(self) -> None:
        self.screen.act("observer")
        made = await self.cast["rilo"].call("set_role", code=code_of("pl"), role="observer")
        self.screen.state("pl", "observer")
        await self.cast["pl"].call("wait_for_entry", seq=made["seq"])
        await self.refused_post("pl", "not_permitted")
        said = await self.write(
            "fr", scenario.FIELD, "MSG", {"text": "For the record: the second row is empty."}
        )
        got = await self.seen("pl", said)
        roles = await self.cast["ncp-fr"].call("standing")
        self.roles.update(roles["roles"].values())
        self.judge(
            "observer_only_reads",
            acted="rilo",
            by=("pl", "ncp-fr"),
            held=got["seq"] == said["seq"] and roles["roles"][code_of("pl")] == "observer",
            role_entry=made["seq"],
        )

    async def debrief(self) -> None:
        self.screen.act("debrief")
        await self.refused("rilo", "tasks_open", "set_phase", phase="post")
        done = await self.write(
            "ncp-pl",
            scenario.FIELD,
            "RPL",
            {"status": "final", "answer": "The manifest is in the annex."},
            re=self.leaves["task"],
        )
        await self.seen("rilo", done)
        await self.seen("fr", done)
        await self.refused("fr", "not_permitted", "set_phase", phase="post")
        await self.refused("rilo", "wrong_phase", "set_phase", phase="prep")
        late = await self.cast["rilo"].call("set_phase", phase="post")
        last = await self.cast["rilo"].call("set_phase", phase="debrief")
        await self.all(("ncp-de", "fr"), "wait_for_entry", seq=last["seq"])
        warned = adapted("WRN", goods_suspected=NEVER_SAID)
        await self.refused_post("fr", "no_new_warnings", kind="WRN", content=warned)
        early = self.cast.folder / "cen-early"
        await self.refused("ncp-de", "not_closed", "extract", folder=str(early))
        report = await self.write("ncp-de", scenario.FIELD, "DBR", adapted("DBR"))
        self.screen.say("ncp-de", "DBR: counts reconciled with the seizures")
        got = await self.seen("fr", report)
        where = await self.cast["fr"].call("standing")
        self.roles.update(where["roles"].values())
        self.judge(
            "tasks_before_the_phase",
            acted="rilo",
            by=("fr",),
            held=where["phase"] == "debrief" and got["kind"] == "DBR",
            done=done["seq"],
            phases=[late["seq"], last["seq"]],
            debrief=report["seq"],
        )

    async def every_form(self) -> None:
        """Judge what was posted by what others read."""
        read = await self.all(FORM_READERS, "right_forms")
        seen = {
            kind
            for who, one in read.items()
            for kind, authors in one["authors"].items()
            if set(authors) != {code_of(who)}
        }
        self.judge(
            "every_form_arrives",
            acted="members",
            by=FORM_READERS,
            held=seen == set(CODES) and not any(one["wrong"] for one in read.values()),
            forms=sorted(seen),
            wrong={who: one["wrong"] for who, one in read.items()},
        )

    async def mistakes(self) -> None:
        """What a hurried person tries in vain."""
        await self.refused_post("fr", "too_large", content={"text": f"{NEVER_SAID} {BIG}"})
        await self.refused_post("fr", "unknown_channel", channel="nowhere")
        await self.refused("fr", "unknown_log", "join", log=NOWHERE, size=1)
        await self.refused("fr", "forbidden", "bot_secret", account=code_of("bot"))
        await self.refused("fr", "not_permitted", "create_channel", name="ours")
        await self.refused("rilo", "already_exists", "create_channel", name=scenario.FIELD)
        await self.refused(
            "rilo", "unknown_person", "admit", members=[{"code": "XX-999", "role": "officer"}]
        )
        auditor = {"code": code_of("audit-1"), "role": "officer"}
        await self.refused("rilo", "bad_audit_set", "admit", members=[auditor])
        await self.refused("rilo", "successor_needed", "offboard", administration="PL")
        await self.refused("rilo", "unknown_administration", "offboard", administration="XX")
        await self.refused("rilo", "unknown_device", "accept_device", device=NOWHERE)
        drill = await self.cast["rilo"].call("drill", name="DRILL", legal=scenario.LEGAL_BASIS)
        await self.refused_post("rilo", "exercise_mixed", re=drill["leaf"])

    async def refusals_judged(self) -> None:
        """Every refusal of the day gave its code, and nothing of it stands in the log."""
        heard = await self.all(("wco", "ncp-de"), "heard", words=[NEVER_SAID])
        different = [row for row in self.refusals if row[1] != row[2]]
        self.judge(
            "each_refusal_names_its_code",
            acted="members",
            by=("wco", "ncp-de"),
            held=not different
            and {code for _, code, _ in self.refusals} == MET
            and not any(one["seqs"] for one in heard.values()),
            codes=sorted({code for _, code, _ in self.refusals}),
            refusals=len(self.refusals),
            different=different,
        )

    async def hold(self) -> None:
        """After the close: an auditor's hold keeps what a coordinator would erase."""
        held = await self.cast["audit-1"].call("hold", reason="Court of Hamburg, case 12/26.")
        self.screen.say("audit-1", "legal hold: a court asks for it")
        await self.cast["rilo"].call("wait_for_entry", seq=held["seq"])
        await self.refused("rilo", "held", "propose", subject="erase")
        refused = self.refusals[-1]
        await self.refused("rilo", "closed", "suspend")
        state = await self.cast["fr"].call("standing")
        self.judge(
            "hold_keeps_it",
            acted="audit-1",
            by=("rilo", "fr"),
            held=refused[1:] == ("held", "held") and state["holds"] == 1,
            hold_entry=held["seq"],
        )
        size = await self.cast["fr"].call("state")
        roles = {*self.roles, "auditor"}
        self.judge(
            "a_full_day",
            acted="members",
            by=("fr", "ncp-fr"),
            held=size["size"] >= LEAST_ENTRIES and roles == set(scenario.ROLES),
            entries=size["size"],
            roles=sorted(roles),
        )
