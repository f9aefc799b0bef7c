"""Every public function and method, with good arguments and the kind of each."""

import importlib.util
import pathlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

import tinynet
import tinynet.interop.onnx
import tinynet.testing.strategies
from tinynet import SGD, Conv2D, Dense, History, MSELoss, ReLU, Sequential, Sigmoid
from tinynet.initializers import he_normal

FOLDER = pathlib.Path("files")  # of the files that calls read, in the directory of the program
X = np.random.default_rng(0).normal(size=(4, 3))
T = np.random.default_rng(1).uniform(size=(4, 2))
IDS, LABELS = np.array([0, 2, 1, 2]), np.array([0, 1, 1, 0])
IMAGES = np.arange(4 * 16, dtype=np.uint8).reshape(4, 4, 4)
PICTURES = np.random.default_rng(2).normal(size=(4, 1, 3, 4))
STEPS = np.random.default_rng(3).normal(size=(4, 2, 3))
PHOTO = np.full((40, 30), 255, np.uint8)
PHOTO[5:35, 12:16] = 20


class New:
    """A good argument that each call gets anew, made of those before it."""

    def __init__(self, make: Callable[[dict], object]) -> None:
        self.make = make


@dataclass
class Row:
    """A public callable by its dotted name.

    Attributes:
        name: from `tinynet` on; that of a method follows its class.
        owner: makes the object whose method is called.
        arguments: for each parameter its kind and a good value. A parameter written `*layers` or
            `**more` stands for one of its values.
    """

    name: str
    owner: Callable[[], object] | None
    arguments: dict[str, tuple[str, object]]

    def target(self) -> object:
        """What to call; None where this tinynet does not have it."""
        place = tinynet
        for part in self.name.split("."):
            place = getattr(place, part, None)
        return place

    def good(self) -> dict[str, object]:
        """Good arguments, those that a call may change made anew."""
        made: dict[str, object] = {}
        for name, (_, value) in self.arguments.items():
            made[name] = value.make(made) if isinstance(value, New) else value
        return made

    def __call__(self, owner: object, arguments: dict[str, object]) -> object:
        """Call it."""
        target = self.target() if owner is None else getattr(owner, self.name.rpartition(".")[2])
        names = [*arguments]
        count = 1 + next((n for n, name in enumerate(names) if is_one(name)), -1)
        positional = [arguments[name] for name in names[:count]]
        named = {name.lstrip("*"): arguments[name] for name in names[count:]}
        return target(*positional, **named)


def is_one(name):
    """Whether the name stands for one of any number of arguments, `*layers`."""
    return name.startswith("*") and not name.startswith("**")


ROWS: dict[str, Row] = {}
HAS_SAFETENSORS = importlib.util.find_spec("safetensors") is not None
HAS_ONNX = importlib.util.find_spec("onnx") is not None


def row(_name, _owner=None, /, **arguments):
    key = _name
    while key in ROWS:
        key += "'"
    ROWS[key] = Row(_name, _owner, arguments)


def network(made=None):
    return Sequential(Dense(3, 4, rng=0), Sigmoid(), Dense(4, 2, rng=1))


def used(layer, x):
    layer.forward(x)
    return layer


NET, LOSS = ("net", New(network)), ("loss", New(lambda made: MSELoss()))
OPTIMIZER = ("optimizer", New(lambda made: SGD(made["net"], lr=0.1)))
DTYPE, RNG, SHAPE = ("dtype", np.float64), ("rng", 0), ("shape", (3, 2))

# layers

row(
    "Dense",
    inputs=("int", 3),
    outputs=("int", 2),
    bias=("bool", True),
    init=("init", he_normal),
    rng=RNG,
    dtype=DTYPE,
)
row(
    "Embedding",
    num_embeddings=("int", 3),
    features=("int", 2),
    init=("init", he_normal),
    rng=RNG,
    dtype=DTYPE,
)
for name, size in (("Conv2D", "sizes or int"), ("Conv1D", "int")):
    row(
        name,
        in_channels=("int", 2),
        out_channels=("int", 4),
        kernel_size=(size, 3),
        stride=(size, 1),
        padding=("padding", 0),
        dilation=(size, 1),
        groups=("int", 1),
        bias=("bool", True),
        init=("init", he_normal),
        rng=RNG,
        dtype=DTYPE,
    )
