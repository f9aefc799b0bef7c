"""Draw the three sample digits in examples/data/digits, which look as if drawn by hand.

Each is a smooth line through a few points, drawn with an unsteady pen: ink on white paper with
light from one side, pencil on yellowed card, and chalk on a blackboard.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import matplotlib.image
import numpy as np
from scipy import ndimage
from scipy.interpolate import CubicSpline

from tinynet.types import Array

FOLDER = Path(__file__).parent / "data" / "digits"

# Strokes as points (x, y) in a square of side 1, y downwards.
STROKES = {
    3: [[(0.31, 0.26), (0.42, 0.19), (0.60, 0.24), (0.58, 0.40), (0.45, 0.48)],
        [(0.45, 0.48), (0.62, 0.53), (0.66, 0.70), (0.50, 0.82), (0.30, 0.76)]],
    5: [[(0.66, 0.21), (0.55, 0.22), (0.41, 0.21)],
        [(0.41, 0.21), (0.39, 0.32), (0.37, 0.47)],
        [(0.37, 0.47), (0.50, 0.43), (0.63, 0.53), (0.62, 0.70), (0.48, 0.80), (0.32, 0.74)]],
    7: [[(0.28, 0.25), (0.45, 0.24), (0.69, 0.23)],
        [(0.69, 0.23), (0.58, 0.45), (0.49, 0.62), (0.44, 0.82)]],
}  # fmt: skip


def main() -> None:
    """Run the program."""
    parser = argparse.ArgumentParser(description="Draw the three sample digits.")
    parser.add_argument(
        "--folder", type=Path, default=FOLDER, metavar="FOLDER", help="write the images there"
    )
    folder = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    for name, image in images(np.random.default_rng(7)).items():
        path = folder / f"{name}.png"
        matplotlib.image.imsave(path, image)
        print(f"{path}: {image.shape[1]} x {image.shape[0]} pixels")


def images(rng: np.random.Generator) -> dict[str, Array]:
    """The images by name: colours (height, width, 3), 0 to 255."""
    shadow = np.linspace(1.0, 0.72, 240)[np.newaxis, :, np.newaxis]
    return {
        "three-ink": draw(3, (260, 240), (0.96, 0.96, 0.94), (0.10, 0.16, 0.45), 9, shadow, rng),
        "five-pencil": draw(5, (150, 200), (0.93, 0.88, 0.72), (0.42, 0.41, 0.40), 5, 1.0, rng),
        "seven-chalk": draw(7, (320, 280), (0.16, 0.22, 0.20), (0.90, 0.92, 0.90), 12, 1.0, rng),
    }


def draw(
    digit: int,
    size: tuple[int, int],
    paper: tuple[float, float, float],
    ink: tuple[float, float, float],
    width: float,
    light: Array | float,
    rng: np.random.Generator,
) -> Array:
    """Draw a digit with a pen of some width; paper, ink and light are colours from 0 to 1."""
    height, breadth = size
    side = min(size)
    covered = np.zeros(size)
    for stroke in STROKES[digit]:
        points = (np.array(stroke) + rng.normal(0, 0.008, (len(stroke), 2)) - 0.5) * side
        points += np.array([breadth, height]) / 2
        spline = CubicSpline(np.linspace(0, 1, len(points)), points)
        for number, (x, y) in enumerate(spline(np.linspace(0, 1, 400))):
            radius = width / 2 * (1 + 0.15 * np.sin(number / 60 + digit))  # the pressure varies
            touch(covered, x, y, radius)
    covered *= 1 - 0.25 * ndimage.gaussian_filter(rng.normal(size=size), 1.2).clip(0, 1)
    covered = ndimage.gaussian_filter(covered, 0.8)[..., np.newaxis]
    colours = covered * np.array(ink) + (1 - covered) * np.array(paper)
    colours = colours * light + rng.normal(0, 0.012, (*size, 1))
    return np.round(255 * colours.clip(0, 1)).astype(np.uint8)


def touch(covered: Array, x: float, y: float, radius: float) -> None:
    """Add a disc with a soft edge to what the ink covers."""
    reach = int(radius) + 2
    rows, columns = np.ogrid[
        max(int(y) - reach, 0) : int(y) + reach + 1, max(int(x) - reach, 0) : int(x) + reach + 1
    ]
    here = covered[rows[0, 0] : rows[-1, 0] + 1, columns[0, 0] : columns[0, -1] + 1]
    disc = np.clip(radius + 0.5 - np.hypot(rows - y, columns - x), 0, 1)
    np.maximum(here, disc[: len(here), : here.shape[1]], out=here)


if __name__ == "__main__":
    main()
