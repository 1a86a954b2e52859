"""Acts 7 to 9: the window ends, the auditors verify, the extract for CEN."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path
from typing import Any

from cencomm_client.demo import scenario
from cencomm_client.demo.stage import Stage, key_of, ms


class Ending(Stage):
    """What happens by itself, and what is left afterwards."""

    async def end(self) -> None:
        self.screen.snapshot()
        self.screen.act("window_ends")
        await asyncio.sleep(max(0.0, self.closes - time.time()) + 0.2)
        code = await self.cast["fr"].refusal(
            "post", channel=scenario.FIELD, kind="MSG", content={"text": "too late"}
        )
        self.refusals.append(("fr", "out_of_window", code))
        raw = await self.cast["fr"].call("sequence", channel=scenario.FIELD, kind="MSG")
        other = await self.cast["de"].call("sequence", channel=scenario.FIELD, kind="MSG")
        self.judge(
            "late_post_refused",
            acted="fr",
            by=("de",),
            held=code == "out_of_window" and raw["seqs"] == other["seqs"],
            code=code,
        )
        closed = await self.all(("fr", "de"), "wait_for_close", timeout_s=60)
        report = next(iter(closed.values()))
        author = key_of(report["operation_author"])
        watchers = tuple(key for key in ("fr", "de", "ncp-fr") if key != author)
        self.judge(
            "operation_closed_by_itself",
            acted=author,
            by=watchers,
            held=report["operation_close"] > 0,
            entry=report["operation_close"],
            closed_at_ms=report["closed_at"],
            window_end_ms=ms(self.closes),
        )
        authors = {key_of(code) for code in report["channel_authors"]}
        self.judge(
            "channel_closed_by_itself",
            acted=sorted(authors)[0],
            by=tuple(key for key in ("fr", "de", "ncp-pl") if key not in authors) or ("audit-1",),
            held=report["open_channels"] == [],
            entries=report["channel_closes"],
        )

    async def audit(self) -> None:
        self.screen.act("audit")
        auditors = ("audit-1", "audit-2")
        state = await self.cast["fr"].call("state")
        await self.all(auditors, "join", log=self.log, size=state["size"])
        began = time.monotonic()
        results = await self.all(auditors, "verify")
        self.measured["audit_s"] = round(time.monotonic() - began, 2)
        self.judge(
            "auditors_verify_without_reading",
            acted="fr",
            by=auditors,
            held=all(
                result["ok"] and result["readable"] == 0 and result["withheld"] == 0
                for result in results.values()
            ),
            results=results,
        )
        own = await self.all(("fr", "de", "ncp-pl"), "verify")
        size = min(result["size"] for result in (*own.values(), *results.values()))
        roots = await self.all(("fr", "de", "ncp-pl", *auditors), "root_at", size=size)
        self.judge(
            "one_history",
            acted="server",
            by=tuple(roots),
            held=len({root["root"] for root in roots.values()}) == 1,
            size=size,
            root=roots["fr"]["root"],
        )
        self.measured["entries"] = size

    async def extract(self) -> None:
        self.screen.act("extract")
        folder = self.cast.folder / "cen"
        made = await self.cast["ncp-de"].call("extract", folder=str(folder))
        seen = await self.cast["rilo"].call("wait_for_entry", seq=made["release_entry"])
        lines = await asyncio.to_thread(Path(made["records"]).read_text)
        records = [json.loads(line) for line in lines.splitlines()]
        nominal = [word for word in (scenario.CONTAINER, "A. Example") if word in lines]
        self.judge(
            "cen_extract",
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
        self.judge(
            "server_holds_no_plaintext",
            acted="server",
            by=("conductor",),
            held=not found["hits"] and found["bytes"] > 0,
            **found,
        )

    def _plaintext_in_store(self) -> dict[str, Any]:
        """Look for words of the messages in every file that the server keeps."""
        size, hits = 0, []
        words = [marker.encode() for marker in scenario.MARKERS]
        places = [
            *(self.cast.folder / "server").rglob("*"),
            self.cast.folder / "server-export.cbor",
        ]
        for path in places:
            if path.is_file():
                data = path.read_bytes()
                size += len(data)
                hits += [path.name for word in words if word in data]
        return {"bytes": size, "hits": hits}
