"""Pictures of attention weights: the values drawn, their scale, labels and errors."""

from itertools import pairwise

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.figure import Figure

from tinynet import SelfAttention, Softmax, plot

mpl.use("Agg")  # no display needed
import matplotlib.pyplot as plt

HEADS = Softmax().forward(np.random.default_rng(0).normal(size=(3, 4, 4)))
WORDS = ["the", "cat", "sat", "down"]


def axes():
    return Figure().subplots()


def texts(labels):
    return [label.get_text() for label in labels]


def test_rows_are_the_steps_that_look():
    ax = plot.attention(HEADS[0], labels=WORDS, ax=axes())
    np.testing.assert_array_equal(ax.images[0].get_array(), HEADS[0])
    assert ax.images[0].get_extent() == [-0.5, 3.5, 3.5, -0.5]
    assert ax.get_ylim() == (3.5, -0.5)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("Looks at", "Step")
    assert texts(ax.get_xticklabels()) == texts(ax.get_yticklabels()) == WORDS
    assert ax.get_title() == "Attention weights"
    assert not ax.texts


def test_heads_are_side_by_side_on_one_scale():
    ax = plot.attention(HEADS, ax=axes())
    for image, weights in zip(ax.images, HEADS, strict=True):
        np.testing.assert_array_equal(image.get_array(), weights)
        assert image.get_clim() == (0, HEADS.max())
    lefts, rights = zip(*(image.get_extent()[:2] for image in ax.images), strict=True)
    gaps = np.subtract(lefts[1:], rights[:-1])
    assert (gaps > 0).all()
    assert (gaps < 0.5).all()
    assert ax.get_xlim() == (lefts[0], rights[-1])
    assert texts(ax.texts) == ["Head 0", "Head 1", "Head 2"]
    assert ax.get_title() == "Attention weights of 3 heads"
    assert texts(ax.get_xticklabels()) == ["0", "1", "2", "3"] * 3
    assert [other.get_ylabel() for other in ax.figure.axes] == ["Step", "Weight"]


def test_one_head_is_a_head():
    ax = plot.attention(HEADS[:1], ax=axes())
    assert ax.get_title() == "Attention weights of 1 head"
    assert texts(ax.texts) == ["Head 0"]


def test_one_step_looks_at_itself():
    assert plot.attention([[1]], ax=axes()).images[0].get_clim() == (0, 1)


@pytest.mark.parametrize(("heads", "steps"), [(1, 3), (1, 60), (4, 6), (8, 40), (16, 4)])
def test_titles_and_numbers_fit_on_its_own_figure(heads, steps):
    ax = plot.attention(np.full((heads, steps, steps), 1 / steps))
    ax.figure.canvas.draw()
    title, figure = ax.title.get_window_extent(), ax.figure.bbox
    names = [text.get_window_extent() for text in ax.texts]
    numbers = [label.get_window_extent() for label in ax.get_xticklabels()]
    plt.close(ax.figure)
    assert figure.x0 <= title.x0 < title.x1 <= figure.x1
    assert max(name.y1 for name in names) <= title.y0 < title.y1 <= figure.y1
    for row in (names, numbers):
        assert all(one.x1 < other.x0 for one, other in pairwise(row))


@pytest.mark.parametrize(
    "weights",
    [
        HEADS.astype(np.float16),
        HEADS.astype(np.float32),
        np.full((3, 3), 0.33),
        np.eye(3, dtype=int),
        np.eye(3) * (1 + 1e-9) - 1e-9,
        np.tril(np.ones((5, 5))) / np.arange(1, 6)[:, None],
    ],
)
def test_rounding_is_allowed(weights):
    assert plot.attention(weights, ax=axes()).images


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (np.ones(3), r"must be \(T, T\) or \(heads, T, T\), got \(3,\)"),
        (np.ones((2, 3)), r"got \(2, 3\)"),
        (np.ones((0, 0)), r"got \(0, 0\)"),
        (HEADS[None], r"got \(1, 3, 4, 4\)\. Select one example, weights\[0\]"),
        (HEADS[:0], "1 to 16 heads, got 0"),
        (np.full((17, 2, 2), 0.5), r"1 to 16 heads, got 17. Select some, as in \[:16\]"),
        (HEADS * np.nan, "weights must be finite"),
        ([[1.5, -0.5], [0, 1]], "weights must not be negative, got -0.5. .*softmax"),
        ([[0.5, 0.5], [1, 1]], "Each row of weights must sum to 1, got 2 in row 1. Scores become"),
        (HEADS * [[[1]], [[1]], [[2]]], r"got 2 in row 0 of head 2\. Scores"),
        (np.array([[1, 0.5], [0, 0.5]]), r"got 1.5 in row 0. The columns do: .*swapaxes\(-1, -2\)"),
        (HEADS.swapaxes(1, 2), "The columns do"),
    ],
)
def test_what_are_no_attention_weights_is_refused(weights, message):
    with pytest.raises(ValueError, match=message):
        plot.attention(weights)
    assert not plt.get_fignums()


@pytest.mark.parametrize(
    ("labels", "error", "message"),
    [
        (WORDS[:3], ValueError, "4 steps need 4 labels, got 3"),
        ("abcd", TypeError, "labels must be a list or a tuple; got 'abcd'"),
    ],
)
def test_labels_that_do_not_fit_are_refused(labels, error, message):
    with pytest.raises(error, match=message):
        plot.attention(HEADS, labels=labels)
    assert not plt.get_fignums()


def test_labels_may_be_numbers():
    assert texts(plot.attention(HEADS[0], labels=np.arange(4), ax=axes()).get_yticklabels()) == [
        *"0123"
    ]


def test_a_step_that_looks_at_nothing_is_drawn():
    layer = SelfAttention(4, 2, causal=True, rng=0)
    weights = layer.weights(np.ones((1, 3, 4)), np.array([[False, True, True]]))
    ax = plot.attention(weights[0], ax=axes())
    assert not ax.images[0].get_array()[0].any()
