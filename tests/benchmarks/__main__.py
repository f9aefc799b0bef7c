"""Measure tinynet beside what people would use instead.

    python -m tests.benchmarks                        everything
    python -m tests.benchmarks --quick                a first look in about a minute
    python -m tests.benchmarks --only tinynet,PyTorch --workloads "train 1,train 8"

What is not installed is left out by name; `pip install -e ".[bench]"` brings it all. Times mean
something only while nothing else runs on the machine.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from tests.benchmarks import report
from tests.benchmarks.contestants import CONTESTANTS
from tests.benchmarks.measure import measure, say
from tests.benchmarks.setting import Setting
from tests.benchmarks.targets import targets
from tests.benchmarks.whole import Run, import_times, main_job
from tests.benchmarks.work import WORKLOADS, prepare_data

ALONE = ("imports", "main job")  # whole processes, measured after the rest


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the program."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    every = [*(w.name for w in WORKLOADS), *ALONE]
    add("--only", type=_names(CONTESTANTS), default=list(CONTESTANTS), metavar="NAME,...",
        help=f"contestants, by the start of their names ({'; '.join(CONTESTANTS)})")  # fmt: skip
    add("--workloads", type=_names(every), default=every, metavar="NAME,...",
        help=f"pieces of work, by the start of their names ({'; '.join(every)})")  # fmt: skip
    add("--threads", type=int, nargs="+", default=[1, 2], help="cores and BLAS threads (1 2)")
    add("--repeat", type=int, metavar="N", help="rounds (15, with --quick 3)")
    add("--quick", action="store_true", help="short turns, one epoch of the main job")
    add("--json", type=Path, metavar="FILE", help="write every single figure there")
    add("--plot", type=Path, metavar="FILE", help="draw the picture there")
    options = parser.parse_args(arguments)
    rounds = options.repeat or (3 if options.quick else 15)
    seconds, epochs, jobs = (0.03, 1, 1) if options.quick else (0.15, 10, 3)

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        prepare_data(folder)
        measured = measure(
            [w for w in WORKLOADS if w.name in options.workloads],
            options.only,
            [Setting(threads) for threads in options.threads],
            rounds,
            seconds,
            folder,
        )
        imports = import_times(rounds, say) if "imports" in options.workloads else {}
        runs: list[Run] = []
        missing = ""
        if "main job" in options.workloads:
            runs, missing = main_job(folder, epochs, jobs, say)
    say("")
    if missing:
        measured.left_out["main job in C"] = missing
    head = report.header(measured)
    found = targets(measured, imports, [] if options.quick else runs)
    print("\n".join(report.lines(head, measured, imports, runs, found)))
    if options.json:
        answer = report.to_json(head, measured, imports, runs, found)
        options.json.write_text(json.dumps(answer, indent=1) + "\n")
    if options.plot and measured.figures:
        from tests.benchmarks.picture import draw

        caption = f"{head['date'][:10]}, {head['processor']}, {', '.join(head['versions'])}"
        draw(measured, caption, options.plot)


def _names(known: Iterable[str]) -> Callable[[str], list[str]]:
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


if __name__ == "__main__":
    main()