for name in ("MaxPool2D", "AvgPool2D"):
    row(
        name,
        kernel_size=("sizes or int", 2),
        stride=("sizes or int or none", 1),
        padding=("padding", 0),
    )
row("Dropout", rate=("fraction", 0.5), channels=("bool", False), rng=RNG)
row(
    "BatchNorm",
    features=("int", 3),
    momentum=("fraction", 0.1),
    eps=("positive", 1e-5),
    affine=("bool", True),
    dtype=DTYPE,
)
row(
    "LayerNorm",
    features=("int", 3),
    eps=("positive", 1e-5),
    affine=("bool", True),
    bias=("bool", True),
    dtype=DTYPE,
)
row("Standardize", mean=("finite", np.zeros(3)), std=("spread", np.ones(3)), dtype=DTYPE)
row(
    "Standardize.from_data",
    x=("data", X),
    shape=("sizes or none", (3,)),
    allow_constant=("bool", False),
    dtype=DTYPE,
)
for name in ("RNN", "LSTM", "GRU"):
    row(
        name,
        inputs=("int", 3),
        units=("int", 2),
        return_sequences=("bool", False),
        reverse=("bool", False),
        learn_initial=("bool", False),
        bias=("bool", True),
        init=("init", he_normal),
        recurrent_init=("init", he_normal),
        rng=RNG,
        dtype=DTYPE,
    )
row(
    "SelfAttention",
    features=("int", 4),
    heads=("int", 2),
    causal=("bool", False),
    bias=("bool", True),
    init=("init", he_normal),
    rng=RNG,
    dtype=DTYPE,
)
row(
    "PositionalEncoding",
    length=("int", 5),
    features=("int", 4),
    learned=("bool", True),
    init=("init", he_normal),
    rng=RNG,
    dtype=DTYPE,
)
row("Masked", layer=("layer", New(lambda made: tinynet.AverageSteps())), padding=("real", 0))
row(
    "Concatenate",
    **{"*layers": ("layer", New(lambda made: Dense(3, 3)))},
    axis=("axis", -1),
    dtype=("dtype or none", float),
)
row("Permute", axes=("order", (2, 1)))
row("RMSNorm", features=("int", 3), eps=("positive", 1e-6), affine=("bool", True), dtype=DTYPE)
row(
    "GroupNorm",
    groups=("int", 1),
    channels=("int", 3),
    eps=("positive", 1e-5),
    affine=("bool", True),
    dtype=DTYPE,
)
row("LeakyReLU", negative_slope=("real", 0.01))
row("ELU", alpha=("positive", 1.0))
row("GELU", approximate=("approximate", "tanh"))
row("PReLU", features=("int", 3), init=("real", 0.25), dtype=DTYPE)
row("Reshape", shape=("sizes", (3, 1)))
row("Residual", layer=("layer", New(lambda made: Dense(3, 3))))
row("Frozen", layer=("layer", New(lambda made: Dense(3, 3))))
row(
    "Sequential",
    **{"*layers": ("layer", New(lambda made: Dense(3, 3)))},
    dtype=("dtype or none", float),
)
row("Layer", **{"dtype": ("dtype or none", float), "**declared": ("parameter", np.ones(3))})
row("Sequential.summary", network, input_shape=("shape or none", (3,)))

