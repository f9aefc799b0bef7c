"""Pictures: what they show, where they draw, and what they leave behind."""

import subprocess
import sys
from types import SimpleNamespace

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.figure import Figure

from tinynet import plot

mpl.use("Agg")  # no display needed
import matplotlib.pyplot as plt

IMAGES = np.arange(5 * 784, dtype=np.uint8).reshape(5, 28, 28)
LABELS = np.array([5, 0, 4, 1, 9])
CALLS = {
    "array_to_image": lambda ax=None: plot.array_to_image(IMAGES, LABELS, 2, ax=ax),
    "image_grid": lambda ax=None: plot.image_grid(IMAGES, titles=LABELS, ax=ax),
    "learning_curve": lambda ax=None: plot.learning_curve([3, 2], accuracy=[0.5, 0.9], ax=ax),
    "confusion": lambda ax=None: plot.confusion(np.eye(10, dtype=int), ax=ax),
    "confusion of many": lambda ax=None: plot.confusion(np.eye(30, dtype=int), ax=ax),
    "weights": lambda ax=None: plot.weights(np.eye(784)[:, :3], 1, ax=ax),
}


@pytest.fixture(autouse=True)
def _no_figure_is_left():
    plt.close("all")
    yield
    plt.close("all")


def test_every_function_is_tried_here():
    assert {name.split()[0] for name in CALLS} == set(plot.__all__)


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_it_draws_where_it_is_told_and_makes_no_figure(call):
    ax = Figure().subplots()
    assert call(ax) is ax
    ax.figure.canvas.draw()
    assert not plt.get_fignums()


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_it_makes_one_figure_that_pyplot_shows(call, monkeypatch):
    monkeypatch.setattr(plt, "show", lambda: pytest.fail("showing is the caller's choice"))
    ax = call()
    assert plt.get_fignums() == [ax.figure.number]
    ax.figure.canvas.draw()


def test_importing_it_leaves_matplotlib_alone():
    code = "import sys, tinynet.plot; sys.exit('matplotlib' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_without_matplotlib_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError, match=r'pip install "tinynet\[plot\]"'):
        plot.confusion(np.eye(2))


def shown(ax):
    return ax.images[0].get_array()


@pytest.mark.parametrize("index", [2, -3])
@pytest.mark.parametrize("images", [IMAGES, IMAGES.reshape(5, 784), IMAGES.tolist()])
def test_an_image_has_its_label_as_title(images, index):
    ax = plot.array_to_image(images, LABELS, index)
    np.testing.assert_array_equal(shown(ax), IMAGES[2])
    assert ax.get_title() == "Label 4 (example 2)"


def test_scaled_pixels_look_like_pixels():
    scaled = IMAGES / 255 * 0.99 + 0.01
    assert plot.array_to_image(scaled, LABELS, 0).images[0].get_clim() == (0, scaled[0].max())
    assert plot.array_to_image(IMAGES[:, :2], LABELS, 0).images[0].get_clim() == (0, 255)


@pytest.mark.parametrize(("columns", "rows"), [(None, 2), (1, 5), (5, 1), (9, 1)])
def test_a_grid_holds_every_image_and_every_title(columns, rows):
    ax = plot.image_grid(IMAGES, titles=LABELS, columns=columns)
    grid = shown(ax)
    filled = grid.compressed() if np.ma.isMaskedArray(grid) else grid[np.isfinite(grid)]
    assert np.sort(filled).tolist() == np.sort(IMAGES.ravel()).tolist()
    assert [text.get_text() for text in ax.texts] == [str(label) for label in LABELS]
    assert len({text.get_position()[1] for text in ax.texts}) == rows


def test_a_curve_counts_epochs_from_one():
    ax = plot.learning_curve([3.0, 2.0, 1.5], validation_loss=[3.5, 2.5, 2.0], accuracy=[0, 0.5, 1])
    assert [line.get_label() for line in ax.lines] == ["Loss", "Validation loss"]
    assert ax.lines[0].get_xdata().tolist() == [1, 2, 3]
    assert ax.lines[1].get_ydata().tolist() == [3.5, 2.5, 2.0]
    right = ax.figure.axes[1]
    assert right.get_ylabel() == "Accuracy"
    assert right.lines[0].get_ydata().tolist() == [0, 0.5, 1]


