"""A server that ends TLS itself: by options of the command, nothing in the clear, no bad pair."""

from __future__ import annotations

import http.client
import json
import ssl
from pathlib import Path

import pytest

from tests.support.certificate import make_certificate
from tests.support.server_process import ServerProcess, command


def test_it_answers_over_tls_alone(tmp_path: Path, embedded_program: Path) -> None:
    cert, key = make_certificate(tmp_path)
    server = ServerProcess(tmp_path, embedded_program)
    server.options = ("--tls-cert", str(cert), "--tls-key", str(key))
    with server:
        assert server.ready["url"] == f"https://127.0.0.1:{server.port}"
        trusting = ssl.create_default_context(cafile=str(cert))
        connection = http.client.HTTPSConnection(
            "127.0.0.1", server.port, timeout=30, context=trusting
        )
        connection.request("GET", "/v1/info")
        answer = connection.getresponse()
        assert (answer.status, json.loads(answer.read())["directory"]) == (200, None)
        assert answer.headers["Strict-Transport-Security"].startswith("max-age=")
        assert connection.sock.version() in ("TLSv1.2", "TLSv1.3")
        connection.close()
        with pytest.raises(ssl.SSLCertVerificationError):
            http.client.HTTPSConnection("127.0.0.1", server.port, timeout=30).connect()
        with pytest.raises((http.client.HTTPException, ConnectionError)):
            server.ask("GET", "/healthz")
        report = json.loads(
            command(
                *("doctor", "--data", str(server.data), "--json"),
                env={
                    **server.env,
                    "CENCOMM_TLS_CERT": str(cert),
                    "CENCOMM_TLS_KEY": str(key),
                },
            ).stdout
        )
    (found,) = [check for check in report["checks"] if check["name"] == "tls"]
    assert found["status"] == "ok"


def test_a_key_of_another_certificate_is_refused_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    cert, _ = make_certificate(tmp_path)
    _, key = make_certificate(tmp_path / "other")
    data = str(tmp_path / "data")
    assert command("init", "--data", data, "--name", "tls.example").returncode == 0
    run = ("run", "--data", data, "--port", "0", "--json")
    refused = command(*run, "--tls-cert", str(cert), "--tls-key", str(key))
    assert (refused.returncode, json.loads(refused.stdout)["code"]) == (3, "bad_settings")
    alone = command(*run, "--tls-cert", str(cert))
    assert (alone.returncode, json.loads(alone.stdout)["code"]) == (3, "bad_settings")
