"""The strokes of the one digit on a photo: found, or refused with the reason."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import scipy  # loads scipy.ndimage at first use, which takes longer than to import all of tinynet

from tinynet.types import Array

_SIDE = 200  # pixels of the longer side, to which a small image is enlarged
_FAINTEST = 0.05  # ink is darker than its ground by at least this, where white is 1
_NOISE = 4  # ink is darker than its ground by at least this many standard deviations of the rest
_FAINT = 0.45  # of the darkest ink: what is lighter is no stroke, but a ruled line or a smear
_BLACK = 0.02  # added to brightness before a division, as shares of nearly nothing are noise
_SPECK = 1 / 20  # of the largest region: smaller ones are not looked at
_ALONG = 0.8  # of the length of a region at the border of the image: more is a frame or an edge
_THROUGH = 0.5  # of its width inside that a stroke keeps at the border: it goes on beyond
_THICKEST = 0.45  # stroke, as a share of the longer side of the digit; as in MNIST
_REACH = 0.2  # of the longer side of a digit: to a part of it that does not touch the others
_MOST_HOLES = 3  # such as a 2 with loops
_HOLE = 0.005  # of the square of the longer side of the digit: smaller ones are not counted


def find_strokes(grey: Array) -> Array:
    """How much ink there is, 0 to 1, in the box around the one digit on an image.

    Args:
        grey: brightness from 0 to 1, `(height, width)`.

    Raises:
        ValueError: no strokes are on the image, or they are not those of one digit.
    """
    if (times := _SIDE // max(grey.shape)) > 1:  # finer pixels, for the widths of thin strokes
        grey = scipy.ndimage.zoom(grey, times, order=1, mode="nearest", grid_mode=True)
    grey = scipy.ndimage.gaussian_filter(grey, max(grey.shape) / 300)
    found = [s for s in (_dark_strokes(grey), _dark_strokes(1 - grey)) if s is not None]
    if not found:
        raise ValueError("there is nothing on the image, or it is too faint against the paper")
    strokes = max(found, key=_likeness)
    _check_one_digit(strokes)
    place = strokes.regions > 0
    low, full = strokes.threshold / 2, np.median(strokes.ink[place])  # the middle of a stroke
    ink = np.clip((strokes.ink - low) / (full - low), 0, 1)
    ink[~scipy.ndimage.binary_dilation(place, iterations=2)] = 0
    return ink[_box(ink > 0)]


class _Strokes(NamedTuple):
    """What is darker than the ground around it, or lighter."""

    ink: Array  # the share of the light that it takes, for each pixel
    threshold: float  # of the ink that counts
    regions: Array  # connected pixels have the same number, from 1; the others have 0
    sizes: Array  # pixels in each region
    thickness: float  # the diameter of the largest circle inside of one of them
    inside: bool  # they do not touch the border of the image


def _dark_strokes(grey: Array) -> _Strokes | None:
    """The strokes on an image that are darker than their ground, if there are any.

    The brightness of the ground is the morphological closing of the image: it fills what is thin,
    as strokes are, and keeps what is wide, as shadows, a dark table and uneven light are. Ink is
    measured as the share of the ground's light that it takes, so it is the same in a shadow.
    """
    width = round(_THICKEST * min(grey.shape))
    for _ in range(2):  # the second time only as wide as the strokes need
        ground = scipy.ndimage.grey_closing(grey, width | 1, mode="nearest")
        ink = 1 - (grey + _BLACK) / (ground + _BLACK)
        threshold = _threshold(ink)
        if not (dark := ink > threshold).any():
            return None
        threshold = max(threshold, _FAINT * float(np.percentile(ink[dark], 90)))
        regions, sizes, thickness, inside = _large_regions(ink > threshold)
        width = min(width, round(1.5 * thickness) + 2)
    if not sizes.size:
        return None
    rest, place = ink[ink <= threshold], regions > 0
    if _is_gap(grey, ground, place, round(thickness)):
        return None
    darker = np.median((ground - grey)[place]) >= _FAINTEST
    if not darker or np.median(ink[place]) < np.median(rest) + _NOISE * rest.std():
        return None
    return _Strokes(ink, threshold, regions, sizes, thickness, inside)


def _is_gap(grey: Array, ground: Array, place: Array, margin: int) -> bool:
    """Whether the image around the strokes is as dark as they are, as around a gap between two."""
    rows, columns = _box(place)
    around = (
        slice(max(rows.start - margin, 0), rows.stop + margin),
        slice(max(columns.start - margin, 0), columns.stop + margin),
    )
    outside = np.ones(grey.shape, bool)
    outside[rows, columns] = False
    if not (ring := grey[around][outside[around]]).size:
        return False
    return bool(np.median(ring) < (np.median(grey[place]) + np.median(ground[place])) / 2)


def _threshold(values: Array) -> float:
    """The value that splits a histogram into the two groups of least variance (Otsu, 1979)."""
    counts, edges = np.histogram(values, 256)
    middles = (edges[:-1] + edges[1:]) / 2
    below, above = np.cumsum(counts)[:-1], counts.sum() - np.cumsum(counts)[:-1]
    sums = np.cumsum(counts * middles)
    means = sums[:-1] / np.maximum(below, 1), (sums[-1] - sums[:-1]) / np.maximum(above, 1)
    return float(edges[1:-1][np.argmax(below * above * (means[1] - means[0]) ** 2)])


def _large_regions(dark: Array) -> tuple[Array, Array, float, bool]:
    """The connected regions without specks, their sizes and thickness, and whether all lie inside.

    Regions that run along the border of the image are left out: a frame, the edge of a table, a
    dark corner. A stroke that touches the border has most of its length elsewhere.
    """
    regions, count = scipy.ndimage.label(dark, np.ones((3, 3)))
    sizes = np.bincount(regions.ravel())
    sizes[0] = 0
    border = np.concatenate([regions[0], regions[-1], regions[1:-1, 0], regions[1:-1, -1]])
    touching = np.bincount(border, minlength=count + 1)
    widths = 2 * scipy.ndimage.maximum(_depth(dark), regions, np.arange(count + 1)) - 1
    least = _SPECK * sizes.max()
    sizes[touching * widths > _ALONG * sizes] = 0
    large = np.flatnonzero(sizes >= max(least, _SPECK * sizes.max(), 1))
    numbers = np.zeros(count + 1, int)
    numbers[large] = np.arange(1, len(large) + 1)
    thickness = float(widths[large if large.size else slice(1, None)].max(initial=0))
    return numbers[regions], sizes[large], thickness, not touching[large].any()


def _depth(place: Array) -> Array:
    """How far each pixel is from the nearest one outside."""
    return scipy.ndimage.distance_transform_edt(np.pad(place, 1))[1:-1, 1:-1]


def _usual_thickness(place: Array) -> float:
    """The median diameter of the largest circles inside of the strokes, along their middle.

    The single largest one lies where strokes meet or fill a loop, and is larger in bold writing.
    """
    depth = _depth(place)
    middle = place & (depth == scipy.ndimage.maximum_filter(depth, 3))
    return float(2 * np.median(depth[middle]) - 1)


def _goes_through(place: Array, thickness: float) -> bool:
    """Whether strokes lead from a border of the image to the opposite one, and on beyond.

    A digit that is cut to its box touches all borders, but its strokes end or turn at some of
    them, so that they are narrower there than a little further inside.
    """
    deep = round(thickness / 2) + 1
    widths = [np.rot90(place, turns)[:deep].sum(axis=1) for turns in range(4)]
    kept = [float(width[0] / max(width.max(), 1)) for width in widths]
    opposite = any(kept[side] > 0 and kept[side + 2] > 0 for side in range(2))
    return opposite and min(share for share in kept if share) > _THROUGH


def _likeness(strokes: _Strokes) -> float:
    """How much like strokes the regions are: long for their thickness, and of full ink.

    On a photo of a digit, the paper between strokes, or between the digit and a frame, is light
    between dark, as if it were written with chalk. It is thicker and shorter than strokes.
    """
    full = np.median(strokes.ink[strokes.regions > 0])
    likeness = float(full * strokes.sizes.mean() / strokes.thickness**2)
    return likeness if strokes.inside else 0.3 * likeness


def _check_one_digit(strokes: _Strokes) -> None:
    """Refuse strokes that no single digit has."""
    place = strokes.regions > 0
    if _goes_through(place, strokes.thickness):
        raise ValueError(
            "the shape on the image goes from one side of it to the other, as stripes and lines "
            "do. The image must show one digit on plain ground, with paper around it"
        )
    largest = scipy.ndimage.find_objects(strokes.regions)[strokes.sizes.argmax()]
    near = scipy.ndimage.distance_transform_edt(~place) <= _REACH * _longer(largest) / 2
    if (parts := scipy.ndimage.label(near)[1]) > 1:
        raise ValueError(
            f"there are {parts} separate shapes on the image, which must show one digit on plain "
            "ground. Cut the image around the digit"
        )
    box = _box(place)
    longer = _longer(box)
    if (thickness := _usual_thickness(place)) > _THICKEST * longer:
        raise ValueError(
            f"the shape on the image is {thickness / longer:.0%} as thick as it is long, "
            f"and the strokes of a digit at most {_THICKEST:.0%}. The image must show one digit "
            "on plain ground"
        )
    filled = scipy.ndimage.binary_fill_holes(place)
    holes = filled & ~place
    sizes = np.bincount(scipy.ndimage.label(holes)[0].ravel())[1:]
    count = np.count_nonzero(sizes > _HOLE * longer**2)
    if count > _MOST_HOLES:
        raise ValueError(
            f"the shape on the image has {count} holes, and a digit at most {_MOST_HOLES}. The "
            "image must show one digit on plain ground"
        )
    if filled[box].mean() > 0.9 and holes[box].mean() > 0.03:
        raise ValueError(
            "the shape on the image is a rectangle with something in it. The image must show one "
            "digit on plain ground. Cut the image inside of the rectangle"
        )


def _box(place: Array) -> tuple[slice, ...]:
    return scipy.ndimage.find_objects(place.astype(int))[0]


def _longer(box: tuple[slice, ...]) -> int:
    return max(side.stop - side.start for side in box)
