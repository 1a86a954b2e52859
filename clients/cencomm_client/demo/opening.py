"""Acts 1 to 4: the group, the window, hit and warning, chat and seizure."""

from __future__ import annotations

import asyncio
import time

from cencomm_client.demo import scenario
from cencomm_client.demo.stage import WATCHERS, Stage, code_of, key_of, ms
from cencomm_client.demo.values import wire

LEAD_S = 6  # from the creation to the opening of the window
WINDOW_S = 25  # two administrations make it longer


class Opening(Stage):
    """Work as it should go."""

    async def group(self) -> None:
        self.screen.act("group")
        now = time.time()
        self.opens = now + LEAD_S
        self.closes = self.opens + max(WINDOW_S, self.measured["enrolment_s"] / 2)
        self.screen.window(self.opens, self.closes)
        created = await self.cast["rilo"].call(
            "create_operation",
            name=scenario.OPERATION,
            legal=scenario.LEGAL_BASIS,
            window=[ms(self.opens), ms(self.closes)],
            grace_ms=scenario.GRACE_S * 1000,
            auditors=[code_of("audit-1"), code_of("audit-2")],
            quorum=2,
        )
        self.log = created["log"]
        members = [
            {"code": person.code, "role": person.role}
            for person in scenario.PARTICIPANTS
            if person.role not in ("auditor", "bot", "expert") and person.key != "rilo"
        ]
        await self.cast["rilo"].call("admit", members=members)
        for name in (scenario.ALERTS, scenario.FIELD, scenario.EXPERTS):
            await self.cast["rilo"].call("create_channel", name=name)
        bot = {
            "code": code_of("bot"),
            "role": "bot",
            "channel": scenario.ALERTS,
            "kinds": ["HIT"],
            "rate": scenario.BOT_RATE,
        }
        expert = {"code": code_of("lab"), "role": "expert", "channel": scenario.EXPERTS}
        last = await self.cast["rilo"].call("admit", members=[bot, expert])
        readers = [p.key for p in scenario.PARTICIPANTS if p.role != "auditor" and p.key != "rilo"]
        await asyncio.gather(
            *(self.cast[key].call("join", log=self.log, size=last["seq"] + 1) for key in readers)
        )
        seen = await self.cast["fr"].call("state")
        codes = {person.code for person in scenario.PARTICIPANTS if person.role != "auditor"}
        self.judge(
            "group_created",
            acted="rilo",
            by=("fr",),
            held=set(seen["members"]) == codes and seen["phase"] == "draft",
            log=self.log,
            entries=seen["size"],
            members=sorted(seen["members"]),
        )
        early = await self.cast["fr"].refusal(
            "post", channel=scenario.FIELD, kind="MSG", content={"text": "too early"}
        )
        witness = await self.cast["de"].call("state")
        self.judge(
            "sealed_nothing_before_window",
            acted="fr",
            by=("de",),
            held=early in ("out_of_window", "wrong_phase") and not any(witness["epochs"].values()),
            code=early,
            epochs=witness["epochs"],
        )

    async def window_opens(self) -> None:
        self.screen.act("opening")
        await asyncio.sleep(max(0.0, self.opens - time.time()))
        await self.cast["rilo"].call("set_phase", phase="prep")
        live = await self.cast["rilo"].call("set_phase", phase="live")
        rotated = await self.all(
            WATCHERS, "wait_for_epoch", channel=scenario.FIELD, n=1, timeout_s=40
        )
        await self.all(WATCHERS, "wait_for_epoch", channel=scenario.ALERTS, n=1, timeout_s=40)
        authors = {report["author"] for report in rotated.values()}
        self.judge(
            "window_opens",
            acted=key_of(next(iter(authors))),
            by=tuple(key for key in WATCHERS if code_of(key) not in authors),
            held=len(authors) == 1
            and all(report["judged"] == "good" for report in rotated.values()),
            phase_entry=live["seq"],
            rotate_entry=next(iter(rotated.values()))["seq"],
        )

    async def hit_and_warning(self) -> None:
        self.screen.act("warning")
        hit = await self.cast["bot"].call(
            "drop", channel=scenario.ALERTS, kind="HIT", content=scenario.HIT
        )
        got = await self.seen("fr", hit)
        self.screen.say("bot", f"HIT {scenario.CONTAINER}, score {scenario.HIT['score']}")
        self.judge(
            "bot_hit_read",
            acted="bot",
            by=("fr",),
            held=got["content"] == scenario.HIT and got["type"] == "drop",
            entry=hit["seq"],
        )
        warning = await self.cast["fr"].call(
            "post",
            channel=scenario.ALERTS,
            kind="WRN",
            content=scenario.WARNING,
            re=hit["leaf"],
            prio="immediate",
        )
        self.leaves["warning"] = warning["leaf"]
        self.screen.say("fr", f"WRN {scenario.CONTAINER}: suspected cigarettes, control asked")
        seen = await self.all(("de", "pl"), "wait_for", leaf=warning["leaf"])
        self.note_latency(warning, seen)
        self.judge(
            "warning_received",
            acted="fr",
            by=("de", "pl"),
            held=all(item["content"] == scenario.WARNING for item in seen.values()),
            entry=warning["seq"],
        )
        acks = []
        for key in ("de", "pl"):
            ack = await self.cast[key].call(
                "post",
                channel=scenario.ALERTS,
                kind="ACK",
                content={"answer": "accepted"},
                re=warning["leaf"],
            )
            self.screen.say(key, "ACK accepted")
            acks.append(await self.seen("fr", ack))
        self.judge(
            "acknowledged",
            acted="de",
            by=("fr",),
            held=all(item["re"] == warning["leaf"] and item["kind"] == "ACK" for item in acks),
            entries=[item["seq"] for item in acks],
        )

    async def chat_and_seizure(self) -> None:
        self.screen.act("seizure")
        posted = []
        for who, text in scenario.CHAT:
            sent = await self.cast[who].call(
                "post", channel=scenario.FIELD, kind="MSG", content={"text": text}
            )
            self.screen.say(who, text)
            others = tuple(key for key in WATCHERS if key != who)
            self.note_latency(sent, await self.all(others, "wait_for", leaf=sent["leaf"]))
            posted.append(sent["seq"])
        orders = await self.all(WATCHERS, "sequence", channel=scenario.FIELD, kind="MSG")
        self.judge(
            "chat_in_one_order",
            acted="server",
            by=WATCHERS,
            held=all(order["seqs"] == posted for order in orders.values()),
            entries=posted,
        )
        report = scenario.seizure(ms(time.time()), bytes.fromhex(self.leaves["warning"]))
        wrong = wire(report)
        wrong["conveyance"] = {**wrong["conveyance"], "container": scenario.CONTAINER[:-1] + "5"}
        code = await self.cast["de"].refusal(
            "post", channel=scenario.FIELD, kind="SZR", content=wrong
        )
        sent = await self.cast["de"].call(
            "post",
            channel=scenario.FIELD,
            kind="SZR",
            content=wire(report),
            re=self.leaves["warning"],
        )
        self.leaves["seizure"] = sent["leaf"]
        self.screen.say("de", "SZR 10,040 thousand cigarettes behind the cover load")
        got = await self.seen("ncp-de", sent)
        self.judge(
            "seizure_reported",
            acted="de",
            by=("ncp-de",),
            held=got["content"] == wire(report),
            entry=sent["seq"],
        )
        kinds = await self.cast["ncp-de"].call("sequence", channel=scenario.FIELD, kind="SZR")
        self.judge(
            "wrong_check_digit_refused",
            acted="de",
            by=("ncp-de",),
            held=code == "form_invalid" and kinds["seqs"] == [sent["seq"]],
            code=code,
        )
