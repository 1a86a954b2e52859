"""The play: what happens in Operation MERIDIAN, act by act, and what each observer reports.

Each claim is judged by the answer of a process other than the one that acted.
"""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path
from typing import Any

from cencomm_client.demo import scenario
from cencomm_client.demo.cast import Cast
from cencomm_client.demo.claims import Ledger
from cencomm_client.demo.screen import Screen
from cencomm_client.demo.server import export

LEAD_S = 6  # from the creation to the opening of the window
WINDOW_S = 60
WATCHERS = ("fr", "de", "pl")
REMOVED = "pl"
TABLET = "de-tablet"


class Play:
    """State of the play between its acts."""

    def __init__(self, cast: Cast, screen: Screen, ledger: Ledger) -> None:
        self._cast = cast
        self._screen = screen
        self._ledger = ledger
        self._log = ""
        self._opens = self._closes = 0.0
        self._leaves: dict[str, str] = {}
        self.latencies_ms: list[float] = []
        self.measured: dict[str, Any] = {}

    async def run(self) -> None:
        """All acts in order."""
        await self._act_group()
        await self._act_window_opens()
        await self._act_hit_and_warning()
        await self._act_chat_and_seizure()
        await self._act_new_device()
        await self._act_removal()
        await self._act_end()
        await self._act_audit()
        await self._act_extract()

    # -- acts ---------------------------------------------------------------------------------

    async def _act_group(self) -> None:
        self._screen.act("1. The coordinator creates a closed group")
        now = time.time()
        self._opens = now + LEAD_S
        self._closes = self._opens + WINDOW_S
        self._screen.window(self._opens, self._closes)
        created = await self._cast["rilo"].call(
            "create_operation",
            name=scenario.OPERATION,
            legal=scenario.LEGAL_BASIS,
            window=[_ms(self._opens), _ms(self._closes)],
            grace_ms=scenario.GRACE_S * 1000,
            auditors=[_code_of("audit-1"), _code_of("audit-2")],
            quorum=2,
        )
        self._log = created["log"]
        members = [
            {"code": person.code, "role": person.role}
            for person in scenario.PARTICIPANTS
            if person.role not in ("auditor", "bot") and person.key != "rilo"
        ]
        await self._cast["rilo"].call("admit", members=members)
        for name in (scenario.ALERTS, scenario.FIELD):
            await self._cast["rilo"].call("create_channel", name=name)
        bot = {
            "code": _code_of("bot"),
            "role": "bot",
            "channel": scenario.ALERTS,
            "kinds": ["HIT"],
            "rate": 60,
        }
        last = await self._cast["rilo"].call("admit", members=[bot])
        readers = [p.key for p in scenario.PARTICIPANTS if p.role != "auditor" and p.key != "rilo"]
        await asyncio.gather(
            *(self._cast[key].call("join", log=self._log, size=last["seq"] + 1) for key in readers)
        )
        seen = await self._cast["fr"].call("state")
        codes = {person.code for person in scenario.PARTICIPANTS if person.role != "auditor"}
        self._judge(
            "group_created",
            "the group exists with its members, audit set and window",
            acted="rilo",
            by=("fr",),
            held=set(seen["members"]) == codes and seen["phase"] == "draft",
            log=self._log,
            entries=seen["size"],
            members=sorted(seen["members"]),
        )
        early = await self._cast["fr"].refusal(
            "post", channel=scenario.FIELD, kind="MSG", content={"text": "too early"}
        )
        witness = await self._cast["de"].call("state")
        self._judge(
            "sealed_nothing_before_window",
            "nothing can be sealed before the window opens",
            acted="fr",
            by=("de",),
            held=early in ("out_of_window", "wrong_phase") and not any(witness["epochs"].values()),
            code=early,
            epochs=witness["epochs"],
        )

    async def _act_window_opens(self) -> None:
        self._screen.act("2. The window opens")
        await asyncio.sleep(max(0.0, self._opens - time.time()))
        await self._cast["rilo"].call("set_phase", phase="prep")
        live = await self._cast["rilo"].call("set_phase", phase="live")
        rotated = await self._all(
            WATCHERS, "wait_for_epoch", channel=scenario.FIELD, n=1, timeout_s=40
        )
        await self._all(WATCHERS, "wait_for_epoch", channel=scenario.ALERTS, n=1, timeout_s=40)
        authors = {report["author"] for report in rotated.values()}
        self._judge(
            "window_opens",
            "the channels have their first epoch keys, recomputed by every member",
            acted=_key_of(next(iter(authors))),
            by=tuple(key for key in WATCHERS if _code_of(key) not in authors),
            held=len(authors) == 1
            and all(report["judged"] == "good" for report in rotated.values()),
            phase_entry=live["seq"],
            rotate_entry=next(iter(rotated.values()))["seq"],
        )

    async def _act_hit_and_warning(self) -> None:
        self._screen.act("3. A hit, a warning, acknowledgements")
        hit = await self._cast["bot"].call(
            "drop", channel=scenario.ALERTS, kind="HIT", content=scenario.HIT
        )
        got = await self._seen("fr", hit)
        self._screen.say("bot", f"HIT {scenario.CONTAINER}, score {scenario.HIT['score']}")
        self._judge(
            "bot_hit_read",
            "the bot's hit is read by the investigator; the bot itself reads nothing",
            acted="bot",
            by=("fr",),
            held=got["content"] == scenario.HIT and got["type"] == "drop",
            entry=hit["seq"],
        )
        warning = await self._cast["fr"].call(
            "post",
            channel=scenario.ALERTS,
            kind="WRN",
            content=scenario.WARNING,
            re=hit["leaf"],
            prio="immediate",
        )
        self._leaves["warning"] = warning["leaf"]
        self._screen.say("fr", f"WRN {scenario.CONTAINER}: suspected cigarettes, control asked")
        seen = await self._all(("de", "pl"), "wait_for", leaf=warning["leaf"])
        self._note_latency(warning, seen)
        self._judge(
            "warning_received",
            "the warning reaches the other administrations",
            acted="fr",
            by=("de", "pl"),
            held=all(item["content"] == scenario.WARNING for item in seen.values()),
            entry=warning["seq"],
        )
        acks = []
        for key in ("de", "pl"):
            ack = await self._cast[key].call(
                "post",
                channel=scenario.ALERTS,
                kind="ACK",
                content={"answer": "accepted"},
                re=warning["leaf"],
            )
            self._screen.say(key, "ACK accepted")
            acks.append(await self._seen("fr", ack))
        self._judge(
            "acknowledged",
            "both acknowledgements reach the author of the warning",
            acted="de",
            by=("fr",),
            held=all(item["re"] == warning["leaf"] and item["kind"] == "ACK" for item in acks),
            entries=[item["seq"] for item in acks],
        )

    async def _act_chat_and_seizure(self) -> None:
        self._screen.act("4. Chat, and a seizure")
        posted = []
        for who, text in scenario.CHAT:
            sent = await self._cast[who].call(
                "post", channel=scenario.FIELD, kind="MSG", content={"text": text}
            )
            self._screen.say(who, text)
            others = tuple(key for key in WATCHERS if key != who)
            self._note_latency(sent, await self._all(others, "wait_for", leaf=sent["leaf"]))
            posted.append(sent["seq"])
        orders = await self._all(WATCHERS, "sequence", channel=scenario.FIELD, kind="MSG")
        self._judge(
            "chat_in_one_order",
            "all three read the chat in one order",
            acted="server",
            by=WATCHERS,
            held=all(order["seqs"] == posted for order in orders.values()),
            entries=posted,
        )
        report = scenario.seizure(_ms(time.time()), bytes.fromhex(self._leaves["warning"]))
        wrong = _wire(report)
        wrong["conveyance"] = {**wrong["conveyance"], "container": scenario.CONTAINER[:-1] + "5"}
        code = await self._cast["de"].refusal(
            "post", channel=scenario.FIELD, kind="SZR", content=wrong
        )
        sent = await self._cast["de"].call(
            "post",
            channel=scenario.FIELD,
            kind="SZR",
            content=_wire(report),
            re=self._leaves["warning"],
        )
        self._leaves["seizure"] = sent["leaf"]
        self._screen.say("de", "SZR 10,040 thousand cigarettes behind the cover load")
        got = await self._seen("ncp-de", sent)
        self._judge(
            "seizure_reported",
            "the seizure report reaches its contact point, field by field",
            acted="de",
            by=("ncp-de",),
            held=got["content"] == _wire(report),
            entry=sent["seq"],
        )
        kinds = await self._cast["ncp-de"].call("sequence", channel=scenario.FIELD, kind="SZR")
        self._judge(
            "wrong_check_digit_refused",
            "a container number with a wrong check digit is not sent at all",
            acted="de",
            by=("ncp-de",),
            held=code == "form_invalid" and kinds["seqs"] == [sent["seq"]],
            code=code,
        )

    async def _act_new_device(self) -> None:
        self._screen.act("5. A device is added, and healed")
        tablet = await self._cast.start(TABLET)
        invited = await self._cast["de"].call("invite_own")
        await tablet.call(
            "enrol", invitation=invited["invitation"], **self._cast.secrets_of("de", TABLET)
        )
        await self._cast["de"].call("vouch", account=_code_of("de"))
        await tablet.call("login_like", account_file=str(self._cast.folder / "de.totp"))
        await tablet.call("join", log=self._log, size=1)
        self._screen.say("de", "a tablet joins, vouched for by the first device")
        read = await tablet.call("wait_for", leaf=self._leaves["seizure"], timeout_s=60)
        grants = await self._cast["fr"].call("entries_of", type="channel.grant")
        self._judge(
            "new_device_healed",
            "the new device reads what was posted before it existed",
            acted="de",
            by=(TABLET, "fr"),
            held=read["kind"] == "SZR" and bool(grants["seqs"]),
            grant_entries=grants["seqs"],
        )

    async def _act_removal(self) -> None:
        self._screen.act("6. A member is removed and cannot read on")
        removed = await self._cast["rilo"].call("remove", codes=[_code_of(REMOVED)])
        self._screen.state(REMOVED, "removed")
        self._screen.say("rilo", f"{_code_of(REMOVED)} removed")
        await self._all(("fr", "de"), "wait_for_entry", seq=removed["seq"])
        code = await self._cast[REMOVED].refusal(
            "post_raw", channel=scenario.FIELD, content={"text": "still here"}
        )
        later = []
        for who, text in scenario.AFTER_REMOVAL:
            sent = await self._cast[who].call(
                "post", channel=scenario.FIELD, kind="MSG", content={"text": text}, timeout_s=60
            )
            self._screen.say(who, text)
            other = "de" if who == "fr" else "fr"
            self._note_latency(sent, {other: await self._seen(other, sent)})
            later.append(sent)
        witness = await self._cast["fr"].call("state")
        self._judge(
            "removed_member_refused",
            "the removed member's post is refused",
            acted=REMOVED,
            by=("fr",),
            held=code in ("not_member", "unknown_log")
            and _code_of(REMOVED) not in witness["members"],
            code=code,
            removal_entry=removed["seq"],
        )
        dump = self._cast.folder / "server-export.cbor"
        await export(self._cast.folder / "server", dump)
        tried = await self._cast[REMOVED].call(
            "open_everything", dump=str(dump), log=self._log, seqs=[sent["seq"] for sent in later]
        )
        self._judge(
            "removed_member_reads_nothing_later",
            "with its full vault and every byte of the server it opens no later message",
            acted="fr",
            by=(REMOVED,),
            held=[row["code"] for row in tried["tried"]] == ["no_epoch_key"] * len(later)
            and tried["opened_before"] > 0,
            tried=tried["tried"],
            opened_before=tried["opened_before"],
            wraps_tried=tried["wraps_tried"],
        )

    async def _act_end(self) -> None:
        self._screen.snapshot()
        self._screen.act("7. The window ends by itself")
        await asyncio.sleep(max(0.0, self._closes - time.time()) + 0.2)
        code = await self._cast["fr"].refusal(
            "post", channel=scenario.FIELD, kind="MSG", content={"text": "too late"}
        )
        raw = await self._cast["fr"].call("sequence", channel=scenario.FIELD, kind="MSG")
        other = await self._cast["de"].call("sequence", channel=scenario.FIELD, kind="MSG")
        self._judge(
            "late_post_refused",
            "after the window no client seals anything",
            acted="fr",
            by=("de",),
            held=code == "out_of_window" and raw["seqs"] == other["seqs"],
            code=code,
        )
        closed = await self._all(("fr", "de"), "wait_for_close", timeout_s=60)
        report = next(iter(closed.values()))
        author = _key_of(report["operation_author"])
        watchers = tuple(key for key in ("fr", "de", "ncp-fr") if key != author)
        self._judge(
            "operation_closed_by_itself",
            "a member's client closed the operation without being asked",
            acted=author,
            by=watchers,
            held=report["operation_close"] > 0,
            entry=report["operation_close"],
            closed_at_ms=report["closed_at"],
            window_end_ms=_ms(self._closes),
        )
        authors = {_key_of(code) for code in report["channel_authors"]}
        self._judge(
            "channel_closed_by_itself",
            "every channel's close key is revealed, so that auditors can go on",
            acted=sorted(authors)[0],
            by=tuple(key for key in ("fr", "de", "ncp-pl") if key not in authors) or ("audit-1",),
            held=report["open_channels"] == [],
            entries=report["channel_closes"],
        )

    async def _act_audit(self) -> None:
        self._screen.act("8. The auditors verify without reading")
        auditors = ("audit-1", "audit-2")
        state = await self._cast["fr"].call("state")
        await self._all(auditors, "join", log=self._log, size=state["size"])
        began = time.monotonic()
        results = await self._all(auditors, "verify")
        self.measured["audit_s"] = round(time.monotonic() - began, 2)
        self._judge(
            "auditors_verify_without_reading",
            "two auditors verify the whole log and can read none of it",
            acted="fr",
            by=auditors,
            held=all(
                result["ok"] and result["readable"] == 0 and result["withheld"] == 0
                for result in results.values()
            ),
            results=results,
        )
        own = await self._all(("fr", "de", "ncp-pl"), "verify")
        size = min(result["size"] for result in (*own.values(), *results.values()))
        roots = await self._all(("fr", "de", "ncp-pl", *auditors), "root_at", size=size)
        self._judge(
            "one_history",
            "members and auditors hold one history",
            acted="server",
            by=tuple(roots),
            held=len({root["root"] for root in roots.values()}) == 1,
            size=size,
            root=roots["fr"]["root"],
        )
        self.measured["entries"] = size

    async def _act_extract(self) -> None:
        self._screen.act("9. The reviewed extract for CEN")
        folder = self._cast.folder / "cen"
        made = await self._cast["ncp-de"].call("extract", folder=str(folder))
        seen = await self._cast["rilo"].call("wait_for_entry", seq=made["release_entry"])
        lines = await asyncio.to_thread(Path(made["records"]).read_text)
        records = [json.loads(line) for line in lines.splitlines()]
        nominal = [word for word in (scenario.CONTAINER, "A. Example") if word in lines]
        self._judge(
            "cen_extract",
            "the extract is non-nominal and its manifest is in the log",
            acted="ncp-de",
            by=("rilo",),
            held=seen["body"]["manifest"] == {"hex": made["manifest"]}
            and len(records) == 1
            and not nominal,
            manifest=made["manifest"],
            release_entry=made["release_entry"],
            records=len(records),
            nominal_found=nominal,
        )
        found = await asyncio.to_thread(self._plaintext_in_store)
        self._judge(
            "server_holds_no_plaintext",
            "no word of the messages stands in any file of the server",
            acted="server",
            by=("conductor",),
            held=not found["hits"] and found["bytes"] > 0,
            **found,
        )

    # -- observing ----------------------------------------------------------------------------

    async def _seen(self, key: str, posted: dict[str, Any]) -> dict[str, Any]:
        item: dict[str, Any] = await self._cast[key].call("wait_for", leaf=posted["leaf"])
        return item

    async def _all(self, keys: tuple[str, ...], verb: str, **values: Any) -> dict[str, Any]:
        answers = await asyncio.gather(*(self._cast[key].call(verb, **values) for key in keys))
        return dict(zip(keys, answers, strict=True))

    def _note_latency(self, sent: dict[str, Any], seen: dict[str, Any]) -> None:
        """All processes run on one machine: its one clock gives the time from post to sight."""
        self.latencies_ms += [item["seen_ms"] - sent["posted_ms"] for item in seen.values()]

    def _plaintext_in_store(self) -> dict[str, Any]:
        """Look for words of the messages in every file that the server keeps."""
        size, hits = 0, []
        words = [marker.encode() for marker in scenario.MARKERS]
        places = [
            *(self._cast.folder / "server").rglob("*"),
            self._cast.folder / "server-export.cbor",
        ]
        for path in places:
            if path.is_file():
                data = path.read_bytes()
                size += len(data)
                hits += [path.name for word in words if word in data]
        return {"bytes": size, "hits": hits}

    def _judge(
        self,
        name: str,
        sentence: str,
        *,
        acted: str,
        by: tuple[str, ...],
        held: bool,
        **evidence: Any,
    ) -> None:
        pids = {key: self._cast.actors[key].pid for key in by if key in self._cast.actors}
        claim = self._ledger.judge(
            name, sentence, acted=acted, observed_by=by, held=held, observer_pids=pids, **evidence
        )
        self._screen.claim(claim)


def _ms(seconds: float) -> int:
    return int(seconds * 1000)


def _code_of(key: str) -> str:
    return next(person.code for person in scenario.PARTICIPANTS if person.key == key)


def _key_of(code: str) -> str:
    return next(person.key for person in scenario.PARTICIPANTS if person.code == code)


def _wire(content: dict[str, Any]) -> dict[str, Any]:
    """Content as it travels between processes: byte strings as {"hex": ...}."""
    converted: dict[str, Any] = json.loads(
        json.dumps(content, default=lambda value: {"hex": value.hex()})
    )
    return converted
