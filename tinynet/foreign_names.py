"""What to write for a name that is missing, such as one that another framework uses.

A name is looked up here only when it is missing, and a keyword only when it is one of these, so a
name that tinynet does use costs nothing.
"""

import inspect
import sys
from collections.abc import Mapping
from typing import NoReturn

from tinynet.declared import attributes
from tinynet.errors import BackwardBeforeForwardError


def _table(rows: Mapping[str, str]) -> dict[str, str]:
    return {name: advice for names, advice in rows.items() for name in names.split()}


_SIZES = "write the sizes first: Dense(inputs, outputs), Embedding(num_embeddings, features)"
_NO_LAYER = "there is no such layer yet: write a class derived from tinynet.Layer"
_CROSS_ENTROPY = "write tinynet.CrossEntropyLoss(), and no Softmax at the end of the network"

KEYWORDS = _table(
    {
        "activation": "an activation is a layer of its own: Sequential(Dense(784, 100), ReLU())",
        "units input_dim input_shape in_features out_features": _SIZES,
        "count embedding_dim output_dim": _SIZES,
        "num_features normalized_shape": "write features=",
        "use_bias": "write bias=",
        "kernel_initializer weight_init": "write init=, such as tinynet.initializers.he_normal",
        "seed random_state manual_seed": "write rng=, a NumPy Generator or an int",
        "device": "arrays are NumPy's and stay on the CPU; dtype=np.float32 chooses the float type",
        "p": "write rate=, the probability of dropping an element",
        "inplace": "leave it out, because a layer never writes into its input",
        "dim axis": "leave it out, because it works over the last axis",
        "epsilon": "write eps=",
        "params": "the first argument is the network itself: SGD(net, lr=0.1)",
        "learning_rate": "write lr=, and read optimizer.lr",
        "beta_1 beta_2": "write betas=(0.9, 0.999)",
        "rho": "write alpha=",
        "decay": "write weight_decay=, or a schedule as lr: tinynet.schedules",
        "clipnorm clipvalue": "write clip_norm= or clip_value=",
        "reduction size_average": "a loss is the mean that its docstring states; scale lr instead",
        "from_logits": "CrossEntropyLoss and BCEWithLogitsLoss take logits, BCELoss probabilities",
    }
)
"""Arguments of layers, losses and optimizers."""

ATTRIBUTES = _table(
    {
        # of a network, a loss or an optimizer
        "parameters trainable_variables": "an optimizer takes the network itself: "
        "SGD(net, lr=0.1); net.params holds all parameters, net.named_parameters() lists them by "
        "name",
        "fit compile MLPClassifier MLPRegressor Trainer": "write tinynet.fit(net, loss, optimizer, "
        "x, t, epochs=10)",
        "evaluate": "write tinynet.evaluate(net, loss, x, t)",
        "train eval training": "there is no mode to set: forward is the training pass, predict is "
        "inference. To train a network, use tinynet.train or tinynet.fit",
        "zero_grad": "leave it out, because backward overwrites the gradients",
        "weight weights kernel bias": "a Dense has W and b, and their gradients are dW and db",
        "get_weights set_weights": "read net.params, or write net.params[...] = values",
        "grad": "all gradients are net.grads; that of W is dW; dL/dy is what loss.backward returns",
        "state_dict": "write tinynet.to_state_dict(net) or tinynet.save(net, path); for an "
        "optimizer, optimizer.named_state() lists its memory and tinynet.fit writes checkpoints",
        "load_state_dict": "write tinynet.from_state_dict(net, state_dict); for an optimizer, "
        "tinynet.fit(..., checkpoint=path, resume=True) continues from a checkpoint",
        "save save_model save_weights": "write tinynet.save(net, path)",
        "load_model": "write tinynet.load(path)",
        "load_weights": "write tinynet.load_parameters(net, path)",
        "add append": "a network is built at once: Sequential(layer, layer, ...)",
        "predict_proba predict_classes": "write net.predict(x), which gives the outputs",
        "score": "write tinynet.evaluate(net, loss, x, t), or use tinynet.metrics",
        "count_params": "net.params.size is the number of parameters",
        "to cuda cpu device": KEYWORDS["device"],
        "float double half astype": "write dtype=np.float32 where the network is built",
        "trainable requires_grad requires_grad_": "a layer in Frozen(layer) does not learn",
        "named_state": "it is called named_buffers()",
        "check_windows": "it is called check_views()",
        "item": "leave it out, because forward returns a Python float",
        "learning_rate": KEYWORDS["learning_rate"],
        "reduction": KEYWORDS["reduction"],
        "param_groups": "an optimizer has one network, optimizer.net, and one rate, optimizer.lr",
        "minimize apply_gradients": "write net.backward(loss.backward()), then optimizer.step()",
        # of the package
        "Affine FullyConnected Linear linear": "write tinynet.Dense(inputs, outputs)",
        "MLP Model Module ModuleList Network NeuralNetwork": "write tinynet.Sequential(...), or a "
        "class derived from tinynet.Layer",
        "Parameter Variable": "write super().__init__(W=array) in a class of tinynet.Layer",
        "Activation functional": "write a layer such as tinynet.ReLU()",
        "Conv1D Conv1d Conv2D Conv2d Convolution MaxPool2d MaxPooling2D": _NO_LAYER,
        "GRU LSTM RNN": _NO_LAYER,
        "CategoricalCrossentropy SparseCategoricalCrossentropy NLLLoss": _CROSS_ENTROPY,
        "CrossEntropy SoftmaxCrossEntropy cross_entropy": _CROSS_ENTROPY,
        "BCE BinaryCrossentropy binary_cross_entropy": "write tinynet.BCELoss(), or "
        "tinynet.BCEWithLogitsLoss() without a Sigmoid",
        "BatchNorm1d BatchNormalization": "write tinynet.BatchNorm(features)",
        "LayerNormalization": "write tinynet.LayerNorm(features)",
        "MSE MeanSquaredError mse": "write tinynet.MSELoss()",
        "MAE MeanAbsoluteError": "write tinynet.L1Loss()",
        "Huber SmoothL1Loss": "write tinynet.HuberLoss(delta=1.0)",
        "KLDivergence": "write tinynet.KLDivLoss()",
        "Swish swish": "write tinynet.SiLU()",
        "Momentum Nesterov": "write tinynet.SGD(net, lr=0.1, momentum=0.9)",
        "CosineAnnealingLR ExponentialLR LambdaLR OneCycleLR StepLR lr_scheduler": "write an lr "
        "from tinynet.schedules, such as tinynet.schedules.cosine",
        "nn": "write tinynet.Dense, tinynet.ReLU, tinynet.MSELoss and so on",
        "optim": "write tinynet.SGD, tinynet.Adam and so on",
        "init": "write tinynet.initializers",
        "kaiming_normal kaiming_uniform": "write tinynet.initializers.he_normal",
        "xavier_normal xavier_uniform": "write tinynet.initializers.glorot_uniform",
        "manual_seed set_seed": KEYWORDS["seed"],
        "EarlyStopping": "write tinynet.fit(..., validation=(x, t), patience=10)",
        "ModelCheckpoint": "write tinynet.fit(..., checkpoint=path)",
        "DataLoader Dataset TensorDataset": "write tinynet.data.batches(x, t, batch_size=32)",
        "datasets": "write tinynet.data.load_mnist(folder)",
        "read_csv": "write tinynet.data.read_mnist_csv(path)",
        "to_categorical": "write tinynet.data.one_hot(labels, classes)",
        "no_grad inference_mode": "write net.predict(x), which stores nothing",
        "Tensor array tensor": "write a NumPy array",
        "check_layer check_grad gradcheck": "write tinynet.testing.check_layer(layer)",
        "check_loss check_optimizer": "write tinynet.testing.check_loss and so on",
        "confusion learning_curve misclassified": "write tinynet.plot.confusion and so on",
    }
)
"""Attributes of objects, and of the package itself."""


