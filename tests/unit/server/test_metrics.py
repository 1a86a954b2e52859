"""What is counted: every name documented, labels from short lists, nothing of strangers in them."""

import re
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer
from cencomm_config.errors import StoreDown
from cencomm_config.settings import load
from cencomm_crypto.public.ids import LogId
from cencomm_server.http.call import Access, Answer, Call, Route
from cencomm_server.http.gate import Gate, Limits
from cencomm_server.metrics import (
    MOST_LOGS,
    Alarm,
    Limit,
    LoginKind,
    Metrics,
    Reading,
    SocketCounts,
    SocketEnd,
)
from cencomm_server.store.counted import CountedStore

from tests.support.engine import FaultyStore, Scene
from tests.support.throttles import wide

DOCS = (Path(__file__).parents[3] / "docs" / "operations.md").read_text()
TOKEN = "0123456789abcdef0123456789abcdef"


def exposed(metrics: Metrics, **checks: str) -> dict[str, float]:
    """Series with its labels -> value."""
    found = {}
    for line in metrics.expose(checks).decode().splitlines():
        if line and not line.startswith("#"):
            series, _, value = line.rpartition(" ")
            found[series] = float(value)
    return found


def families(metrics: Metrics) -> set[str]:
    """Names as a query uses them, without what histograms add."""
    text = metrics.expose({"store": "ok"}).decode()
    typed = dict(re.findall(r"^# TYPE (\S+) (\w+)$", text, re.M))
    return {name for name in typed if not name.endswith("_created")}


def test_every_name_is_documented_and_every_documented_one_is_there() -> None:
    section = DOCS[DOCS.index("## Metrics") :].split("\n## ")[0]
    rows = re.findall(r"^\| (`cencomm_.*?) \|", section, re.M)
    documented = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    counted = {name for name in families(Metrics("1")) if "cencomm_process_" not in name}
    assert counted == documented


def test_every_word_that_can_be_a_label_is_documented() -> None:
    section = DOCS[DOCS.index("## Metrics") :].split("\n## ")[0]
    for words in (SocketEnd, LoginKind, Limit, Alarm):
        for word in words:
            assert f"`{word.value}`" in section, word


def test_what_a_stranger_sends_makes_no_new_series() -> None:
    metrics = Metrics()
    metrics.append("no_such_code")
    metrics.request("BREW", "none", "evil\n# TYPE", 0.1)
    found = exposed(metrics)
    assert found['cencomm_appends_total{code="internal"}'] == 1
    assert found['cencomm_requests_total{code="internal",method="other",route="none"}'] == 1


def test_a_thousand_logs_have_a_series_each_and_no_more() -> None:
    metrics = Metrics()
    metrics.watch(Reading(log_sizes=lambda: ((f"{n:032x}", n) for n in range(MOST_LOGS + 5))))
    sizes = [series for series in exposed(metrics) if series.startswith("cencomm_log_size")]
    assert len(sizes) == MOST_LOGS
    assert f'cencomm_log_size{{log="{MOST_LOGS + 4:032x}"}}' in sizes


def test_gauges_say_what_is_so_at_the_scrape() -> None:
    metrics, waiting = Metrics(), [3]
    metrics.watch(
        Reading(
            connections=lambda: 7,
            sockets=lambda: SocketCounts(5, waiting[0], 2),
            queue=lambda: (4, 900),
            logs_damaged=lambda: 1,
        )
    )
    found = exposed(metrics, store="store_down", clock="ok")
    assert found['cencomm_sockets{state="waiting"}'] == 3
    assert found['cencomm_sockets{state="live"}'] == 5
    assert (found["cencomm_queue_entries"], found["cencomm_queue_bytes"]) == (4, 900)
    assert (found["cencomm_connections"], found["cencomm_sockets_lagging"]) == (7, 2)
    assert found["cencomm_logs_damaged"] == 1
    assert found['cencomm_ready{check="store"}'] == 0
    assert found['cencomm_ready{check="clock"}'] == 1
    waiting[0] = 0
    assert exposed(metrics)['cencomm_sockets{state="waiting"}'] == 0


async def test_appends_and_commits_are_counted_by_what_becomes_of_them() -> None:
    store = FaultyStore()
    scene = await Scene().serve(store)
    metrics = scene.served.logs.metrics
    before = exposed(metrics)
    message = scene.sealed()
    await scene.submit(message)
    await scene.refusal(scene.sealed(epoch=9))
    store.break_before("append_entries")
    assert await scene.refusal(scene.sealed()) == "store_down"
    found = exposed(metrics)

    def grown(series: str) -> float:
        return found[series] - before.get(series, 0)

    assert grown('cencomm_appends_total{code="ok"}') == 1
    assert grown('cencomm_appends_total{code="wrong_epoch"}') == 1
    assert grown('cencomm_appends_total{code="store_down"}') == 1
    assert grown("cencomm_commit_entries_sum") == 1
    assert grown("cencomm_commit_seconds_count") == 1
    assert grown("cencomm_commit_bytes_sum") > len(message.header_bytes)


async def test_every_failed_call_of_the_store_is_counted() -> None:
    metrics, inner = Metrics(), FaultyStore()
    store = CountedStore(inner, metrics.store_failed).as_store()
    assert await store.logs() == []
    assert exposed(metrics)["cencomm_store_errors_total"] == 0
    inner.break_before("read_entries")
    with pytest.raises(StoreDown):
        await store.read_entries(LogId(bytes(16)), 0, 1)
    assert exposed(metrics)["cencomm_store_errors_total"] == 1


class _NoSession:
    async def authenticate(self, token: bytes) -> Any:
        raise AssertionError("a session was asked for")


async def _metrics(call: Call) -> Answer:
    return Answer(b"counted 1\n", "text/plain")


@pytest.mark.parametrize(
    ("configured", "sent", "status"),
    [
        (TOKEN, f"Bearer {TOKEN}", 200),
        (TOKEN, f"bearer {TOKEN}", 200),
        (TOKEN, f"Bearer {TOKEN}x", 401),
        (TOKEN, f"Basic {TOKEN}", 401),
        (TOKEN, "Bearer ", 401),
        (TOKEN, "", 401),
        ("", "", 404),
        ("", "Bearer ", 404),
    ],
)
async def test_the_servers_own_port_shows_them_to_the_operator_alone(
    configured: str, sent: str, status: int
) -> None:
    limits = Limits(json_bytes=1024, submission_bytes=1024, operator_token=configured)
    metrics = Metrics()
    app = Gate(_NoSession(), limits, wide(), metrics).application(
        [Route("GET", "/metrics", _metrics, Access.OPERATOR)]
    )
    async with TestClient(TestServer(app)) as client:
        response = await client.get("/metrics", headers={"Authorization": sent} if sent else {})
        assert response.status == status
    code = {200: "ok", 401: "not_authenticated", 404: "not_found"}[status]
    series = f'cencomm_requests_total{{code="{code}",method="GET",route="/metrics"}}'
    assert exposed(metrics)[series] == 1


def test_a_short_token_is_refused_and_none_is_shown() -> None:
    with pytest.raises(Exception, match="metrics_token: expected at least 32") as raised:
        load(metrics_token="short-secret")
    assert "short-secret" not in str(raised.value)
    assert TOKEN not in repr(load(metrics_token=TOKEN))
