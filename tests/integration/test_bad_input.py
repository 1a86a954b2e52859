"""The table of bad input and 2,000 more: each has its code, no log moves, the next post goes on."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from statistics import median
from typing import Any

import pytest
import pytest_asyncio
import structlog
from cencomm_config.errors import ServiceCode
from cencomm_crypto.errors import ErrorCode, ProtocolError

from tests.mallory.harness import staged
from tests.mallory.world import ALERTS, ANALYST, CHIEF, OFFICER
from tests.support.bad_input import sealed
from tests.support.bad_input.bench import Answer, Bench
from tests.support.bad_input.cases import CASES, Case
from tests.support.bad_input.mutations import COUNTS, HARMLESS, tries
from tests.support.bad_input.table import DOCUMENT, GROUPS, bench, render

pytestmark = pytest.mark.asyncio(loop_scope="module")
SEED = 20_260_101
KNOWN = {str(code) for codes in (ErrorCode, ServiceCode) for code in codes}
WITHOUT_A_WORD = {"cut", "close 1009"}  # the transport itself ends it: RFC 9112, RFC 6455
Answers = dict[str, Answer]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def app(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Bench]:
    """One application for all cases: nothing that is sent to it leaves a trace."""
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
    async with bench(tmp_path_factory.mktemp("bad input")) as made:
        yield made
    structlog.reset_defaults()


@pytest.fixture(scope="module")
def answers() -> Answers:
    """What came back, by case."""
    return {}


@pytest.mark.parametrize("case", CASES, ids=[case.id for case in CASES])
async def test_each_case_gets_its_code_and_a_sentence(
    app: Bench, answers: Answers, case: Case
) -> None:
    before = app.heads()
    answer = answers[case.id] = await case.send(app)
    assert answer.code == case.code, answer
    assert answer.code in KNOWN | WITHOUT_A_WORD
    assert len(answer.detail) >= 8 or answer.code in WITHOUT_A_WORD
    assert app.heads() == before


async def test_the_page_says_what_the_application_answers(app: Bench, answers: Answers) -> None:
    """Write it with `python -m tests.support.bad_input`."""
    for case in CASES:
        if case.id not in answers:  # run alone
            answers[case.id] = await case.send(app)
    assert DOCUMENT.read_text() == render(answers, sum(COUNTS.values()))
    assert len(CASES) == len({case.id for case in CASES}) >= 60
    assert {case.group for case in CASES} == set(GROUPS)


async def test_two_thousand_generated_ones_change_nothing(app: Bench, rounds: int) -> None:
    """All of them in CI; with fewer rounds a quarter, begun alike."""
    assert sum(COUNTS.values()) >= 2000
    before, found = app.heads(), set[str]()
    for name, send in tries(app, SEED, share=1 if rounds >= 20 else 4):
        answer = await send()
        kind = name.split()[0]
        allowed = KNOWN | WITHOUT_A_WORD | ({"taken"} if kind in HARMLESS else set())
        assert answer.code in allowed - {ServiceCode.INTERNAL}, (name, answer)
        assert answer.detail or answer.code in WITHOUT_A_WORD | {"taken"}, (name, answer)
        found.add(answer.code)
    assert app.heads() == before
    assert len(found) >= 12, found


@pytest.mark.parametrize("group", ["login", "sealed bytes"])
async def test_where_nothing_may_be_learned_there_is_one_sentence(
    app: Bench, answers: Answers, group: str
) -> None:
    cases = [case for case in CASES if case.group == group]
    for case in cases:
        answers.setdefault(case.id, await case.send(app))
    assert len(cases) >= 15
    assert len({answers[case.id] for case in cases}) == 1


@pytest.mark.alone
async def test_sealed_bytes_that_do_not_open_take_one_time(app: Bench) -> None:
    """Medians within half a millisecond, however early what is wrong could have shown."""

    def took(open_it: Callable[[], object]) -> float:
        began = time.perf_counter()
        with pytest.raises(ProtocolError):
            open_it()
        return time.perf_counter() - began

    times = {
        name: median(took(open_it) for _ in range(300))
        for name, open_it in sealed.spoiled(app).items()
    }
    assert len(times) >= 8
    assert max(times.values()) - min(times.values()) < 0.0005, times


@pytest.mark.alone
async def test_failed_logins_take_one_time(app: Bench, tmp_path_factory: Any) -> None:
    """A stranger without a device, and a person with all but the last digit right."""
    floor_s, cases = 0.15, [case for case in CASES if case.group == "login"][:11]
    settings = {"login_floor_ms": int(floor_s * 1000), "login_tries": 100}
    world, folder = app.stage.world, tmp_path_factory.mktemp("timed")
    times: dict[str, float] = {}
    async with staged(world, folder, settings=settings) as stage:
        timed = Bench(stage, app.http)
        await stage.look(CHIEF, OFFICER, "BE-099")
        sent = timed.post_json

        async def clocked(path: str, value: object, *, by: str | None = None) -> Answer:
            began = time.perf_counter()
            answer = await sent(path, value, by=by)
            times[name] = time.perf_counter() - began
            return answer

        timed.post_json = clocked  # type: ignore[method-assign]
        for case in cases:
            name = case.name
            assert (await case.send(timed)).code == "login_failed"
    assert min(times.values()) >= floor_s
    assert max(times.values()) - min(times.values()) < floor_s, times


async def test_the_next_honest_post_goes_through(app: Bench) -> None:
    """In MERIDIAN, and where a rotate was due."""
    stage = app.stage
    size = stage.head().size
    await stage.shown(OFFICER).channel(ALERTS).post("MSG", {"text": "and now in earnest"})
    await stage.look(ANALYST, CHIEF)
    assert stage.texts(CHIEF)[-1] == "and now in earnest"
    assert stage.head().size == size + 1
    waiting = await stage.clients[CHIEF].operation("WAITING")
    posted = await waiting.channel(ALERTS).post("MSG", {"text": "to one"})
    assert posted.seq == stage.head(app.pending).size - 1
    stage.quiet(CHIEF, OFFICER)
