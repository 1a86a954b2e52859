"""Log lines are JSON, harmless, and hold no local variable of the code that failed."""

import io
import json
import sys
from collections.abc import Iterator

import pytest
import structlog
from cencomm_server import journal


@pytest.fixture
def _configured() -> Iterator[None]:
    yield
    structlog.reset_defaults()


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


@pytest.mark.usefixtures("_configured")
def test_a_line_is_one_json_object_without_escapes(capsys: pytest.CaptureFixture[str]) -> None:
    """A51."""
    journal.configure("info")
    log = structlog.get_logger("x")
    log.info("seen", what="\x1b[31m\u202ered\nnext", log=b"\x01\x02", long="a" * 2000)
    log.debug("unseen")
    (line,) = lines(capsys)
    assert (line["event"], line["level"], line["log"]) == ("seen", "info", "0102")
    assert line["what"] == "\u241b\uff3b31m\ufffdred\u240anext"
    assert len(str(line["long"])) == 500


@pytest.mark.usefixtures("_configured")
def test_logging_never_fails_whoever_logs(monkeypatch: pytest.MonkeyPatch) -> None:
    journal.configure("info")
    gone = io.StringIO()
    gone.close()
    monkeypatch.setattr(sys, "stderr", gone)
    structlog.get_logger("x").error("nobody reads this")


@pytest.mark.usefixtures("_configured")
def test_a_traceback_shows_places_and_no_variables(capsys: pytest.CaptureFixture[str]) -> None:
    journal.configure("info")

    def fail(password: str) -> None:
        raise ValueError(len(password))

    try:
        fail("hunter2")
    except ValueError:
        structlog.get_logger("x").exception("failed")
    text = capsys.readouterr().err
    assert "test_journal.py" in text
    assert "hunter2" not in text