ELEMENTWISE = [
    "ELU",
    "Flatten",
    "GELU",
    "Identity",
    "Mish",
    "LeakyReLU",
    "LogSoftmax",
    "ReLU",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Softplus",
    "Tanh",
]
LAYERS = {
    "Dense": (lambda: Dense(3, 2, rng=0), X),
    "BatchNorm": (lambda: tinynet.BatchNorm(3), X),
    "LayerNorm": (lambda: tinynet.LayerNorm(3), X),
    "RMSNorm": (lambda: tinynet.RMSNorm(3), X),
    "GroupNorm": (lambda: tinynet.GroupNorm(1, 3), X),
    "Standardize": (lambda: tinynet.Standardize(np.zeros(3), np.ones(3)), X),
    "RNN": (lambda: tinynet.RNN(3, 2, rng=0), STEPS),
    "LSTM": (lambda: tinynet.LSTM(3, 2, rng=0), STEPS),
    "GRU": (lambda: tinynet.GRU(3, 2, rng=0), STEPS),
    "SelfAttention": (lambda: tinynet.SelfAttention(3, 1, rng=0), STEPS),
    "PositionalEncoding": (lambda: tinynet.PositionalEncoding(5, 3, learned=True), STEPS),
    "AverageSteps": (tinynet.AverageSteps, STEPS),
    "Masked": (lambda: tinynet.Masked(tinynet.AverageSteps()), STEPS),
    "Concatenate": (lambda: tinynet.Concatenate(Dense(3, 2, rng=0), Dense(3, 1, rng=1)), X),
    "Permute": (lambda: tinynet.Permute((2, 1)), STEPS),
    "PReLU": (lambda: tinynet.PReLU(3), X),
    "Embedding": (lambda: tinynet.Embedding(3, 2, rng=0), IDS),
    "Conv2D": (lambda: tinynet.Conv2D(1, 2, 2, rng=0), PICTURES),
    "Conv1D": (lambda: tinynet.Conv1D(3, 2, 2, rng=0), PICTURES[:, 0]),
    "MaxPool2D": (lambda: tinynet.MaxPool2D(2), PICTURES),
    "AvgPool2D": (lambda: tinynet.AvgPool2D(2), PICTURES),
    "GlobalAveragePool": (tinynet.GlobalAveragePool, PICTURES),
    "Dropout": (lambda: tinynet.Dropout(0.5, rng=0), X),
    "Reshape": (lambda: tinynet.Reshape((3, 1)), X),
    "Residual": (lambda: tinynet.Residual(Dense(3, 3, rng=0)), X),
    "Frozen": (lambda: tinynet.Frozen(Dense(3, 3, rng=0)), X),
    "Sequential": (network, X),
    **{name: (getattr(tinynet, name), X) for name in ELEMENTWISE},
}
MASKS = {"RNN", "LSTM", "GRU", "SelfAttention", "AverageSteps"}
MASK = np.array([[True, False], [True, True], [False, True], [True, True]])
for name, (make, x) in LAYERS.items():
    kind = "ids" if x is IDS else "numbers"
    dy = make().forward(x) * 0 + 1.0
    mask = {"mask": ("mask or none", MASK)} if name in MASKS else {}
    row(f"{name}.forward", make, x=(kind, x), **mask)
    row(f"{name}.predict", make, x=(kind, x), **mask)
    row(f"{name}.backward", lambda make=make, x=x: used(make(), x), dy=("numbers", dy))
    size = make().params.size
    vectors = {n: ("vector", np.zeros(size)) for n in ("params", "grads")}
    if size:
        row(f"{name}.bind", make, **vectors)
    row(f"{name}.parameter_gradients", lambda make=make, x=x: used(make(), x), dy=("numbers", dy))

row(
    "SelfAttention.weights",
    LAYERS["SelfAttention"][0],
    x=("numbers", STEPS),
    mask=("mask or none", MASK),
)

vectors = {name: ("any vector", np.zeros(12)) for name in ("params", "grads")}
row("Frozen.bind", lambda: tinynet.Frozen(Dense(3, 3)), **vectors)

# losses

