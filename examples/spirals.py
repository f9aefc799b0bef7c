"""Classify points by the spiral arm that they lie on, and draw the decision boundary.

Three arms wind around each other in the plane, so no straight line separates two of them. A
network with two hidden layers of GELUs learns a boundary between them, in a few seconds.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from program import add_output_options, check_output, save_picture, start, stop
from scipy.special import softmax

from tinynet import GELU, Adam, CrossEntropyLoss, Dense, Sequential, he_normal, plot, train
from tinynet.metrics import accuracy
from tinynet.schedules import cosine, steps_in_epochs
from tinynet.types import Array

ARMS, TURNS = 3, 1.25
EPOCHS, BATCH_SIZE = 80, 50
COLORS = ["#0072B2", "#D55E00", "#009E73"]  # colour-blind readers can tell them apart


def spirals(examples: int, rng: np.random.Generator) -> tuple[Array, Array]:
    """Points (N, 2) on arms that wind outwards, with some noise, and the arm of each (N,)."""
    arms = rng.integers(ARMS, size=examples)
    radius = np.sqrt(rng.uniform(0.01, 1, examples))  # the root makes the density even
    angle = 2 * np.pi * (TURNS * radius + arms / ARMS) + rng.normal(scale=0.25, size=examples)
    return radius[:, np.newaxis] * np.column_stack([np.cos(angle), np.sin(angle)]), arms


def run(options: argparse.Namespace) -> float:
    """Train a network, print how it goes, and draw the result; returns the test accuracy."""
    rng = np.random.default_rng(options.seed)
    x, arms = spirals(900, rng)
    x_test, arms_test = spirals(900, rng)
    net = Sequential(
        Dense(2, 48, init=he_normal, rng=rng),
        GELU(),
        Dense(48, 48, init=he_normal, rng=rng),
        GELU(),
        Dense(48, ARMS, rng=rng),
    )
    loss = CrossEntropyLoss()
    steps = steps_in_epochs(EPOCHS, examples=len(x), batch_size=BATCH_SIZE)
    optimizer = Adam(net, lr=cosine(0.01, steps=steps))

    if not options.quiet:
        print(f"2-48-48-{ARMS}, GELU, cross-entropy, Adam, seed {options.seed}\n")
        print("epoch     loss  test accuracy   seconds")
    losses, accuracies, started = [], [], time.perf_counter()
    epochs = train(net, loss, optimizer, x, arms, epochs=EPOCHS, batch_size=BATCH_SIZE, rng=rng)
    for epoch in epochs:
        losses.append(epoch.loss)
        accuracies.append(accuracy(net.predict(x_test), arms_test))
        if epoch.number % 10 == 0 and not options.quiet:
            seconds = time.perf_counter() - started
            print(f"{epoch.number:5}  {epoch.loss:.5f}{accuracies[-1]:15.1%}{seconds:10.1f}")
    if not options.quiet:
        print()
    print(f"test accuracy {accuracies[-1]:.1%}")
    save_picture(picture(net, x, arms, losses, accuracies), options.output)
    if not options.quiet:
        print(f"picture: {options.output}")
    return accuracies[-1]


def picture(
    net: Sequential, x: Array, arms: Array, losses: list[float], accuracies: list[float]
) -> Figure:
    """The decision boundary with the training points, and the learning curve."""
    figure = Figure(figsize=(12, 6.6), layout="constrained")
    figure.suptitle(f"Spirals, test accuracy {accuracies[-1]:.1%}", fontsize="x-large")
    plane, curve = figure.subplots(ncols=2, width_ratios=[5, 4])
    draw_plane(net, x, arms, plane)
    plot.learning_curve(losses, accuracy=accuracies, ax=curve)
    return figure


def draw_plane(net: Sequential, x: Array, arms: Array, ax: Axes) -> None:
    """Each point of the plane in the colours of the arms, mixed by their probabilities."""
    edge, pixels = 1.15, 300
    ticks = np.linspace(-edge, edge, pixels)
    points = np.column_stack([axis.ravel() for axis in np.meshgrid(ticks, ticks)])
    logits = net.predict(points)
    colors = softmax(logits, axis=1) @ np.array([to_rgb(color) for color in COLORS])
    pale = 1 - 0.55 * (1 - colors)  # so that the training points stand out
    ax.imshow(
        pale.reshape(pixels, pixels, 3),
        origin="lower",
        extent=(-edge, edge, -edge, edge),
        interpolation="bilinear",
    )
    for arm, color in enumerate(COLORS):
        lead = logits[:, arm] - np.delete(logits, arm, axis=1).max(axis=1)
        ax.contour(ticks, ticks, lead.reshape(pixels, pixels), levels=[0], colors="white")
        own = x[arms == arm]
        ax.scatter(own[:, 0], own[:, 1], s=14, color=color, edgecolors="white", linewidths=0.4)
    ax.set(title="Decision boundary and training points", xticks=[], yticks=[])


def main(arguments: Sequence[str] | None = None) -> float:
    """Run the program; returns the accuracy on points that it was not trained on."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_output_options(parser, "spirals.png")
    options = parser.parse_args(arguments)
    try:
        check_output(options.output)
        return run(options)
    except (OSError, ValueError) as error:
        stop(parser, error)


if __name__ == "__main__":
    start(main)
