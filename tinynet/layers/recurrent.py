"""Recurrent layers, which read a sequence step by step and keep a state."""

from typing import ClassVar

import numpy as np
from numpy.typing import DTypeLike

from tinynet.checks import boolean, check_gradient, float_dtype, positive_int, random_generator
from tinynet.initializers import Initializer, initial_weights, lecun_normal, orthogonal
from tinynet.layers.base import Layer
from tinynet.layers.defaults import predicting_copy
from tinynet.layers.masks import counting_steps
from tinynet.layers.steps import check_steps, in_rows
from tinynet.option import Option
from tinynet.types import Array, Rng


class Recurrent(Layer):
    """Abstract: h_t = f(x_t W + b, h_{t−1} U) for t = 1, ..., T, with the state h.

    A subclass says what f is, in `_read`, and how its gradient goes back, in `_read_backward`. All
    arrays of steps have the time first there, (T, N, ...). What the inputs contribute, x W + b, is
    one matrix product for all steps, and so are the gradients dx, dW and dU.
    """

    W: Array
    dW: Array
    U: Array
    dU: Array
    b: Array | None
    db: Array
    h0: Array | None
    dh0: Array

    return_sequences = Option(boolean)
    reverse = Option(boolean)

    _gates: ClassVar[int]  # how many times `units` the columns of W, U and b are
    _states: ClassVar[tuple[str, ...]] = ("h0",)  # the initial states that can be learned

    def __init__(
        self,
        inputs: int,
        units: int,
        *,
        return_sequences: bool = False,
        reverse: bool = False,
        learn_initial: bool = False,
        bias: bool = True,
        init: Initializer = lecun_normal,
        recurrent_init: Initializer = orthogonal,
        rng: Rng = None,
        dtype: DTypeLike = np.float64,
    ) -> None:
        inputs, units = positive_int(inputs, "inputs"), positive_int(units, "units")
        self.return_sequences, self.reverse = return_sequences, reverse
        learn_initial, bias = boolean(learn_initial, "learn_initial"), boolean(bias, "bias")
        dtype, rng = float_dtype(dtype), random_generator(rng)
        each = [
            initial_weights(recurrent_init, (units, units), rng, "recurrent_init")
            for _ in range(self._gates)
        ]
        parameters = {
            "W": initial_weights(init, (inputs, self._gates * units), rng),
            "U": np.concatenate(each, axis=1),
        }
        biases, initial = self._biases(units), {name: np.zeros(units) for name in self._states}
        parameters |= (biases if bias else {}) | (initial if learn_initial else {})
        super().__init__(**parameters, dtype=dtype)
        for name in {**biases, **initial}.keys() - parameters.keys():
            setattr(self, name, None)

    def forward(self, x: Array, mask: Array | None = None) -> Array:
        check_steps(self, x, len(self.W), self.W.dtype)
        counting = counting_steps(self, x, mask)
        self._order = slice(None, None, -1 if self.reverse else 1)  # in which the steps are read
        self._mask = None
        if counting is not None and not counting.all():
            self._mask = counting[:, self._order].T[:, :, None]
        self._x = np.ascontiguousarray(x[:, self._order].swapaxes(0, 1), self.W.dtype)
        T, N, _ = self._x.shape
        z = in_rows(self._x).dot(self.W)
        if self.b is not None:
            z += self.b
        self._h = np.empty((T + 1, N, len(self.U)), z.dtype)
        self._h[0] = 0 if self.h0 is None else self.h0
        self._read(z.reshape(T, N, self._gates * len(self.U)))
        y = self._h[-1].copy()  # a view would keep the states of all steps
        if self.return_sequences:
            y = self._h[1:].swapaxes(0, 1)[:, self._order]
        self._shape = y.shape
        return y

    def predict(self, x: Array, mask: Array | None = None) -> Array:
        return predicting_copy(self).forward(x, mask)

    def backward(self, dy: Array) -> Array:
        dz = self._gradients(dy)
        dx = in_rows(dz).dot(self.W.T).reshape(self._x.shape)
        return dx.swapaxes(0, 1)[:, self._order]

    def parameter_gradients(self, dy: Array) -> None:
        self._gradients(dy)

    def _gradients(self, dy: Array) -> Array:
        """Overwrite the gradients of the parameters, and return dL/dz of z = x W + b."""
        check_gradient(self, dy, self._shape, self.W.dtype)
        if dy.ndim == 3:
            of_steps = dy[:, self._order].swapaxes(0, 1)
        else:
            of_steps = np.zeros_like(self._h[1:])
            of_steps[-1] = dy
        dz, dhU, initial = self._read_backward(of_steps)
        in_rows(self._x).T.dot(in_rows(dz), out=self.dW)
        in_rows(self._h[:-1]).T.dot(in_rows(dhU), out=self.dU)
        if self.b is not None:
            in_rows(dz).sum(axis=0, out=self.db)
        if self.h0 is not None:
            for name, gradient in zip(self._states, initial, strict=True):
                gradient.sum(axis=0, out=getattr(self, f"d{name}"))
        return dz

    def _read(self, z: Array) -> None:
        """Fill self._h[1:] from h[0] and z (T, N, gates · units), which may be overwritten."""
        raise NotImplementedError(f"{type(self).__name__} must define _read(self, z)")

    def _read_backward(self, dy: Array) -> tuple[Array, Array, tuple[Array, ...]]:
        """The gradients of x W + b, of h U and of each initial state, from what y adds to dL/dh.

        Shapes: dy (T, N, units), the first two results (T, N, gates · units).
        """
        raise NotImplementedError(f"{type(self).__name__} must define _read_backward(self, dy)")

    def _biases(self, units: int) -> dict[str, Array]:
        return {"b": np.zeros(self._gates * units)}

    def _keep(self, t: int, *states: Array) -> None:
        """Where step t does not count, states[t + 1] is states[t]."""
        if self._mask is not None:
            for state in states:
                np.copyto(state[t + 1], state[t], where=~self._mask[t])


