"""The desk as a picture: fits its terminal, harms none, and is what the documents show."""

from __future__ import annotations

import io
import re
from typing import Any

import pytest
from cencomm_client.cli.desk_screen import MOST, DeskScreen, Head, span
from cencomm_client.triage import DECIDED
from cencomm_client.work.chain import WAITING
from cencomm_client.work.clocks import Stage
from cencomm_client.work.duties import What
from cencomm_client.work.reading import Answer, Outcome
from cencomm_client.work.snapshot import Snapshot
from cencomm_config.catalog import sentences
from cencomm_config.catalog.pseudo import PSEUDO
from cencomm_crypto.public.phases import Phase
from rich.cells import cell_len
from rich.console import Console

from tests.support.desk_scene import DOCS, HEAD, PICTURES, busy, drawn
from tests.support.hostile_text import HOSTILE, is_harmless
from tests.support.talk import DAY, HOUR, MINUTE, START, Talk, seizure, warning

SIZES = [(80, 24), (160, 50), (120, 40), (200, 60), (60, 15), (81, 70)]


def lines(snapshot: Snapshot, width: int, height: int, head: Head = HEAD) -> list[str]:
    """What a terminal without colours gets."""
    out = io.StringIO()
    console = Console(width=width, height=height, file=out, color_system=None)
    console.print(DeskScreen(head, snapshot))
    return out.getvalue().splitlines()


@pytest.fixture(scope="module")
def scene() -> Snapshot:
    return busy()


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_it_fills_its_terminal_and_no_more(scene: Snapshot, width: int, height: int) -> None:
    for snapshot in (scene, Talk().desk().snapshot(START)):
        found = lines(snapshot, width, height)
        assert len(found) == height
        assert all(cell_len(line) <= width for line in found)


@pytest.mark.parametrize(("width", "height"), [(80, 24), (160, 50)])
def test_every_part_is_there(scene: Snapshot, width: int, height: int) -> None:
    text = "\n".join(lines(scene, width, height))
    wanted = ["OPEN WARNINGS", "OVERDUE BY STAGE", "COMPLETENESS", "HITS TO TRIAGE", "TASKS"]
    wanted += ["CLONED CONTAINERS", "CSQU3054383", "returns due", "RILO-001", "recip. NCP OCU"]
    if width > 100:
        wanted += ["LONGEST OVERDUE", "RETURNS DUE"]
    assert [part for part in wanted if part not in text] == []


def test_what_does_not_fit_is_counted(scene: Snapshot) -> None:
    found = next(line for line in lines(scene, 80, 24) if line.startswith("OPEN WARNINGS"))
    count, more = found.split()[2:4]
    shown = [line for line in lines(scene, 80, 24) if "CSQU" in line and " #" not in line]
    assert int(count) == scene.totals.warnings
    assert int(more) == scene.totals.warnings - len(shown)


def test_what_may_not_leave_is_not_drawn_into_a_file() -> None:
    talk = Talk()
    talk.says("FR", "WRN", warning(handling=["H2"], goods_suspected="a secret"))
    talk.says("FR", "WRN", warning(goods_suspected="no secret"))
    box = {"mode": "1", "container": "MSKU6011672"}
    for office in ("DEHAM", "FRLEH"):
        talk.says("FR", "SZR", seizure(conveyance=box, office=office, tlp="RED"))
    desk = talk.desk()
    talk.wait(days=3)
    bound = {one.place.seq for one in talk.messages if desk.handling.codes(one)}
    out = io.StringIO()
    console = Console(width=160, height=50, file=out, color_system=None)
    snapshot = desk.snapshot(talk.now, MOST)
    console.print(DeskScreen(HEAD, snapshot, lambda seq: seq in bound))
    assert "a secret" not in out.getvalue()
    assert "no secret" in out.getvalue()
    assert "MSKU" not in out.getvalue()
    assert out.getvalue().count("(withheld)") == 3  # a clone, a warning, and it among the overdue


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_a_number_beside_arabic_or_hebrew_keeps_its_place(width: int, height: int) -> None:
    talk = Talk()
    for words in ("حاوية سجائر من المنطقة الحرة", "מכולה של סיגריות"):
        talk.says("FR", "WRN", warning(goods_suspected=words * 9))
        talk.says("FR", "HIT", {"source": words, "rule": words}, type="drop")
        talk.says("FR", "TSK", {"task": words * 9, "assignee": {"administration": "DE"}})
    found = lines(talk.desk().snapshot(talk.now, MOST), width, height)
    turned = [line for line in found if re.search("[א-ي]", line)]
    assert turned
    for line in turned:
        assert not re.search(r"[א-ي][^\N{LEFT-TO-RIGHT MARK}A-Za-z]*[0-9]", line), line
        assert cell_len(line) <= width


