"""Pictures of training."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import cycle
from typing import Any

from numpy.typing import ArrayLike

from tinynet.plot.drawing import BLUE, GREEN, ORANGE, PURPLE, VERMILION, Axes, as_series, axes_for
from tinynet.training.history import History
from tinynet.types import Array


def learning_curve(
    loss: ArrayLike,
    *,
    accuracy: ArrayLike | None = None,
    ax: Axes | None = None,
    **more: ArrayLike,
) -> Axes:
    """Draw the loss of each epoch, and the accuracy on a second scale on the right.

    Args:
        loss: one number for each epoch.
        accuracy: shares from 0 to 1, one for each epoch.
        more: further losses by name, for instance `validation_loss=...`.

    Raises:
        ValueError: there are no epochs, the lengths differ, or an accuracy is outside 0 to 1.

    Example:
        >>> from matplotlib.figure import Figure
        >>> ax = learning_curve([0.04, 0.02], accuracy=[0.9, 0.95], ax=Figure().subplots())
        >>> ax.get_xlabel(), ax.get_ylabel()
        ('Epoch', 'Loss')
    """
    losses = {"loss": as_series("loss", loss)}
    epochs = len(losses["loss"])
    losses |= {name: as_series(name, values, epochs) for name, values in more.items()}
    shares = {} if accuracy is None else {"accuracy": as_series("accuracy", accuracy, epochs)}
    for share in shares.values():
        if ((share < 0) | (share > 1)).any():
            raise ValueError(
                f"accuracy must be 0 to 1, got {share.min():g} to {share.max():g}. Divide a "
                "percentage by 100."
            )
    return _curves(ax, losses, shares, best=None)


def history(history: History, *, ax: Axes | None = None) -> Axes:
    """Draw the history that `fit` returns: the losses, and all accuracies on a second scale.

    Accuracies are the columns whose names end in "accuracy", such as "validation_accuracy". If
    there is a validation loss, a dotted line marks the best epoch.

    Raises:
        TypeError: it is not a History but, for instance, a list of losses.
        ValueError: there are no epochs, or there is no loss.

    Example:
        >>> from matplotlib.figure import Figure
        >>> from tinynet import History
        >>> run = History({"loss": [0.5, 0.3], "validation_loss": [0.5, 0.4]})
        >>> ax = history(run, ax=Figure().subplots())
        >>> ax.get_title()
        'Learning curve, best epoch 2'
    """
    if not isinstance(history, History):
        raise TypeError(
            f"plot.history needs the History that fit returns; got {type(history).__name__}. "
            f"For a list of numbers, call plot.learning_curve(losses)."
        )
    if not history.epochs:
        raise ValueError("the history has no epochs; plot.history needs at least one")
    losses = {name: history[name] for name in ("loss", "validation_loss") if name in history}
    if not losses:
        raise ValueError(f"the history has no column 'loss', only {', '.join(history.names)}")
    shares = {name: history[name] for name in history.names if name.endswith("accuracy")}
    return _curves(ax, losses, shares, history.best_epoch if "validation_loss" in losses else None)


def _curves(
    ax: Axes | None, losses: Mapping[str, Array], shares: Mapping[str, Array], best: int | None
) -> Axes:
    """Losses on the left scale, shares from 0 to 1 on the right one, and a line at `best`."""
    ax = axes_for(ax, (6.4, 4.0))  # says what to install without Matplotlib
    from matplotlib.ticker import MaxNLocator

    lines = _draw(ax, losses, "-", (BLUE, "o"), (GREEN, "s"), (PURPLE, "v"), (ORANGE, "^"))
    title, pad = "Learning curve", None
    if best is not None:
        title += f", best epoch {best}"
        ax.axvline(best, color="#666666", ls=":", lw=1.2, zorder=0)
    ax.set(xlabel="Epoch", ylabel="Loss")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    ax.grid(axis="y", alpha=0.3)
    ax.spines["top"].set_visible(False)
    if shares:
        right = ax.twinx()
        lines += _draw(right, shares, "--", (VERMILION, "D"), (PURPLE, "P"))
        right.set_ylabel("Accuracy")
        right.yaxis.set_major_formatter(lambda share, _: f"{100 * share:g} %")
        right.spines["top"].set_visible(False)
    if len(lines) > 1:
        # below the title and above the curves, where it can hide none of them
        columns = min(len(lines), 3)
        ax.legend(handles=lines, loc="lower center", bbox_to_anchor=(0.5, 1), ncols=columns)
        pad = 30 if len(lines) <= 3 else 48  # in points: room for one or two lines of the legend
    ax.set_title(title, pad=pad)
    return ax


def _draw(ax: Any, columns: Mapping[str, Array], line: str, *styles: tuple[str, str]) -> list[Any]:
    """One line for each column, in one of the styles, each a colour and a marker."""
    lines = []
    for (name, values), (color, marker) in zip(columns.items(), cycle(styles), strict=False):
        options = {"ls": line, "color": color, "marker": marker, "markersize": 4}
        options["markevery"] = max(1, len(values) // 25)  # closer, they would hide the line
        options["label"] = name.replace("_", " ").capitalize()
        lines += ax.plot(range(1, len(values) + 1), values, **options)
    return lines
