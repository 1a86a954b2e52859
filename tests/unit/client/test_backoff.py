"""Pauses grow, end at a bound, and begin anew only after a connection that lasted."""

from __future__ import annotations

from cencomm_client.backoff import FIRST_PAUSE_S, HEALTHY_S, LONGEST_PAUSE_S, Backoff


class Row:
    """A back-off with a clock that the test moves."""

    def __init__(self, jitter: float = 0.5) -> None:
        self.now = 0.0
        self.backoff = Backoff(lambda: jitter, lambda: self.now)

    def tried(self, lasted_s: float | None) -> float:
        """One try that lasted so long, or failed at once; the pause after it."""
        if lasted_s is not None:
            self.backoff.came_up()
            self.now += lasted_s
        return self.backoff.next_s()


def test_pauses_double_up_to_their_bound() -> None:
    row = Row()
    pauses = [row.tried(None) for _ in range(12)]
    assert pauses[:4] == [FIRST_PAUSE_S * factor for factor in (1, 2, 4, 8)]
    assert pauses[-1] == LONGEST_PAUSE_S


def test_a_server_that_drops_whom_it_took_is_not_asked_ever_faster() -> None:
    row = Row()
    pauses = [row.tried(HEALTHY_S - 1) for _ in range(6)]
    assert pauses == sorted(set(pauses))


def test_after_a_connection_that_lasted_the_next_pause_is_short_again() -> None:
    row = Row()
    for _ in range(6):
        row.tried(None)
    assert row.tried(HEALTHY_S) == FIRST_PAUSE_S
    assert row.tried(None) == 2 * FIRST_PAUSE_S


def test_everybody_waits_another_time() -> None:
    assert Row(jitter=0.0).tried(None) == FIRST_PAUSE_S / 2
    assert Row(jitter=1.0).tried(None) == FIRST_PAUSE_S * 1.5
