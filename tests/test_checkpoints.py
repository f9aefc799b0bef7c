"""Resuming: the same bytes as a run that was never stopped."""

import contextlib
import itertools
import json
import tracemalloc
import zipfile

import numpy as np
import pytest
from layers import network

from tinynet import (
    SGD,
    Adagrad,
    Adam,
    AdamW,
    BatchNorm,
    Dense,
    Dropout,
    Frozen,
    Identity,
    Layer,
    LoadError,
    MSELoss,
    Optimizer,
    ReLU,
    Residual,
    RMSprop,
    Sequential,
    fit,
    load,
    load_parameters,
    save,
    schedules,
)
from tinynet.metrics import accuracy
from tinynet.persistence.archive import read_archive, write_archive
from tinynet.persistence.arrays import named_arrays

EPOCHS = 5


class Noise(Identity):
    """y = x + noise while training, from a Generator in a list."""

    def __init__(self, rng=None):
        self.generators = [np.random.default_rng(rng)]

    def forward(self, x):
        return x + 0.1 * self.generators[0].normal(size=x.shape).astype(x.dtype)

    def predict(self, x):
        return x


class Counting(Layer):
    """y = x times a number that grows with each batch."""

    buffers = ("factor",)

    def __init__(self):
        self.factor = np.ones(1)

    def forward(self, x):
        self.factor *= 1.01
        return x * self.factor

    def predict(self, x):
        return x * self.factor

    def backward(self, dy):
        return dy * self.factor


class Heavy(Optimizer):
    """Momentum with a state of its own, and a little noise in the gradient."""

    state = ("velocity",)

    def __init__(self, net, lr, rng=0):
        super().__init__(net, lr)
        self.velocity = np.zeros_like(net.params)
        self.rng = np.random.default_rng(rng)

    def update(self, params, grads, rate):
        self.velocity *= 0.9
        self.velocity += grads + 0.01 * self.rng.normal(size=grads.shape).astype(grads.dtype)
        params -= rate * self.velocity


class JitterLoss(MSELoss):
    """Mean squared error from targets that are moved a little."""

    def __init__(self):
        self.rng = np.random.default_rng(7)

    def forward(self, y, t):
        return super().forward(y, t + 0.01 * self.rng.normal(size=t.shape).astype(t.dtype))


def plain(rng, dtype):
    return network(5, 6, 2, rng=rng, dtype=dtype)


def noisy(rng, dtype):
    """One Generator for the initial weights, the noise of two layers and the order of examples."""
    return Sequential(
        Dense(5, 6, rng=rng), Noise(rng), Noise(rng), Dense(6, 2, rng=rng), dtype=dtype
    )


def counting(rng, dtype):
    return Sequential(
        Dense(5, 6, rng=rng), Counting(), Sequential(Noise(3)), Dense(6, 2, rng=rng), dtype=dtype
    )


def classic(rng, dtype):
    """The layers that remember or draw something: BatchNorm and Dropout, one of each frozen."""
    return Sequential(
        Dense(5, 6, rng=rng),
        BatchNorm(6),
        ReLU(),
        Dropout(0.3, rng=rng),
        Residual(Sequential(Dropout(0.2, rng=4), Dense(6, 6, rng=rng))),
        Frozen(Sequential(Dense(6, 6, rng=rng), BatchNorm(6))),
        Dense(6, 2, rng=rng),
        dtype=dtype,
    )


NETWORKS = [plain, noisy, counting, classic]
OPTIMIZERS = {
    "sgd": lambda net: SGD(net, lr=0.1),
    "schedule": lambda net: SGD(net, lr=lambda step: 0.2 / (1 + step)),
    "momentum": lambda net: SGD(net, lr=0.1, momentum=0.9),
    "nesterov": lambda net: SGD(net, lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.01),
    "adam": lambda net: Adam(net, lr=0.01),
    "adamw": lambda net: AdamW(net, lr=schedules.cosine(0.01, steps=40), clip_norm=0.1),
    "rmsprop": lambda net: RMSprop(net, lr=0.01),
    "vectors": lambda net: AdamW(
        net,
        lr=0.01,
        weight_decay=np.linspace(0, 0.1, net.params.size),
        rates=np.linspace(0, 2, net.params.size),
    ),
    "adagrad": lambda net: Adagrad(net, lr=0.01),
    "heavy": lambda net: Heavy(net, lr=0.05),
    "part": lambda net: Heavy(net.layers[-1], lr=0.05),
}


