"""What to write in place of a name that `tinynet` does not have."""

import importlib
import sys

__all__ = ["missing_name"]

_MODULES = ("data", "errors", "initializers", "metrics", "plot", "schedules", "testing")

_NAMES_ELSEWHERE = {  # what to write here: what it is called in other frameworks
    "tinynet.Dense(inputs, outputs)": "Affine FullyConnected Linear",
    "tinynet.Sequential(...), or a class derived from tinynet.Layer": (
        "MLP Model Module ModuleList Network NeuralNetwork"
    ),
    "super().__init__(W=array) in a class derived from tinynet.Layer": "Parameter Variable",
    "tinynet.BatchNorm(features)": "BatchNorm1d BatchNormalization",
    "tinynet.LayerNorm(features)": "LayerNormalization",
    "a layer such as tinynet.ReLU()": "Activation functional",
    "a class derived from tinynet.Layer, as there is no such layer yet": (
        "Conv1D Conv1d Conv2D Conv2d Convolution GRU LSTM MaxPool2d MaxPooling2D RNN"
    ),
    "tinynet.CrossEntropyLoss(), and no Softmax at the end of the network": (
        "CategoricalCrossentropy CrossEntropy NLLLoss SoftmaxCrossEntropy "
        "SparseCategoricalCrossentropy cross_entropy"
    ),
    "tinynet.BCELoss(), or tinynet.BCEWithLogitsLoss() without a Sigmoid": (
        "BCE BinaryCrossentropy binary_cross_entropy"
    ),
    "tinynet.MSELoss()": "MSE MeanSquaredError",
    "tinynet.L1Loss()": "MAE MeanAbsoluteError",
    "tinynet.HuberLoss(delta=1.0)": "Huber SmoothL1Loss",
    "tinynet.KLDivLoss()": "KLDivergence",
    "tinynet.SGD(net, lr=0.1, momentum=0.9)": "Momentum Nesterov",
    "an `lr` from tinynet.schedules, such as tinynet.schedules.cosine": (
        "CosineAnnealingLR ExponentialLR LambdaLR OneCycleLR StepLR lr_scheduler"
    ),
    "tinynet.Dense, tinynet.ReLU, tinynet.MSELoss and so on": "nn",
    "tinynet.SGD, tinynet.Adam and so on": "optim",
    "tinynet.initializers": "init",
    "tinynet.fit(net, loss, optimizer, x, t, epochs=10)": "MLPClassifier MLPRegressor Trainer",
    "tinynet.fit(..., validation=(x, t), patience=10)": "EarlyStopping",
    "tinynet.fit(..., checkpoint=path)": "ModelCheckpoint",
    "tinynet.data.batches(x, t, batch_size=32)": "DataLoader Dataset TensorDataset",
    "tinynet.data.load_mnist(folder)": "datasets",
    "net.predict(x), which stores nothing": "no_grad inference_mode",
    "a NumPy array": "Tensor array tensor",
    "`rng=numpy.random.default_rng(0)` as an argument of all that draws": "manual_seed seed",
    "tinynet.save(net, path), and tinynet.load(path)": "load_model save_model",
    "tinynet.to_state_dict(net)": "state_dict",
    "tinynet.from_state_dict(net, state_dict)": "load_state_dict",
    "tinynet.testing.check_layer(layer, input_shape=(4, 3))": "check_grad gradcheck",
}


def missing_name(name: str) -> AttributeError | ImportError:
    """The error for `tinynet.name` or `from tinynet import name`, which says what to write."""
    write = None if name.startswith("_") else _same_letters(name) or _habit(name)
    ending = f": write {write}" if write else ""
    # `from tinynet import name` asks for the attribute too, but drops the text of an AttributeError
    if write and sys._getframe(2).f_code.co_name == "_handle_fromlist":
        return ImportError(f"cannot import name {name!r} from 'tinynet'{ending}", name="tinynet")
    return AttributeError(f"module 'tinynet' has no attribute {name!r}{ending}")


def _same_letters(name: str) -> str | None:
    """The public name, here or in a module, with the same letters: `ReLU` for `relu`."""
    for path in ("tinynet", *(f"tinynet.{module}" for module in _MODULES)):
        module = importlib.import_module(path)
        for public in module.__all__:
            if _letters(public) == _letters(name):
                is_class = isinstance(getattr(module, public), type)
                return f"{path}.{public}{'(...)' if is_class else ''}"
    return None


def _habit(name: str) -> str | None:
    return next((write for write, names in _NAMES_ELSEWHERE.items() if name in names.split()), None)


def _letters(name: str) -> str:
    return name.replace("_", "").lower()
