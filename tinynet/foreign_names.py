"""Names that other frameworks use, and what to write here instead.

An attribute is looked up here only when it is missing, and a keyword only when it is one of these,
so a name that tinynet does use costs nothing.
"""

import inspect
from collections.abc import Mapping
from typing import NoReturn

__all__ = ["KEYWORDS", "LAYERS", "LOSSES", "OPTIMIZERS", "ForeignName", "check_keywords"]


def _table(rows: Mapping[str, str]) -> dict[str, str]:
    """One entry for each of the names on the left."""
    return {name: advice for names, advice in rows.items() for name in names.split()}


_NO_MODE = "there is no mode to set: forward is the training pass, predict is inference"
_NO_ZERO = "backward overwrites the gradients, so there is nothing to set to zero; leave it out"
_CPU = "arrays are NumPy's and stay on the CPU; dtype=np.float32 chooses the float type"
_MEAN = "a loss is the mean that its docstring states, and no other"

LAYERS = _table(
    {
        "parameters": "net.params holds all parameters, net.named_parameters() lists them by name; "
        "an optimizer takes the network itself: SGD(net, lr=0.1)",
        "fit": "use tinynet.fit(net, loss, optimizer, x, t, epochs=10)",
        "compile": "there is nothing to compile: pass the loss and the optimizer to tinynet.fit",
        "evaluate": "use tinynet.evaluate(net, loss, x, t)",
        "train": f"{_NO_MODE}. To train a network, use tinynet.train or tinynet.fit",
        "eval": _NO_MODE,
        "zero_grad": _NO_ZERO,
        "weight weights kernel": "the weights of a Dense are W, and their gradient is dW",
        "bias": "the bias of a Dense is b, and its gradient is db",
        "get_weights set_weights": "read net.params, or write net.params[...] = values",
        "grad": "all gradients are net.grads; that of W is dW",
        "state_dict": "use tinynet.interop.to_state_dict(net), or tinynet.save(net, path)",
        "load_state_dict": "use tinynet.interop.from_state_dict(net, state_dict)",
        "save save_weights": "use tinynet.save(net, path)",
        "load_weights": "use tinynet.load_parameters(net, path)",
        "add append": "a network is built at once: Sequential(layer, layer, ...)",
        "to cuda cpu": _CPU,
        "trainable requires_grad requires_grad_": "a layer in Frozen(layer) does not learn",
        "named_state": "it is called named_buffers()",
        "check_windows": "it is called check_views()",
    }
)

LOSSES = _table(
    {
        "reduction": _MEAN,
        "item": "forward returns a Python float, so leave it out",
        "grad": "the gradient dL/dy is what backward() returns",
    }
)

OPTIMIZERS = _table(
    {
        "zero_grad": _NO_ZERO,
        "param_groups": "an optimizer has one network, optimizer.net, and one rate, optimizer.lr",
        "learning_rate": "it is called lr",
        "state_dict": "optimizer.named_state() lists what it remembers; tinynet.fit can write "
        "checkpoints",
        "minimize apply_gradients": "write net.backward(loss.backward()), then optimizer.step()",
    }
)

KEYWORDS = _table(
    {
        "activation": "an activation is a layer of its own: Sequential(Dense(784, 100), ReLU())",
        "units input_dim input_shape in_features out_features": "sizes are the first two "
        "arguments, inputs and outputs: Dense(784, 100)",
        "use_bias": "write bias=",
        "kernel_initializer weight_init": "write init= and a function, such as "
        "init=tinynet.initializers.he_normal",
        "seed random_state": "write rng=, a NumPy Generator or an int",
        "device": _CPU,
        "p": "write rate=, the probability of dropping an element",
        "inplace": "a layer never writes into its input; leave it out",
        "dim axis": "it works over the last axis; leave it out",
        "num_features normalized_shape": "write features=",
        "count embedding_dim output_dim": "write Embedding(num_embeddings, features)",
        "epsilon": "write eps=",
        "params": "the first argument is the network itself: SGD(net, lr=0.1)",
        "learning_rate": "write lr=",
        "beta_1 beta_2": "write betas=(0.9, 0.999)",
        "rho": "write alpha=",
        "decay": "write weight_decay=, or a schedule as lr: tinynet.schedules",
        "clipnorm": "write clip_norm=",
        "clipvalue": "write clip_value=",
        "reduction size_average": f"{_MEAN}; scale lr instead",
        "from_logits": "CrossEntropyLoss and BCEWithLogitsLoss take logits, BCELoss probabilities",
    }
)


class ForeignName:
    """A class attribute that is reported as missing, with advice what to write instead."""

    def __init__(self, name: str, advice: str) -> None:
        self.name, self.advice = name, advice

    def __get__(self, owner: object, cls: type) -> NoReturn:
        raise AttributeError(f"{cls.__name__} has no attribute {self.name!r}: {self.advice}")


def check_keywords(cls: type, keywords: Mapping[str, object]) -> None:
    """Refuse a keyword of another framework that the constructor of `cls` does not take.

    Example:
        >>> from tinynet import Dropout
        >>> Dropout(p=0.5)
        Traceback (most recent call last):
        TypeError: Dropout takes no 'p': write rate=, the probability of dropping an element
    """
    for name in keywords:
        if name in KEYWORDS:
            init = cls.__init__  # type: ignore[misc]
            taken = () if init is object.__init__ else inspect.signature(init).parameters.values()
            if not any(p.name == name or p.kind is p.VAR_KEYWORD for p in taken):
                raise TypeError(f"{cls.__name__} takes no {name!r}: {KEYWORDS[name]}")