class Experiment:
    """A run that can be made again from the start, in another process as it were."""

    def __init__(self, network=plain, optimizer="sgd", dtype=np.float64, batch_size=4, **options):
        self.rng = np.random.default_rng(1)
        self.net = network(self.rng, dtype)
        self.optimizer = OPTIMIZERS[optimizer](self.net)
        self.loss = options.pop("loss", MSELoss)()
        data = np.random.default_rng(2)
        self.x, self.t = (
            data.normal(size=(30, 5)).astype(dtype),
            data.uniform(size=(30, 2)).astype(dtype),
        )
        self.options = {"batch_size": batch_size, "progress": "off", "rng": self.rng, **options}

    def fit(self, epochs=EPOCHS, **options):
        options = {"epochs": epochs, **self.options, **options}
        self.history = fit(self.net, self.loss, self.optimizer, self.x, self.t, **options)
        return self

    def bytes(self):
        state = [getattr(self.optimizer, name) for name in getattr(self.optimizer, "state", ())]
        arrays = [*named_arrays(self.net).values(), *state]
        return b"".join(array.tobytes() for array in arrays), self.optimizer.steps

    def columns(self):
        return {
            name: self.history[name].tolist() for name in self.history.names if name != "seconds"
        }


def resumed_at_each_epoch(path, **settings):
    """For each epoch: whether stopping there and going on differs from never stopping."""
    whole = Experiment(**settings).fit()
    for stop in range(1, EPOCHS + 1):
        path.unlink(missing_ok=True)
        Experiment(**settings).fit(epochs=stop, checkpoint=path)
        again = Experiment(**settings)
        again.net.params[...] = 0.123  # all that counts is in the file
        again.fit(checkpoint=path, resume=True)
        assert again.columns() == whole.columns()
        yield again.bytes() != whole.bytes()


@pytest.mark.parametrize(
    ("network", "optimizer", "dtype", "batch_size"),
    [
        *itertools.product(NETWORKS, OPTIMIZERS, [np.float64], [4]),
        *itertools.product(NETWORKS, ["momentum", "adam", "heavy"], [np.float32], [7]),
        (plain, "sgd", np.float64, 1),
        *[(plain, "momentum", np.float64, batch_size) for batch_size in (1, 16, 30)],
    ],
)
def test_resuming_at_any_epoch_gives_the_same_bytes(
    tmp_path, network, optimizer, dtype, batch_size
):
    settings = {"network": network, "optimizer": optimizer}
    differing = list(
        resumed_at_each_epoch(tmp_path / "run.npz", dtype=dtype, batch_size=batch_size, **settings)
    )
    assert differing == [False] * EPOCHS


def test_a_loss_with_random_numbers_resumes_too(tmp_path):
    assert not any(resumed_at_each_epoch(tmp_path / "run.npz", loss=JitterLoss))


def test_an_optimizer_made_before_its_part_became_float32_resumes_too(tmp_path):
    def run(**options):
        experiment = Experiment(plain, "adam")
        experiment.net = Sequential(experiment.net, dtype=np.float32)
        experiment.x, experiment.t = (
            array.astype(np.float32) for array in (experiment.x, experiment.t)
        )
        return experiment.fit(**options)

    run(epochs=2, checkpoint=tmp_path / "run.npz")
    assert run(checkpoint=tmp_path / "run.npz", resume=True).bytes() == run().bytes()


def test_resuming_again_and_again_gives_the_same_bytes(tmp_path):
    path, whole = tmp_path / "run.npz", Experiment(noisy, "heavy").fit()
    Experiment(noisy, "heavy").fit(epochs=1, checkpoint=path)
    for stop in range(2, EPOCHS + 1):
        last = Experiment(noisy, "heavy").fit(epochs=stop, checkpoint=path, resume=True)
    assert last.bytes() == whole.bytes()


@pytest.mark.parametrize(
    "bits", [np.random.PCG64, np.random.MT19937, np.random.Philox, np.random.SFC64]
)
def test_every_kind_of_generator_is_kept(tmp_path, bits):
    def run(**options):
        experiment = Experiment(noisy)
        return experiment.fit(**options, rng=np.random.Generator(bits(5)))

    whole = run()
    run(epochs=2, checkpoint=tmp_path / "run.npz")
    assert run(checkpoint=tmp_path / "run.npz", resume=True).bytes() == whole.bytes()


