"""The table of log lines in docs/operations.md, and what the server's code logs."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SERVER = ROOT / "server" / "cencomm_server"
LEVELS = {"exception": "error"}
_METHODS = {"debug", "info", "warning", "error", "critical", "exception"}


@dataclass(frozen=True)
class Line:
    """One kind of line: its levels and its fields beside those that all have."""

    levels: frozenset[str]
    fields: frozenset[str]


def documented() -> dict[str, Line]:
    """By event, as the page says."""
    page = (ROOT / "docs" / "operations.md").read_text()
    section = page[page.index("## Log lines") :].split("\n## ")[0]
    rows = re.findall(r"^\| `(\w+)` \|([a-z, ]+)\|([a-z_, ]*)\|", section, re.M)
    return {event: Line(_words(levels), _words(fields)) for event, levels, fields in rows}


def logged() -> dict[str, list[Line]]:
    """By event, as the code has it: every call on `_log` and on a logger made in place."""
    found: dict[str, list[Line]] = {}
    for path in sorted(SERVER.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
                continue
            if node.func.attr not in _METHODS or not _is_logger(node.func.value) or not node.args:
                continue
            event, level = node.args[0], LEVELS.get(node.func.attr, node.func.attr)
            assert isinstance(event, ast.Constant), f"{path}: an event is a literal"
            names = {word.arg or "**" for word in node.keywords}
            if "exc_info" in names or node.func.attr == "exception":
                names = (names - {"exc_info"}) | {"exception"}
            line = Line(frozenset([level]), frozenset(names))
            found.setdefault(str(event.value), []).append(line)
    return found


def _is_logger(value: ast.expr) -> bool:
    if isinstance(value, ast.Name):
        return value.id == "_log"
    return isinstance(value, ast.Call) and ast.unparse(value.func) == "structlog.get_logger"


def _words(text: str) -> frozenset[str]:
    return frozenset(word for word in re.split(r"[, ]+", text.strip()) if word)
