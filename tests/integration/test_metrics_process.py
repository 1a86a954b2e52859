"""A running server counts what it did, on a port of its own and under the operator's token."""

from __future__ import annotations

import http.client
import re
import secrets
from pathlib import Path
from urllib.parse import urlsplit

from tests.support.server_process import PostedDirectory, ServerProcess

TOKEN = "an-operators-token-of-thirty-two-characters"


def fetch(url: str, token: str = "") -> tuple[int, str]:
    place = urlsplit(url)
    connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=30)
    try:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        connection.request("GET", place.path, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def series(text: str) -> dict[str, float]:
    return {
        name: float(value)
        for name, value in re.findall(r"^(cencomm_[^ #]+(?:\{[^}]*\})?) (\S+)$", text, re.M)
    }


def test_a_process_counts_what_it_did_and_names_nobody(
    tmp_path: Path, embedded_program: Path
) -> None:
    settings = {
        "metrics_listen": "127.0.0.1:0",
        "metrics_token": TOKEN,
        "login_floor_ms": 0,
    }
    with ServerProcess(tmp_path, embedded_program, **settings) as server:
        directory = PostedDirectory(server)
        france = directory.administration("FRANCE-ADM")
        ncp = directory.enlist(france.ncp)
        directory.person(france, "FRANCE-ADM-014")
        proof = server.prove(ncp.person.device, directory.id32, secrets.token_bytes(32))
        fields = {"account": ncp.person.code, "login_secret": "00" * 32, "totp": "000000"}
        assert server.ask("POST", "/v1/login", {**fields, **proof}).code == "login_failed"
        assert server.ask("POST", "/v1/directory/entries", b"\x80").status == 400

        own = server.ready["metrics"]
        assert own.startswith("http://127.0.0.1:")
        assert fetch(f"{own}/healthz")[0] == fetch(f"{own}/readyz")[0] == 200
        assert fetch(f"{own}/v1/info")[0] == 404  # nothing else stands there
        assert fetch(f"{server.url}/metrics")[0] == 401
        assert fetch(f"{server.url}/metrics", TOKEN[:-1])[0] == 401
        assert fetch(f"{server.url}/metrics", TOKEN)[0] == 200
        kept = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
        kept.request("GET", "/healthz")
        kept.getresponse().read()  # and the connection stays
        status, text = fetch(f"{own}/metrics")
        kept.close()
    assert status == 200
    found = series(text)
    size = directory.log.size
    assert found['cencomm_appends_total{code="ok"}'] == size
    assert found["cencomm_commit_entries_sum"] == size
    assert found[f'cencomm_log_size{{log="{directory.log.id16.hex()}"}}'] == size
    assert found['cencomm_logins_total{code="login_failed",kind="person"}'] == 1
    assert found['cencomm_logins_total{code="ok",kind="registration"}'] == 2
    assert found["cencomm_connections"] >= 1
    assert {name: value for name, value in found.items() if "cencomm_ready{" in name} == {
        f'cencomm_ready{{check="{check}"}}': 1.0
        for check in ("store", "clock", "directory", "logs")
    }
    assert found["cencomm_logs_damaged"] == found["cencomm_queue_entries"] == 0
    assert "FRANCE" not in text
    assert not re.search(r"127\.0\.0\.1|[0-9a-f]{33,}", text)
