"""Measure tinynet beside what people would use instead.

    python -m tests.benchmarks                        everything
    python -m tests.benchmarks --quick                a first look
    python -m tests.benchmarks --only tinynet,PyTorch --workloads "train 1,train 8"
    python -m tests.benchmarks --other ../before --only tinynet     two checkouts of tinynet

What is not installed is left out by name; `pip install -e ".[bench]"` brings it all. Times mean
something only while nothing else runs on the machine. README.md beside this file explains the
tables.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Callable, Collection, Sequence
from pathlib import Path

from tests.benchmarks import report
from tests.benchmarks.contestants import CONTESTANTS, OTHER
from tests.benchmarks.measure import Measurement, measure, say
from tests.benchmarks.processes import Run, import_times, main_job
from tests.benchmarks.setting import Setting
from tests.benchmarks.targets import targets
from tests.benchmarks.workloads import WORKLOADS, prepare_data

IMPORTS, MAIN_JOB = "imports", "main job"  # whole processes, measured after the workloads


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the program."""
    options = _parser().parse_args(arguments)
    measured, imports, runs = _measure(options)
    head = report.header(measured, options.other)
    found = targets(measured, imports, [] if options.quick else runs)
    print("\n".join(report.lines(head, measured, imports, runs, found)))
    if options.json:
        answer = report.to_json(head, measured, imports, runs, found)
        options.json.write_text(json.dumps(answer, indent=1) + "\n")
    if options.plot and measured.figures:
        from tests.benchmarks.plot import draw

        caption = f"{head['date'][:10]}, {head['processor']}, {', '.join(head['versions'])}"
        draw(measured, caption, options.plot)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    rivals = [name for name in CONTESTANTS if name != OTHER]
    work = [*(w.name for w in WORKLOADS), IMPORTS, MAIN_JOB]
    add("--only", type=_names(rivals), default=rivals, metavar="NAME,...",
        help=f"contestants, by the start of their names ({'; '.join(rivals)})")  # fmt: skip
    add("--other", type=_checkout, metavar="FOLDER",
        help=f'another checkout of tinynet, listed as "{OTHER}"')  # fmt: skip
    add("--workloads", type=_names(work), default=work, metavar="NAME,...",
        help=f"pieces of work, by the start of their names ({'; '.join(work)})")  # fmt: skip
    add("--threads", type=int, nargs="+", default=[1, 2], help="cores and BLAS threads (1 2)")
    add("--repeat", type=int, metavar="N", help="rounds (15, with --quick 3)")
    add("--quick", action="store_true", help="short turns, one epoch of the main job")
    add("--json", type=Path, metavar="FILE", help="write every single time to this file")
    add("--plot", type=Path, metavar="FILE", help="draw the times as bars into this file")
    return parser


def _measure(
    options: argparse.Namespace,
) -> tuple[Measurement, dict[str, tuple[float, float]], list[Run]]:
    """The workloads, the imports and the main job, as far as they are asked for."""
    rounds = options.repeat or (3 if options.quick else 15)
    seconds, epochs, jobs = (0.03, 1, 1) if options.quick else (0.15, 10, 3)
    wanted = {*options.only, *([OTHER] if options.other else [])}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        prepare_data(folder)
        measured = measure(
            [w for w in WORKLOADS if w.name in options.workloads],
            [name for name in CONTESTANTS if name in wanted],
            [Setting(threads) for threads in options.threads],
            rounds,
            seconds,
            folder,
            options.other,
        )
        imports: dict[str, tuple[float, float]] = {}
        if IMPORTS in options.workloads:
            imports = import_times(rounds, options.other, say)
        runs: list[Run] = []
        if MAIN_JOB in options.workloads:
            runs, missing = main_job(folder, epochs, jobs, options.other, say)
            if missing:
                measured.left_out["main job in C"] = missing
    say("")
    return measured, imports, runs


def _names(known: Collection[str]) -> Callable[[str], list[str]]:
    """A parser of names, each of which may be the start of several."""

    def parse(text: str) -> list[str]:
        wanted = []
        for start in text.lower().split(";" if ";" in text else ","):
            exact = [name for name in known if name.lower() == start.strip()]
            found = exact or [name for name in known if name.lower().startswith(start.strip())]
            if not found:
                names = "; ".join(known)
                raise argparse.ArgumentTypeError(f"{start.strip()!r} is none of {names}")
            wanted += found
        return [name for name in known if name in wanted]

    return parse


def _checkout(text: str) -> Path:
    """A folder that holds the package."""
    folder = Path(text).resolve()
    if not (folder / "tinynet" / "__init__.py").exists():
        raise argparse.ArgumentTypeError(f"{text} has no tinynet/__init__.py: name its root folder")
    return folder


if __name__ == "__main__":
    main()
