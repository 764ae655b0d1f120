"""The picture: a panel for each revocation, in it a lane for each node. SVG 1.1 without anything from outside."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from findings import Frozen, Scene, milliseconds, receipt
from probes import PATIENCE, Outcome, Probe

WIDTH, MARGIN = 760, 16
LEFT, RIGHT = 112, 730
HEADER, PANEL_HEAD, AXIS, BETWEEN = 84, 68, 26, 28
LANE, CAPTION, BAR = 28, 15, 9

# Axes longer than this, in milliseconds, are labelled in seconds.
SECONDS_FROM = 1000
# Bars this close become one, and none is thinner than a pixel and a half.
JOINED, THINNEST = 1.2, 1.6

STYLE = """
text { font: 13px system-ui, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; fill: #1d2530 }
.title { font-size: 17px; font-weight: 650 } .panel-title { font-size: 15px; font-weight: 650 }
.quiet { fill: #56616f; font-size: 12px } .end { text-anchor: end } .middle { text-anchor: middle }
.paper { fill: #ffffff } .rule { stroke: #d5dae1 } .line { stroke: #56616f }
.accepted { fill: #16794a } .refused { fill: #c2410c } .untold { fill: #7a6a12 }
.wait { stroke-width: 1.5; fill: none } .wait.accepted { stroke: #16794a } .wait.refused { stroke: #c2410c }
.wait.untold { stroke: #7a6a12 } .frozen { fill: #3f62d6; fill-opacity: .14 }
.lease { stroke: #3f62d6; stroke-width: 1.5; stroke-dasharray: 3 2 } .caption { fill: #2f4db0; font-size: 12px }
.called { stroke: #1d2530; stroke-dasharray: 4 3 } .answered { stroke: #1d2530; stroke-width: 2 }
@media (prefers-color-scheme: dark) {
text { fill: #e7ebf0 } .quiet { fill: #9aa5b3 } .paper { fill: #14181f }
.rule { stroke: #2e3641 } .line { stroke: #9aa5b3 }
.accepted { fill: #45c486 } .refused { fill: #ff8d5c } .untold { fill: #d6c04a }
.wait.accepted { stroke: #45c486 } .wait.refused { stroke: #ff8d5c } .wait.untold { stroke: #d6c04a }
.wait { fill: none } .frozen { fill: #7c98ff; fill-opacity: .2 } .lease { stroke: #9db1ff } .caption { fill: #b4c3ff }
.called, .answered { stroke: #e7ebf0 }
}
"""


@dataclass(frozen=True)
class Scale:
    """Where times, in milliseconds from the answer, stand on the page."""

    first: float
    last: float

    def __call__(self, time: float) -> float:
        shown = min(max(time, self.first), self.last)
        return LEFT + (shown - self.first) / (self.last - self.first) * (RIGHT - LEFT)

    def shows(self, probe_began: float, probe_ended: float) -> bool:
        return probe_ended >= self.first and probe_began <= self.last

    def ticks(self) -> Iterable[float]:
        """Round times, six to twelve of them."""
        rough = (self.last - self.first) / 8
        unit = 10.0 ** math.floor(math.log10(rough))
        step = next(factor * unit for factor in (1, 2, 5, 10) if factor * unit >= rough)
        return (number * step for number in range(math.ceil(self.first / step), math.floor(self.last / step) + 1))


def draw(scenes: list[Scene]) -> str:
    """The whole picture."""
    heights = [PANEL_HEAD + sum(lane_height(scene, node) for node in scene.nodes) + AXIS for scene in scenes]
    height = HEADER + sum(heights) + BETWEEN * len(scenes) - BETWEEN // 2
    root = Element("svg", xmlns="http://www.w3.org/2000/svg", viewBox=f"0 0 {WIDTH} {height}", role="img")
    # Its own size where there is room, and no wider than what it stands in.
    root.set("width", str(WIDTH))
    root.set("style", "max-width: 100%; height: auto")
    add(root, "title", "What every node answered about a key before and after its revocation")
    add(root, "desc", " ".join(f"{scene.title}: {receipt(scene)}." for scene in scenes))
    add(root, "style", STYLE)
    add(root, "rect", cls="paper", width=WIDTH, height=height)
    add(root, "text", "A key is revoked while all nodes are asked about it", cls="title", x=MARGIN, y=30)
    legend(root, scenes)
    top = float(HEADER)
    for number, (scene, tall) in enumerate(zip(scenes, heights, strict=True)):
        panel(add(root, "g", id=f"panel-{number + 1}"), scene, top)
        top += tall + BETWEEN
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode") + "\n"


def legend(root: Element, scenes: list[Scene]) -> None:
    group = add(root, "g", id="legend")
    there = {probe.outcome for scene in scenes for probe in scene.probes}
    entries = [
        (Outcome.ACCEPTED, "accepted", 78.0),
        (Outcome.REFUSED, "refused", 70.0),
        (Outcome.UNTOLD, "cannot tell", 94.0),
    ]
    x = float(MARGIN)
    for outcome, words, width in entries:
        if outcome in there:
            add(group, "rect", cls=outcome.value, x=x, y=above(56, outcome), width=14, height=BAR)
            add(group, "text", words, cls="quiet", x=x + 20, y=60)
            x += width + 12
    if any(scene.frozen for scene in scenes):
        add(group, "path", cls="wait refused", d=waiting(x, x + 26, 56, Outcome.REFUSED))
        add(group, "rect", cls="refused", x=x + 25, y=above(56, Outcome.REFUSED), width=3, height=BAR)
        add(group, "text", "asked at the ticks, answered at the end", cls="quiet", x=x + 36, y=60)
        x += 36 + 256
        add(group, "rect", cls="frozen", x=x, y=48, width=20, height=16)
        add(group, "text", "the process stands still", cls="quiet", x=x + 26, y=60)


def panel(group: Element, scene: Scene, top: float) -> None:
    scale = window(scene)
    took = milliseconds((scene.answered - scene.called) * 1000)
    title = f"{scene.title}: the revocation is answered after {took}"
    add(group, "text", title, cls="panel-title", x=MARGIN, y=top + 16)
    add(group, "text", f"Receipt: {receipt(scene)}", cls="quiet", x=MARGIN, y=top + 34)
    lanes_top = y = top + PANEL_HEAD
    add(group, "line", cls="rule", x1=MARGIN, x2=RIGHT, y1=y, y2=y)
    for node in scene.nodes:
        lane(add(group, "g", cls="lane", data_node=node), scene, node, scale, y)
        y += lane_height(scene, node)
        add(group, "line", cls="rule", x1=MARGIN, x2=RIGHT, y1=y, y2=y)
    axis(group, scale, y)
    called, answered = scale(scene.since_answer(scene.called)), scale(0)
    for x, cls in ((called, "called"), (answered, "answered")):
        add(group, "line", cls=cls, x1=x, x2=x, y1=lanes_top - 18, y2=y)
    # Away from each other: they may be close.
    add(group, "text", f"revoke called at {scene.at}", cls="quiet end", x=called - 5, y=lanes_top - 8)
    add(group, "text", "answered", cls="quiet", x=answered + 6, y=lanes_top - 8)


def window(scene: Scene) -> Scale:
    """Everything that happened, and as much around it as shows what was before and after."""
    called = scene.since_answer(scene.called)
    if scene.frozen is None:
        around = max(40.0, -called / 2)
        return Scale(called - around, around * 1.5)
    return Scale(scene.since_answer(scene.frozen.since) - 500, scene.since_answer(scene.frozen.until) + 700)


def lane(group: Element, scene: Scene, node: str, scale: Scale, top: float) -> None:
    frozen = scene.frozen if scene.frozen and scene.frozen.node == node else None
    middle = top + lane_height(scene, node) - LANE / 2
    if frozen:
        still(group, scene, frozen, scale, top)
    add(group, "text", node, x=MARGIN, y=middle + 4.5)
    add(group, "line", cls="rule", x1=LEFT, x2=RIGHT, y1=middle, y2=middle)
    for outcome in Outcome:
        answers(group, scene, [probe for probe in scene.of(node) if probe.outcome is outcome], scale, middle)


def still(group: Element, scene: Scene, frozen: Frozen, scale: Scale, top: float) -> None:
    since, until, over = (scale(scene.since_answer(time)) for time in (frozen.since, frozen.until, frozen.lease_over))
    height = lane_height(scene, frozen.node)
    add(group, "rect", cls="frozen", x=since, y=top, width=until - since, height=height)
    # Not under the line of the call.
    beside = max(since, scale(scene.since_answer(scene.called)))
    add(group, "text", "frozen", cls="caption", x=beside + 5, y=top + 14)
    if frozen.lease_over < frozen.until:
        add(group, "line", cls="lease", x1=over, x2=over, y1=top, y2=top + height)
        add(group, "text", "its lease ends", cls="caption end", x=over - 5, y=top + 14)


def answers(group: Element, scene: Scene, probes: list[Probe], scale: Scale, middle: float) -> None:
    """The bars of one outcome, and the lines of what was asked and answered only much later."""
    if not probes:
        return
    outcome = probes[0].outcome
    bars, waits = [], []
    for probe in probes:
        began, ended = scene.since_answer(probe.began), scene.since_answer(probe.ended)
        if not scale.shows(began, ended):
            continue
        if scene.waited(probe) or probe.ended - probe.began > PATIENCE:
            waits.append(waiting(scale(began), scale(ended), middle, outcome))
            began = ended
        first = min(scale(began), RIGHT - THINNEST)
        bars.append((first, max(scale(ended), first + THINNEST)))
    for path in waits:
        add(group, "path", cls=f"wait {outcome.value}", d=path)
    for first, last in joined(bars):
        add(group, "rect", cls=outcome.value, x=first, y=above(middle, outcome), width=last - first, height=BAR)


def joined(bars: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Bars in order, those that touch as one."""
    runs: list[tuple[float, float]] = []
    for first, last in sorted(bars):
        if runs and first - runs[-1][1] < JOINED:
            runs[-1] = (runs[-1][0], max(last, runs[-1][1]))
        else:
            runs.append((first, last))
    return runs


def above(middle: float, outcome: Outcome) -> float:
    """Where a bar begins: accepts stand on the line and all else hangs from it, for those who see no colours."""
    return middle - BAR if outcome is Outcome.ACCEPTED else middle


def waiting(began: float, ended: float, middle: float, outcome: Outcome) -> str:
    """From a tick, where it was asked, to its answer."""
    y = above(middle, outcome) + BAR / 2
    return f"M{began:.1f} {y - 3:.1f}v6m0 -3H{ended:.1f}"


def axis(group: Element, scale: Scale, y: float) -> None:
    for tick in scale.ticks():
        x = scale(tick)
        add(group, "line", cls="line", x1=x, x2=x, y1=y, y2=y + 4)
        add(group, "text", time_label(tick, scale), cls="quiet middle", x=x, y=y + 18)


def time_label(time: float, scale: Scale) -> str:
    in_seconds = scale.last - scale.first > SECONDS_FROM
    number = f"{time / 1000:.3g} s" if in_seconds else f"{time:.3g} ms"
    return number.replace("-", "\N{MINUS SIGN}") if time else "0"


def lane_height(scene: Scene, node: str) -> float:
    captioned = scene.frozen is not None and scene.frozen.node == node
    return LANE + CAPTION if captioned else LANE


def add(
    parent: Element, tag: str, text: str | None = None, cls: str | None = None, **attributes: str | float
) -> Element:
    """A new element. `data_node=…` becomes `data-node`, and numbers are written short."""
    written = {"class": cls} if cls else {}
    for name, value in attributes.items():
        number = value if isinstance(value, str) else f"{value:.1f}".removesuffix(".0")
        written[name.replace("_", "-")] = number
    element = ElementTree.SubElement(parent, tag, written)
    element.text = text
    return element