def test_a_confusion_matrix_prints_its_counts_and_leaves_zero_blank():
    ax = plot.confusion([[8, 0], [1, 9]])
    texts = {text.get_position(): text.get_text() for text in ax.texts}
    assert texts == {(0, 0): "8", (0, 1): "1", (1, 1): "9"}
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("Predicted class", "True class")


def test_a_class_without_examples_is_drawn():
    plot.confusion([[8, 0], [0, 0]]).figure.canvas.draw()


@pytest.mark.parametrize("wrap", [lambda W: W, lambda W: SimpleNamespace(W=W)])
def test_weights_of_a_unit_are_its_column_about_zero(wrap):
    W = np.arange(12.0).reshape(6, 2) - 4
    ax = plot.weights(wrap(W), 1, shape=(2, 3))
    np.testing.assert_array_equal(shown(ax), W[:, 1].reshape(2, 3))
    assert ax.images[0].get_clim() == (-7, 7)


def test_weights_that_are_all_zero_are_drawn():
    assert plot.weights(np.zeros((4, 1)), 0).images[0].get_clim() == (-1, 1)


BAD = [
    (lambda: plot.array_to_image(IMAGES, LABELS, 5), IndexError, "no example 5: there are 5"),
    (lambda: plot.array_to_image(IMAGES, LABELS[:4], 0), ValueError, r"got \(4,\)"),
    (lambda: plot.array_to_image(IMAGES[0], LABELS, 0), ValueError, "28 pixels are no square"),
    (lambda: plot.array_to_image(IMAGES[0, 0], LABELS, 0), ValueError, r"got \(28,\)"),
    (lambda: plot.array_to_image([[np.nan]], [0], 0), ValueError, "finite"),
    (lambda: plot.image_grid(IMAGES[:0]), ValueError, "1 to 1000 images, got 0"),
    (lambda: plot.image_grid(np.zeros((1001, 4))), ValueError, "got 1001. Choose some"),
    (lambda: plot.image_grid(IMAGES, titles=[1]), ValueError, "5 images need 5 titles, got 1"),
    (lambda: plot.image_grid(IMAGES, columns=0), ValueError, "at least 1, got 0"),
    (lambda: plot.learning_curve([]), ValueError, "one number for each epoch"),
    (lambda: plot.learning_curve([1, 2], accuracy=[1]), ValueError, "1 epochs and loss has 2"),
    (lambda: plot.learning_curve([1], accuracy=[97]), ValueError, "Divide percent by 100"),
    (lambda: plot.confusion(np.ones((2, 3))), ValueError, r"got \(2, 3\)"),
    (lambda: plot.confusion(np.zeros((2, 2))), ValueError, "not all zero"),
    (lambda: plot.confusion([[-1, 2], [1, 1]]), ValueError, "no negative count"),
    (lambda: plot.weights(np.zeros((4, 2)), 2), IndexError, "no unit 2: there are 2"),
    (lambda: plot.weights(np.zeros((5, 2)), 0), ValueError, r"Pass shape=\(height, width\)"),
    (lambda: plot.weights(np.zeros((4, 2)), 0, shape=(3, 2)), ValueError, "do not fill"),
    (lambda: plot.weights(np.full((4, 2), np.inf), 0), ValueError, "not all finite"),
    (lambda: plot.weights(np.zeros(4), 0), ValueError, r"got \(4,\)"),
    (lambda: plot.weights("W", 0), ValueError, "needs a layer with W .* got 'W'"),
]


@pytest.mark.parametrize(("call", "error", "message"), BAD)
def test_bad_input_is_refused_and_leaves_no_figure(call, error, message):
    with pytest.raises(error, match=message):
        call()
    assert not plt.get_fignums()