def test_early_stopping_resumes_with_the_best_parameters(tmp_path):
    data = np.random.default_rng(5)
    validation = data.normal(size=(9, 5)), data.uniform(size=(9, 2))
    settings = {"network": noisy, "optimizer": "heavy", "validation": validation, "patience": 2}
    whole = Experiment(**settings).fit(epochs=30)
    assert whole.history.best_epoch < whole.history.epochs < 30
    for stop in range(1, whole.history.epochs + 1):
        path = tmp_path / f"run{stop}.npz"
        Experiment(**settings).fit(epochs=stop, checkpoint=path)
        again = Experiment(**settings).fit(epochs=30, checkpoint=path, resume=True)
        assert again.bytes() == whole.bytes()
        assert again.columns() == whole.columns()


def test_a_generator_that_was_shared_stays_shared(tmp_path):
    Experiment(noisy).fit(epochs=1, checkpoint=tmp_path / "run.npz")
    header, _ = read_archive(tmp_path / "run.npz")
    assert [each["place"] for each in header["run"]["random"]] == ["rng of fit"]
    apart = Experiment(noisy)
    apart.net[1].generators[0] = np.random.default_rng(0)
    with pytest.raises(LoadError, match="random generators are"):
        apart.fit(checkpoint=tmp_path / "run.npz", resume=True)


def test_a_checkpoint_is_loaded_as_a_network(tmp_path):
    run = Experiment(plain).fit(checkpoint=tmp_path / "run.npz")
    assert np.array_equal(load(tmp_path / "run.npz").params, run.net.params)
    other = Experiment(plain)
    load_parameters(other.net, tmp_path / "run.npz")
    assert np.array_equal(other.net.params, run.net.params)


def test_a_network_that_cannot_be_described_has_checkpoints_all_the_same(tmp_path):
    class Apply(Layer):
        def __init__(self, function):
            self.function = function

        def forward(self, x):
            return self.function(x)

        def backward(self, dy):
            return dy

    def network(rng, dtype):
        return Sequential(Dense(5, 2, rng=rng), Apply(lambda x: x))

    assert not any(resumed_at_each_epoch(tmp_path / "run.npz", network=network))
    with pytest.raises(LoadError, match=r"no architecture \(Apply cannot be saved.*load_param"):
        load(tmp_path / "run.npz")


NAMES = {
    **{name: name for name in ("1", "null", "true", "__proto__", "epoch", "..", " ", "NaN")},
    "long": "long " * 20_000,
    "control": "\x1b[31m\x00\x07\r\n\x7f\u202e",
    "lone surrogate": "\ud800",
    "surrogates that JSON joins": "\ud83d\ude00",
}


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_a_metric_may_have_any_name(tmp_path, name):
    path, settings = tmp_path / "run.npz", {"metrics": {name: accuracy}, "progress": "lines"}
    whole = Experiment(**settings).fit(epochs=2)
    Experiment(**settings).fit(epochs=1, checkpoint=path)
    again = Experiment(**settings).fit(epochs=2, checkpoint=path, resume=True)
    assert again.bytes() == whole.bytes()
    assert again.columns() == whole.columns()
    assert again.history.names == ("loss", name, "lr", "seconds")
    assert again.history.epochs == 2
    assert np.array_equal(load(path).params, again.net.params)
    text = refusal(path, Experiment(**settings), metrics={"other": accuracy})
    shown = text.removeprefix(str(path))
    assert "columns is ['loss', '" in shown
    assert all(c.isprintable() or c == "\n" for c in shown)
    assert len(shown) < 1000


@pytest.mark.parametrize("name", [*NAMES.values(), "\\", "loss", "columns/x", "columns.npy"])
def test_an_array_with_such_a_name_is_refused(tmp_path, name):
    path = tmp_path / "run.npz"
    Experiment(plain).fit(epochs=1, checkpoint=path)
    with zipfile.ZipFile(path) as archive:
        array = archive.read("0.W.npy")
    member = zipfile.ZipInfo(f"history/{name[:60_000].encode('utf-8', 'replace').decode()}.npy")
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(member, array)
    shown = refusal(path, Experiment(plain)).removeprefix(str(path))
    assert all(c.isprintable() or c == "\n" for c in shown)
    assert len(shown) < 1000


def test_a_description_of_a_run_that_is_too_long_is_not_written(tmp_path):
    with pytest.raises(ValueError, match=r"its training may have 4,194,304 bytes .* names in it"):
        Experiment(metrics={"x" * (1 << 22): accuracy}).fit(checkpoint=tmp_path / "run.npz")
    assert not [*tmp_path.iterdir()]


