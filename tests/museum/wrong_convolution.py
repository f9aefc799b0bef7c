"""Wrong convolutions."""

import numpy as np

from .plain_wide import Conv
from .tables import wrong


@wrong("gradient", input_shape=(2, 2, 5, 5), args=(2, 3, 3, 1, 1))
class FlippedKernel(Conv):
    """dx uses each kernel turned by 180°."""

    def backward(self, dy):
        super().backward(dy)
        return self.crop(self.spread(dy, self.K[:, :, ::-1, ::-1]))


@wrong("gradient", input_shape=(2, 2, 5, 5), args=(2, 3, 3, 1, 1))
class SwappedAxes(Conv):
    """dx uses each kernel with height and width swapped."""

    def backward(self, dy):
        super().backward(dy)
        return self.crop(self.spread(dy, self.K.swapaxes(2, 3)))


@wrong("gradient", input_shape=(2, 2, 6, 5))
class CroppedAtOneSide(Conv):
    """The padding of dx is cut off at the far side only."""

    def crop(self, dx):
        p, (rows, columns) = self.padding, dx.shape[2:]
        return dx[:, :, : rows - 2 * p, : columns - 2 * p]


@wrong("shapes", input_shape=(2, 2, 6, 5))
class PaddingLeftOn(Conv):
    """dx keeps the padding."""

    def crop(self, dx):
        return dx


@wrong("shapes", input_shape=(2, 2, 6, 5))
class RemainderLost(Conv):
    """dx ends where the last window ends, short of what the stride does not reach."""

    def backward(self, dy):
        rows, columns = ((n - 1) * self.stride + self.size for n in dy.shape[2:])
        dx = super().backward(dy)
        return dx[:, :, : rows - 2 * self.padding, : columns - 2 * self.padding]


@wrong("gradient", "shapes", input_shape=(2, 2, 6, 5))
class StrideForgotten(Conv):
    """dx is spread as if the stride were 1."""

    def reached(self, dy, u, v):
        return np.s_[:, :, u : u + dy.shape[2], v : v + dy.shape[3]]


@wrong("gradient", input_shape=(2, 2, 6, 5))
class OverlapAssigned(Conv):
    """Windows that overlap overwrite each other in dx."""

    def spread(self, dy, K):
        dx = np.zeros(self._shape, dy.dtype)
        for u, v in np.ndindex(self.size, self.size):
            dx[self.reached(dy, u, v)] = np.einsum("noij,oc->ncij", dy, K[:, :, u, v])
        return dx


@wrong("gradient", input_shape=(2, 2, 6, 5))
class BiasAveragedOverPixels(Conv):
    """db is the mean over the pixels, not the sum."""

    def backward(self, dy):
        dx = super().backward(dy)
        self.db[...] = dy.mean(axis=(2, 3)).sum(axis=0)
        return dx


@wrong("gradient", input_shape=(2, 2, 6, 5))
class FirstChannelOnly(Conv):
    """dK of every channel is that of the first."""

    def backward(self, dy):
        dx = super().backward(dy)
        self.dK[:, 1:] = self.dK[:, :1]
        return dx


@wrong("gradient", input_shape=(2, 2, 6, 5))
class LastPixelForgotten(Conv):
    """The loop over the output stops one column early in dK."""

    def backward(self, dy):
        dx = super().backward(dy)
        windows = self._windows[:, :, :, :-1]
        self.dK[...] = np.einsum("noij,ncijuv->ocuv", dy[:, :, :, :-1], windows)
        return dx


@wrong("update", input_shape=(2, 2, 6, 5))
class StaleKernels(Conv):
    """Keeps the kernels of the first backward, which an update leaves behind."""

    def spread(self, dy, K):
        if "kept" not in self.__dict__:
            self.kept = K.copy()
        return super().spread(dy, self.kept)


@wrong("predict_pure", input_shape=(2, 2, 5, 5), args=(2, 3, 3, 1, 1))
class SharedPatches(Conv):
    """The patches lie in one buffer, which predict fills with its own."""

    def forward(self, x):
        y = super().forward(x)
        if "patches" not in self.__dict__ or self.patches.shape != self._windows.shape:
            self.patches = self._windows.copy()
        self.patches[...] = self._windows
        self._windows = self.patches
        return y


@wrong("reuse", "per_example", "batch_of_one", "batch_of_none", input_shape=(2, 2, 6, 5))
class ShapeOfTheFirstBatch(Conv):
    """The shape of dx is that of the first batch."""

    def forward(self, x):
        first = self.__dict__.get("_shape")
        y = super().forward(x)
        self._shape = first or self._shape
        return y
