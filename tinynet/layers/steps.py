"""What the layers for sequences (N, steps, features) share."""

from typing import Any

from tinynet.checks import check_numbers, check_width
from tinynet.types import Array


def check_steps(layer: object, x: Array, features: int | None = None, dtype: Any = None) -> None:
    """Refuse what is no batch of sequences with so many features, or is of a wider float type."""
    check_numbers("x", x)
    if x.ndim != 3 or not x.shape[1] or features not in (None, x.shape[2]):
        hint = ""
        if x.ndim == 3 and not x.shape[1]:
            hint = " There is no step."
        elif x.ndim == 3 and x.shape[1] == features:
            hint = " Are the features second? x.swapaxes(1, 2) puts them last."
        elif x.ndim == 2 and x.dtype.kind in "iu":
            hint = " Ids become features in an Embedding."
        elif x.ndim == 2:
            hint = (
                " A row becomes steps with Reshape((steps, features)). If it comes from a "
                "recurrent layer, that one needs return_sequences=True."
            )
        elif x.ndim == 4:
            hint = " Rows of an image become steps with Reshape((height, width))."
        raise ValueError(
            f"{layer!r} got x of shape {x.shape}: it must be (N, steps, "
            f"{'features' if features is None else features}), with at least one step.{hint}"
        )
    if dtype is not None:
        check_width(layer, x, dtype)


def in_rows(array: Array) -> Array:
    """All axes but the last as one."""
    return array.reshape(-1, array.shape[-1])
