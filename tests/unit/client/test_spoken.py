"""Nothing that a person reads is written in the code: the pseudo-language shows what is."""

from __future__ import annotations

import ast
from pathlib import Path

import cencomm_client.demo
import pytest
from cencomm_client.bots.checking import checked
from cencomm_client.bots.source import RawHit
from cencomm_config.catalog import sentences
from cencomm_config.catalog.pseudo import PSEUDO
from cencomm_config.forms import FormInvalid

DEMO = Path(cencomm_client.demo.__file__).parent


def test_every_act_of_the_demonstration_takes_its_title_from_the_catalogue() -> None:
    named: list[str] = []
    for path in DEMO.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "act":
                (title,) = node.args
                assert isinstance(title, ast.Constant), path.name
                assert isinstance(title.value, str), path.name
                named.append(f"label_act_{title.value}")
    titles = {code for code in sentences() if code.startswith("label_act_")}
    assert sorted(named) == sorted(titles)


def test_what_is_wrong_with_a_hit_is_said_in_the_readers_language() -> None:
    content = {"snapshot_at": 1, "route": {"eta": 1}}
    with pytest.raises(FormInvalid) as raised:
        checked(RawHit(None, content), "HIT", 1_790_000_000_000)
    said = {wrong.path: wrong.label(PSEUDO) for wrong in raised.value.errors}
    spoken = sentences(PSEUDO)
    assert said["dedupe"] == spoken["label_hit_key"]
    assert said["snapshot_at"] == spoken["label_hit_snapshot_at"]
    assert said["route.eta"] == spoken["label_hit_eta"]
