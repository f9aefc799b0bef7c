"""State dicts: parameters under PyTorch's names and in its orientation."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from tinynet.checks import check_instance
from tinynet.interop.naming import Naming, prefixes, renamed_arrays
from tinynet.layers import (
    BatchNorm,
    Conv2D,
    Dense,
    Embedding,
    GroupNorm,
    Layer,
    LayerNorm,
    PReLU,
    RMSNorm,
    SelfAttention,
)
from tinynet.layers.recurrent import Recurrent
from tinynet.persistence.arrays import fill
from tinynet.text import shown
from tinynet.types import Array, FilePath

_FIRST, _SECOND = "bias_ih_l0", "bias_hh_l0"
_C = "c of tinynet"  # which has no array of its own there, but a part of one
_PYTORCH = Naming(
    names={
        Dense: {"W": "weight", "b": "bias"},
        Conv2D: {"W": "weight", "b": "bias"},  # and Conv1D
        Embedding: {"W": "weight"},
        BatchNorm: {"gain": "weight"},  # bias, running_mean, running_var are named as in PyTorch
        LayerNorm: {"gain": "weight"},
        RMSNorm: {"gain": "weight"},
        GroupNorm: {"gain": "weight"},
        PReLU: {"slope": "weight"},
        Recurrent: {"W": "weight_ih_l0", "U": "weight_hh_l0", "b": _FIRST, "c": _C},
        SelfAttention: {
            "W": "in_proj_weight",
            "b": "in_proj_bias",
            "Wo": "out_proj.weight",
            "bo": "out_proj.bias",
        },
    },
    transposed={  # (in, out) here, (out, in) there
        (Dense, "W"),
        (Recurrent, "W"),
        (Recurrent, "U"),
        (SelfAttention, "W"),
        (SelfAttention, "Wo"),
    },
)
_UNUSED = "num_batches_tracked"  # PyTorch counts batches in a BatchNorm, for another kind of mean


def to_state_dict(net: Layer) -> dict[str, Array]:
    """Copies of all parameters and buffers, as `torch.nn.Module.state_dict` has them.

    A `torch.nn.Sequential` of the same layers loads them unchanged and then gives the same outputs:

        model.load_state_dict({k: torch.from_numpy(v) for k, v in to_state_dict(net).items()})

    It holds no settings, such as the `eps` of a BatchNorm: make them equal on both sides. The names
    are PyTorch's, `"0.weight"` for a Dense, (out, in) as there. A `Frozen`, which is a flag in
    PyTorch, has no place in the names, nor has a `Masked`. The part of a `Residual` is `inner`, and
    a layer of your own, not derived from one of these, keeps its names and its orientation.

    PyTorch's recurrent layers have two biases, which they add: `bias_ih_l0` is ours, `bias_hh_l0`
    is 0 but for the c of a GRU. An initial state that is learned is `h0` and `c0`, which PyTorch
    does not know: leave it out there.

    Example:
        >>> from tinynet import Dense, Sequential, Sigmoid
        >>> net = Sequential(Dense(784, 100), Sigmoid(), Dense(100, 10))
        >>> {name: array.shape for name, array in to_state_dict(net).items()}
        {'0.weight': (100, 784), '0.bias': (100,), '2.weight': (10, 100), '2.bias': (10,)}
    """
    check_instance("net", net, Layer, "a layer or network")
    net.check_views()
    state = {name: array.copy() for name, array in renamed_arrays(net, _PYTORCH).items()}
    for prefix in _with_biases(net):
        b, c = state[prefix + _FIRST], state.pop(prefix + _C, np.empty(0))
        second = np.zeros_like(b)
        second[len(b) - len(c) :] = c
        state[prefix + _SECOND] = second
    return state


def from_state_dict(net: Layer, state_dict: Mapping[str, Any]) -> None:
    """Fill a network from what `torch.nn.Module.state_dict` gives, tensors or arrays.

    Names, shapes and float types must be the network's own and all values finite; otherwise the
    network stays as it is. The `num_batches_tracked` of a BatchNorm is ignored. The two biases of a
    recurrent layer are added.

    Raises:
        LoadError: something does not fit; all of it is listed.
        TypeError: `state_dict` is not a mapping, for instance the module itself.

    Example:
        >>> from tinynet import Dense
        >>> from_state_dict(Dense(3, 2), {"weight": np.zeros((3, 2)), "bias": np.zeros(2)})
        Traceback (most recent call last):
        tinynet.errors.LoadError: the state dict cannot be loaded: weight has shape (3, 2) and must
        have (2, 3)
    """
    fill_from(net, state_dict, "the state dict")


def fill_from(net: Layer, state_dict: Mapping[str, Any], source: FilePath) -> None:
    """Do the work of `from_state_dict`; an error calls the state dict by the name of its source."""
    check_instance("net", net, Layer, "a layer or network")
    if not isinstance(state_dict, Mapping):
        raise TypeError(
            f"a state dict is a mapping from names to arrays, as model.state_dict() gives it; got "
            f"{shown(state_dict)}"
        )
    net.check_views()
    own = renamed_arrays(net, _PYTORCH)
    given = {
        name: _as_array(value)
        for name, value in state_dict.items()
        if name in own or str(name).rpartition(".")[2] != _UNUSED
    }
    for prefix in _with_biases(net):
        _join_biases(prefix, own, given)
    fill(own, given, source)


def _with_biases(net: Layer) -> list[str]:
    """What the names of the arrays of each recurrent layer with biases begin with."""
    recurrent = [(prefix, layer) for prefix, layer in prefixes(net) if isinstance(layer, Recurrent)]
    return [prefix for prefix, layer in recurrent if layer.b is not None]


def _join_biases(prefix: str, own: dict[str, Array], given: dict[str, Any]) -> None:
    """Put what our b and c are in place of the two biases that a state dict has.

    They are b = first + second, but for the part of the second that is the c of a GRU. Where one is
    missing or does not fit, both are left as they are and asked for, so that `fill` names them.
    """
    b, c = own[prefix + _FIRST], own.get(prefix + _C)
    first: Any = given.get(prefix + _FIRST)
    second: Any = given.get(prefix + _SECOND)
    fitting = [
        isinstance(bias, np.ndarray) and bias.shape == b.shape and bias.dtype == b.dtype
        for bias in (first, second)
    ]
    if not all(fitting):
        own.pop(prefix + _C, None)
        own[prefix + _SECOND] = np.empty_like(b)
        return
    added = len(b) - (0 if c is None else len(c))
    del given[prefix + _SECOND]
    given[prefix + _FIRST] = first + np.where(np.arange(len(b)) < added, second, 0)
    if c is not None:
        given[prefix + _C] = second[added:]


def _as_array(value: Any) -> Any:
    """A tensor as an array, from whichever device; anything else is returned unchanged."""
    if isinstance(value, np.ndarray):
        return value
    try:
        return value.detach().cpu().numpy()
    except (AttributeError, TypeError, RuntimeError):  # no tensor, bfloat16, or without memory
        return value
