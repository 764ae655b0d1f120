"""What the probes say about a revocation: a table, and whether it was a barrier."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from cluster import Failure
from probes import Outcome, Probe

# How long a validating node may answer from memory after it asked for the right to: `LENGTH` in validator/src/lease.rs.
LEASE = 3.0


@dataclass(frozen=True)
class Frozen:
    """A node that was stopped for a while. Times are readings of `time.monotonic`."""

    node: str
    # By when it had asked for the lease that it held.
    renewed: float
    since: float
    until: float

    @property
    def lease_over(self) -> float:
        """By when its lease had ended."""
        return self.renewed + LEASE


@dataclass(frozen=True)
class Scene:
    """One revocation and what the nodes answered around it."""

    title: str
    nodes: tuple[str, ...]
    probes: list[Probe]
    at: str
    called: float
    answered: float
    receipt: dict[str, Any]
    frozen: Frozen | None = None

    def of(self, node: str) -> list[Probe]:
        return [probe for probe in self.probes if probe.node == node]

    def since_answer(self, time: float) -> float:
        """Milliseconds from the answer to a time."""
        return (time - self.answered) * 1000

    def waited(self, probe: Probe) -> bool:
        """Whether the answer had to wait until the node could go on."""
        frozen = self.frozen
        return frozen is not None and probe.node == frozen.node and probe.began < frozen.until < probe.ended

    @property
    def accepted_after(self) -> list[Probe]:
        """What must not be: a request that began when the revocation had been answered, and was accepted."""
        return [probe for probe in self.probes if probe.outcome is Outcome.ACCEPTED and probe.began > self.answered]

    @property
    def silent(self) -> list[str]:
        """Nodes of which the probes say nothing: they accepted nothing before, or refused nothing after."""
        return [
            node
            for node in self.nodes
            if not any(probe.outcome is Outcome.ACCEPTED for probe in self.of(node))
            or not any(probe.outcome is Outcome.REFUSED and probe.began > self.answered for probe in self.of(node))
        ]


def receipt(scene: Scene) -> str:
    """The receipt in the words of `nexus keys revoke`."""
    said = scene.receipt
    return (
        f"refused by {said['confirmed']} of {said['nodes']} nodes within {said['elapsed_ms']} ms, "
        f"{said['lapsed']} lost their lease; log position {said['position']}"
    )


def report(scene: Scene) -> str:
    """Receipt and table of a revocation."""
    took = (scene.answered - scene.called) * 1000
    lines = [
        scene.title,
        f"  Answered by {scene.at} {milliseconds(took)} after it was asked. Times below count from the answer.",
        f"  Receipt: {receipt(scene)}",
        "",
        *("  " + line for line in table(scene)),
        *frozen_lines(scene),
    ]
    return "\n".join(lines)


def table(scene: Scene) -> list[str]:
    head = ["Node", "Last accept began", "First refusal came", "Asked before", "Asked after", "Accepted after"]
    rows = [head, *(row(scene, node) for node in scene.nodes)]
    widths = [max(len(line[column]) for line in rows) for column in range(len(head))]
    return [
        "  ".join(cell.ljust(width) if column == 0 else cell.rjust(width) for column, (cell, width) in enumerate(cells))
        for cells in (list(zip(line, widths, strict=True)) for line in rows)
    ]


def row(scene: Scene, node: str) -> list[str]:
    probes = scene.of(node)
    accepts = [probe.began for probe in probes if probe.outcome is Outcome.ACCEPTED]
    refusals = [probe.ended for probe in probes if probe.outcome is Outcome.REFUSED]
    after = [probe for probe in probes if probe.began > scene.answered]
    return [
        node,
        milliseconds(scene.since_answer(max(accepts))) if accepts else "never",
        milliseconds(scene.since_answer(min(refusals))) if refusals else "never",
        str(len(probes) - len(after)),
        str(len(after)),
        str(sum(probe.outcome is Outcome.ACCEPTED for probe in after)),
    ]


def frozen_lines(scene: Scene) -> list[str]:
    """What became of the requests that a frozen node could not answer."""
    frozen = scene.frozen
    if frozen is None:
        return []
    since, until, over = (
        milliseconds(scene.since_answer(time)) for time in (frozen.since, frozen.until, frozen.lease_over)
    )
    waited = [probe for probe in scene.probes if scene.waited(probe)]
    first = min(waited, key=lambda probe: probe.ended, default=None)
    if first is None:
        raise Failure(f"nobody asked {frozen.node} while it stood still")
    stale = [probe for probe in waited if probe.began > scene.answered]
    return [
        "",
        f"  {frozen.node} stood still from {since} to {until}; its lease had ended by {over}.",
        f"  Its first answer afterwards, {milliseconds((first.ended - frozen.until) * 1000)} later: {first.answer}.",
        f"  {len(waited)} requests waited for it, {len(stale)} of them from after the answer: {tally(waited)}.",
    ]


def tally(probes: Iterable[Probe]) -> str:
    outcomes = [probe.outcome for probe in probes]
    counts = {outcome: outcomes.count(outcome) for outcome in Outcome}
    return ", ".join(f"{count} {outcome.value}" for outcome, count in counts.items() if count)


def milliseconds(time: float) -> str:
    digits = 1 if abs(time) < 100 else 0
    return f"{time:,.{digits}f} ms"
