"""Digits of one's own: prepare_digit, the samples, and examples/predict.py."""

import importlib.util
import itertools
import sys
from pathlib import Path

import matplotlib.image
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from tinynet import SGD, Dense, Layer, MSELoss, Sequential, Sigmoid, save, train
from tinynet.data import load_mnist, one_hot, prepare_digit, scale_pixels
from tinynet.metrics import accuracy

ROOT = Path(__file__).parent.parent
SAMPLES = {"three-ink.png": 3, "five-pencil.png": 5, "seven-chalk.png": 7}


@pytest.fixture(autouse=True)
def _examples_find_their_common_module(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "examples")


def example(name):
    spec = importlib.util.spec_from_file_location(name, ROOT / "examples" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def mnist():
    return load_mnist(ROOT / "examples" / "data" / "mnist")


@pytest.fixture(scope="module")
def net(mnist):
    """A network that reads most digits, after a second of training."""
    rng = np.random.default_rng(0)
    layers = Dense(784, 60, rng=rng), Sigmoid(), Dense(60, 10, rng=rng), Sigmoid()
    net = Sequential(*layers, dtype=np.float32)
    x = scale_pixels(mnist.train_images[:5000], dtype=np.float32).reshape(-1, 784)
    t = one_hot(mnist.train_labels[:5000], 10, low=0.01, high=0.99, dtype=np.float32)
    for _ in train(net, MSELoss(), SGD(net, lr=1.0), x, t, epochs=3, batch_size=4, rng=rng):
        pass
    return net


def read(net, digits):
    x = scale_pixels(np.stack(digits), dtype=np.float32).reshape(-1, 784)
    return net.predict(x)


def photo(image, rng):
    """A digit of MNIST as one would photograph it: large, off the middle, in uneven light."""
    size = rng.integers(200, 400, 2)
    page = np.zeros(size)
    row, column = rng.integers(0, size - 168)
    page[row : row + 168, column : column + 168] = ndimage.zoom(image / 255, 6, order=1)
    light = 0.9 - 0.2 * np.linspace(0, 1, size[1]) - 0.1 * np.linspace(0, 1, size[0])[:, None]
    grey = light * (1 - 0.7 * page.clip(0, 1)) + rng.normal(0, 0.02, size)
    return np.round(255 * grey.clip(0, 1)).astype(np.uint8)


def test_what_is_in_mnists_form_already_stays_nearly_as_it_is(mnist, net):
    images, labels = mnist.test_images[:300], mnist.test_labels[:300]
    prepared = [prepare_digit(image) for image in images]
    assert np.mean([np.abs(a - 1.0 * b).mean() for a, b in zip(prepared, images, strict=True)]) < 6
    assert accuracy(read(net, prepared), labels) > accuracy(read(net, images), labels) - 0.02


def test_photos_are_read_as_well_as_the_originals(mnist, net):
    rng, labels = np.random.default_rng(1), mnist.test_labels[:150]
    images = mnist.test_images[:150]
    prepared = [prepare_digit(photo(image, rng)) for image in images]
    assert accuracy(read(net, prepared), labels) > accuracy(read(net, images), labels) - 0.04


@given(st.integers(0, 99), st.integers(20, 120), st.integers(20, 120), st.booleans())
def test_the_form_is_that_of_mnist(seed, height, width, dark_on_light):
    rng = np.random.default_rng(seed)
    image = np.zeros((height + 20, width + 20))
    top, left = rng.integers(5, 15, 2)
    image[top : top + height, left : left + 4] = 1
    image[top : top + 4, left : left + width] = 1
    digit = prepare_digit(1 - image if dark_on_light else image)
    assert digit.shape == (28, 28)
    assert digit.dtype == np.uint8
    rows, columns = np.flatnonzero(digit.any(axis=1)), np.flatnonzero(digit.any(axis=0))
    assert max(np.ptp(rows), np.ptp(columns)) + 1 == 20
    ratio = (np.ptp(rows) + 1) / (np.ptp(columns) + 1)
    assert ratio == pytest.approx(height / width, rel=0.35)
    for side, centre in zip((rows, columns), ndimage.center_of_mass(digit), strict=True):
        touching = side[0] == 0 or side[-1] == 27
        assert touching or abs(centre - 14) <= 0.55


def difference(digit, other):
    """Mean over the pixels, at the best of the shifts by at most one: a hair decides on that."""
    shifts = itertools.product((-1, 0, 1), repeat=2)
    return min(np.abs(digit - 1.0 * np.roll(other, shift, (0, 1))).mean() for shift in shifts)


def test_inverting_shifting_and_scaling_change_little(mnist):
    image = np.pad(ndimage.zoom(mnist.test_images[0], 5, order=1), 30)
    digit = prepare_digit(image)
    for other in (255 - image, np.roll(image, (9, -7), (0, 1)), image.repeat(2, 0).repeat(2, 1)):
        assert difference(digit, prepare_digit(other)) < 4


def test_colours_opacity_and_floats_are_understood():
    drawn = np.zeros((40, 40))
    drawn[8:32, 18:22] = 1
    black = prepare_digit(1 - drawn)
    colour = np.ones((40, 40, 3))
    colour[..., 0] -= drawn  # cyan on white
    clear = np.zeros((40, 40, 4))
    clear[..., 3] = drawn  # black on nothing
    for image in (colour, clear, np.round(255 * (1 - drawn)).astype(np.uint8)):
        assert np.array_equal(prepare_digit(image), black)


@pytest.mark.parametrize("ink", [0.0, 0.3, 0.8, 1.0])
def test_a_drawing_on_nothing_is_read_in_any_ink(ink):
    opaque = np.zeros((60, 50))
    opaque[10:50, 25], opaque[10, 15:26] = 1, 1
    drawing = np.stack([np.full_like(opaque, ink)] * 3 + [opaque], axis=2)
    assert np.array_equal(prepare_digit(drawing), prepare_digit(opaque))


def test_specks_and_noise_do_not_count():
    rng = np.random.default_rng(0)
    image = np.ones((120, 120))
    image[30:90, 55:63] = 0.1
    clean = prepare_digit(image)
    image[5:7, 5:7] = 0.2
    dirty = prepare_digit(np.clip(image + rng.normal(0, 0.02, image.shape), 0, 1))
    assert difference(clean, dirty) < 9


@pytest.mark.parametrize(
    ("image", "error", "message"),
    [
        (np.ones((50, 50)), ValueError, "nothing on the image"),
        (np.zeros((50, 50), np.uint8), ValueError, "nothing on the image"),
        (np.ones(50), ValueError, r"got \(50,\)"),
        (np.ones((5, 5, 2)), ValueError, r"got \(5, 5, 2\)"),
        (np.ones((0, 5)), ValueError, "at least 3 × 3"),
        (np.ones((5, 5)) * 2, ValueError, "0 to 1; got 2 to 2. If they .* image / 255"),
        (np.full((5, 5), 256), ValueError, "0 to 255; got 256"),
        (np.full((5, 5), 9000, np.uint16), ValueError, "got 9000 to 9000. If .* image / 65535"),
        ("digit.png", TypeError, r"an array of pixels; got 'digit.png'.*imread\('digit.png'\)"),
        (Path("digit.png"), TypeError, "Read the file"),
        (np.full((5, 5), np.nan), ValueError, "0 to 1; got nan"),
        (np.full((5, 5), "a"), TypeError, "must hold real numbers; got <U1"),
        ([[True] * 5] * 5, TypeError, "integers or floats"),
    ],
)
def test_what_is_no_image_of_a_digit_is_refused(image, error, message):
    with pytest.raises(error, match=message):
        prepare_digit(image)


# The samples and the program


def test_the_samples_are_what_the_script_draws(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["draw_digits.py", "--folder", str(tmp_path)])
    example("draw_digits").main()
    assert capsys.readouterr().out.count("pixels") == 3
    for name in SAMPLES:
        shipped = matplotlib.image.imread(ROOT / "examples" / "data" / "digits" / name)
        drawn = matplotlib.image.imread(tmp_path / name)
        assert np.abs(shipped - drawn).max() < 0.01  # a machine may round another way


def test_the_samples_are_read_right_and_drawn(net, tmp_path, capsys):
    save(net, tmp_path / "net.npz")
    files = [str(ROOT / "examples" / "data" / "digits" / name) for name in SAMPLES]
    output = ["--model", str(tmp_path / "net.npz"), "--output", str(tmp_path / "seen.png")]
    assert example("predict").main([*files, *output]) == list(SAMPLES.values())
    lines = capsys.readouterr().out.splitlines()
    for line, file, digit in zip(lines, files, SAMPLES.values(), strict=False):
        assert line.startswith(f"{file}: {digit} with ")
        assert line.count("%") == 4
    assert lines[3:] == [f"picture: {tmp_path / 'seen.png'}"]
    assert min(matplotlib.image.imread(tmp_path / "seen.png").shape[:2]) > 500


def test_outputs_of_any_kind_become_shares():
    class Fixed(Layer):
        def __init__(self, *outputs):
            self.outputs = np.array([outputs])

        def forward(self, x):
            return self.outputs

    shares, digit = example("predict").shares_of_digits, np.zeros((28, 28), np.uint8)
    sigmoid = shares(Fixed(0.9, *[0.1] * 9), digit)
    assert sigmoid.sum() == pytest.approx(1)
    assert sigmoid[0] == pytest.approx(0.5)
    logits = shares(Fixed(np.log(9.0), *[0.0] * 9), digit)
    assert logits[0] == pytest.approx(0.5)


@pytest.mark.parametrize("case", ["model", "image", "text", "blank", "width", "outputs", "folder"])
def test_the_program_says_what_is_wrong(case, net, tmp_path, capsys):
    model, image = tmp_path / "net.npz", ROOT / "examples" / "data" / "digits" / "three-ink.png"
    output = tmp_path / "seen.png"
    save(net, model)
    if case == "model":
        model, expected = tmp_path / "missing.npz", "there is no file"
    elif case == "image":
        image, expected = tmp_path / "missing.png", "there is no file"
    elif case == "text":
        image, expected = Path(__file__), "is not an image that can be read"
    elif case == "blank":
        matplotlib.image.imsave(image := tmp_path / "blank.png", np.ones((9, 9, 3)))
        expected = "blank.png: there is nothing on the image"
    elif case == "folder":
        output, expected = tmp_path / "nowhere" / "seen.png", "--output: there is no folder"
    elif case == "width":
        save(Dense(100, 10), model)
        expected = "the model takes inputs of shape (100,), but an image has 784 pixels"
    else:
        save(Dense(784, 3), model)
        expected = "the model gives outputs of shape (3,), but there are 10 digits"
    with pytest.raises(SystemExit) as caught:
        example("predict").main([str(image), "--model", str(model), "--output", str(output)])
    assert caught.value.code == 2
    printed = capsys.readouterr()
    assert expected in printed.err
    assert printed.out == ""
