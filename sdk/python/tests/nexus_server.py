"""Servers for tests: a whole Nexus, and one that fails as it is told."""

from __future__ import annotations

import json
import os
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, TypeVar

ROOT = Path(__file__).resolve().parents[3]
PROGRAM = os.environ.get("NEXUS_TEST_PROGRAM", str(ROOT / "target/debug/nexus"))
Found = TypeVar("Found")


@dataclass(frozen=True)
class Nexus:
    """A whole Nexus on a port of its own, with a store that goes with it."""

    url: str
    token: str
    tenants: dict[str, str]
    """The demo tenant of each dialect."""
    dashboard: tuple[str, str]
    """E-mail and password of the demo admin."""


@contextmanager
def running_nexus() -> Iterator[Nexus]:
    """`nexus dev`, until the block ends."""
    command = [PROGRAM, "dev", "--ephemeral", "--port", "0", "--output", "json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        try:
            assert process.stdout is not None
            announced = json.loads(process.stdout.readline())
            tenants = {tenant["dialect"]: tenant["id"] for tenant in announced["tenants"]}
            dashboard = (announced["dashboard"]["email"], announced["dashboard"]["password"])
            yield Nexus(announced["url"], announced["admin_token"], tenants, dashboard)
        finally:
            process.kill()


@dataclass
class Told:
    """What a request is answered with."""

    status: int = 200
    body: Any = field(default_factory=dict)
    """JSON, or bytes as they are."""
    headers: dict[str, str] = field(default_factory=dict)
    cut: bool = False
    """The connection is closed instead."""


@dataclass(frozen=True)
class Asked:
    """What was asked."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Failing:
    """A server that answers requests one after the other as it is told; behind the last answer it repeats that one."""

    url: str
    asked: list[Asked]


@contextmanager
def failing(*answers: Told) -> Iterator[Failing]:
    """Such a server, until the block ends."""
    asked: list[Asked] = []

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", "0")))
            headers = {name.lower(): value for name, value in self.headers.items()}
            asked.append(Asked(self.command, self.path, headers, body))
            told = answers[min(len(asked), len(answers)) - 1]
            if told.cut:
                self.close_connection = True
                return
            text = told.body if isinstance(told.body, bytes) else json.dumps(told.body).encode()
            self.send_response(told.status)
            for name, value in told.headers.items():
                self.send_header(name, value)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_POST = do_PATCH = answer

        def log_message(self, *_arguments: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield Failing(f"http://127.0.0.1:{server.server_address[1]}", asked)
        finally:
            server.shutdown()
            thread.join()


def nobody() -> str:
    """An address that nobody listens on."""
    with failing(Told()) as server:
        return server.url


def eventually(look: Callable[[], Found | None]) -> Found:
    """What is there soon: usage comes in a moment after the request."""
    for _ in range(300):
        found = look()
        if found is not None:
            return found
        time.sleep(0.1)
    raise AssertionError("it does not come")


def golden(name: str) -> Any:
    """Cases that Rust and Node run as well."""
    return json.loads((ROOT / "tests/golden" / name).read_text(encoding="utf-8"))
