"""One Nexus for all tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from nexus_server import Nexus, running_nexus


@pytest.fixture(scope="session")
def server() -> Iterator[Nexus]:
    with running_nexus() as nexus:
        yield nexus
