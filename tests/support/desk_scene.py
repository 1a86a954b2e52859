"""A busy desk for pictures: `python -m tests.support.desk_scene` draws those of the documents."""

from __future__ import annotations

import io
import random
import re
from pathlib import Path

from cencomm_client.cli.desk_screen import MOST, DeskScreen, Head
from cencomm_client.work.snapshot import Snapshot
from rich.console import Console

from tests.support.talk import DAY, HOUR, START, Talk, seizure, warning

DOCS = Path(__file__).parents[2] / "docs"
PICTURES = {"desk.svg": (160, 50), "desk-narrow.svg": (80, 24)}
HEAD = Head("MERIDIAN", "live", "RILO-001", live=True)
CODES = (
    *("FR", "DE", "PL", "ES", "NL", "BE", "IT", "GR"),
    *("PT", "FI", "SE", "DK", "AT", "CZ", "RO", "BG"),
)
ENTRIES = 320


def busy(entries: int = ENTRIES) -> Snapshot:
    """Four days of an operation of sixteen administrations, always the same."""
    draw = random.Random(5)  # noqa: S311 - the same picture each time
    talk = Talk(live_days=20)
    talk.joins(*CODES)
    asked = []
    for number in range(entries):
        by, named = draw.choice(CODES), draw.choice(CODES[:12])
        if number % 4 == 0:
            box = f"CSQU{draw.randrange(10**7):07}"
            said = warning(
                identifiers={"container": box},
                goods_suspected=draw.choice(["cigarettes", "pills", "ivory", "cash"]),
            )
            to = draw.choice([[named], [named], [named, draw.choice(CODES)], []])
            prio = draw.choice([None, None, None, "flash", "immediate", "priority"])
            asked.append((talk.says(by, "WRN", said, to=to, prio=prio), named))
        elif number % 4 < 3:
            warned, named = draw.choice(asked[-16:])
            kind, answer = draw.choice(
                [
                    ("ACK", {"answer": "accepted"}),
                    ("ACK", {"answer": "declined", "reason": "not our port"}),
                    ("FBK", {"outcome": "no_finding"}),
                    ("FBK", {"outcome": "not_arrived"}),
                    ("FBK", {"outcome": "ongoing"}),
                    ("SZR", seizure(at=talk.now)),
                ]
            )
            talk.says(named, kind, answer, re=warned)
        elif number % 12 == 3:
            hit = {"rule": f"TOB-{number}", "identifiers": {"container": "MSKU6011672"}}
            talk.says(by, "HIT", hit, type="drop")
        elif number % 12 == 7:
            who = draw.choice([{"administration": named}, {"role": "ncp"}])
            task = {"task": "Send the manifest of the vessel.", "assignee": who}
            due = talk.now + draw.randrange(80) * HOUR
            talk.says(by, "TSK", {**task, "due": due, "mandatory": draw.random() < 0.5})
        else:
            day = START + (talk.now - START) // DAY * DAY
            talk.says(by, "SIT", {"nil": True, "period": {"from": day, "to": day + DAY}})
        talk.wait(minutes=draw.randrange(35))
    twice = {"mode": "1", "container": "CSQU3054383"}
    talk.says("DE", "SZR", seizure(conveyance=twice, office="DEHAM", at=talk.now))
    talk.says("FR", "SZR", seizure(conveyance=twice, office="FRLEH", at=talk.now - HOUR))
    return talk.desk().snapshot(talk.now, MOST)


def drawn(snapshot: Snapshot, width: int, height: int) -> str:
    """The picture as SVG, with fonts that are fetched from nowhere."""
    console = Console(
        record=True,
        width=width,
        height=height,
        file=io.StringIO(),
        force_terminal=True,
        color_system="truecolor",
    )
    console.print(DeskScreen(HEAD, snapshot))
    made = console.export_svg(title="cencomm desk MERIDIAN")
    made = re.sub(r"@font-face \{.*?\}", "", made, flags=re.DOTALL)
    return made.replace("Fira Code", "DejaVu Sans Mono")


if __name__ == "__main__":
    for name, (columns, rows) in PICTURES.items():
        (DOCS / name).write_text(drawn(busy(), columns, rows))