row("HuberLoss", delta=("positive", 1.0))
row(
    "CrossEntropyLoss",
    label_smoothing=("fraction", 0.1),
    weight=("class weights", np.array([1.0, 3.0])),
    ignore_index=("int or none or less", -100),
)
row("BCEWithLogitsLoss", pos_weight=("positive numbers", np.array([1.0, 3.0])))
W = np.array([1.0, 2.0, 0.0, 0.5])
P = np.array([[0.25, 0.75], [0.5, 0.5], [0.0, 1.0], [0.75, 0.25]])
LOSSES = {
    "MSELoss": (T, P),
    "L1Loss": (T, P),
    "HuberLoss": (T, P),
    "BCELoss": (T, P),
    "BCEWithLogitsLoss": (T, P),
    "CrossEntropyLoss": (T, P),
    "KLDivLoss": (np.log(P + 1e-9) - 1e-6, P),
}
for name, (y, t) in LOSSES.items():
    both = {"y": ("numbers", y), "t": ("numbers", t)}
    row(f"{name}.forward", getattr(tinynet, name), **both)
    row(f"{name}.per_example", getattr(tinynet, name), **both)
    row(f"{name}.forward_weighted", getattr(tinynet, name), **both, weights=("example weights", W))
row("CrossEntropyLoss.forward", tinynet.CrossEntropyLoss, y=("numbers", T), t=("ids", LABELS))

# optimizers

CLIPS = {"clip_norm": ("positive or none", 1.0), "clip_value": ("positive or none", 1.0)}
CLIPS["rates"] = ("factors or none", np.ones(26))
DECAY, LR, EPS = ("factors or number", np.ones(26)), ("rate", 0.1), ("positive", 1e-8)
MOMENTUM, BETAS = ("fraction", 0.5), ("betas", (0.9, 0.99))
row("Optimizer", net=NET, lr=LR, **CLIPS)
row("SGD", net=NET, lr=LR, momentum=MOMENTUM, nesterov=("bool", True), weight_decay=DECAY, **CLIPS)
row("Adagrad", net=NET, lr=LR, eps=EPS, weight_decay=DECAY, **CLIPS)
row(
    "RMSprop",
    net=NET,
    lr=LR,
    alpha=MOMENTUM,
    eps=EPS,
    momentum=MOMENTUM,
    weight_decay=DECAY,
    **CLIPS,
)
row("Adam", net=NET, lr=LR, betas=BETAS, eps=EPS, weight_decay=DECAY, **CLIPS)
row("AdamW", net=NET, lr=LR, betas=BETAS, eps=EPS, weight_decay=DECAY, **CLIPS)

row("per_parameter", net=NET, factors=("patterns", {"*.b": 0.0}))

# initializers, schedules

for name in tinynet.initializers.__all__:
    if name != "Initializer":
        row(
            f"initializers.{name}",
            shape=SHAPE,
            rng=("rng", New(lambda made: np.random.default_rng(0))),
        )
EVERY = ("int", 10)
row("schedules.steps_in_epochs", epochs=EVERY, examples=EVERY, batch_size=EVERY)
row("schedules.step_decay", lr=("positive", 0.1), factor=("factor", 0.5), every=EVERY)
row("schedules.exponential_decay", lr=("positive", 0.1), factor=("factor", 0.5), every=EVERY)
row("schedules.cosine", lr=("positive", 0.1), steps=EVERY, final=("not negative", 0.01))
row("schedules.linear_decay", lr=("positive", 0.1), steps=EVERY, final=("not negative", 0.01))
row(
    "schedules.polynomial_decay",
    lr=("positive", 0.1),
    steps=EVERY,
    power=("positive", 2.0),
    final=("not negative", 0.01),
)
row(
    "schedules.cosine_restarts",
    lr=("positive", 0.1),
    steps=EVERY,
    growth=("int", 2),
    final=("not negative", 0.01),
)
row(
    "schedules.one_cycle",
    lr=("positive", 0.1),
    steps=EVERY,
    rise=("fraction", 0.3),
    start_divisor=("at least 1", 25.0),
    final_divisor=("at least 1", 1e4),
)
row("schedules.linear_warmup", then=LR, steps=EVERY)
row("schedules.piecewise", parts=("rates", [0.1, 0.2]), boundaries=("steps", [3]))

