"""What is written in each form: the forms' own examples, adapted to this operation.

Containers are invented; their check digits are right (ISO 6346). Leaf hashes stand as bytes.
"""

from __future__ import annotations

import time
from typing import Any

from cencomm_config.forms.schemas import example
from stdnum import iso6346

HOUR_MS = 3_600_000
NEVER_SAID = "gate nine at midnight"  # stands only in what is refused: nobody ever reads it
SPECIES = "Loxodonta africana"
SPELL = "seal intact, goods as declared"
SPELL_LINES = 27  # of each voice in the busy spell


def adapted(code: str, **changes: Any) -> dict[str, Any]:
    """The form's right example with other values; a field goes where the value is None."""
    content = {**example(code)["passes"], **changes}
    return {name: value for name, value in content.items() if value is not None}


def container(number: int) -> str:
    """A container number of the invented owner MSKU with its check digit."""
    bare = f"MSKU{600_000 + number:06d}"
    return f"{bare}{iso6346.calc_check_digit(bare)}"


def warning(number: int, goods: str) -> dict[str, Any]:
    """A WRN with an arrival and a deadline of its own."""
    now = int(time.time() * 1000)
    example_route = example("WRN")["passes"]["route"]
    return adapted(
        "WRN",
        identifiers={"container": container(number)},
        goods_suspected=goods,
        route={**example_route, "eta": now + HOUR_MS},
        deadline=now + 6 * HOUR_MS,
    )


def hit(number: int) -> dict[str, Any]:
    """A HIT of the targeting system."""
    return adapted(
        "HIT",
        identifiers={"container": container(number)},
        snapshot_at=int(time.time() * 1000),
        dedupe=f"TOB-7/{container(number)}",
        score=60 + number % 40,
    )


def long_seizure(number: int, warned: bytes, **changes: Any) -> dict[str, Any]:
    """The long SZR about a warning, not to be passed on without permission (H2)."""
    now = int(time.time() * 1000)
    given = example("SZR")["passes"]
    return adapted(
        "SZR",
        at=now,
        warning=warned,
        conveyance={**given["conveyance"], "container": container(number)},
        handling=["H2"],
        handling_text=None,
        **changes,
    )


def situation(nil: bool) -> dict[str, Any]:
    """A SIT on the last hour; a nil return says that there was nothing."""
    now = int(time.time() * 1000)
    period = {"from": now - HOUR_MS, "to": now}
    if nil:
        return {"period": period, "nil": True}
    return adapted("SIT", period=period)


def delivery() -> dict[str, Any]:
    """A CDN for its named recipients alone."""
    hand_over = {"place": "PLSWI", "at": int(time.time() * 1000) + HOUR_MS, "contact": "PL-001"}
    return adapted("CDN", recipients=["PL-001", "RILO-001"], hand_over=[hand_over])


def lines(voice: str) -> list[str]:
    """What one voice says in the busy spell."""
    return [f"{voice}: box {number:02d} checked, {SPELL}" for number in range(SPELL_LINES)]