def test_every_word_of_ours_is_the_catalogues(scene: Snapshot) -> None:
    """In the language that nobody speaks no English is left but codes and what people wrote."""
    out = io.StringIO()
    console = Console(width=200, height=60, file=out, color_system=None)
    console.print(DeskScreen(HEAD, scene, language=PSEUDO))
    head, counts, *_ = out.getvalue().splitlines()
    assert not {"live", "warnings", "overdue", "entries"} & set(f"{head} {counts}".split())
    english = {text for code, text in sentences().items() if code.startswith("label_desk_")}
    written = {"seizure", "cigarettes"}
    left = {word for word in english if len(word) > 4 and f" {word} " in out.getvalue()}
    assert left <= written


def test_every_word_that_a_desk_can_show_has_its_own(scene: Snapshot) -> None:
    words = {*What, *Phase, *map(str, Outcome), *map(str, Answer), *DECIDED.values()}
    words |= {stage.label for stage in Stage} | {WAITING}
    assert {f"label_desk_{word}" for word in words} <= sentences().keys()


def test_forty_hostile_strings_harm_no_terminal() -> None:
    talk = Talk()
    for text in HOSTILE.values():
        fields: dict[str, Any] = {"identifiers": {"container": text}, "goods_suspected": text}
        talk.says(text, "WRN", warning(**fields), to=[text], prio=text)
        talk.says(text, "HIT", {"rule": text}, type="drop")
        task = {"task": text, "assignee": {"role": text, "administration": text}, "due": START}
        talk.says(text, "TSK", task)
        box = {"mode": "1", "container": text}
        for place in ("DEHAM", text):
            talk.says(text, "SZR", {"form": text, "at": START, "office": place, "conveyance": box})
    talk.wait(days=3)
    snapshot = talk.desk().snapshot(talk.now, MOST)
    pictures = [lines(snapshot, width, height) for width, height in ((80, 24), (160, 50))]
    empty = Talk().desk().snapshot(START)
    for text in HOSTILE.values():
        pictures.append(lines(empty, 80, 24, Head(text, "live", text, live=False)))
    for found in pictures:
        assert [line for line in found if not is_harmless(line)] == []
        assert max(map(cell_len, found)) <= (160 if len(found) == 50 else 80)


@pytest.mark.parametrize(
    ("ms", "text"),
    [
        (-5, "0s"),
        (59_999, "59s"),
        (12 * MINUTE, "12m"),
        (3 * HOUR + 5 * MINUTE, "3h05"),
        (2 * DAY + 4 * HOUR, "2d04h"),
        (40 * DAY, "40d"),
    ],
)
def test_a_length_of_time_is_at_most_five_characters(ms: int, text: str) -> None:
    assert span(ms) == text


@pytest.mark.parametrize("name", PICTURES)
def test_the_picture_in_the_documents_is_what_is_drawn(scene: Snapshot, name: str) -> None:
    """After a change: python -m tests.support.desk_scene."""
    assert (DOCS / name).read_text() == drawn(scene, *PICTURES[name])
