"""Digits of one's own: prepare_digit, the samples, and examples/predict.py."""

import importlib.util
import itertools
import sys
import tracemalloc
from pathlib import Path

import matplotlib.image
import numpy as np
import photos
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from tinynet import SGD, Dense, Layer, MSELoss, Sequential, Sigmoid, save, train
from tinynet.data import load_mnist, one_hot, prepare_digit, scale_pixels
from tinynet.metrics import accuracy

ROOT = Path(__file__).parent.parent
DIGITS = load_mnist(ROOT / "examples" / "data" / "mnist").test_images[:10]
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


def test_what_is_in_mnists_form_already_stays_nearly_as_it_is(mnist, net):
    images, labels = mnist.test_images[:100], mnist.test_labels[:100]
    prepared = [prepare_digit(image) for image in images]
    assert np.mean([difference(*pair) for pair in zip(prepared, images, strict=True)]) < 7
    assert accuracy(read(net, prepared), labels) > accuracy(read(net, images), labels) - 0.02


# Counted in the table of tests/photos.py, but not yet read or refused as they should be.
HARD = (photos.cut_with_smudge, photos.cut_at_one_side, photos.printed)
HARD += (photos.stripes, photos.cross, photos.gradient)
ONE_DIGIT = [kind for kind in photos.ONE_DIGIT if kind not in HARD]
NOT_ONE_DIGIT = [kind for kind in photos.NOT_ONE_DIGIT if kind not in HARD]


@pytest.mark.parametrize("kind", ONE_DIGIT, ids=lambda kind: kind.__name__)
def test_photos_are_read_as_well_as_the_originals(kind, mnist, net):
    images, labels = mnist.test_images[:12], mnist.test_labels[:12]
    of_originals = read(net, images).argmax(axis=1) == labels
    found = list(photos.results(kind, net, images, labels))
    assert found.count("right") >= of_originals.sum() - 1, found


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        (photos.box, "2 separate shapes|rectangle with something in it"),
        (photos.two, "[2-4] separate shapes"),
        (photos.one_below_the_other, "[2-4] separate shapes"),
        (photos.stain, r"[4-9]\d% as thick as it is long"),
        (photos.blank, "nothing on the image"),
        (photos.texture, "nothing on the image"),
        (photos.ruled_paper, "to the other|nothing on the image|separate shapes"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_what_is_not_one_digit_is_refused_with_the_reason(kind, reason, mnist):
    for number, image in enumerate(mnist.test_images[:8]):
        with pytest.raises(ValueError, match=reason):
            prepare_digit(kind(image, np.random.default_rng(number)))


@given(st.integers(0, 99), st.sampled_from(NOT_ONE_DIGIT), st.booleans())
def test_no_digit_is_found_where_there_is_none_in_white_on_black_either(seed, kind, turned):
    rng = np.random.default_rng(seed)
    image = 255 - kind(DIGITS[seed % 10], rng)
    with pytest.raises(ValueError, match="on the image"):
        prepare_digit(image.T if turned else image)


def test_the_gap_between_two_dots_is_no_stroke():
    image = np.ones((200, 200))
    image[60:80, 90:110] = image[110:130, 90:110] = 0.1
    with pytest.raises(ValueError, match="2 separate shapes"):
        prepare_digit(image)


def test_a_grid_is_refused():
    image = np.ones((200, 200))
    for place in range(30, 180, 35):
        image[place : place + 5, 30:175] = image[30:175, place : place + 5] = 0.1
    with pytest.raises(ValueError, match="the shape on the image has 16 holes"):
        prepare_digit(image)


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
    assert np.abs(prepare_digit(drawing) - 1.0 * prepare_digit(opaque)).max() < 4


def test_grey_bool_one_channel_and_rounded_values_are_understood():
    drawn = np.ones((40, 40))
    drawn[8:32, 18:22] = 0
    expected = prepare_digit(drawn)
    rounded = np.where(drawn == 1, np.float32(1.0000001), np.float32(-1e-7))
    opaque = np.stack([drawn, np.ones_like(drawn)], axis=2)
    clear = np.stack([np.zeros_like(drawn), 1 - drawn], axis=2)
    for image in (drawn == 1, drawn[..., np.newaxis], rounded, opaque, clear, drawn.tolist()):
        assert np.array_equal(prepare_digit(image), expected)


def test_an_image_is_not_changed():
    image = np.ones((900, 700, 4), np.float32)
    image[300:600, 300:350, :3] = 0
    before = image.copy()
    prepare_digit(image)
    assert np.array_equal(image, before)


def test_a_photo_of_many_pixels_takes_little_memory():
    image = np.full((3000, 4000, 4), 255, np.uint8)
    image[1000:2000, 1800:2000, :3] = 20
    tracemalloc.start()
    try:
        prepare_digit(image)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < image.nbytes / 2


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
        (np.ones((5, 5, 5)), ValueError, r"1 to 4 channels; got \(5, 5, 5\)"),
        (np.ones((1, 5, 5, 3)), ValueError, r"got \(1, 5, 5, 3\)"),
        (np.ones((0, 5)), ValueError, "at least 3 × 3"),
        (np.ones((5, 5)) * 2, ValueError, "0 to 1; got 2 to 2. If they .* image / 255"),
        (np.full((5, 5), 256), ValueError, "0 to 255; got 256"),
        (np.full((5, 5), 9000, np.uint16), ValueError, "got 9000 to 9000. If .* image / 65535"),
        ("digit.png", TypeError, r"an array of pixels; got 'digit.png'.*imread\('digit.png'\)"),
        (Path("digit.png"), TypeError, "Read the file"),
        (np.full((5, 5), np.nan), ValueError, "0 to 1; got nan"),
        (np.full((5, 5), "a"), TypeError, "must hold real numbers; got <U1"),
        (np.full((5, 5), 1.001), ValueError, "0 to 1; got 1.001"),
        (np.full((5, 5), -0.001), ValueError, "0 to 1; got -0.001"),
        (np.full((5, 5), 1j), TypeError, "real numbers; got complex128"),
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


@pytest.mark.parametrize(
    "case", ["model", "image", "text", "blank", "width", "outputs", "folder", "itself"]
)
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
    elif case == "itself":
        output = image
        expected = "is one of the files to read and would be replaced"
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
