"""Asking nodes whether they accept a key, again and again, with the times before and after each question."""

from __future__ import annotations

import enum
import json
import select
import socket
import threading
import time
from dataclasses import dataclass

from cluster import Address

# Between two questions to the same node.
PAUSE = 0.003
# A question that takes longer is left to another thread, and the next one is asked beside it.
PATIENCE = 0.1
# How long such a question is waited for.
ANSWERS_WITHIN = 20.0


class Outcome(enum.Enum):
    """What an answer means for the key."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    # 503, or no answer at all: no refusal of the key, and no request gets through either.
    UNTOLD = "untold"


@dataclass(frozen=True, slots=True)
class Probe:
    """One question and its answer. Times are readings of `time.monotonic`."""

    node: str
    began: float
    ended: float
    outcome: Outcome
    answer: str


class Connection:
    """A connection that is kept, as a gateway would."""

    def __init__(self, address: Address, secret: str) -> None:
        self._socket = socket.create_connection(address, ANSWERS_WITHIN)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        host = f"{address[0]}:{address[1]}"
        request = f"GET /v1/forward-auth/nexus HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {secret}\r\n\r\n"
        self._request = request.encode()

    def ask(self) -> None:
        self._socket.sendall(self._request)

    def is_answered(self, within: float) -> bool:
        return bool(select.select([self._socket], [], [], within)[0])

    def answer(self) -> tuple[Outcome, str]:
        """The outcome, and the answer in a few words."""
        received = b""
        while (end := received.find(b"\r\n\r\n")) < 0:
            received += self._receive()
        head, body = received[:end].decode("latin-1"), received[end + 4 :]
        status, *headers = head.split("\r\n")
        fields = dict(line.lower().split(":", 1) for line in headers)
        length = int(fields.get("content-length", 0))
        while len(body) < length:
            body += self._receive()
        code = int(status.split(" ")[1])
        if code == 200:
            return Outcome.ACCEPTED, "200"
        outcome = Outcome.REFUSED if code in (401, 403) else Outcome.UNTOLD
        return outcome, f"{code} {json.loads(body)['error']['code']}"

    def close(self) -> None:
        self._socket.close()

    def _receive(self) -> bytes:
        received = self._socket.recv(4096)
        if not received:
            raise ConnectionError("the node closed the connection")
        return received


class Prober:
    """Asks one node without end, on a thread of its own."""

    def __init__(self, node: str, address: Address, secret: str) -> None:
        self._node, self._address, self._secret = node, address, secret
        self._probes: list[Probe] = []
        self._late: list[threading.Thread] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def stop(self) -> list[Probe]:
        """Every probe, in the order in which they began. Waits for those that are under way."""
        self._stop.set()
        self._thread.join()
        for late in self._late:
            late.join()
        return sorted(self._probes, key=lambda probe: probe.began)

    def _run(self) -> None:
        connection: Connection | None = None
        while not self._stop.wait(PAUSE):
            began = time.monotonic()
            try:
                if connection is None:
                    connection = Connection(self._address, self._secret)
                    # A request has not begun while there is no connection that it could arrive on.
                    began = time.monotonic()
                connection.ask()
                answered = connection.is_answered(PATIENCE)
            except OSError as error:
                self._note(began, Outcome.UNTOLD, str(error))
                connection = None
                continue
            if answered:
                connection = self._take(began, connection)
            else:
                late = threading.Thread(target=self._wait_for, args=(began, connection), daemon=True)
                late.start()
                self._late.append(late)
                connection = None
        if connection is not None:
            connection.close()

    def _wait_for(self, began: float, connection: Connection) -> None:
        if self._take(began, connection) is not None:
            connection.close()

    def _take(self, began: float, connection: Connection) -> Connection | None:
        """Notes the answer, and gives the connection back where it can be used again."""
        try:
            outcome, answer = connection.answer()
        except OSError as error:
            connection.close()
            self._note(began, Outcome.UNTOLD, str(error))
            return None
        self._note(began, outcome, answer)
        return connection

    def _note(self, began: float, outcome: Outcome, answer: str) -> None:
        self._probes.append(Probe(self._node, began, time.monotonic(), outcome, answer))


def accepts(address: Address, secret: str) -> bool:
    """Whether a node accepts the key just now."""
    connection = Connection(address, secret)
    try:
        connection.ask()
        return connection.answer()[0] is Outcome.ACCEPTED
    finally:
        connection.close()
