"""Log lines are JSON, harmless, and hold no local variable of the code that failed."""

import io
import json
import logging
import sys
import warnings
from collections.abc import Iterator

import pytest
import structlog
from cencomm_server import journal


@pytest.fixture
def _configured() -> Iterator[None]:
    root, hook = logging.getLogger(), sys.excepthook
    before = (root.handlers, root.level)
    yield
    structlog.reset_defaults()
    root.handlers, root.level = before
    sys.excepthook = hook
    logging.captureWarnings(capture=False)


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


@pytest.mark.usefixtures("_configured")
def test_an_exception_is_told_by_type_and_place_without_its_value(
    capsys: pytest.CaptureFixture[str],
) -> None:
    journal.configure("info")
    try:
        try:
            raise KeyError("FR-014")
        except KeyError as error:
            raise ExceptionGroup("hunter2", [OSError("203.0.113.7"), error]) from error
    except ExceptionGroup:
        structlog.get_logger("x").exception("failed")
    text = capsys.readouterr().err
    assert "KeyError" in text
    assert "OSError" in text
    assert not any(secret in text for secret in ("FR-014", "hunter2", "203.0.113.7"))


@pytest.mark.usefixtures("_configured")
def test_what_a_library_logs_is_a_line_without_what_it_was_about(
    capsys: pytest.CaptureFixture[str],
) -> None:
    journal.configure("debug")
    library = logging.getLogger("aiohttp.server")
    library.error("Error handling request from %s", "203.0.113.7")
    library.warning("peer 203.0.113.7:4711 said 'hunter2' and left\ntransport: <203.0.113.7>")
    library.info("never shown: %s", "hunter2")
    warnings.warn("hunter2 is deprecated", UserWarning, stacklevel=1)
    first, second, third = lines(capsys)
    assert (first["event"], first["library"]) == ("library_said", "aiohttp.server")
    assert first["template"] == "Error handling request from %s"
    assert second["template"] == "peer said and left"
    assert "hunter2" not in str(third)


@pytest.mark.usefixtures("_configured")
def test_a_crash_is_a_line_too(capsys: pytest.CaptureFixture[str]) -> None:
    journal.configure("error")
    try:
        raise RuntimeError("hunter2")
    except RuntimeError as error:
        sys.excepthook(type(error), error, error.__traceback__)
    (line,) = lines(capsys)
    assert (line["event"], line["level"]) == ("crashed", "critical")
    assert "hunter2" not in str(line)