class ForeignName:
    """A class attribute that is reported as missing, with advice what to write instead."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __get__(self, owner: object, cls: type) -> NoReturn:
        raise AttributeError(
            f"{cls.__name__} has no attribute {self.name!r}: {ATTRIBUTES[self.name]}"
        )


def check_keywords(cls: type, keywords: Mapping[str, object]) -> None:
    """Refuse a keyword of another framework that the constructor of `cls` does not take."""
    for name in keywords:
        if name in KEYWORDS:
            init = cls.__init__  # type: ignore[misc]
            taken = () if init is object.__init__ else inspect.signature(init).parameters.values()
            if not any(p.name == name or p.kind is p.VAR_KEYWORD for p in taken):
                raise TypeError(f"{cls.__name__} takes no {name!r}: {KEYWORDS[name]}")


def missing_attribute(owner: object, name: str) -> NoReturn:
    """Explain why an attribute is missing: `__getattr__` of layers and losses.

    What `forward` keeps for `backward` has a leading underscore, `self._x`.
    """
    me = type(owner).__name__
    if name.startswith("_") and not name.startswith("__"):
        raise BackwardBeforeForwardError(
            f"{me} has no {name} yet: forward stores what backward needs, "
            f"so call forward before backward."
        )
    hint = ""
    if name in ATTRIBUTES:
        hint = f": {ATTRIBUTES[name]}"
    elif name[:1] == "d" and name[1:] in attributes(owner):
        hint = f". Declare the parameter with super().__init__({name[1:]}=...) to have it"
    raise AttributeError(f"{me} has no attribute {name!r}{hint}")


def missing_name(name: str, *, imported: bool = False) -> AttributeError | ImportError:
    """The error for `tinynet.name`, or for `from tinynet import name` if there is advice.

    A public name that has the same letters is recommended.
    """
    advice, letters = ATTRIBUTES.get(name, ""), _letters(name)
    for path in ("", ".data", ".initializers", ".metrics", ".schedules"):
        for public in sys.modules[f"tinynet{path}"].__all__:
            if _letters(public) == letters:
                advice = f"write tinynet{path}.{public}"
    if imported and advice:
        return ImportError(f"cannot import name {name!r} from 'tinynet': {advice}")
    return AttributeError(
        f"module 'tinynet' has no attribute {name!r}{f': {advice}' if advice else ''}"
    )


def _letters(name: str) -> str:
    return name.replace("_", "").lower()
