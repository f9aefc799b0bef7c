"""`fit`: training with validation, early stopping, progress and checkpoints."""

import os
from typing import Any, cast

import numpy as np
from numpy.typing import ArrayLike

from tinynet.checks import boolean, check_instance, file_path, positive_int, random_generator
from tinynet.errors import DivergenceError
from tinynet.foreign_names import answering_keywords
from tinynet.layers import Layer
from tinynet.losses import Loss
from tinynet.losses.base import check_weights
from tinynet.optimizers import Optimizer
from tinynet.optimizers.first_step import check_memory
from tinynet.persistence.atomic import check_target
from tinynet.persistence.settings import settings
from tinynet.text import shown
from tinynet.training.arguments import check_data
from tinynet.training.checkpoints import TrainingRun
from tinynet.training.evaluation import Metrics, by_name, evaluate
from tinynet.training.history import History, sign_of
from tinynet.training.interrupts import StopRequests
from tinynet.training.loop import LOST, start
from tinynet.training.memory import check_loss_memory, check_rate_memory
from tinynet.training.plateau import ReduceOnPlateau
from tinynet.training.progress import Display, Progress
from tinynet.training.streams import Batches, as_stream
from tinynet.types import Array, FilePath, Rng


@answering_keywords
def fit(
    net: Layer,
    loss: Loss,
    optimizer: Optimizer,
    x: Array | Batches,
    t: Array | None = None,
    *,
    epochs: int,
    batch_size: int = 1,
    shuffle: bool = True,
    sample_weight: ArrayLike | None = None,
    validation: tuple[Array, Array] | tuple[Array, Array, ArrayLike] | None = None,
    metrics: Metrics = (),
    patience: int | None = None,
    monitor: str | None = None,
    mode: str = "min",
    reduce_on_plateau: ReduceOnPlateau | None = None,
    progress: Progress = "auto",
    checkpoint: FilePath | None = None,
    resume: bool = False,
    rng: Rng = None,
    engine: str = "auto",
) -> History:
    """Train the network, measure it after each epoch, and return the history.

    Training is that of `tinynet.train`; this adds validation, early stopping, progress and
    checkpoints. After Ctrl-C, training stops at the end of the epoch, the checkpoint is written and
    the history returned. A second Ctrl-C stops at once: the network goes back to the end of the
    epoch before, the checkpoint is written, and KeyboardInterrupt is raised. An error puts the
    network back in the same way.

    A run that was stopped after any epoch and goes on with `resume=True` makes the same steps, to
    the bit, as one that was never stopped, given the same arguments and a network and an optimizer
    made in the same way.

    Args:
        net, loss, optimizer, x, t, batch_size, shuffle, sample_weight, rng, engine: as for `train`.
        epochs: passes over the data, including those before `resume`.
        validation: inputs and targets that are not trained on, measured after each epoch; or
            inputs, targets and weights of the examples.
        metrics: functions of outputs and targets, such as `tinynet.metrics.accuracy`, listed or by
            name; measured on the validation data ("validation_accuracy"), or where there are none
            on the training data ("accuracy").
        patience: stop when the monitored column has not become better for so many epochs. The
            network then has the parameters of its best epoch, also where `epochs` or Ctrl-C ended
            the run.
        monitor: the column of the history that `patience` and `reduce_on_plateau` watch, by default
            "validation_loss"; for example "validation_accuracy" with `mode="max"`.
        mode: "min" if less is better, "max" if more is.
        reduce_on_plateau: makes the learning rate smaller where the monitored column does not
            become better. At the end, `optimizer.lr` is what it was.
        progress: "bar" (needs the extra `progress`), "lines", "off", or "auto": a bar on a
            terminal or in a notebook, lines elsewhere. Or a function of the number of the epoch
            and its row of the history.
        checkpoint: a file to write after each epoch. What a stream remembers, such as a random
            generator of its own, is not in it. One that exists is refused without `resume`,
            so that no run is lost. `tinynet.load` reads the network in it.
        resume: go on from the checkpoint.

    Returns:
        A `History` of "loss", "validation_loss", the metrics, "lr" and "seconds".

    Raises:
        ValueError, TypeError: as `train` does, or options that do not go together.
        LoadError: the checkpoint is damaged or of another run. Nothing has changed then.
        OSError: the checkpoint cannot be read or written.
        DivergenceError: the loss or a parameter is no longer finite; the network is as before that
            epoch, or with `patience` as in the best one.
        KeyboardInterrupt: Ctrl-C was pressed twice.

    Example:
        >>> from tinynet import Dense, MSELoss, Sequential, SGD
        >>> net, loss = Sequential(Dense(2, 1, rng=0)), MSELoss()
        >>> x = np.random.default_rng(0).normal(size=(100, 2))
        >>> t = x @ [[2.0], [-1.0]] + 3
        >>> training, validation = (x[:80], t[:80]), (x[80:], t[80:])
        >>> optimizer = SGD(net, lr=0.05)
        >>> history = fit(net, loss, optimizer, *training, epochs=2, validation=validation, rng=0)
        epoch 1/2  loss 0.9...  validation loss 2.5...e-05  lr 0.05  ... s
        epoch 2/2  loss 2.4...e-06  validation loss 2.5...e-11  lr 0.05  ... s
        >>> history.names
        ('loss', 'validation_loss', 'lr', 'seconds')
    """
    positive_int(epochs, "epochs")
    shuffle, resume = boolean(shuffle, "shuffle"), boolean(resume, "resume")
    metrics = by_name(metrics)
    checkpoint = None if checkpoint is None else file_path(checkpoint, "checkpoint")
    _check_options(patience, validation, checkpoint, resume, monitor, reduce_on_plateau)
    if sign_of(mode) < 0 and monitor is None:
        raise ValueError(
            'mode="max" needs the name of a column that should grow: pass monitor, for example '
            '"validation_accuracy"; got None'
        )
    rng = random_generator(rng)
    stream = as_stream(x, t)
    if stream is not None and validation is None and metrics:
        raise ValueError(
            "metrics need data that stay: with a stream of batches, pass validation=(x, t)"
        )
    batch_size = positive_int(batch_size, "batch_size")
    options: dict[str, Any] = {"batch_size": batch_size, "shuffle": shuffle}

    def measure() -> dict[str, float]:
        """The validation loss and the metrics."""
        if validation is None and not metrics:
            return {}
        inputs, targets, *weights = cast(Any, (x, t) if validation is None else validation)
        try:
            with np.errstate(all="ignore"):  # the history shows it
                weight = weights[0] if weights else None
                measured = evaluate(net, loss, inputs, targets, metrics, sample_weight=weight)
        except Exception as error:
            error.add_note(f"on the {'training' if validation is None else 'validation'} data")
            raise
        if validation is None:
            del measured["loss"]  # `train` has it
            return measured
        return {f"validation_{name}": value for name, value in measured.items()}

    display = Display(progress, epochs)
    training = start(
        net, loss, optimizer, stream or x, t, epochs, batch_size, shuffle, rng, engine,
        sample_weight=sample_weight, watch=display.batches,
    )  # fmt: skip
    if checkpoint is not None:
        check_memory(optimizer)
        check_rate_memory(optimizer)
        first = stream.first if stream else (cast(Array, x), cast(Array, t))
        check_loss_memory(net, loss, first[0][:batch_size], first[1][:batch_size])
    columns = ["loss", *measure(), "lr", "seconds"]  # on all rows: a metric may need many
    settings_of_run = {
        "network": settings(net),
        "loss": settings(loss),
        "optimizer": settings(optimizer),
        "examples": None if stream else len(cast(Array, x)),
        **options,
        "weighted": sample_weight is not None,
        "columns": columns,
        "keeps_best": patience is not None,
        "monitor": monitor,
        "reduce_on_plateau": None if reduce_on_plateau is None else repr(reduce_on_plateau),
        "mode": mode,
    }
    lr = optimizer.lr
    run = TrainingRun(net, loss, optimizer, rng, settings_of_run, checkpoint is not None)
    nothing = run.history({name: [] for name in columns})
    if checkpoint is not None and resume:
        last = run.read(checkpoint)
        if last.history.epochs > epochs:
            raise ValueError(
                f"the checkpoint has {last.history.epochs} epochs behind it, more than "
                f"epochs={epochs}, which counts them too"
            )
    else:
        last = run.checkpoint(nothing, None)

    done = last.history.epochs
    steps = stream.steps if stream else -(-len(cast(Array, x)) // batch_size)
    with StopRequests() as signals, display.beginning_after(done, steps):
        try:
            if resume:
                run.restore(last)
            while last.history.epochs < epochs and not _stalled(last.history, patience):
                if reduce_on_plateau is not None:
                    optimizer.lr = reduce_on_plateau.reduced(lr, last.history, monitor, mode)
                epoch = next(training)
                measured = measure()
                row = {"loss": epoch.loss, **measured, "lr": epoch.lr, "seconds": epoch.seconds}
                now = run.checkpoint(last.history.plus(row), last.best)
                is_best = patience and now.history.best_epoch == now.history.epochs
                last = now._replace(best=now.arrays) if is_best else now
                if checkpoint is not None:
                    run.write(checkpoint, last)
                display.epoch(last.history.epochs, row)
                if signals.requested:
                    break
        except BaseException as error:
            signals.holding = True
            if reduce_on_plateau is not None:
                optimizer.lr = lr
            run.restore(last)
            if isinstance(error, DivergenceError):
                place = f"the end of epoch {last.history.epochs}"
                if last.best is not None:
                    run.restore_net(last.best)
                    place = f"its best, epoch {last.history.best_epoch}"
                if done:
                    error.add_note(
                        f"epochs are counted from epoch {done}, where the run was resumed"
                    )
                error.args = (str(error).replace(LOST, "."),)
                error.add_note(
                    f"fit has put the network back to {place}, so it can go on from there"
                )
            elif checkpoint is not None and not isinstance(error, Exception):
                run.write(checkpoint, last)
            raise
        signals.holding = True
        if reduce_on_plateau is not None:
            optimizer.lr = lr  # which the next call begins with
        if last.best is not None:
            run.restore_net(last.best)
    return last.history


def _stalled(history: History, patience: int | None) -> bool:
    if patience is None or not history.epochs:
        return False
    return history.epochs - history.best_epoch >= patience


def _check_options(
    patience: object,
    validation: tuple[Array, Array] | tuple[Array, Array, ArrayLike] | None,
    checkpoint: FilePath | None,
    resume: bool,
    monitor: str | None,
    reduce_on_plateau: ReduceOnPlateau | None,
) -> None:
    if validation is not None:
        if not (isinstance(validation, tuple) and len(validation) in (2, 3)):
            raise TypeError(
                f"validation must be a tuple (x, t) of inputs and targets, or (x, t, weights); got "
                f"{shown(validation)}"
            )
        check_data(validation[0], validation[1], "validation[0]", "validation[1]")
        if len(validation) == 3:
            check_weights("validation[2]", validation[2], len(validation[0]))
    if patience is not None:
        positive_int(patience, "patience")
        if validation is None and monitor is None:
            raise ValueError(
                'patience watches the validation loss: pass validation=(x, t), or monitor="loss" '
                "for that of the training data"
            )
    if reduce_on_plateau is not None:
        check_instance(
            "reduce_on_plateau", reduce_on_plateau, ReduceOnPlateau, "a ReduceOnPlateau(...)"
        )
        if validation is None and monitor is None:
            raise ValueError(
                "reduce_on_plateau watches the validation loss: pass validation=(x, t), or "
                'monitor="loss" for that of the training data'
            )
    if resume and checkpoint is None:
        raise ValueError("resume=True needs the file to go on from: pass checkpoint=path")
    if checkpoint is not None:
        target = check_target(checkpoint)
        if target.exists() and not resume:
            raise FileExistsError(
                f"the checkpoint {checkpoint} exists: pass resume=True to go on from it, or delete "
                f"it, or write to another file, so that a run is not lost by mistake"
            )
        if resume and not os.path.exists(checkpoint):
            raise FileNotFoundError(
                f"there is no file {os.path.abspath(checkpoint)} to go on from: the first time, "
                f"leave resume out, or always pass resume=os.path.exists(path)"
            )
