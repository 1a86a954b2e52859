"""Form sets kept on a device, and the lists behind codes, imported whole or not at all."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest
from cencomm_client.cli.filled import list_notes
from cencomm_client.cli.output import Output
from cencomm_client.code_lists import CodeLists, Entry, ListInvalid
from cencomm_client.form_library import FormLibrary, data_folder
from cencomm_config.display import shown
from cencomm_config.forms import FormSetInvalid, base_set

SET = b'{"format": 1, "name": "MERIDIAN", "forms": {"WRN": {"require": ["deadline"]}}}'
# rows in the form of UN/LOCODE's CSV parts; facts of UN/LOCODE 2023-2
LOCODE = """\
,"DE",,".GERMANY",,,,,,,,
,"DE","HAM","Hamburg","Hamburg","HH","12345---","AF","0701",,"5333N 00959E",
+,"SE","HBG","Hamburgsund","Hamburgsund",,"--3-----","RL","0901",,,
,"FR","LEH","Le Havre","Le Havre","76","1-345---","AF","0701",,"4930N 00006E",
X,"FR","OLD","Gone","Gone",,"1-------","AF","0701",,,
,"DE","9B0","Nowhere","Nowhere",,"--3-----","RL","0901",,,
a line of noise
"""
HS = """\
section,hscode,description,parent,level
IV,2402,Cigars,24,4
IV,240220,Cigarettes,2402,6
X,9999,x,,4
"""


def library(tmp_path: Path) -> CodeLists:
    (tmp_path / "part1.csv").write_text(LOCODE, encoding="cp1252")
    (tmp_path / "hs.csv").write_text(HS, encoding="utf-8-sig")
    return CodeLists(tmp_path / "data")


def test_a_kept_set_is_found_by_its_hash_by_another_start_too(tmp_path: Path) -> None:
    made = FormLibrary(tmp_path).keep(SET)
    found = FormLibrary(tmp_path).find(made.hash)
    assert found is not None
    assert found.canonical == made.canonical
    assert FormLibrary(tmp_path).of(made.hash).form("WRN").root.fields["deadline"].required
    assert data_folder(Path("/x/a.vault")) == Path("/x/cencomm.data")


def test_no_hash_and_the_base_hash_mean_the_base_set(tmp_path: Path) -> None:
    library = FormLibrary(tmp_path / "none")
    assert library.find(b"") is library.find(base_set().hash) is base_set()
    assert library.find(b"x" * 32) is None
    assert library.of(b"x" * 32) is base_set()


def test_a_file_that_does_not_give_its_hash_counts_for_nothing(tmp_path: Path) -> None:
    made = FormLibrary(tmp_path).keep(SET)
    (file,) = (tmp_path / "forms").iterdir()
    for damaged in (SET.replace(b"MERIDIAN", b"MERIDIEN"), SET[:-1], b"\xff", b""):
        file.write_bytes(damaged)
        assert FormLibrary(tmp_path).find(made.hash) is None


@pytest.mark.parametrize(
    "wrong", [b"{", b"\xff\xfe", b"[" * 100_000, b" " * 1_048_577, SET.replace(b"1", b"1" * 5000)]
)
def test_what_is_no_set_is_refused_and_not_kept(tmp_path: Path, wrong: bytes) -> None:
    with pytest.raises(FormSetInvalid):
        FormLibrary(tmp_path).keep(wrong)
    assert not list(tmp_path.rglob("*.json"))


def test_unlocode_is_imported_and_found_by_name_and_code(tmp_path: Path) -> None:
    lists = library(tmp_path)
    made = lists.install("locode", [tmp_path / "part1.csv"])
    assert (made.count, made.bad_count) == (3, 2)
    assert made.bad[0].startswith("part1.csv:6: 'DE9B0'")
    assert lists.about("locode") == (3, made.version)
    found = [entry.code for entry in lists.find("locode", "HAM")]
    assert found == ["DEHAM", "SEHBG"]
    assert lists.find("locode", "le hav") == [Entry("FRLEH", "Le Havre")]
    assert lists.find("locode", "%") == lists.find("locode", "_") == lists.find("locode", "") == []
    assert lists.name_of("locode", "FROLD") is None
    assert lists.name_of("locode", "DEHAM") == "Hamburg"


def test_the_hs_is_imported_by_its_columns(tmp_path: Path) -> None:
    lists = library(tmp_path)
    assert lists.install("hs", [tmp_path / "hs.csv"]).count == 2
    assert [entry.code for entry in lists.find("hs", "cigar")] == ["2402", "240220"]
    assert [entry.code for entry in lists.find("hs", "2402")] == ["2402", "240220"]
    with pytest.raises(ListInvalid, match="hscode and description"):
        lists.install("hs", [tmp_path / "part1.csv"])


def test_codes_that_a_list_lacks_are_told_and_never_refused(tmp_path: Path) -> None:
    lists, output = library(tmp_path), Output(as_json=False)
    form = base_set().form("WRN")
    content = {
        "subject": "container",
        "action": "control",
        "hs": ["2402", "9302"],
        "route": {"departure": "DEHAM", "transits": ["DEXXX"]},
    }
    form.require(content)
    notes = list_notes(form, content, lists, output)
    assert [("locode" in note, "hs" in note) for note in notes] == [(False, True), (True, False)]
    lists.install("locode", [tmp_path / "part1.csv"])
    lists.install("hs", [tmp_path / "hs.csv"])
    notes = list_notes(form, content, lists, output)
    assert [note.partition(":")[0] for note in notes] == [
        shown("hs[1]"),
        shown("route.transits[0]"),
    ]


def test_an_import_that_fails_leaves_the_list_as_it_was(tmp_path: Path) -> None:
    lists = library(tmp_path)
    before = lists.install("locode", [tmp_path / "part1.csv"])
    (tmp_path / "noise.csv").write_bytes(b"\x00\xff\n" * 100)
    with pytest.raises(ListInvalid, match="no row"):
        lists.install("locode", [tmp_path / "noise.csv"])
    with pytest.raises(OSError, match=r"none\.csv"):
        lists.install("locode", [tmp_path / "none.csv"])
    assert lists.about("locode") == (before.count, before.version)
    newer = lists.install("locode", [tmp_path / "part1.csv", tmp_path / "part1.csv"])
    assert newer.version != before.version
    assert lists.about("locode") == (3, newer.version)
    assert [file.name for file in (tmp_path / "data" / "lists").iterdir()] == ["locode.sqlite"]


@pytest.mark.parametrize(
    ("data", "told"),
    [
        ('hscode,description\n0101,"Horses\n0102,Cattle\n0103,Swine\n', r"hs\.csv:4"),
        (f"hscode,description\n0101,Horses\n0102,{'x' * 200_000}\n", r"hs\.csv:3"),
    ],
)
def test_a_file_that_is_no_right_csv_is_refused_with_its_line(
    tmp_path: Path, data: str, told: str
) -> None:
    """A quotation mark that nothing closes took all rows after it, and nobody was told."""
    lists = library(tmp_path)
    lists.install("hs", [tmp_path / "hs.csv"])
    (tmp_path / "hs.csv").write_text(data)
    with pytest.raises(ListInvalid, match=told):
        lists.install("hs", [tmp_path / "hs.csv"])
    assert lists.about("hs")[0] == 2


def test_a_sign_that_ends_a_line_elsewhere_ends_no_row(tmp_path: Path) -> None:
    (tmp_path / "hs.csv").write_text("hscode,description\n0101,a\u0085b\u2028c\n", encoding="utf-8")
    lists = CodeLists(tmp_path)
    made = lists.install("hs", [tmp_path / "hs.csv"])
    assert (made.count, made.bad) == (1, ())


def test_a_list_that_is_not_there_or_damaged_says_so(tmp_path: Path) -> None:
    lists = library(tmp_path)
    with pytest.raises(ListInvalid, match="cencomm lists import locode"):
        lists.find("locode", "ham")
    with pytest.raises(ListInvalid, match="locode, hs"):
        lists.install("../x", [])
    lists.install("hs", [tmp_path / "hs.csv"])
    (tmp_path / "data" / "lists" / "hs.sqlite").write_bytes(b"noise" * 1000)
    with pytest.raises(ListInvalid, match="damaged"):
        lists.find("hs", "2402")


def test_a_list_holds_no_text_that_acts_on_the_store(tmp_path: Path) -> None:
    row = ',"DE","HAM","x\'); drop table entry; --","x",,"1-------","AF","0701",,,\n'
    (tmp_path / "sharp.csv").write_text(row)
    lists = CodeLists(tmp_path)
    lists.install("locode", [tmp_path / "sharp.csv"])
    assert lists.find("locode", "'); drop table")[0].name.startswith("x')")
    with sqlite3.connect(tmp_path / "lists" / "locode.sqlite") as store:
        assert json.dumps(store.execute("select count(*) from entry").fetchone()) == "[1]"
