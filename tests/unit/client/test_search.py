"""Search over what a device can read: words, identifiers in any spelling, the newest first."""

from __future__ import annotations

import pytest
from cencomm_client.work.searching import search

from tests.support.talk import Talk, seizure, warning


@pytest.fixture
def talk() -> Talk:
    talk = Talk()
    box = {"container": "MSKU 601167-2"}
    talk.says("FR", "WRN", warning(identifiers=box, remarks="Été à Lyon"))
    talk.says("DE", "SZR", seizure(conveyance={"mode": "1", "container": "MSKU6011672"}))
    talk.says("DE", "MSG", {"text": "The indicator says cat."}, person="DE-027")
    talk.says("PL", "MSG", None)
    return talk


def found(talk: Talk, *words: str) -> list[int]:
    return [one.message.place.seq for one in search(talk.desk(), words)]


@pytest.mark.parametrize(
    ("words", "entries"),
    [
        (["MSKU6011672"], [2, 1]),
        (["msku", "601167", "2"], [2, 1]),
        (["msku 601167 2"], [2, 1]),
        (["MSKU-601167/2"], [2, 1]),
        (["6011672"], [2, 1]),
        (["MSKU6011673"], []),
        (["ete"], [1]),
        (["ÉTÉ", "lyon"], [1]),
        (["cat"], [3]),  # not indiCATor: 3 has the word too, but no other entry is found
        (["dicator"], []),
        (["DE-027"], [3]),
        (["SZR", "DE"], [2]),
        (["tobacco", "cigarettes"], []),
        ([], []),
        (["  "], []),
        (["%"], []),
        (["\u0301"], []),
    ],
)
def test_all_words_must_be_found_newest_first(
    talk: Talk, words: list[str], entries: list[int]
) -> None:
    assert found(talk, *words) == entries


@pytest.mark.parametrize(
    ("said", "word"),
    [
        ("magasin de Łódź, Møn", "lodz"),
        ("magasin de Lodz", "ŁÓDŹ"),
        ("œuvre à Århus", "oeuvre"),
        ("l\u2019avion", "l'avion"),
        ("l'avion", "l\u2019avion"),
        ("Port\u2011au\u2011Prince", "port-au"),
        ("ciga\u00adrettes", "cigarettes"),
        ("the cat", '"cat"'),
        ("«chat»", "chat"),
        ("ضبط السجائر", "سجائر"),  # with the article
        ("سجـائر مهرّبة", "مهربه"),
        ("查获香烟", "香烟"),
        ("حاوية ٦٠١١٦٧", "601167"),
        ("container 601167", "٦٠١١٦٧"),
        ("a (.*) b", "(.*)"),
    ],
)
def test_one_spelling_finds_the_other(said: str, word: str) -> None:
    talk = Talk()
    talk.says("FR", "MSG", {"text": said})
    assert found(talk, word) == [1]


@pytest.mark.parametrize("word", ["dicator", "ат", "ивот"])
def test_where_words_stand_apart_half_of_one_finds_nothing(word: str) -> None:
    talk = Talk()
    talk.says("FR", "MSG", {"text": "indicator живот"})
    assert found(talk, word) == []


def test_what_an_entry_said_before_its_correction_is_found_as_former(talk: Talk) -> None:
    first = talk.messages[0]
    change = {"target": first.place.leaf, "fields": {"goods_suspected": "ivory"}, "reason": "x"}
    talk.says("FR", "COR", change)
    (now, *_) = [one for one in search(talk.desk(), ["ivory"]) if one.message.kind == "WRN"]
    (before,) = search(talk.desk(), ["cigarettes"])
    assert (now.former, bool(now.present.applied)) == (False, True)
    assert (before.former, before.message.place.seq) == (True, 1)


def test_a_withdrawn_entry_is_found_as_former(talk: Talk) -> None:
    talk.says("FR", "WDR", {"target": talk.messages[0].place.leaf, "reason": "x"})
    (only,) = search(talk.desk(), ["lyon"])
    assert only.former
    assert only.present.withdrawn is not None


def test_an_excerpt_is_one_short_piece_around_the_word(talk: Talk) -> None:
    talk.says("FR", "MSG", {"text": "x " * 500 + "needle" + " y" * 500})
    (only,) = search(talk.desk(), ["needle"])
    assert "needle" in only.excerpt
    assert len(only.excerpt) <= 170


def test_hostile_contents_are_searched_like_any(talk: Talk) -> None:
    talk.says("FR", "MSG", {"text": ["\x1b[31m", {"a": 7, "b": b"\xab" * 20}], "z": [[[["deep"]]]]})
    assert found(talk, "deep") == [5]
    assert found(talk, "abababab") == [5]
