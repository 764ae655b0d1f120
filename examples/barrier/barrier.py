#!/usr/bin/env python3
"""Revokes a key under load, first while every node runs and then while one is frozen, and shows what nodes answered.

Started by run.sh beside it, which brings a database. Exits with 1 if any node accepted a request that began after the
revocation was answered, and with 2 if the experiment could not be made.
"""

from __future__ import annotations

import argparse
import signal
import sys
import time
from pathlib import Path
from types import FrameType

import timeline
from cluster import API_NODES, VALIDATORS, Cluster, Failure, Key
from findings import Frozen, Scene, report
from probes import Prober, accepts

# How long the nodes are asked before and after.
AROUND = 1.0
# From the freeze to the revocation: less than a lease, or there would be nothing to wait for.
FROZEN_BEFORE = 0.15
# From the answer until the frozen node may go on.
FROZEN_AFTER = 1.0
ACCEPTED_WITHIN = 10.0

NODES = (*API_NODES, *VALIDATORS)
# The node that freezes is one that has its leases from the other API node.
REVOKED_AT, FREEZES = API_NODES[0], VALIDATORS[2]


def revoke(cluster: Cluster, title: str, freezes: str | None = None) -> Scene:
    """Asks all nodes about a key, revokes it, and asks on."""
    key = cluster.create_key(title)
    await_accepted(cluster, key)
    probers = [Prober(name, address, key.secret) for name, address in cluster.addresses().items()]
    time.sleep(AROUND)
    renewed = since = until = 0.0
    if freezes:
        # With a lease that is nearly new it could accept for longest. The next one is not due for half a second.
        renewed = cluster[freezes].await_renewal()
        cluster[freezes].freeze()
        since = time.monotonic()
        time.sleep(FROZEN_BEFORE)
    called = time.monotonic()
    answer = cluster.post(f"{key.path}/revoke", {"reason": "compromised"}, at=REVOKED_AT)
    answered = time.monotonic()
    if freezes:
        time.sleep(FROZEN_AFTER)
        until = time.monotonic()
        cluster[freezes].thaw()
    time.sleep(AROUND)
    probes = [probe for prober in probers for probe in prober.stop()]
    frozen = Frozen(freezes, renewed, since, until) if freezes else None
    return Scene(title, NODES, probes, REVOKED_AT, called, answered, answer["receipt"], frozen)


def await_accepted(cluster: Cluster, key: Key) -> None:
    deadline = time.monotonic() + ACCEPTED_WITHIN
    for name, address in cluster.addresses().items():
        while not accepts(address, key.secret):
            if time.monotonic() > deadline:
                raise Failure(f"{name} does not accept a new key")
            time.sleep(0.01)


def judge(scenes: list[Scene]) -> int:
    """Says whether the revocations were barriers, and gives the exit code."""
    late = [probe for scene in scenes for probe in scene.accepted_after]
    silent = [node for scene in scenes for node in scene.silent]
    asked = sum(probe.began > scene.answered for scene in scenes for probe in scene.probes)
    if late:
        nodes = ", ".join(sorted({probe.node for probe in late}))
        print(
            f"NOT A BARRIER: {len(late)} of {asked:,} requests that began after the answer were accepted, by {nodes}."
        )
        return 1
    if silent:
        raise Failure(f"nothing is shown: {', '.join(silent)} did not accept the key before, or not refuse it after")
    print(f"Of {asked:,} requests that began after a revocation was answered, none was accepted.")
    return 0


def run(arguments: argparse.Namespace) -> int:
    with Cluster(arguments.database, arguments.data) as cluster:
        scenes = []
        for title, freezes in (("Every node runs", None), (f"{FREEZES} is frozen", FREEZES)):
            scenes.append(revoke(cluster, title, freezes))
            print(report(scenes[-1]), end="\n\n", flush=True)
    arguments.svg.write_text(timeline.draw(scenes))
    print(f"The picture: {arguments.svg}")
    return judge(scenes)


def main() -> int:
    parser = argparse.ArgumentParser(prog="run.sh", description=__doc__.splitlines()[0])
    parser.add_argument("--svg", type=Path, default=Path("barrier.svg"), metavar="FILE", help="where the picture goes")
    # Given by run.sh.
    parser.add_argument("--database", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--data", required=True, type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, end)
    # Many threads that mostly wait: whoever has just been answered is to read the clock soon.
    sys.setswitchinterval(0.0005)
    try:
        return run(arguments)
    except Failure as failure:
        print(f"barrier: {failure}", file=sys.stderr)
        return 2


def end(_signal: int, _frame: FrameType | None) -> None:
    raise SystemExit(143)


if __name__ == "__main__":
    sys.exit(main())