# What does not fit


def refusal(path, experiment, **options):
    before = experiment.bytes(), experiment.rng.bit_generator.state
    with pytest.raises(LoadError) as caught:
        experiment.fit(checkpoint=path, resume=True, **options)
    assert (experiment.bytes(), experiment.rng.bit_generator.state) == before
    return str(caught.value)


def test_a_checkpoint_of_another_run_is_refused_with_all_that_differs(tmp_path):
    path = tmp_path / "run.npz"
    Experiment(plain, "heavy").fit(epochs=1, checkpoint=path)

    def other(rng, dtype):
        return network(5, 3, 2, rng=rng, dtype=dtype)

    text = refusal(path, Experiment(other, "sgd", np.float32), batch_size=3, shuffle=False)
    for problem in (
        "0.W has shape (5, 6) and must have (5, 3)",
        "2.b is float64 and must be float32",
        "optimizer: class is 'test_checkpoints.Heavy' in the file, 'tinynet.SGD' here",
        "batch_size is 4 in the file, 3 here",
        "shuffle is True in the file, False here",
        "optimizer/velocity is not expected",
    ):
        assert problem in text


def test_a_network_file_is_no_checkpoint(tmp_path):
    experiment = Experiment(plain)
    save(experiment.net, tmp_path / "net.npz")
    assert "load_parameters" in refusal(tmp_path / "net.npz", experiment)


def test_other_data_or_metrics_are_refused(tmp_path):
    path = tmp_path / "run.npz"
    Experiment(plain).fit(epochs=1, checkpoint=path)
    fewer = Experiment(plain)
    fewer.x, fewer.t = fewer.x[:20], fewer.t[:20]
    assert "examples is 30 in the file, 20 here" in refusal(path, fewer)
    assert "columns is" in refusal(path, Experiment(plain), metrics={"zero": lambda y, t: 0})
    assert "loss: class is 'tinynet.MSELoss' in" in refusal(
        path, Experiment(plain, loss=JitterLoss)
    )


def test_fewer_epochs_than_are_behind_are_refused_and_as_many_change_nothing(tmp_path):
    path = tmp_path / "run.npz"
    whole = Experiment(plain).fit(checkpoint=path)
    assert Experiment(plain).fit(checkpoint=path, resume=True).bytes() == whole.bytes()
    with pytest.raises(ValueError, match="has 5 epochs behind it, more than epochs=2"):
        Experiment(plain).fit(epochs=2, checkpoint=path, resume=True)


def test_resuming_from_nothing_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"there is no file .*leave resume out"):
        Experiment(plain).fit(checkpoint=tmp_path / "run.npz", resume=True)
    with pytest.raises(ValueError, match="pass checkpoint=path"):
        Experiment(plain).fit(resume=True)


def test_an_optimizer_that_diverged_is_not_written(tmp_path):
    experiment = Experiment(plain, "heavy").fit(epochs=1, checkpoint=tmp_path / "run.npz")
    content = (tmp_path / "run.npz").read_bytes()
    experiment.optimizer.update = lambda params, grads, rate: experiment.optimizer.velocity.fill(
        np.inf
    )
    with pytest.raises(ValueError, match="optimizer/velocity: NaN or infinite"):
        experiment.fit(checkpoint=tmp_path / "other.npz")
    assert [path.name for path in tmp_path.iterdir()] == ["run.npz"]
    assert (tmp_path / "run.npz").read_bytes() == content


@pytest.mark.parametrize(
    ("key", "value"),
    [
        *(("settings", None), ("settings", []), ("steps", "1"), ("steps", -1), ("random", None)),
        *(("steps", True), ("steps", 10**400)),
        *(("random", []), ("random", [{"place": "rng of fit", "state": {"bit_generator": "x"}}])),
        *(("random", [{"place": "rng of fit", "state": None}]), ("random", 3)),
        *(
            ("settings", {"columns": columns})
            for columns in (["loss"], None, [*NAMES], [*NAMES.values()])
        ),
        *(("settings", {name: 1 for name in NAMES.values()}), ("settings", "loss")),
    ],
)
def test_a_checkpoint_made_to_do_harm_is_refused(tmp_path, key, value):
    path = tmp_path / "run.npz"
    Experiment(plain).fit(epochs=1, checkpoint=path)
    header, arrays = read_archive(path)
    header["run"][key] = value
    write_archive(path, header, arrays)
    refusal(path, Experiment(plain))


