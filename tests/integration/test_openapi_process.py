"""schemathesis against a running server: what it answers is what /v1/openapi.json says."""

from __future__ import annotations

import base64
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.server_process import PostedDirectory, ServerProcess

SCHEMATHESIS = Path(sys.executable).with_name("schemathesis")
OPERATOR = "an-operators-token-of-thirty-two-characters"
WITHIN_S = 240.0  # a machine under load; alone it takes a tenth of it

# `positive_data_acceptance` needs bodies that are accepted: entries are signed, and a schema cannot
# draw a signature. What is right and refused all the same is in the unit tests of the rules.
CONFIG = """
[auth.openapi.session]
bearer = "${SESSION}"
[auth.openapi.operator]
bearer = "${OPERATOR}"
[checks.positive_data_acceptance]
enabled = false
[phases.coverage]
unexpected-methods = ["PATCH", "TRACE"]
[checks.not_a_server_error]
expected-statuses = ["2xx", "3xx", "4xx", 503]
"""


@pytest.fixture(scope="module")
def server(
    tmp_path_factory: pytest.TempPathFactory, embedded_program: Path
) -> Iterator[ServerProcess]:
    folder = tmp_path_factory.mktemp("openapi")
    settings = {"metrics_token": OPERATOR, "login_floor_ms": 0, "log_level": "info"}
    with ServerProcess(folder, embedded_program, **settings) as running:
        yield running


def text(token: bytes) -> str:
    return base64.urlsafe_b64encode(token).rstrip(b"=").decode()


def run(server: ServerProcess, folder: Path, session: str, *words: str) -> str:
    """One run of schemathesis; its report, once it is clean."""
    config = folder / "schemathesis.toml"
    config.write_text(CONFIG)
    done = subprocess.run(
        [
            *(SCHEMATHESIS, "--config-file", config, "run", f"{server.url}/v1/openapi.json"),
            # one worker: hypothesis keeps its parsed lambdas for all threads, and two of them race
            *("--seed", "1", "--no-color", "--workers", "1"),
            *("--phases", "examples,coverage,fuzzing", "--generation-database", "none"),
            # each route without and with a wrong token: test_http_api.py, in a tenth of the time
            *("--generation-with-security-parameters", "false"),
            *("--request-timeout", "30", *words),
        ],
        capture_output=True,
        text=True,
        timeout=WITHIN_S,
        cwd=folder,
        env={
            **os.environ,
            "SCHEMATHESIS_HOOKS": "tests.support.openapi_hooks",
            "PYTHONPATH": str(Path(__file__).parents[2]),
            "SESSION": session,
            "OPERATOR": OPERATOR,
        },
        check=False,
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    return done.stdout


def test_the_server_answers_as_its_document_says(
    server: ServerProcess, tmp_path: Path, rounds: int
) -> None:
    directory = PostedDirectory(server)
    france = directory.administration("FR")
    ncp = directory.enlist(france.ncp)
    agent = directory.enlist(directory.person(france))
    bound = ("--max-examples", str(min(-(-rounds // 4), 5)))  # of each kind and route
    report = run(server, tmp_path, text(ncp.token), "--exclude-path", "/v1/logout", *bound)
    paths = server.ask("GET", "/v1/openapi.json").json["paths"]
    without = 2  # logging out ends the session, and schemathesis leaves out the document itself
    assert f"Tested: {sum(map(len, paths.values())) - without}\n" in report, report[-3000:]
    report = run(server, tmp_path, text(agent.token), "--include-path", "/v1/logout", *bound)
    assert "Tested: 1\n" in report, report[-3000:]
