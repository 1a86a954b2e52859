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
        self.screen.act("5. A device is added, and healed")
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
            "the new device reads what was posted before it existed",
            acted="de",
            by=(TABLET, "fr"),
            held=read["kind"] == "SZR" and bool(grants["seqs"]),
            grant_entries=grants["seqs"],
        )

    async def removal(self) -> None:
        self.screen.act("6. A member is removed and cannot read on")
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
            "the removed member's post is refused",
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
            "open_everything", dump=str(dump), log=self.log, seqs=[sent["seq"] for sent in later]
        )
        self.judge(
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
