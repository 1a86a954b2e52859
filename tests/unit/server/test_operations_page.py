"""docs/operations.md tells an operator every log line, check, alarm and metric that there is."""

import ast
import re
from pathlib import Path

from cencomm_server.metrics import Alarm, Metrics

from tests.support.log_events import documented, logged

PAGE = (Path(__file__).parents[3] / "docs" / "operations.md").read_text()
APP = Path(__file__).parents[3] / "server" / "cencomm_server" / "app.py"
BY_LIBRARIES = {"library_said"}  # its level is the library's


def section(title: str) -> str:
    return PAGE[PAGE.index(f"## {title}\n") :].split("\n## ")[0]


def test_every_log_line_is_documented_with_its_level_and_fields_and_no_other() -> None:
    page, code = documented(), logged()
    assert page.keys() - BY_LIBRARIES == code.keys()
    for event, lines in code.items():
        for line in lines:
            assert line.levels <= page[event].levels, event
            assert line.fields == page[event].fields, event


def test_every_alarm_is_documented_and_every_documented_one_exists() -> None:
    rows = re.findall(r"^\| `(\w+)` \|", section("Alarms"), re.M)
    assert rows == [alarm.value for alarm in Alarm]
    assert set(rows) <= documented().keys()


def test_every_check_of_readiness_is_documented() -> None:
    made = [
        node
        for node in ast.walk(ast.parse(APP.read_text()))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "Readiness"
    ]
    (call,) = made
    checks = call.args[0]
    assert isinstance(checks, ast.Dict)
    names = {key.value for key in checks.keys if isinstance(key, ast.Constant)}
    rows = set(re.findall(r"^\| `(\w+)` \|", section("Health"), re.M))
    assert rows == names | {"server"}


def test_the_alerts_ask_for_what_is_counted() -> None:
    text = Metrics("1").expose({"store": "ok"}).decode()
    names = set(re.findall(r"^# TYPE (\w+) ", text, re.M))
    names |= {f"{name}_bucket" for name in names}
    asked = set(re.findall(r"cencomm_\w+", section("Metrics").split("```yaml")[1]))
    assert len(asked) > 8
    assert asked <= names
