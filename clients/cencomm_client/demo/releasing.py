"""The act of letting out and putting right: handling codes, releases, corrections."""

from __future__ import annotations

from cencomm_client.demo import scenario
from cencomm_client.demo.stage import Stage, code_of

NOBODYS = "0f" * 32  # a leaf that no entry has


class Releasing(Stage):
    """Who may let an entry out, and who may change what it says."""

    async def handling(self) -> None:
        self.screen.act("handling")
        leaf = self.leaves["long_seizure"]
        report = await self.seen("fr", {"leaf": leaf})
        await self.refused("fr", "handling_forbids", "export", leaf=leaf)
        named = {"entry": bytes.fromhex(leaf), "fields": ["goods", "route", "country"]}
        use = {"use": "export: criminal proceedings in Le Havre"}
        asked = await self.write("fr", scenario.FIELD, "REL", {**named, **use}, re=leaf)
        await self.seen("ncp-de", asked)
        granted = await self.write(
            "ncp-de",
            scenario.FIELD,
            "REL",
            {**named, **use, "decision": "granted", "conditions": "Without the persons."},
            re=asked["leaf"],
        )
        self.screen.say("ncp-de", "REL granted: goods, route, country, for the export alone")
        await self.seen("fr", granted)
        passed = await self.cast["fr"].call("export", leaf=leaf)
        used = await self.cast["rilo"].call("wait_for_kind", kind="REL", count=3)
        (content,) = passed["contents"]
        self.judge(
            "h2_stays_until_released",
            acted="ncp-de",
            by=("fr", "rilo"),
            held=report["content"]["handling"] == ["H2"]
            and "persons" not in content
            and content["goods"] == report["content"]["goods"]
            and used["authors"][-1] == code_of("fr"),
            entries=[asked["seq"], granted["seq"]],
            exported=sorted(content),
        )
        await self._put_right()

    async def _put_right(self) -> None:
        first, clone = self.leaves["seizure"], self.leaves["clone"]
        again = {"office": "DEBRV"}
        await self.refused("fr", "not_the_author", "correct", leaf=first, fields=again, reason="?")
        await self.refused(
            "de", "unknown_reference", "correct", leaf=NOBODYS, fields=again, reason="?"
        )
        await self.refused(
            "de", "form_invalid", "correct", leaf=first, fields={"office": "Bremen"}, reason="?"
        )
        corrected = await self.cast["de"].call(
            "correct", leaf=first, fields=again, reason="Wrong office."
        )
        await self.refused(
            "de", "not_changeable", "correct", leaf=corrected["leaf"], fields=again, reason="?"
        )
        withdrawn = await self.cast["wco"].call("withdraw", leaf=clone, reason="Reported twice.")
        now = await self.cast["rilo"].call("wait_for_present", leaf=first, changes=1)
        gone = await self.cast["rilo"].call("wait_for_present", leaf=clone, changes=1)
        self.judge(
            "corrections_keep_the_old",
            acted="de",
            by=("rilo",),
            held=now["now"]["office"] == "DEBRV"
            and now["first"]["office"] == "DEHAM"
            and gone["withdrawn"]
            and gone["now"] is None
            and bool(gone["first"]),
            entries=[corrected["seq"], withdrawn["seq"]],
        )
