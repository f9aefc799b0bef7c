"""The times as bars."""

from __future__ import annotations

import textwrap
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from tests.benchmarks.contestants import CONTESTANTS
from tests.benchmarks.measure import Figure, Measurement

OURS, OTHERS = "#c44e52", "#8c9bb0"
TITLES = {
    "train": "training, batch {}",
    "predict": "predict, rows: {}",
    "deep": "deep, batch {}",
    "small": "4-32-16-4, batch {}",
}


def draw(measured: Measurement, caption: str, path: Path) -> None:
    """A panel for each workload, a row of panels for each setting."""
    settings = sorted({f.setting.threads for f in measured.figures})
    workloads = list(dict.fromkeys(f.workload for f in measured.figures))
    names = [n for n in CONTESTANTS if any(f.contestant == n for f in measured.figures)]
    columns = min(4, len(workloads))
    rows = -(-len(workloads) // columns)
    height = 0.21 * len(names) + 0.5  # inches of a panel
    canvas = Canvas(
        figsize=(2.4 * columns + 1.6, len(settings) * (rows * height + 0.4) + 0.8),
        layout="constrained",
    )
    canvas.suptitle("Microseconds a step, or a call of predict: shorter is faster (logarithmic)")
    canvas.supxlabel("\n".join(textwrap.wrap(caption, 130)), fontsize=7, color="#555555")
    parts = canvas.subfigures(len(settings), squeeze=False)
    for part, threads in zip(parts.flat, settings, strict=True):
        label = next(f.setting.name for f in measured.figures if f.setting.threads == threads)
        part.suptitle(label, fontsize=10, fontweight="bold", x=0.01, ha="left")
        panels = part.subplots(rows, columns, squeeze=False, sharey=True)
        for axes in panels.flat[len(workloads) :]:
            axes.set_visible(False)
        for axes, workload in zip(panels.flat, workloads, strict=False):
            figures = [measured.find(name, workload.name, threads) for name in names]
            _panel(axes, figures, names)
            axes.set_title(TITLES[workload.kind].format(f"{workload.batch:,}"), fontsize=9)
    canvas.savefig(path, dpi=130)


def _panel(axes: Axes, figures: list[Figure | None], names: list[str]) -> None:
    times = [None if f is None else 1e6 * f.best for f in figures]
    there = [t for t in times if t is not None]
    if there:
        low, high = 0.5 * min(there), max(there)
        axes.set_xscale("log")
        axes.set_xlim(low, high * (high / low) ** 0.45)  # room for the numbers
    for place, (name, time) in enumerate(zip(names, times, strict=True)):
        color = OURS if name == "tinynet" else OTHERS
        if time is None:
            continue
        axes.barh(place, time - low, left=low, color=color, height=0.72)
        axes.annotate(
            _short(time), (time, place), (3, 0),
            textcoords="offset points", va="center", fontsize=7,
            fontweight="bold" if name == "tinynet" else "normal",
        )  # fmt: skip
    axes.set_yticks(range(len(names)), names, fontsize=8)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.tick_params(axis="both", length=0, which="both")
    axes.set_xticks([])
    axes.set_xticks([], minor=True)
    axes.spines[["top", "right", "bottom"]].set_visible(False)


def _short(microseconds: float) -> str:
    return f"{microseconds:.1f}" if microseconds < 100 else f"{microseconds:,.0f}"
