"""Pauses."""

from __future__ import annotations

from datetime import UTC, datetime

from nexus._retry import pause


def test_pauses_grow_are_random_from_nothing_up_and_come_on_top_of_what_the_server_asks_for() -> None:
    assert [pause(attempt, None, chance=lambda: 1.0) for attempt in (0, 1, 2, 3, 4, 5, 50)] == [0.2, 0.4, 0.8, 1.6, 3.2, 5, 5]
    assert pause(3, None, chance=lambda: 0.0) == 0
    assert pause(0, "7", chance=lambda: 0.5) == 7.1
    now = datetime(2026, 11, 22, 10, tzinfo=UTC).timestamp
    assert pause(0, "Sun, 22 Nov 2026 10:00:09 GMT", chance=lambda: 0.0, now=now) == 9
    assert pause(0, "Sun, 22 Nov 2026 09:00:00 GMT", chance=lambda: 0.0, now=now) == 0
    assert pause(0, "soon", chance=lambda: 0.0) == 0
    assert pause(0, "31") is None, "whoever has to wait so long learns it at once"