# metrics

SCORES = ("like", T)
CLASSES = {"predicted": SCORES, "labels": ("labels", LABELS)}
row("metrics.accuracy", **CLASSES, ignore_index=("int or none or less", 7))
row("metrics.accuracy", predicted=("labels", LABELS), labels=("like", np.eye(2)[LABELS]))
row(
    "metrics.binary_accuracy",
    predicted=SCORES,
    labels=("like", np.eye(2)[LABELS]),
    threshold=("real or none", 0.5),
)
row("metrics.top_k_accuracy", scores=SCORES, labels=("labels", LABELS), k=("int", 1))
row("metrics.r2_score", predicted=("regression", X[:, 0]), targets=("regression", X[:, 1]))
row(
    "metrics.mean_absolute_error",
    predicted=("regression", X[:, 0]),
    targets=("regression", X[:, 1]),
)
row("metrics.confusion_matrix", **CLASSES, classes=("int or none", 2))
row("metrics.precision_recall_f1", **CLASSES, classes=("int or none", 2))

# data

row("data.scale_pixels", images=("labels", IMAGES), dtype=DTYPE)
row(
    "data.one_hot",
    labels=("labels", LABELS),
    classes=("int", 2),
    low=("real", 0.01),
    high=("real", 0.99),
    dtype=DTYPE,
)
row(
    "data.batches",
    x=("anything like", X),
    t=("anything like", T),
    batch_size=("int", 2),
    shuffle=("bool", True),
    rng=RNG,
)
row("data.prepare_digit", image=("like", PHOTO))
row("data.read_idx", path=("path", FOLDER / "images-idx3-ubyte"))
row(
    "data.read_mnist_csv",
    path=("path", FOLDER / "images.csv"),
    pixels=("int", 16),
    label_column=("column", 0),
)
row("data.load_mnist", folder=("path", FOLDER / "mnist"), verify=("bool", False))

# training

DATA = {"x": ("numbers", X), "t": ("numbers", T)}
TRAINING = {"net": NET, "loss": LOSS, "optimizer": OPTIMIZER, **DATA, "epochs": ("int", 1)}
LOOP = {
    "batch_size": ("int", 2),
    "shuffle": ("bool", True),
    "sample_weight": ("sample weights", W),
    "rng": RNG,
    "engine": ("engine", "numpy"),
}
row(
    "minimize",
    net=NET,
    loss=LOSS,
    **DATA,
    method=("method", "CG"),
    tolerance=("positive", 0.1),
    max_iterations=("int", 2),
    batch_size=("int or none", 2),
    sample_weight=("sample weights", np.ones(4)),
    callback=("function or none", None),
)
row("train", **TRAINING, **LOOP, blocked=("bool", True))
row(
    "fit",
    **TRAINING,
    **LOOP,
    validation=("pair or none", (X, T)),
    metrics=("functions", ()),
    patience=("int or none", 1),
    monitor=("monitor", "loss"),
    mode=("mode", "min"),
    reduce_on_plateau=("plateau or none", None),
    progress=("progress", "off"),
    checkpoint=("path or none", New(lambda made: no_checkpoint())),
    resume=("bool", False),
)
row("predict", net=NET, x=DATA["x"], batch_size=("int or none", 2))
row(
    "evaluate",
    net=NET,
    loss=LOSS,
    **DATA,
    metrics=("functions", ()),
    sample_weight=("sample weights", W),
)
MONITOR = {"monitor": ("monitor", "loss"), "mode": ("mode", "min")}
row("History", columns=("columns", {"loss": [0.5, 0.25]}), **MONITOR)
row(
    "ReduceOnPlateau",
    factor=("factor", 0.5),
    patience=("int", 3),
    min_delta=("not negative", 0.1),
    min_lr=("not negative", 0.1),
)
row("History.plus", lambda: History({"loss": [0.5]}), row=("row", {"loss": 0.25}))
row("detect_anomaly", **{"*objects": ("watched", New(network))})

