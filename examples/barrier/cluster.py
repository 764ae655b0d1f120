"""Two API nodes and four validators as processes of their own, and the few requests that are made to manage them."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import subprocess
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self, TypeVar

API_NODES = ("api-1", "api-2")
VALIDATORS = ("validator-1", "validator-2", "validator-3", "validator-4")
# The tenant that holds management credentials.
PLATFORM = "00000000-0000-7000-8000-000000000001"

READY_WITHIN = 60.0
ENDS_WITHIN = 20.0
ANSWERS_WITHIN = 30.0
RENEWALS = "nexus_lease_renewals_total"
LOOK_EVERY = 0.01
FIRST_CREDENTIAL = "First management credential, shown this once: "

Address = tuple[str, int]
Found = TypeVar("Found")


class Failure(Exception):
    """The experiment cannot be made. Its text says why."""


class Server:
    """A `nexus` process with a folder of its own. It listens on a port that the system chose."""

    def __init__(self, name: str, command: str, settings: dict[str, str], folder: Path) -> None:
        self.name = name
        folder.mkdir(parents=True)
        self._log, self._printed = folder / "log", folder / "stdout"
        # Nothing that happens to be set in the caller's environment is to change the experiment.
        variables = {key: value for key, value in os.environ.items() if not key.startswith("NEXUS_")}
        settings = {"server.listen": "127.0.0.1:0", "node.data": str(folder / "data"), **settings}
        for setting, value in settings.items():
            variables["NEXUS__" + setting.upper().replace(".", "__")] = value
        with self._log.open("wb") as log, self._printed.open("wb") as printed:
            self._process = subprocess.Popen(
                [os.environ["NEXUS_BIN"], command],
                cwd=folder,
                env=variables,
                stdin=subprocess.DEVNULL,
                stdout=printed,
                stderr=log,
            )
        self._address: Address | None = None

    @property
    def address(self) -> Address:
        """Where it listens, once it is ready."""
        if self._address is None:
            self._address = self._await(self._ready)
        return self._address

    @property
    def url(self) -> str:
        host, port = self.address
        return f"http://{host}:{port}"

    def first_credential(self) -> str:
        """What the first API node prints at its first start."""
        return self._await(self._credential)

    def await_renewal(self) -> float:
        """Waits until a validator has renewed its lease, and gives a time by which it had asked for it."""
        before = self._renewals()
        return self._await(lambda: time.monotonic() if self._renewals() > before else None, LOOK_EVERY)

    def freeze(self) -> None:
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def stop(self) -> None:
        if self._process.poll() is None:
            # What is frozen would not notice that it is to end.
            self.thaw()
            self._process.terminate()

    def join(self) -> None:
        try:
            self._process.wait(ENDS_WITHIN)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _renewals(self) -> float:
        with urllib.request.urlopen(f"{self.url}/metrics", timeout=ANSWERS_WITHIN) as metrics:
            for line in metrics.read().decode().splitlines():
                if line.startswith(RENEWALS):
                    return float(line.rpartition(" ")[2])
        raise Failure(f"{self.name} does not tell how often it renewed its lease")

    def _await(self, look: Callable[[], Found | None], every: float = 0.05) -> Found:
        deadline = time.monotonic() + READY_WITHIN
        while (found := look()) is None:
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise Failure(f"{self.name} is not ready; its log:\n{self._log.read_text(errors='replace')}")
            time.sleep(every)
        return found

    def _ready(self) -> Address | None:
        for line in self._log.read_text(errors="replace").splitlines():
            with contextlib.suppress(ValueError):
                entry = json.loads(line)
                if entry.get("message") == "ready":
                    host, _, port = entry["address"].rpartition(":")
                    return host, int(port)
        return None

    def _credential(self) -> str | None:
        for line in self._printed.read_text().splitlines():
            if line.startswith(FIRST_CREDENTIAL):
                return line.removeprefix(FIRST_CREDENTIAL)
        return None


class Key:
    """A key of the tenant that the experiment made."""

    def __init__(self, tenant: str, answer: dict[str, Any]) -> None:
        self.secret: str = answer["secret"]
        self.path = f"/v1/tenants/{tenant}/keys/{answer['key']['id']}"


class Cluster:
    """All six. Ended, newest first, at the end of a `with`."""

    def __init__(self, database: str, folder: Path) -> None:
        self._servers: dict[str, Server] = {}
        try:
            self._start(database, folder)
        except BaseException:
            self.stop()
            raise

    def _start(self, database: str, folder: Path) -> None:
        settings = {"database.url": database, "security.master_key_file": str(folder / "nexus.key")}
        for name in API_NODES:
            # One after the other: the first brings the schema and makes the master key.
            self._servers[name] = Server(name, "serve", settings, folder / name)
            _ = self._servers[name].address
        self._admin = self._servers[API_NODES[0]].first_credential()
        self._tenant = self.post("/v1/tenants", {"name": "Barrier", "dialect": "nexus"})["id"]
        node = {"name": "The validators", "scopes": ["nodes:connect"]}
        credential = self.post(f"/v1/tenants/{PLATFORM}/keys", node)["secret"]
        urls = [self._servers[name].url for name in API_NODES]
        for number, name in enumerate(VALIDATORS):
            # Each knows both API nodes. Two name the one first, two the other.
            order = urls if number < len(VALIDATORS) // 2 else urls[::-1]
            settings = {"control.urls": ",".join(order), "control.credential": credential}
            self._servers[name] = Server(name, "validator", settings, folder / name)
        for name in VALIDATORS:
            _ = self._servers[name].address

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def __getitem__(self, name: str) -> Server:
        return self._servers[name]

    def addresses(self) -> dict[str, Address]:
        """Where each node is asked."""
        return {name: server.address for name, server in self._servers.items()}

    def create_key(self, name: str) -> Key:
        return Key(self._tenant, self.post(f"/v1/tenants/{self._tenant}/keys", {"name": name}))

    def post(self, path: str, body: dict[str, Any], at: str = API_NODES[0]) -> dict[str, Any]:
        """Makes a request of an API node, which must succeed."""
        connection = http.client.HTTPConnection(*self._servers[at].address, timeout=ANSWERS_WITHIN)
        headers = {"authorization": f"Bearer {self._admin}", "content-type": "application/json"}
        try:
            connection.request("POST", path, json.dumps(body), headers)
            response = connection.getresponse()
            text = response.read()
        except OSError as error:
            raise Failure(f"{at} did not answer POST {path}: {error}") from error
        finally:
            connection.close()
        if response.status not in (200, 201):
            raise Failure(f"{at} answered POST {path} with {response.status}: {text.decode(errors='replace')}")
        answer: dict[str, Any] = json.loads(text)
        return answer

    def stop(self) -> None:
        """Validators first: they hand over what is left of usage."""
        servers = list(self._servers.values())[::-1]
        for server in servers:
            server.stop()
        for server in servers:
            server.join()
