"""The command, as an operator and its people would type it, against a real server."""

from __future__ import annotations

import json
import time
from pathlib import Path

from cencomm_client.cli.exits import Exit
from cencomm_client.form_library import read_set

from tests.support.deployment import Deployment, deployed, needs_store
from tests.support.terminal import Desk


async def contact_point(town: Deployment, code: str, administration: str) -> Desk:
    """An NCP from its request to its session, by commands alone but for the server's part."""
    folder = town.folder
    desk = Desk(folder, code)
    root = folder / f"{administration}.root"
    made = await desk("root", "key", "administration", str(root), "--label", administration)
    draft = folder / f"{administration}.draft"
    governance = ("--key", str(folder / "g.root"))
    town.governance.close()  # the command opens the file itself
    await desk(*("root", "admin", administration, made["public"], "--out", str(draft)), *governance)
    await desk("root", "publish", str(draft), "--server", town.url, *governance)
    await desk("root", "adopt", town.directory.hex(), "--key", str(root))
    asked = await desk(
        *("request", code, "--directory", town.directory.hex(), "--server", town.url)
    )
    file, appoint = folder / f"{code}.request", folder / f"{code}.draft"
    file.write_text(asked["request"])
    await desk("root", "appoint", str(file), "--key", str(root), "--out", str(appoint))
    await desk("root", "publish", str(appoint), "--key", str(root), "--server", town.url)
    grant = folder / f"{code}.grant"
    await desk("root", "grant", asked["person"], "--out", str(grant), *governance)
    await desk("root", "publish", str(grant), "--server", town.url, *governance)
    await desk.register()
    return desk


@needs_store
async def test_an_operation_by_commands_alone(tmp_path: Path) -> None:
    async with deployed(tmp_path) as town:
        ncp = await contact_point(town, "FR-001", "FR")
        invitation = tmp_path / "invitation"
        await ncp("invite", "FR-014", "--name", "A. Martin", "--out", str(invitation))
        agent = Desk(tmp_path, "FR-014")
        await agent("enrol", "--invitation-file", str(invitation))
        waiting = await agent("login", "--totp-file", "-", stdin="000000\n", code=Exit.LOGIN)
        assert waiting["error"]["code"] in ("enrolment_waiting", "login_failed")
        vouched = await ncp("vouch")
        assert [row["code"] for row in vouched["vouched"]] == ["FR-014"]
        await agent.register()

        forms = tmp_path / "forms.json"
        forms.write_text('{"format": 1, "name": "M", "forms": {"SZR": {"require": ["remarks"]}}}')
        now = time.time()
        created = await ncp(
            *("operation", "create", "MERIDIAN", "--legal", "test", "--grace", "0"),
            *("--from", stamp(now - 5), "--until", stamp(now + 900), "--forms", str(forms)),
        )
        digest = read_set(forms.read_bytes()).hash.hex()
        assert (await ncp("operation", "show", "MERIDIAN"))["forms"] == digest
        await ncp("channel", "create", "MERIDIAN", "alpha")
        await ncp("operation", "admit", "MERIDIAN", "FR-014:officer")
        await ncp("operation", "phase", "MERIDIAN", "prep")
        await ncp("operation", "phase", "MERIDIAN", "live")
        posted = await ncp("post", "MERIDIAN", "alpha", "--file", "-", stdin="\x1b[2Jhello")
        listed = await agent("operation", "list")
        assert listed["operations"][0]["log"] == created["log"]
        rows = await agent.lines("follow", "MERIDIAN", "--once")
        said = [row for row in rows if row["item"] == "message" and row["kind"] == "MSG"]
        assert [row["leaf"] for row in said] == [posted["leaf"]]
        assert said[0]["content"] == {"text": "\u241b[2Jhello".replace("[", "\uff3b")}
        shown = await agent.text("follow", "MERIDIAN", "--once")
        assert "\x1b[2J" not in shown

        wrong = await agent(
            *("post", "MERIDIAN", "alpha", "SZR", "--file", "-"),
            stdin=json.dumps({"form": "simple", "conveyance": {"container": "CSQU3054384"}}),
            code=Exit.INPUT,
        )
        assert wrong["error"]["code"] == "form_invalid"
        assert "check digit 3" in wrong["error"]["detail"]
        assert ["remarks"] in [row["path"] for row in wrong["error"]["fields"]]
        await agent("post", "MERIDIAN", "beta", "--file", "-", stdin="x", code=Exit.NOT_FOUND)
        await agent("operation", "phase", "MERIDIAN", "post", code=Exit.REFUSED)

        verdict = await agent("verify", "MERIDIAN")
        assert verdict["ok"]
        status = await agent("status")
        assert (status["code"], status["outbox"], status["alarms"]) == ("FR-014", 0, [])
        await agent("logout")
        await agent("post", "MERIDIAN", "alpha", "--file", "-", stdin="x", code=Exit.LOGIN)
        offline = await agent("verify", "MERIDIAN", "--offline")
        assert offline["root"] == verdict["root"]


def stamp(moment: float) -> str:
    """ISO 8601 with a zone."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(moment))