# files

row("save", net=NET, path=("path", FOLDER / "saved.npz"))
row("load", path=("path", FOLDER / "net.npz"), layers=("classes", {"Dense": Dense}), rng=RNG)
row("load_parameters", net=NET, path=("path", FOLDER / "net.npz"))
row("to_state_dict", net=NET)
row(
    "from_state_dict",
    net=NET,
    state_dict=("state dict", New(lambda made: tinynet.to_state_dict(network()))),
)
if HAS_SAFETENSORS:
    row("save_safetensors", net=NET, path=("path", FOLDER / "saved.safetensors"))
    row("load_safetensors", net=NET, path=("path", FOLDER / "net.safetensors"))
if HAS_ONNX:
    row(
        "interop.onnx.export",
        net=NET,
        path=("path", FOLDER / "net.onnx"),
        input_shape=("shape or none", (3,)),
        name=("word", "classifier"),
        doc=("words", "Reads digits."),
        opset=("int", 17),
    )

# pictures

AX = ("axes", None)
row(
    "plot.learning_curve",
    loss=("like", [0.5, 0.25]),
    accuracy=("like or none", [0.5, 0.75]),
    ax=AX,
    **{"**more": ("like", [0.5, 0.25])},
)
row("plot.history", history=("history", History({"loss": [0.5, 0.25]})), ax=AX)
row("plot.confusion", matrix=("like", [[8, 2], [1, 9]]), ax=AX)
row("plot.confusion", matrix=SCORES, labels=("labels or none", LABELS), ax=AX)
row(
    "plot.array_to_image",
    images=("like", IMAGES),
    labels=("names", LABELS),
    index=("index", 1),
    ax=AX,
)
row(
    "plot.image_grid",
    images=("like", IMAGES),
    titles=("titles", list("abcd")),
    columns=("int or none", 2),
    ax=AX,
)
row("plot.misclassified", images=("like", IMAGES), **CLASSES, most=("int", 3), ax=AX)
row(
    "plot.weights",
    layer_or_W=("weights", New(lambda made: Dense(4, 3, rng=0))),
    units=("units", 1),
    shape=("shape or none", (2, 2)),
    ax=AX,
)
row("plot.activations", net=NET, x=("like", X[0]), ax=AX)
row(
    "plot.filters",
    layer_or_W=("kernels", New(lambda made: Conv2D(2, 3, 2, rng=0))),
    channel=("column", 1),
    ax=AX,
)
row(
    "plot.feature_maps",
    net=("sequential", New(lambda made: Sequential(Conv2D(1, 2, 2, rng=0), ReLU()))),
    image=("like", PICTURES[0]),
    layer=("column", 1),
    ax=AX,
)
row(
    "plot.attention",
    weights=("like", np.full((3, 3), 1 / 3)),
    labels=("titles", list("abc")),
    ax=AX,
)
row("plot.gradient_norms", net=("net", New(lambda made: with_gradients())), ax=AX)

# checks

row(
    "testing.check_layer",
    layer=("layer", New(lambda made: Dense(3, 2, rng=0))),
    x=("like or none", X),
    input_shape=("shape or none", None),
    skip=("skip", ()),
    seed=("natural", 0),
)
row(
    "testing.check_layer",
    layer=("layer", New(lambda made: Dense(3, 2, rng=0))),
    input_shape=("shape or none", (4, 3)),
)
row(
    "testing.check_loss",
    loss=LOSS,
    y=("like or none", T),
    t=("like or none", P),
    shape=("shape or none", None),
    skip=("skip", ()),
    seed=("natural", 0),
)
row("testing.check_loss", loss=LOSS, shape=("shape or none", (4, 3)))
row(
    "testing.check_optimizer",
    make=("function", lambda net: SGD(net, 0.1)),
    reference=("function", lambda p, g, state: p - 0.1 * g),
    steps=("int", 2),
)
row("testing.numeric_jacobian", fn=("function", lambda x: x**2), x=("like", X))


