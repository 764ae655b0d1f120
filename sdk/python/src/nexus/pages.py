"""Lists, page after page."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any


def rows(page: Callable[[str | None], Any]) -> Iterator[Any]:
    """Every row of a list.

    for key in rows(lambda cursor: client.list_keys(tenant, cursor=cursor)): ...
    """
    cursor: str | None = None
    while True:
        answer = page(cursor)
        yield from answer["data"]
        cursor = answer.get("next_cursor")
        if cursor is None:
            return


async def rows_async(page: Callable[[str | None], Awaitable[Any]]) -> AsyncIterator[Any]:
    """As `rows`, of an `AsyncClient`."""
    cursor: str | None = None
    while True:
        answer = await page(cursor)
        for row in answer["data"]:
            yield row
        cursor = answer.get("next_cursor")
        if cursor is None:
            return
