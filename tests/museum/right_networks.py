"""Right networks and parts of networks, and inputs of unusual kinds."""

import numpy as np

from tinynet import Dense, Sequential, Sigmoid

from .plain import Affine, BatchNorm, Dropout, Embedding, Softmax
from .plain_wide import Attention, Recurrent
from .right_composite import Residual
from .right_losses import Huber
from .tables import right, right_net

rng = np.random.default_rng(0)
READ_ONLY = rng.normal(size=(4, 3))
READ_ONLY.flags.writeable = False
SINGLE = READ_ONLY.astype(np.float32)


@right_net("Single-precision network", input_shape=(4, 3))
@right_net("Single-precision network on its own kind", x=SINGLE)
@right_net("Network on read-only numbers", x=READ_ONLY)
@right_net("Network on every other row", x=np.repeat(READ_ONLY, 2, axis=0)[::2])
@right_net("Network on columns", x=np.asfortranarray(READ_ONLY))
def single():
    return Sequential(Dense(3, 4, rng=0), Sigmoid(), Dense(4, 2, rng=1), dtype=np.float32)


kept = Sequential(Dense(3, 4, rng=0), Sigmoid(), Residual(Affine(4, 4)))


@right_net("Part of a network that lives on", input_shape=(5, 4))
def part():
    return kept[2]


@right_net("Network that has been used", input_shape=(4, 3))
def used():
    net = Sequential(Affine(3, 4), BatchNorm(4), Softmax())
    for rows in (7, 2):
        net.backward(np.ones_like(net.forward(rng.normal(size=(rows, 3)))))
    return net


@right_net("Network in a network", input_shape=(4, 3))
def nested():
    inner = Sequential(Affine(4, 3), Sigmoid())
    return Sequential(Sequential(Affine(3, 4), Sigmoid()), inner, Sequential(Softmax()))


@right_net("Network of one", input_shape=(4, 3))
def one():
    return Sequential(Softmax())


@right_net("Network with nothing to learn", input_shape=(4, 3))
def nothing():
    return Sequential(Sigmoid(), Softmax(), Sigmoid())


@right_net("Network that only draws", input_shape=(6, 5))
def only_draws():
    return Sequential(Dropout(0.5, rng=1), Sequential(Dropout(0.2, rng=2)))


@right_net("Network on sentences", x=np.array([[0, 2, 1], [4, 2, 2]]))
def sentences():
    return Sequential(Embedding(), Recurrent(3, 4), Residual(Attention(4, 4)))


@right_net("Saturated network", x=100 * READ_ONLY)
def saturated():
    return Sequential(Affine(3, 4), Sigmoid(), Affine(4, 4), Softmax())


@right(
    y=READ_ONLY.astype(np.float32), t=READ_ONLY[::-1].astype(np.float32), name="Huber in float32"
)
@right(y=READ_ONLY, t=np.asfortranarray(READ_ONLY[::-1]), name="Huber on columns")
class AnyHuber(Huber):
    """½ d² up to ½, linear beyond."""
