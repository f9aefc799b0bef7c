"""Pictures: what they show, where they draw, and what they leave behind."""

import copy
import subprocess
import sys
from itertools import pairwise
from types import SimpleNamespace

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.figure import Figure

from tinynet import Conv2D, Dense, Frozen, History, Sequential, Sigmoid, plot

mpl.use("Agg")  # no display needed
import matplotlib.pyplot as plt

IMAGES = np.arange(5 * 784, dtype=np.uint8).reshape(5, 28, 28)
LABELS = np.array([5, 0, 4, 1, 9])
KERNELS = Conv2D(2, 3, 3, rng=0)
RUN = History(
    {
        "loss": [0.5, 0.3, 0.2],
        "validation_loss": [0.5, 0.4, 0.45],
        "validation_accuracy": [0.7, 0.8, 0.8],
        "lr": [0.1, 0.1, 0.1],
        "seconds": [1, 1, 1],
    }
)


def trained():
    """A network with gradients."""
    net = Sequential(Dense(784, 30, rng=0), Sigmoid(), Dense(30, 10, rng=1))
    net.backward(net.forward(np.ones((2, 784))))
    return net


CALLS = {
    "array_to_image": lambda ax=None: plot.array_to_image(IMAGES, LABELS, 2, ax=ax),
    "image_grid": lambda ax=None: plot.image_grid(IMAGES, titles=LABELS, ax=ax),
    "learning_curve": lambda ax=None: plot.learning_curve([3, 2], accuracy=[0.5, 0.9], ax=ax),
    "confusion": lambda ax=None: plot.confusion(np.eye(10, dtype=int), ax=ax),
    "confusion of many": lambda ax=None: plot.confusion(np.eye(30, dtype=int), ax=ax),
    "weights": lambda ax=None: plot.weights(np.eye(784)[:, :3], 1, ax=ax),
    "history": lambda ax=None: plot.history(RUN, ax=ax),
    "misclassified": lambda ax=None: plot.misclassified(IMAGES, LABELS + 1, LABELS, ax=ax),
    "misclassified none": lambda ax=None: plot.misclassified(IMAGES, LABELS, LABELS, ax=ax),
    "activations": lambda ax=None: plot.activations(trained(), np.ones(784), ax=ax),
    "gradient_norms": lambda ax=None: plot.gradient_norms(trained(), ax=ax),
    "filters": lambda ax=None: plot.filters(KERNELS, channel=1, ax=ax),
    "filters of all channels": lambda ax=None: plot.filters(KERNELS, ax=ax),
    "feature_maps": lambda ax=None: plot.feature_maps(
        Sequential(copy.deepcopy(KERNELS)), np.ones((2, 9, 9)), ax=ax
    ),
    "attention": lambda ax=None: plot.attention(np.eye(5), labels=list("abcde"), ax=ax),
    "attention of heads": lambda ax=None: plot.attention([np.eye(40), np.eye(40)], ax=ax),
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
    with pytest.raises(ImportError, match=r"pip install matplotlib"):
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


def test_a_unit_may_be_what_argmax_returns():
    W = np.arange(12.0).reshape(4, 3)
    ax = plot.weights(W, W[0].argmax())
    np.testing.assert_array_equal(shown(ax), W[:, 2].reshape(2, 2))
    assert ax.get_title() == "Incoming weights of unit 2"


def test_weights_that_are_all_zero_are_drawn():
    assert plot.weights(np.zeros((4, 1)), 0).images[0].get_clim() == (-1, 1)


BAD = [
    (lambda: plot.array_to_image(IMAGES, LABELS, 5), IndexError, "no example 5: there are 5"),
    (lambda: plot.array_to_image(IMAGES, LABELS[:4], 0), ValueError, r"got \(4,\)"),
    (lambda: plot.array_to_image(IMAGES[0], LABELS, 0), ValueError, "28 pixels are not a square"),
    (lambda: plot.array_to_image(IMAGES[0, 0], LABELS, 0), ValueError, r"got \(28,\)"),
    (lambda: plot.array_to_image([[np.nan]], [0], 0), ValueError, "finite"),
    (lambda: plot.image_grid(IMAGES[:0]), ValueError, "1 to 1000 images, got 0"),
    (lambda: plot.image_grid(np.zeros((1001, 4))), ValueError, "got 1001. Select some"),
    (lambda: plot.image_grid(IMAGES, titles=[1]), ValueError, "5 images need 5 titles, got 1"),
    (
        lambda: plot.image_grid(IMAGES, columns=0),
        ValueError,
        "columns must be a positive int",
    ),
    (lambda: plot.learning_curve([]), ValueError, "one number for each epoch"),
    (lambda: plot.learning_curve([1, 2], accuracy=[1]), ValueError, "1 epochs and loss has 2"),
    (lambda: plot.learning_curve([1], accuracy=[97]), ValueError, "Divide a percentage by 100"),
    (lambda: plot.history([0.5, 0.3]), TypeError, r"got list. .* plot.learning_curve\(losses\)"),
    (lambda: plot.confusion(np.ones((2, 3))), ValueError, r"got \(2, 3\)"),
    (lambda: plot.confusion(np.zeros((2, 2))), ValueError, "not all zero"),
    (lambda: plot.confusion([[-1, 2], [1, 1]]), ValueError, "none negative"),
    (lambda: plot.weights(np.zeros((4, 2)), 2), IndexError, "no unit 2: there are 2"),
    (lambda: plot.weights(np.zeros((5, 2)), 0), ValueError, r"Pass shape=\(height, width\)"),
    (lambda: plot.weights(np.zeros((4, 2)), 0, shape=(3, 2)), ValueError, "do not fill"),
    (lambda: plot.weights(np.full((4, 2), np.inf), 0), ValueError, "not all finite"),
    (lambda: plot.weights(np.zeros(4), 0), ValueError, r"got \(4,\)"),
    (lambda: plot.weights("W", 0), TypeError, "layer_or_W must be an array .* got str"),
]


@pytest.mark.parametrize(("call", "error", "message"), BAD)
def test_bad_input_is_refused_and_leaves_no_figure(call, error, message):
    with pytest.raises(error, match=message):
        call()
    assert not plt.get_fignums()


class TestHistory:
    def test_it_shows_losses_accuracies_and_the_best_epoch(self):
        ax = plot.history(RUN, ax=Figure().subplots())
        right = next(other for other in ax.figure.axes if other is not ax)
        assert ax.get_title() == "Learning curve, best epoch 2"
        assert [line.get_label() for line in ax.lines[:2]] == ["Loss", "Validation loss"]
        assert ax.lines[2].get_xdata() == [2, 2]
        assert right.lines[0].get_ydata().tolist() == [0.7, 0.8, 0.8]
        assert len(ax.get_legend().get_texts()) == 3

    def test_the_loss_alone_needs_no_legend(self):
        ax = plot.history(History({"loss": [1, 2]}), ax=Figure().subplots())
        assert ax.get_title() == "Learning curve"
        assert ax.get_legend() is None
        assert len(ax.figure.axes) == 1

    def test_no_epochs_are_nothing_to_draw(self):
        with pytest.raises(ValueError, match="no epochs"):
            plot.history(History({"loss": []}))


class TestMisclassified:
    def test_the_surest_mistakes_come_first(self):
        images = np.arange(4.0)[:, None, None] * np.ones((4, 2, 2))
        scores = np.array([[0.9, 0.1], [0.2, 0.8], [0.4, 0.6], [0.0, 1.0]])
        ax = plot.misclassified(images, scores, np.eye(2)[[1, 0, 1, 0]], ax=Figure().subplots())
        assert [text.get_text() for text in ax.texts] == ["0 as 1", "1 as 0", "0 as 1"]
        assert ax.get_title().startswith("3 of 4 misclassified")
        picture = ax.images[0].get_array()
        assert picture[-1, 0] == 1, "the third drawn, first of the second row"
        ax = plot.misclassified(images, scores, [1, 0, 1, 0], most=1, ax=Figure().subplots())
        assert len(ax.texts) == 1

    def test_no_mistakes_are_said_so(self):
        ax = plot.misclassified(IMAGES, LABELS, LABELS, ax=Figure().subplots())
        assert ax.get_title().startswith("None of")

    @pytest.mark.parametrize(
        ("predicted", "labels", "most", "message"),
        [
            ([1], [1, 2], 5, "one row for each example"),
            ([1, 2], [1], 5, "one row for each example"),
            ([1, 2, 3], [1, 2, 3], 5, "images has 2 examples and labels has 3"),
            ([1, 2], [1, 2], 0, "most must be a positive int; got 0"),
        ],
    )
    def test_what_does_not_fit_is_refused(self, predicted, labels, most, message):
        with pytest.raises(ValueError, match=message):
            plot.misclassified(np.zeros((2, 4)), predicted, labels, most=most)
        assert not plt.get_fignums()


class TestActivations:
    def test_each_layer_has_a_strip_with_its_name_and_range(self):
        net = trained()
        x = np.linspace(0, 1, 784)
        ax = plot.activations(net, x, ax=Figure().subplots())
        labels = [label.get_text() for label in ax.get_yticklabels()]
        assert labels[:2] == ["Input", "0 Dense(784, 30, rng=0)"]
        assert [image.get_array().shape for image in ax.images] == [
            *((28, 28), (2, 15), (2, 15), (1, 10)),
        ]
        assert np.ma.allclose(ax.images[3].get_array().ravel(), net.predict(x[np.newaxis])[0])
        assert ax.texts[0].get_text() == "0 to 1"
        assert plot.activations(net, x[np.newaxis], ax=Figure().subplots()).texts

    def test_one_layer_and_long_names_have_room(self):
        ax = plot.activations(Sigmoid(), np.ones(3), ax=Figure().subplots())
        assert ax.get_yticklabels()[1].get_text() == "Sigmoid()"
        net = Sequential(Frozen(Sequential(Dense(3, 3, rng=0), Sigmoid(), Dense(3, 2, rng=1))))
        ax = plot.activations(net, np.ones(3), ax=Figure().subplots())
        assert ax.get_yticklabels()[1].get_text().endswith("…")

    def test_what_cannot_be_drawn_is_refused(self):
        with pytest.raises(ValueError, match=r"must be \(N, 784\)"):
            plot.activations(trained(), np.ones(3))
        with pytest.raises(ValueError, match="Input has values that are not finite"):
            plot.activations(Sigmoid(), np.array([np.nan, 1]))
        assert not plt.get_fignums()


class TestGradientNorms:
    def test_each_layer_that_learns_has_a_bar(self):
        net = trained()
        ax = plot.gradient_norms(net, ax=Figure().subplots())
        assert [bar.get_width() for bar in ax.patches] == pytest.approx(
            [np.linalg.norm(net[place].grads) for place in (0, 2)]
        )
        assert [label.get_text() for label in ax.get_yticklabels()] == [
            *("0 Dense(784, 30, rng=0)", "2 Dense(30, 10, rng=1)"),
        ]

    def test_a_layer_without_gradient_is_printed_as_0(self):
        net = trained()
        net[0].grads[...] = 0
        assert plot.gradient_norms(net, ax=Figure().subplots()).texts[0].get_text() == "0"

    def test_no_gradients_are_refused(self):
        net = trained()
        for value, message in ((0, "call forward and backward"), (np.nan, "detect_anomaly")):
            net.grads[...] = value
            with pytest.raises(ValueError, match=message):
                plot.gradient_norms(net)
        assert not plt.get_fignums()


def drawn(ax):
    """The figure after it was laid out, and the box of its title in pixels."""
    ax.figure.canvas.draw()
    return ax.figure, ax.title.get_window_extent()


@pytest.mark.parametrize("wrong", [1, 2, 4, 9, 25])
def test_few_mistakes_leave_room_for_the_title(wrong):
    labels = np.arange(10_000) < wrong
    figure, title = drawn(plot.misclassified(np.eye(9)[np.arange(10_000) % 9], labels, ~labels & 0))
    assert figure.bbox.x0 <= title.x0 < title.x1 <= figure.bbox.x1
    assert title.y1 <= figure.bbox.y1
    plt.close(figure)


def test_one_epoch_is_counted_in_whole_numbers():
    ax = plot.history(History({"loss": [0.5], "validation_loss": [0.6]}), ax=Figure().subplots())
    ax.figure.canvas.draw()
    low, high = ax.get_xlim()
    assert [tick for tick in ax.get_xticks() if low <= tick <= high] == [1]


def test_many_epochs_are_a_line_and_not_a_row_of_markers():
    ax = plot.history(History({"loss": np.arange(1000.0)}), ax=Figure().subplots())
    assert ax.lines[0].get_markevery() == 40


def test_a_history_without_a_loss_is_refused():
    with pytest.raises(ValueError, match="no column 'loss', only lr"):
        plot.history(History({"lr": [0.1]}))


@pytest.mark.parametrize(
    ("units", "title"), [(np.int64(2), "unit 2"), (np.array([0, 2]), "2 units")]
)
def test_units_may_be_numbers_and_arrays_of_numpys(units, title):
    ax = plot.weights(np.ones((4, 3)), units, ax=Figure().subplots())
    assert ax.get_title() == f"Incoming weights of {title}"


def test_a_confusion_matrix_is_drawn_from_scores_and_labels_too():
    scores, labels = np.eye(3)[[0, 1, 1, 2]], np.array([0, 1, 2, 2])
    ax = plot.confusion(scores, labels, ax=Figure().subplots())
    assert ax.get_title() == "Confusion matrix: 75.0 % correct"
    with pytest.raises(ValueError, match=r"pass the labels too: confusion\(scores, labels\)"):
        plot.confusion(scores, ax=Figure().subplots())


@pytest.mark.parametrize("sizes", [(5.0, 6.0), (1e-9, 3.0), (0.02, 0.4)])
def test_the_labels_of_gradient_norms_do_not_overlap(sizes):
    net = Sequential(Dense(4, 3, rng=0), Dense(3, 2, rng=1))
    for layer, size in zip(net, sizes, strict=True):
        layer.grads[...] = size
    figure = Figure(figsize=(6.4, 2))
    ax = plot.gradient_norms(net, ax=figure.subplots())
    figure.canvas.draw()
    labels = [*ax.get_xticklabels(which="both")]
    low, high = ax.get_xlim()
    boxes = [one.get_window_extent() for one in labels if one.get_text() and one.get_visible()]
    inside = [box for box in sorted(boxes, key=lambda box: box.x0) if box.width]
    assert low <= ax.get_xticks()[ax.get_xticks() >= low][0] < high
    assert all(left.x1 < right.x0 for left, right in pairwise(inside))
