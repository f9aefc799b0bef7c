"""Containers of other libraries, as far as NumPy and a message see them."""

import numpy as np


class DataFrame:
    """What pandas has, as far as NumPy and a message see it."""

    def __init__(self, values):
        self.values = values
        self.columns = [f"column {n}" for n in range(values.shape[-1])]
        self.shape, self.ndim, self.size = values.shape, values.ndim, values.size
        self.dtypes = [values.dtype] * len(self.columns)

    def __array__(self, dtype=None, copy=None):
        return np.array(self.values, dtype)

    def __len__(self):
        return len(self.values)

    def __getitem__(self, name):
        return self.values[:, self.columns.index(name)]  # by name: a slice is no row

    def to_numpy(self):
        return self.values


class Tensor:
    """What PyTorch has, as far as NumPy and a message see it."""

    def __init__(self, values, requires_grad=False):
        self.values, self.requires_grad = values, requires_grad
        self.shape, self.ndim, self.dtype = values.shape, values.ndim, "torch.float64"

    def __array__(self, dtype=None, copy=None):
        if self.requires_grad:
            raise RuntimeError("Can't call numpy() on Tensor that requires grad.")
        return np.array(self.values, dtype)

    def __len__(self):
        return len(self.values)

    def __getitem__(self, place):
        return Tensor(self.values[place])

    def numpy(self):
        return self.__array__()


def masked(good):
    mask = np.zeros(good.shape, bool)
    mask.flat[0] = True
    return np.ma.masked_array(good, mask)