class RNN(Recurrent):
    """h_t = tanh(x_t W + b + h_{t−1} U), the simple recurrent layer (Elman's network).

    Shapes: x (N, steps, inputs), W (inputs, units), U (units, units), b (units,); y (N, units), the
    state after the last step, or with `return_sequences` (N, steps, units), the state after each.

    From the last step to the first, with dh the gradient of the state h_t, which y and the step
    after it give,

        dz_t = dh (1 − h_t²),  dh_{t−1} = dz_t Uᵀ,

    and dx_t = dz_t Wᵀ, dW = Σ_t x_tᵀ dz_t, dU = Σ_t h_{t−1}ᵀ dz_t, db = Σ dz.

    Args:
        inputs: number of features of each step.
        units: number of features of the state.
        return_sequences: whether y is the state after each step, as another recurrent layer needs
            it, or only the last one. (The word and the default are Keras's.)
        reverse: whether to read from the last step to the first. The states of y stay at the steps
            at which they were computed. `Concatenate(LSTM(3, 4), LSTM(3, 4, reverse=True))` reads
            in both directions.
        learn_initial: whether the initial state is learned, as a parameter `h0` (units,) that
            starts at 0; otherwise it is 0.
        bias: whether there is a b; it starts at zero.
        init: initial W, a function of shape and generator; see `tinynet.initializers`.
        recurrent_init: initial U, which is made for each gate by itself, with the shape
            (units, units).
        rng: random numbers for W and U. Give all layers of a network one Generator.
        dtype: float type of the parameters.

    `forward` and `predict` take a second argument, `mask` (N, steps), which is True for the steps
    that count; by default it is that of the `Masked` around the layer. In a step that does not
    count the state stays as it is.

    Raises:
        ValueError: a size that is not positive, or an x of other axes or without steps.
        TypeError: an x whose float type is wider than that of the parameters.

    References:
        J. L. Elman, "Finding structure in time" (1990).

    Example:
        >>> layer = RNN(3, 4, rng=0)
        >>> layer.forward(np.ones((2, 5, 3))).shape
        (2, 4)
        >>> [(name, view.shape) for name, view in layer.named_parameters()]
        [('W', (3, 4)), ('U', (4, 4)), ('b', (4,))]
    """

    _gates = 1

    def _read(self, z: Array) -> None:
        h = self._h
        for t in range(len(z)):
            h[t].dot(self.U, out=h[t + 1])
            h[t + 1] += z[t]
            np.tanh(h[t + 1], out=h[t + 1])
            self._keep(t, h)

    def _read_backward(self, dy: Array) -> tuple[Array, Array, tuple[Array, ...]]:
        h = self._h[1:]
        dz, Ut = 1 - h * h, self.U.T.copy()  # a copy, because BLAS is slower with the view
        dh, mask = np.zeros_like(h[0]), self._mask
        for t in reversed(range(len(dz))):
            dh += dy[t]
            dz[t] *= dh
            if mask is not None:
                dz[t] *= mask[t]
                kept = np.where(mask[t], 0, dh)
            dz[t].dot(Ut, out=dh)
            if mask is not None:
                dh += kept
        return dz, dz, (dh,)


