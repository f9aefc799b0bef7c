"""`fit`: training with everything around it."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from tinynet.checks import positive_int, random_generator
from tinynet.errors import DivergenceError
from tinynet.layers import Layer
from tinynet.losses import Loss
from tinynet.optimizers import Optimizer
from tinynet.persistence.atomic import check_target
from tinynet.training.checkpoints import Reached, Run
from tinynet.training.evaluation import Metrics, evaluate, named_metrics
from tinynet.training.history import History
from tinynet.training.interrupts import Interrupts
from tinynet.training.loop import Epoch, train
from tinynet.training.progress import KINDS, Progress, reporting
from tinynet.types import Array, Rng

__all__ = ["fit"]


def fit(
    net: Layer,
    loss: Loss,
    optimizer: Optimizer,
    x: Array,
    t: Array,
    *,
    epochs: int,
    batch_size: int = 1,
    shuffle: bool = True,
    validation: tuple[Array, Array] | None = None,
    metrics: Metrics = (),
    patience: int | None = None,
    progress: Progress = "auto",
    checkpoint: str | os.PathLike[str] | None = None,
    resume: bool = False,
    rng: Rng = None,
) -> History:
    """Train the network, look at it after each epoch, and tell what happened.

    Training is that of `tinynet.train`; this adds validation, early stopping, progress and
    checkpoints. Ctrl-C lets the epoch come to its end, writes the checkpoint and returns what there
    is; a second Ctrl-C goes back to the end of the epoch before at once, and returns that.

    A run that was stopped after any epoch and goes on with `resume=True` makes the same steps, to
    the bit, as one that was never stopped, given the same arguments and a network and an optimizer
    made in the same way.

    Args:
        net: a layer or network.
        loss: what to make small.
        optimizer: made for `net`, or for a part of it that alone is to be trained.
        x: inputs (N, ...).
        t: targets (N, ...).
        epochs: passes over the data, with those before a resumption.
        batch_size: examples in a step.
        shuffle: whether each epoch visits the examples in a new order.
        validation: inputs and targets that are not trained on, measured after each epoch.
        metrics: functions of outputs and targets, such as `tinynet.metrics.accuracy`, listed or by
            name; measured on the validation data ("validation_accuracy"), or where there are none
            on the training data ("accuracy").
        patience: stop when the validation loss has not fallen for so many epochs. The network then
            has the parameters of its best epoch, also where `epochs` or Ctrl-C ended the run.
        progress: "bar" (needs the extra `progress`), "lines", "off", or "auto": a bar on a
            terminal or in a notebook, lines elsewhere. Or a function of the number of the epoch
            and its row of the history.
        checkpoint: a file to write after each epoch, in place of what is there. `tinynet.load`
            reads the network in it.
        resume: go on from the checkpoint.
        rng: where the order comes from.

    Returns:
        A `History` of "loss", "validation_loss", the metrics, "lr" and "seconds".

    Raises:
        ValueError, TypeError: as `train` does, or options that do not go together.
        LoadError: the checkpoint is damaged or of another run. Nothing has changed then.
        OSError: the checkpoint cannot be read or written.
        DivergenceError: the loss or a parameter is not finite any more; the network is as before
            that epoch, or with `patience` as in the best one.

    Example:
        >>> from tinynet import Dense, MSELoss, Sequential, SGD
        >>> net = Sequential(Dense(2, 1, rng=0))
        >>> x = np.random.default_rng(0).normal(size=(100, 2))
        >>> t = x @ [[2.0], [-1.0]] + 3
        >>> history = fit(
        ...     *(net, MSELoss(), SGD(net, lr=0.05), x[:80], t[:80]),
        ...     **dict(epochs=2, batch_size=1, validation=(x[80:], t[80:]), rng=0),
        ... )
        epoch 1/2  loss 0.9...  validation loss 2.5...e-05  lr 0.05  ... s
        epoch 2/2  loss 2.4...e-06  validation loss 2.5...e-11  lr 0.05  ... s
        >>> history.names
        ('loss', 'validation_loss', 'lr', 'seconds')
    """
    positive_int(epochs, "epochs")
    positive_int(batch_size, "batch_size")
    measured = _columns(validation, metrics)
    columns = ["loss", *measured, "lr", "seconds"]
    _check_options(patience, validation, progress, checkpoint, resume)
    generator = random_generator(rng)
    run = Run(
        *(net, loss, optimizer, generator),
        settings={
            "optimizer": type(optimizer).__name__,
            "loss": type(loss).__name__,
            "examples": len(x),
            "batch_size": batch_size,
            "shuffle": shuffle,
            "columns": columns,
            "keeps_best": patience is not None,
        },
    )

    def row(epoch: Epoch) -> dict[str, float]:
        on = (x, t) if validation is None else validation
        with np.errstate(over="ignore", invalid="ignore"):  # the history shows it
            values = evaluate(net, loss, *on, metrics) if measured else {}
        if validation is None:
            values.pop("loss", None)
        found = dict(zip(measured, values.values(), strict=True))
        return {"loss": epoch.loss, **found, "lr": epoch.lr, "seconds": epoch.seconds}

    # Whatever does not fit is found before anything changes.
    if checkpoint is not None:
        check_target(checkpoint)
    loaded = run.read(checkpoint) if resume and checkpoint is not None else None
    options: dict[str, Any] = {"batch_size": batch_size, "shuffle": shuffle, "rng": generator}
    left = epochs - (loaded.history.epochs if loaded else 0)
    if left < 0:
        raise ValueError(f"the checkpoint has {epochs - left} epochs behind it, over {epochs}")
    stream = train(net, loss, optimizer, x, t, epochs=max(left, 1), **options)
    if measured:
        some, aims = validation or (x, t)
        evaluate(net, loss, some[:2], aims[:2], metrics)
    if loaded:
        run.restore(loaded.now)
    reached = loaded or Reached(run.snapshot(), History({name: [] for name in columns}), None)
    with reporting(progress, epochs, reached.history.epochs) as report, Interrupts() as interrupts:
        try:
            while reached.history.epochs < epochs and not _exhausted(reached.history, patience):
                found = row(next(stream))
                history = reached.history.plus(found)
                now, best = run.snapshot(), reached.best
                if patience and history.best_epoch == history.epochs:
                    best = now.net
                reached = Reached(now, history, best)
                if checkpoint is not None:
                    run.write(checkpoint, reached)
                report(history.epochs, found)
                if interrupts.asked:
                    break
        except DivergenceError as error:
            if loaded:
                error.add_note(f"epochs are counted from epoch {loaded.history.epochs}, resumed")
            run.restore(reached.now)
            at = f"to the end of epoch {reached.history.epochs}"
            if reached.best is not None:
                run.restore_net(reached.best)
                at = f"to its best, epoch {reached.history.best_epoch}"
            error.add_note(f"fit has put the network back {at}, so it can go on from there")
            raise
        except KeyboardInterrupt:
            run.restore(reached.now)
            if checkpoint is not None:
                run.write(checkpoint, reached)
    if reached.best is not None:
        run.restore_net(reached.best)
    return reached.history


def _exhausted(history: History, patience: int | None) -> bool:
    """Whether the best epoch is too long ago."""
    if patience is None or not history.epochs:
        return False
    return history.epochs - history.best_epoch >= patience


def _columns(validation: object, metrics: Metrics) -> list[str]:
    """Names of what is measured after each epoch, in the order of `evaluate`."""
    names = list(named_metrics(metrics))
    return names if validation is None else [f"validation_{name}" for name in ["loss", *names]]


def _check_options(
    patience: object,
    validation: object,
    progress: object,
    checkpoint: str | os.PathLike[str] | None,
    resume: bool,
) -> None:
    if validation is not None and not (isinstance(validation, tuple) and len(validation) == 2):
        raise TypeError(
            f"validation must be a tuple (x, t) of inputs and targets; got "
            f"{type(validation).__name__}"
        )
    if validation is not None and len(validation[0]) != len(validation[1]):
        raise ValueError(
            f"validation has {len(validation[0])} inputs and {len(validation[1])} targets: they "
            f"must be as many"
        )
    if patience is not None:
        positive_int(patience, "patience")
        if validation is None:
            raise ValueError("patience watches the validation loss: pass validation=(x, t)")
    if not callable(progress) and progress not in KINDS:
        raise ValueError(f"progress must be one of {KINDS} or a function; got {progress!r}")
    if resume and checkpoint is None:
        raise ValueError("resume=True needs the file to go on from: pass checkpoint=path")
    if resume and checkpoint is not None and not os.path.exists(checkpoint):
        raise FileNotFoundError(
            f"there is no file {os.path.abspath(checkpoint)} to go on from: the first time, leave "
            f"resume out, or pass resume=os.path.exists(path), which suits every time"
        )