STRATEGIES = "testing.strategies"
BATCHES = New(lambda made: tinynet.testing.strategies.batches(3))
EACH = {
    "rows": ("shape", (1, 4)),
    "depth": ("shape", (1, 4)),
    "skip": ("skip", ()),
    "transform": ("function or none", None),
    "target": ("function or none", None),
    "kind": ("kind", "ties"),
    "kinds": ("kinds", ("ties",)),
    "*kinds": ("kind", "ties"),
    "*sizes": ("size or none", 3),
    "seed": ("natural", 0),
    "inputs": ("int or none", 3),
    "classes": ("int", 3),
    "activations": ("activations", [Sigmoid]),
    "make": ("function", Sigmoid),
    "x": ("strategy", BATCHES),
    "y": ("strategy", BATCHES),
}
for name, taken in {
    "Values": "kind seed",
    "values": "*kinds",
    "batches": "*sizes rows kinds transform",
    "labels": "classes *sizes rows",
    "dense_layers": "inputs",
    "networks": "inputs activations depth",
    "layer_test": "make x skip",
    "loss_test": "make y target skip",
}.items():
    row(f"{STRATEGIES}.{name}", **{each: EACH[each] for each in taken.split()})


def no_checkpoint():
    """The path of a checkpoint that is not there yet."""
    path = FOLDER / "checkpoint.npz"
    path.unlink(missing_ok=True)
    return path


def with_gradients():
    net = network()
    net.grads[...] = 1
    return net


EXEMPT = {  # by the whole name, or by the last part of it
    "MNIST": "a result",
    "ClassScores": "a result",
    "Epoch": "a result",
    "Minimum": "a result",
    "testing.Report": "a result",
    "Schedule": "what the functions of schedules return",
    "Initializer": "a type",
    "History.get": "that of every Mapping",
    "Layer.forward": "what a layer defines",
    "Layer.backward": "what a layer defines",
    "Layer.predict": "what a layer defines",
    "Layer.parameter_gradients": "what a layer defines",
    "Loss.forward": "what a loss defines",
    "Loss.per_example": "tested with the losses of tinynet",
    "Loss.forward_weighted": "tested with the losses of tinynet",
    "metrics.from_sklearn": "its options are those of the metric; tested in test_metrics.py",
    "ReduceOnPlateau.reduced": "fit calls it, with its history",
    "check": "forward calls it, with arrays",
    "update": "step calls it, with the vectors of the network",
    "decayed": "update calls it, with the same",
}


if not HAS_SAFETENSORS:  # its package is an extra
    EXEMPT["save_safetensors"] = EXEMPT["load_safetensors"] = "its package is not installed"
if not HAS_ONNX:
    EXEMPT["interop.onnx.export"] = "its package is not installed"


def prepare():
    """Write the files that good calls read into the present directory."""
    FOLDER.mkdir()
    (FOLDER / "mnist").mkdir()
    tinynet.save(network(), FOLDER / "net.npz")
    if HAS_SAFETENSORS:
        tinynet.save_safetensors(network(), FOLDER / "net.safetensors")
    lines = [",".join(map(str, [1, *image.ravel()])) for image in IMAGES]
    (FOLDER / "images.csv").write_text("\n".join(lines))
    (FOLDER / "images-idx3-ubyte").write_bytes(idx(IMAGES))
    for name in ("train", "t10k"):
        images = np.zeros((2, 28, 28), np.uint8)
        (FOLDER / "mnist" / f"{name}-images-idx3-ubyte").write_bytes(idx(images))
        (FOLDER / "mnist" / f"{name}-labels-idx1-ubyte").write_bytes(idx(images[:, 0, 0]))


def idx(array):
    """The bytes of an IDX file of that array."""
    sizes = b"".join(size.to_bytes(4, "big") for size in array.shape)
    return bytes([0, 0, 8, array.ndim]) + sizes + array.tobytes()