class LSTM(Recurrent):
    """c_t = f c_{t−1} + i g and h_t = o tanh(c_t): long short-term memory.

    With (i, f, g, o) = (σ, σ, tanh, σ)(x_t W + b + h_{t−1} U), each of the four one part of the
    columns: the input gate i lets the candidate g into the cell c, the forget gate f keeps what is
    in it, the output gate o shows it.

    Shapes: x (N, steps, inputs), W (inputs, 4 units), U (units, 4 units), b (4 units,);
    y (N, units), the state h after the last step, or with `return_sequences` (N, steps, units).
    The order of the gates is that of PyTorch and Keras. σ is computed as ½ + ½ tanh(a / 2), which
    is exact to the rounding of 1, not of σ: in float32 a gate with a < −17 is 0.

    From the last step to the first, with dh and dc the gradients of h_t and c_t,

        dc ← dc + dh o (1 − tanh²(c_t)),  dc_{t−1} = dc f,  dh_{t−1} = dz Uᵀ,
        dz = (dc g i (1 − i), dc c_{t−1} f (1 − f), dc i (1 − g²), dh tanh(c_t) o (1 − o)),

    and dx, dW, dU and db follow from dz as in `RNN`.

    Args:
        inputs, units, return_sequences, reverse, bias, init, recurrent_init, rng, dtype: as for
            `RNN`. With a bias, that of the forget gate starts at 1, so that a cell keeps what it
            holds (Jozefowicz et al., as in Keras; PyTorch starts it at a random number near 0).
        learn_initial: whether the initial h and c are learned, as `h0` and `c0` (units,).

    Raises:
        ValueError, TypeError: as for `RNN`.

    References:
        S. Hochreiter and J. Schmidhuber, "Long short-term memory" (1997). F. Gers et al.,
        "Learning to forget" (2000). R. Jozefowicz et al., "An empirical exploration of recurrent
        network architectures" (2015).

    Example:
        >>> layer = LSTM(3, 4, return_sequences=True, rng=0)
        >>> layer.forward(np.ones((2, 5, 3))).shape
        (2, 5, 4)
        >>> layer.b
        array([0., 0., 0., 0., 1., 1., 1., 1., 0., 0., 0., 0., 0., 0., 0., 0.])
    """

    c0: Array | None
    dc0: Array

    _gates = 4
    _states = "h0", "c0"

    def _biases(self, units: int) -> dict[str, Array]:
        return {"b": np.repeat([0.0, 1.0, 0.0, 0.0], units)}

    def _read(self, z: Array) -> None:
        h, units = self._h, len(self.U)
        self._c = c = np.empty_like(h)
        c[0] = 0 if self.c0 is None else self.c0
        self._tanh_c, self._z, a = np.empty_like(h[1:]), z, np.empty_like(z[0])
        # σ(a) = ½ + ½ tanh(a / 2), so that one tanh serves all four
        half = np.repeat(np.array([0.5, 0.5, 1, 0.5], z.dtype), units)
        rest, U = 1 - half, self.U * half
        z *= half
        for t in range(len(z)):
            h[t].dot(U, out=a)
            a += z[t]
            np.tanh(a, out=a)
            a *= half
            np.add(a, rest, out=z[t])
            i, f, g, o = _parts(z[t], 4)
            np.multiply(f, c[t], out=c[t + 1])
            c[t + 1] += i * g
            np.tanh(c[t + 1], out=self._tanh_c[t])
            np.multiply(o, self._tanh_c[t], out=h[t + 1])
            self._keep(t, h, c)

    def _read_backward(self, dy: Array) -> tuple[Array, Array, tuple[Array, ...]]:
        i, f, g, o = _parts(self._z, 4)
        dz, Ut = self._z * (1 - self._z), self.U.T.copy()
        di, df, dg, do = _parts(dz, 4)
        di *= g
        df *= self._c[:-1]
        np.multiply(i, 1 - g * g, out=dg)
        do *= self._tanh_c
        slope = o * (1 - self._tanh_c * self._tanh_c)  # of h in c
        dh, dc = np.zeros_like(slope[0]), np.zeros_like(slope[0])
        (T, N, units), mask = slope.shape, self._mask
        for t in reversed(range(T)):
            dh += dy[t]
            if mask is not None:
                kept_h, kept_c = np.where(mask[t], 0, dh), dc.copy()
            dc += dh * slope[t]
            into_c = dz[t].reshape(N, 4, units)[:, :3]
            into_c *= dc[:, None]
            do[t] *= dh
            if mask is not None:
                dz[t] *= mask[t]
            dz[t].dot(Ut, out=dh)
            dc *= f[t]
            if mask is not None:
                dh += kept_h
                np.copyto(dc, kept_c, where=~mask[t])
        return dz, dz, (dh, dc)


