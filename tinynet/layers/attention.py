"""Attention, in which every step of a sequence looks at all steps, and positions for it."""

import math
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from tinynet.checks import (
    boolean,
    check_gradient,
    float_dtype,
    floats,
    positive_int,
    random_generator,
)
from tinynet.initializers import Initializer, initial_weights, lecun_normal, standard_normal
from tinynet.layers.base import Layer
from tinynet.layers.defaults import predicting_copy
from tinynet.layers.masks import counting_steps
from tinynet.layers.steps import check_steps, in_rows
from tinynet.option import Option
from tinynet.types import Array, Rng


class SelfAttention(Layer):
    """y = A V Wo + bo with A = softmax(Q Kᵀ / √d): each step takes a mean of all steps' values.

    Shapes: x and y (N, steps, features), W (features, 3 features), b (3 features,), Wo (features,
    features), bo (features,). The columns of x W + b are queries Q, keys K and values V, each in
    `heads` parts of d = features / heads columns. Every head computes its own A (steps, steps),
    whose rows sum to 1, and its own A V; these lie side by side before Wo. The softmax goes over
    the keys, and the largest of a row is subtracted first, so that nothing overflows.

    Backward, with dO = dy Woᵀ in the parts of the heads:

        dV = Aᵀ dO,  dA = dO Vᵀ,  dS = A (dA − Σ dA A over the keys) / √d,  dQ = dS K,  dK = dSᵀ Q,

    and dx, dW and db follow from (dQ, dK, dV) as in `Dense`.

    A step that a mask leaves out is no key, for any query: its score is −∞, so its weight is 0.
    `forward` and `predict` take a second argument, `mask` (N, steps), which is True for the steps
    that count; by default it is that of the `Masked` around the layer. (PyTorch's
    `key_padding_mask` is True for the others.) What x holds in a step that does not count does not
    matter, but it must be finite. With `causal`, a step looks only at itself and at
    the steps before it. A step that may look at nothing has a row of zeros in A, and y = bo.

    Args:
        features: of x and y.
        heads: number of heads, which divides the features.
        causal: whether steps look only at what came before, as for predicting the next step.
        bias: whether there are b and bo; they start at zero.
        init: initial W and Wo, a function of shape and generator; see `tinynet.initializers`.
        rng: random numbers for W and Wo. Give all layers of a network one Generator.
        dtype: float type of the parameters.

    Raises:
        ValueError: features that heads do not divide; an x of other axes or without steps; a mask
            of another shape, or in which no step of a sequence counts.
        TypeError: an x whose float type is wider than that of the parameters.

    References:
        A. Vaswani et al., "Attention is all you need" (2017), sections 3.2.1 and 3.2.2.

    Example:
        >>> layer = SelfAttention(6, 2, rng=0)
        >>> x = np.ones((4, 5, 6))
        >>> layer.forward(x).shape, layer.weights(x).shape
        ((4, 5, 6), (4, 2, 5, 5))
        >>> SelfAttention(2, 1, causal=True, rng=0).weights(np.ones((1, 3, 2))).round(2)[0, 0]
        array([[1. , 0. , 0. ],
               [0.5 , 0.5 , 0. ],
               [0.33, 0.33, 0.33]])
    """

    W: Array
    dW: Array
    b: Array | None
    db: Array
    Wo: Array
    dWo: Array
    bo: Array | None
    dbo: Array

    causal = Option(boolean)

    def __init__(
        self,
        features: int,
        heads: int,
        *,
        causal: bool = False,
        bias: bool = True,
        init: Initializer = lecun_normal,
        rng: Rng = None,
        dtype: DTypeLike = np.float64,
    ) -> None:
        features, heads = positive_int(features, "features"), positive_int(heads, "heads")
        if features % heads:
            raise ValueError(f"heads must divide features; got {heads} and {features}")
        self.causal, bias = causal, boolean(bias, "bias")
        dtype, rng, self._heads = float_dtype(dtype), random_generator(rng), heads
        W = initial_weights(init, (features, 3 * features), rng)
        Wo = initial_weights(init, (features, features), rng)
        if bias:
            b, bo = np.zeros(3 * features), np.zeros(features)
            super().__init__(W=W, b=b, Wo=Wo, bo=bo, dtype=dtype)
        else:
            super().__init__(W=W, Wo=Wo, dtype=dtype)
            self.b = self.bo = None

    def forward(self, x: Array, mask: Array | None = None) -> Array:
        x = self._checked(x)
        counting = counting_steps(self, x, mask)
        self._x, (self._Q, self._K, self._V) = x, self._projected(x)
        self._A = self._attention(self._Q, self._K, counting)
        self._O = self._joined(self._A @ self._V)
        y = in_rows(self._O).dot(self.Wo)
        if self.bo is not None:
            y += self.bo
        return y.reshape(x.shape)

    def predict(self, x: Array, mask: Array | None = None) -> Array:
        return predicting_copy(self).forward(x, mask)

    def weights(self, x: Array, mask: Array | None = None) -> Array:
        """The attention weights A (N, heads, steps, steps): row by row, where each step looks.

        Called by hand, it is outside of any `Masked`: give the mask that applies.
        """
        Q, K, _ = self._projected(self._checked(x))
        return self._attention(Q, K, counting_steps(self, x, mask))

    def backward(self, dy: Array) -> Array:
        return self._gradients(dy).dot(self.W.T).reshape(dy.shape)

    def parameter_gradients(self, dy: Array) -> None:
        self._gradients(dy)

    def _gradients(self, dy: Array) -> Array:
        """Overwrite the gradients of the parameters, and return that of x W + b, one row a step."""
        check_gradient(self, dy, self._x.shape, self.W.dtype)
        Q, K, V, A = self._Q, self._K, self._V, self._A
        np.dot(in_rows(self._O).T, in_rows(dy), out=self.dWo)
        dO = self._by_head(in_rows(dy).dot(self.Wo.T).reshape(dy.shape))
        dV = A.swapaxes(2, 3) @ dO
        dS = dO @ V.swapaxes(2, 3)  # so far dA
        dS -= (dS * A).sum(axis=3, keepdims=True)
        dS *= A
        dS /= math.sqrt(Q.shape[3])
        dQ, dK = dS @ K, dS.swapaxes(2, 3) @ Q
        dz = in_rows(np.concatenate([self._joined(each) for each in (dQ, dK, dV)], axis=2))
        np.dot(in_rows(self._x).T, dz, out=self.dW)
        if self.b is not None:
            dz.sum(axis=0, out=self.db)
            in_rows(dy).sum(axis=0, out=self.dbo)
        return dz

    def _checked(self, x: Array) -> Array:
        check_steps(self, x, len(self.W), self.W.dtype)
        return x.astype(self.W.dtype, copy=False)

    def _projected(self, x: Array) -> tuple[Array, Array, Array]:
        """Queries, keys and values, each (N, heads, steps, d)."""
        z = in_rows(x).dot(self.W)
        if self.b is not None:
            z += self.b
        z = z.reshape(*x.shape[:2], 3 * len(self.Wo))
        Q, K, V = (self._by_head(each) for each in np.split(z, 3, axis=2))
        return Q, K, V

    def _attention(self, Q: Array, K: Array, mask: Array | None) -> Array:
        """A = softmax(Q Kᵀ / √d), 0 for keys that a query must not look at."""
        S = Q @ K.swapaxes(2, 3)
        S /= math.sqrt(Q.shape[3])
        steps = Q.shape[2]
        if self.causal:
            S[..., ~np.tri(steps, dtype=bool)] = -np.inf
        if mask is not None:
            S = np.where(mask[:, None, None, :], S, -np.inf)
        largest = S.max(axis=3, keepdims=True)
        S -= np.where(largest == -np.inf, 0, largest)  # where there is no key at all
        A = np.exp(S, out=S)
        total = A.sum(axis=3, keepdims=True)
        A /= np.where(total == 0, 1, total)
        return A

    def _by_head(self, array: Array) -> Array:
        """(N, steps, features) as (N, heads, steps, d)."""
        examples, steps, features = array.shape
        d = features // self._heads
        return array.reshape(examples, steps, self._heads, d).swapaxes(1, 2)

    def _joined(self, array: Array) -> Array:
        """(N, heads, steps, d) as (N, steps, features)."""
        examples, heads, steps, d = array.shape
        return array.swapaxes(1, 2).reshape(examples, steps, heads * d)