def test_a_random_state_takes_no_more_memory_than_it_is_long(tmp_path):
    path = tmp_path / "run.npz"
    Experiment(plain).fit(epochs=1, checkpoint=path)
    header, arrays = read_archive(path)
    header["run"]["random"][0]["state"] = {"array": ["a"], "dtype": "S100000000"}
    write_archive(path, header, arrays)
    tracemalloc.start()  # NumPy reports to it
    assert "are not valid" in refusal(path, Experiment(plain))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10_000_000


@pytest.mark.parametrize(
    ("name", "array"),
    [
        *(("optimizer/velocity", np.ones(3)), ("optimizer/velocity", np.full(50, np.nan))),
        *(("optimizer/velocity", None), ("optimizer/other", np.ones(2)), ("0.W", None)),
        *(("history/columns", None), ("history/columns", np.ones(3))),
        *(("history/columns", np.ones((2, 1))), ("history/columns", np.ones((3, 1, 1)))),
        *(("history/other", np.ones(1)), ("0.W", np.full((5, 6), np.inf)), ("x/y", np.ones(2))),
        *(("best/0.W", np.ones((5, 6))), ("best/0.W", np.ones(2))),
    ],
)
def test_a_checkpoint_with_an_array_wrong_is_refused(tmp_path, name, array):
    path = tmp_path / "run.npz"
    Experiment(plain, "heavy").fit(epochs=1, checkpoint=path)
    header, arrays = read_archive(path)
    arrays.pop(name, None)
    write_archive(path, header, arrays if array is None else {**arrays, name: array})
    refusal(path, Experiment(plain, "heavy"))


def test_flipped_bytes_of_a_checkpoint_are_refused_or_harmless(tmp_path, monkeypatch):
    # the rehearsal takes nine tenths of the time and has nothing to do with files
    monkeypatch.setattr("tinynet.training.loop.rehearse", lambda *arguments: None)
    path = tmp_path / "run.npz"
    whole = Experiment(plain, "heavy").fit(epochs=2)
    Experiment(plain, "heavy").fit(epochs=1, checkpoint=path)
    content = path.read_bytes()
    for place in range(0, len(content), 5):
        damaged = bytearray(content)
        damaged[place] ^= 0xFF
        path.write_bytes(damaged)
        again = Experiment(plain, "heavy")
        try:
            again.fit(epochs=2, checkpoint=path, resume=True)
        except LoadError:
            continue
        assert again.bytes() == whole.bytes()


def test_a_flipped_byte_of_its_table_of_contents_hides_no_best_network(tmp_path):
    """As a length that reaches over the entries behind it would."""
    path, data = tmp_path / "run.npz", np.random.default_rng(5)
    validation = data.normal(size=(9, 5)), data.uniform(size=(9, 2))
    run = Experiment(plain, "heavy", validation=validation, patience=2)
    best, last = run.fit(epochs=30, checkpoint=path).net.params.copy(), run.net
    load_parameters(last, path)
    assert not np.array_equal(last.params, best)
    content = path.read_bytes()
    for place in range(content.index(b"PK\x01\x02"), len(content)):
        damaged = bytearray(content)
        damaged[place] ^= 0xFF
        path.write_bytes(damaged)
        with contextlib.suppress(LoadError):
            assert np.array_equal(load(path).params, best), place


def test_the_header_holds_no_code(tmp_path):
    Experiment(plain).fit(epochs=1, checkpoint=tmp_path / "run.npz")
    with zipfile.ZipFile(tmp_path / "run.npz") as archive:
        assert json.loads(archive.read("tinynet.json"))["run"]["steps"] == 8
        assert all(name == "tinynet.json" or name.endswith(".npy") for name in archive.namelist())


def test_a_checkpoint_before_the_first_epoch_is_restored_too(tmp_path):
    calls = itertools.count()

    def interrupt(step):
        if next(calls) < 2:  # the rate is looked at before the training begins
            return 0.1
        raise KeyboardInterrupt

    stopped = Experiment(plain)
    stopped.optimizer.lr = interrupt
    with pytest.raises(KeyboardInterrupt):
        stopped.fit(epochs=1, checkpoint=tmp_path / "run.npz")
    again = Experiment(plain)
    again.net.params[...] = 0.123
    again.fit(checkpoint=tmp_path / "run.npz", resume=True)
    assert again.bytes() == Experiment(plain).fit().bytes()
