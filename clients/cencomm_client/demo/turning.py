"""Acts 5 and 6: a device comes, a member goes."""

from __future__ import annotations

from cencomm_client.demo import scenario
from cencomm_client.demo.server import export
from cencomm_client.demo.stage import Stage, code_of

REMOVED = "pl"
TABLET = "de-tablet"


class Turning(Stage):
    """Who may read changes while the operation runs."""

    async def new_device(self) -> None:
        self.screen.act("device")
        tablet = await self.cast.start(TABLET)
        invited = await self.cast["de"].call("invite_own")
        await tablet.call(
            "enrol", invitation=invited["invitation"], **self.cast.secrets_of("de", TABLET)
        )
        await self.cast["de"].call("vouch", account=code_of("de"))
        await tablet.call("login_like", account_file=str(self.cast.folder / "de.totp"))
        await tablet.call("join", log=self.log, size=1)
        self.screen.say("de", "a tablet joins, vouched for by the first device")
        read = await tablet.call("wait_for", leaf=self.leaves["seizure"], timeout_s=60)
        grants = await self.cast["fr"].call("entries_of", type="channel.grant")
        self.judge(
            "new_device_healed",
            acted="de",
            by=(TABLET, "fr"),
            held=read["kind"] == "SZR" and bool(grants["seqs"]),
            grant_entries=grants["seqs"],
        )

    async def removal(self) -> None:
        self.screen.act("removal")
        removed = await self.cast["rilo"].call("remove", codes=[code_of(REMOVED)])
        self.screen.state(REMOVED, "removed")
        self.screen.say("rilo", f"{code_of(REMOVED)} removed")
        await self.all(("fr", "de"), "wait_for_entry", seq=removed["seq"])
        code = await self.cast[REMOVED].refusal(
            "post_raw", channel=scenario.FIELD, content={"text": "still here"}
        )
        later = []
        for who, text in scenario.AFTER_REMOVAL:
            sent = await self.cast[who].call(
                "post", channel=scenario.FIELD, kind="MSG", content={"text": text}, timeout_s=60
            )
            self.screen.say(who, text)
            other = "de" if who == "fr" else "fr"
            self.note_latency(sent, {other: await self.seen(other, sent)})
            later.append(sent)
        witness = await self.cast["fr"].call("state")
        self.judge(
            "removed_member_refused",
            acted=REMOVED,
            by=("fr",),
            held=code in ("not_member", "unknown_log")
            and code_of(REMOVED) not in witness["members"],
            code=code,
            removal_entry=removed["seq"],
        )
        dump = self.cast.folder / "server-export.cbor"
        await export(self.cast.folder / "server", dump)
        tried = await self.cast[REMOVED].call(
            "open_everything",
            dump=str(dump),
            log=self.log,
            seqs=[*(sent["seq"] for sent in later), self.circle_seq],
        )
        *tried_later, tried_circle = tried["tried"]
        self.refusals.append((REMOVED, "no_epoch_key", tried_circle["code"]))
        self.judge(
            "removed_member_reads_nothing_later",
            acted="fr",
            by=(REMOVED,),
            held=[row["code"] for row in tried_later] == ["no_epoch_key"] * len(later)
            and tried["opened_before"] > 0,
            tried=tried_later,
            opened_before=tried["opened_before"],
            wraps_tried=tried["wraps_tried"],
        )
        self.judge(
            "outsider_opens_no_directed_channel",
            acted="de",
            by=(REMOVED,),
            held=tried_circle == {"seq": self.circle_seq, "code": "no_epoch_key"},
            tried=tried_circle,
        )
        await self.cast["ncp-pl"].call("suspend_person", account=code_of(REMOVED))
        await self.refused("ncp-pl", "inactive", "suspend_person", account=code_of(REMOVED))