class PositionalEncoding(Layer):
    """y[n, t] = x[n, t] + P[t]: adds to each step what tells its place from that of the others.

    Shapes: x and y (N, steps, features) with at most `length` steps, P (length, features).
    `SelfAttention` treats all steps alike, so without P it could not know their order. By default P
    is fixed,

        P[t, 2i] = sin(t / 10000^(2i / features)),  P[t, 2i + 1] = cos(t / 10000^(2i / features)),

    waves of many lengths; with `learned` it is a parameter, with dP[t] = Σ dy[n, t]. dx = dy. Steps
    of padding are counted, too, so padding behind a sequence does not move it.

    Args:
        length: the largest number of steps.
        features: of x.
        learned: whether P is a parameter.
        init: initial P if it is learned, a function of shape and generator; N(0, 1) as in
            PyTorch's and our `Embedding`.
        rng: random numbers for a learned P.
        dtype: float type of a learned P.

    Raises:
        ValueError: a size that is not positive, or an x of other axes or of more steps.
        TypeError: an x whose float type is wider than that of a learned P.

    References:
        A. Vaswani et al., "Attention is all you need" (2017), section 3.5.

    Example:
        >>> PositionalEncoding(50, 4).forward(np.zeros((1, 2, 4))).round(2)
        array([[[0. , 1. , 0. , 1. ],
                [0.84, 0.54, 0.01, 1. ]]])
        >>> PositionalEncoding(50, 4, learned=True).params.size
        200
    """

    P: Array | None
    dP: Array

    def __init__(
        self,
        length: int,
        features: int,
        *,
        learned: bool = False,
        init: Initializer = standard_normal,
        rng: Rng = None,
        dtype: DTypeLike = np.float64,
    ) -> None:
        shape = positive_int(length, "length"), positive_int(features, "features")
        dtype = float_dtype(dtype)
        self._limits = shape
        if boolean(learned, "learned"):
            super().__init__(P=initial_weights(init, shape, rng), dtype=dtype)
        else:
            super().__init__()
            self.P = None

    def forward(self, x: Array) -> Array:
        y = PositionalEncoding.predict(self, x)
        self._shape = x.shape
        return y

    def predict(self, x: Array) -> Array:
        length, features = self._limits
        check_steps(self, x, features, None if self.P is None else self.P.dtype)
        steps = x.shape[1]
        if steps > length:
            raise ValueError(
                f"{self!r} got x of shape {x.shape}: it has positions for {length} steps, and x "
                f"has {steps}."
            )
        x = floats(x, "x")
        return x + (_waves(steps, features, x.dtype) if self.P is None else self.P[:steps])

    def backward(self, dy: Array) -> Array:
        check_gradient(self, dy, self._shape)
        if self.P is not None:
            steps = dy.shape[1]
            self.dP[steps:] = 0
            dy.sum(axis=0, out=self.dP[:steps])
        return dy


@lru_cache(maxsize=8)
def _waves(steps: int, features: int, dtype: np.dtype[Any]) -> Array:
    """The fixed encoding (steps, features), sines and cosines in turn; nobody writes into it."""
    even = np.arange(0, features, 2)
    angles = np.arange(steps)[:, None] / 10000 ** (even / features)
    waves = np.stack([np.sin(angles), np.cos(angles)], axis=2).reshape(steps, -1)
    return waves[:, :features].astype(dtype)