class GRU(Recurrent):
    """h_t = (1 − z) n + z h_{t−1}, the gated recurrent unit.

    With a = h_{t−1} U in three parts, and so x_t W + b,

        r = σ(x_t W_r + b_r + a_r),  z = σ(x_t W_z + b_z + a_z),
        n = tanh(x_t W_n + b_n + r (a_n + c)):

    the update gate z keeps the state, the reset gate r says how much of it the candidate n sees.

    Shapes: x (N, steps, inputs), W (inputs, 3 units), U (units, 3 units), b (3 units,), c (units,);
    y (N, units), the state after the last step, or with `return_sequences` (N, steps, units). The
    form, with r behind the product with U, and the order r, z, n are PyTorch's; Keras has the same
    form by default, and the order z, r, n. (In the paper r multiplies h before the product.)

    From the last step to the first, with dh the gradient of h_t,

        dn = dh (1 − z) (1 − n²),  dr = dn (a_n + c) r (1 − r),  dz = dh (h_{t−1} − n) z (1 − z),
        dh_{t−1} = dh z + (dr, dz, dn r) Uᵀ;

    (dr, dz, dn) are the gradients of x_t W + b, and (dr, dz, dn r) those of a.

    Args:
        inputs, units, return_sequences, reverse, learn_initial, bias, init, recurrent_init, rng,
            dtype: as for `RNN`; with a bias there are b and c, which start at zero.

    Raises:
        ValueError, TypeError: as for `RNN`.

    References:
        K. Cho et al., "Learning phrase representations using RNN encoder-decoder for statistical
        machine translation" (2014).

    Example:
        >>> layer = GRU(3, 4, rng=0)
        >>> layer.forward(np.ones((2, 5, 3))).shape
        (2, 4)
        >>> [(name, view.shape) for name, view in layer.named_parameters()]
        [('W', (3, 12)), ('U', (4, 12)), ('b', (12,)), ('c', (4,))]
    """

    c: Array | None
    dc: Array

    _gates = 3

    def _biases(self, units: int) -> dict[str, Array]:
        return {**super()._biases(units), "c": np.zeros(units)}

    def _read(self, z: Array) -> None:
        h, units = self._h, len(self.U)
        self._z, self._s, a = z, np.empty_like(h[1:]), np.empty_like(z[0])
        for t in range(len(z)):
            h[t].dot(self.U, out=a)
            s = self._s[t]
            np.add(a[:, 2 * units :], 0 if self.c is None else self.c, out=s)
            gates, n = z[t, :, : 2 * units], z[t, :, 2 * units :]
            gates += a[:, : 2 * units]
            gates *= 0.5  # σ(a) = ½ + ½ tanh(a / 2)
            np.tanh(gates, out=gates)
            gates *= 0.5
            gates += 0.5
            n += gates[:, :units] * s
            np.tanh(n, out=n)
            np.subtract(h[t], n, out=h[t + 1])
            h[t + 1] *= gates[:, units:]
            h[t + 1] += n
            self._keep(t, h)

    def _read_backward(self, dy: Array) -> tuple[Array, Array, tuple[Array, ...]]:
        r, z, n = _parts(self._z, 3)
        dxW, Ut = self._z * (1 - self._z), self.U.T.copy()
        dr, dz, dn = _parts(dxW, 3)
        np.multiply(1 - z, 1 - n * n, out=dn)
        dz *= self._h[:-1] - n
        dr *= dn * self._s
        dhU = dxW.copy()
        dhU[:, :, -len(self.U) :] *= r
        dh = np.zeros_like(self._h[0])
        (T, N, units), mask = self._s.shape, self._mask
        for t in reversed(range(T)):
            dh += dy[t]
            for gradients in (dxW[t], dhU[t]):  # so far without the factor dh
                of_gates = gradients.reshape(N, 3, units)
                of_gates *= dh[:, None]
            kept = dh * z[t]
            if mask is not None:
                dxW[t] *= mask[t]
                dhU[t] *= mask[t]
                np.copyto(kept, dh, where=~mask[t])
            dhU[t].dot(Ut, out=dh)
            dh += kept
        if self.c is not None:
            dhU[:, :, -units:].sum(axis=(0, 1), out=self.dc)
        return dxW, dhU, (dh,)


def _parts(array: Array, count: int) -> list[Array]:
    """Views on equal parts of the last axis."""
    size = array.shape[-1] // count
    return [array[..., n * size : (n + 1) * size] for n in range(count)]
