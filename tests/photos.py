"""Photos of digits as people take them, and what `prepare_digit` makes of them.

    python tests/photos.py [COUNT]

Each kind of photo is made from the first COUNT test images of MNIST (40). A network reads what
`prepare_digit` returns. The table counts the digits read right, the photos refused, and the rest:
digits read wrong and, where a photo does not show one digit, those read at all. Printed digits are
not among those that the network has learned from, so it reads some of them wrong.
"""

import sys
from collections.abc import Callable
from pathlib import Path

import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage

from tinynet import SGD, CrossEntropyLoss, Dense, ReLU, Sequential, train
from tinynet.data import load_mnist, prepare_digit, scale_pixels

MNIST = Path(__file__).parent.parent / "examples" / "data" / "mnist"
FONTS = "DejaVuSans", "DejaVuSans-Bold", "DejaVuSerif", "DejaVuSansMono", "cmr10", "STIXGeneral"


def ink(image, rng, *, zoom=6, margin=None):
    """How much ink there is on a page with the digit somewhere on it, 0 to 1."""
    digit = ndimage.zoom(image / 255, zoom, order=1).clip(0, 1)
    if margin is None:
        height, width = rng.integers(digit.shape[0] + 40, digit.shape[0] + 240, 2)
        top, left = rng.integers(10, [height - digit.shape[0] - 10, width - digit.shape[1] - 10])
    else:
        rows, columns = (np.flatnonzero((digit > 0.5).any(axis=axis)) for axis in (1, 0))
        digit = digit[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        height, width = np.add(digit.shape, 2 * margin)
        top = left = margin
    page = np.zeros((height, width))
    page[top : top + digit.shape[0], left : left + digit.shape[1]] = digit
    return page


def taken(brightness, rng, *, noise=0.02, blur=0.7):
    """What a camera makes of a page's brightness: uint8."""
    grey = ndimage.gaussian_filter(brightness, blur) + rng.normal(0, noise, brightness.shape)
    return np.round(255 * grey.clip(0, 1)).astype(np.uint8)


def dark(page, contrast=0.7):
    return 0.85 * (1 - contrast * page)


def places(page):
    """Rows and columns of the pixels, each from 0 to 1."""
    return np.meshgrid(*(np.linspace(0, 1, side) for side in page.shape), indexing="ij")


def plain(image, rng):
    return taken(dark(ink(image, rng)), rng)


def chalk(image, rng):
    return taken(0.2 + 0.6 * ink(image, rng), rng)


def faint(image, rng):
    return taken(dark(ink(image, rng), 0.25), rng, noise=0.01)


def noisy(image, rng):
    return taken(dark(ink(image, rng)), rng, noise=0.08)


def blurred(image, rng):
    return taken(dark(ink(image, rng)), rng, blur=5)


def small(image, rng):
    return taken(dark(ink(image, rng, zoom=1.5)), rng)


def large(image, rng):
    return taken(dark(ink(image, rng, zoom=40)), rng)


def tight(image, rng):
    return taken(dark(ink(image, rng, margin=6)), rng)


def cut(image, rng):
    """The digit touches all four sides."""
    return taken(dark(ink(image, rng, margin=0)), rng)


def cut_with_smudge(image, rng):
    """The digit touches all four sides, and a smudge lies in the widest gap between its strokes."""
    page = ink(image, rng, margin=0)
    gap = ndimage.distance_transform_edt(np.pad(page < 0.2, 1, constant_values=False))[1:-1, 1:-1]
    rows, columns = np.indices(page.shape)
    top, left = np.unravel_index(gap.argmax(), gap.shape)
    away = np.hypot(rows - top, columns - left)
    page[away < min(gap.max() - 3, np.sqrt(0.07 * page.sum() / np.pi))] = 0.8
    return taken(dark(page), rng)


def cut_at_one_side(image, rng):
    """The digit touches one side of the page, on which there is a smudge too."""
    page = np.pad(ink(image, rng, margin=0), [(0, 80), (60, 60)])
    page[-12:-2, 5:20] = 0.8
    return taken(dark(page), rng)


def bold(image, rng):
    return plain(ndimage.grey_dilation(image, (3, 3)), rng)


def printed(image, rng, digit):
    font = Path(matplotlib.get_data_path(), "fonts", "ttf", f"{rng.choice(FONTS)}.ttf")
    page = Image.new("L", rng.integers(150, 350, 2).tolist())
    drawing, middle = ImageDraw.Draw(page), (page.width // 2, page.height // 2)
    drawing.text(middle, str(digit), 255, ImageFont.truetype(font, 120), anchor="mm")
    return taken(dark(np.asarray(page) / 255), rng)


def colours(image, rng):
    page = ink(image, rng)[..., np.newaxis]
    paper, pen = np.array([0.95, 0.9, 0.7]), np.array([0.15, 0.2, 0.7])
    return taken(paper + page * (pen - paper), rng, blur=(0.7, 0.7, 0))


def light_from_one_side(image, rng):
    page = ink(image, rng)
    rows, columns = places(page)
    return taken(dark(page) * (1 - 0.4 * rows - 0.3 * columns), rng)


def lamp(image, rng):
    page = ink(image, rng)
    rows, columns = places(page)
    away = (rows - rng.random()) ** 2 + (columns - rng.random()) ** 2
    return taken(dark(page) * (0.25 + 0.75 * np.exp(-3 * away)), rng)


def vignette(image, rng):
    page = ink(image, rng)
    rows, columns = places(page)
    return taken(dark(page) * (1 - 1.4 * ((rows - 0.5) ** 2 + (columns - 0.5) ** 2)), rng)


def shadow(image, rng, strength=0.4, edge=4):
    """The shadow of a hand or a phone: a half plane with a soft edge, through the digit too."""
    page = ink(image, rng)
    rows, columns = places(page)
    angle, place = rng.uniform(0, 2 * np.pi), rng.uniform(-0.25, 0.25)
    across = (rows - 0.5) * np.sin(angle) + (columns - 0.5) * np.cos(angle)
    light = ndimage.gaussian_filter(np.where(across > place, 1.0, 1 - strength), edge)
    return taken(dark(page) * light, rng)


def dark_shadow(image, rng):
    return shadow(image, rng, strength=0.75, edge=2)


def frame(image, rng):
    page = ink(image, rng)
    width = rng.integers(5, 15)
    return taken(np.pad(dark(page), width, constant_values=0.1), rng)


def dark_edge(image, rng):
    page = dark(ink(image, rng))
    width = np.roll([rng.integers(5, 40), 0, 0, 0], rng.integers(4)).reshape(2, 2)
    return taken(np.pad(page, width, constant_values=0.15), rng)


def sheet(image, rng):
    """A sheet of paper on a dark table."""
    width = rng.integers(40, 120)
    return taken(np.pad(dark(ink(image, rng)), width, constant_values=0.25), rng)


def lines(image, rng):
    page = ink(image, rng)
    page[::30] = np.maximum(page[::30], 0.3)
    page[1::30] = np.maximum(page[1::30], 0.3)
    return taken(dark(page), rng)


def box(image, rng):
    """A digit in a box, as on a form."""
    page = np.pad(ink(image, rng, margin=25), 40)
    for side in (20, 21, 22, 23, -23, -22, -21, -20):
        page[side, 20:-20] = page[20:-20, side] = 1
    return taken(dark(page), rng)


def two(image, rng):
    return taken(dark(np.pad(np.hstack([digit := ink(image, rng, margin=15), digit]), 40)), rng)


def one_below_the_other(image, rng):
    return taken(dark(np.pad(np.vstack([digit := ink(image, rng, margin=15), digit]), 40)), rng)


def stain(image, rng):
    page = np.zeros((250, 250))
    rows, columns = places(page)
    tall, wide = rng.uniform(0.1, 0.3, 2)
    wide = np.clip(wide, tall / 1.5, tall * 1.5)
    page[((rows - 0.5) / tall) ** 2 + ((columns - 0.5) / wide) ** 2 < 1] = 1
    return taken(dark(page), rng)


def blank(image, rng):
    return taken(np.full((200, 300), 0.85), rng)


def texture(image, rng):
    cloth = ndimage.gaussian_filter(rng.normal(0, 1, (250, 250)), 4)
    return taken(0.5 + 0.25 * cloth / cloth.std(), rng)


def stripes(image, rng):
    """Cloth or a fence: straight, at any angle, from side to side."""
    rows, columns = places(np.zeros((250, 250)))
    angle, number = rng.uniform(0, np.pi), rng.uniform(1, 12)
    across = rows * np.sin(angle) + columns * np.cos(angle)
    page = (number * across + rng.random()) % 1 < rng.uniform(0.1, 0.5)
    return taken(dark(page), rng)


def ruled_paper(image, rng):
    page = np.zeros(rng.integers(150, 350, 2))
    distance, width = rng.integers(20, 60), rng.integers(1, 5)
    page[np.arange(len(page)) % distance < width] = 1
    return taken(dark(page.T if rng.random() < 0.5 else page, rng.uniform(0.2, 0.7)), rng)


def cross(image, rng):
    """A cross from side to side, as of a window or of tiles."""
    rows, columns = places(page := np.zeros(rng.integers(150, 350, 2)))
    turn, width = rng.choice([0, np.pi / 4]) + rng.uniform(-0.2, 0.2), rng.uniform(0.01, 0.06)
    rows, columns = rows - rng.uniform(0.35, 0.65), columns - rng.uniform(0.35, 0.65)
    for angle in (turn, turn + np.pi / 2):
        page[np.abs(rows * np.sin(angle) + columns * np.cos(angle)) < width] = 1
    return taken(dark(page), rng)


def gradient(image, rng):
    """Light from one side, or a lamp, on paper without a digit."""
    rows, columns = places(np.zeros((250, 200)))
    angle, darkest = rng.uniform(0, 2 * np.pi), rng.uniform(0, 0.3)
    along = (rows - 0.5) * np.sin(angle) + (columns - 0.5) * np.cos(angle)
    away = (rows - rng.random()) ** 2 + (columns - rng.random()) ** 2
    light = along if rng.random() < 0.5 else np.exp(-rng.uniform(1, 9) * away)
    light = (light - light.min()) / np.ptp(light)
    return taken(0.95 * (darkest + (1 - darkest) * light), rng)


ONE_DIGIT: tuple[Callable, ...] = (
    plain, chalk, faint, noisy, blurred, small, large, tight, colours, light_from_one_side,
    lamp, vignette, shadow, dark_shadow, frame, dark_edge, sheet, lines, cut, cut_with_smudge,
    cut_at_one_side, bold, printed,
)  # fmt: skip
NOT_ONE_DIGIT: tuple[Callable, ...] = (
    box, two, one_below_the_other, stain, blank, texture, stripes, ruled_paper, cross, gradient,
)  # fmt: skip


def reader(mnist):
    """A network that reads 97 of 100 digits, after some seconds of training."""
    rng = np.random.default_rng(0)
    net = Sequential(Dense(784, 100, rng=rng), ReLU(), Dense(100, 10, rng=rng), dtype=np.float32)
    x = scale_pixels(mnist.train_images[:20_000], dtype=np.float32).reshape(-1, 784)
    t = mnist.train_labels[:20_000].astype(int)
    for _ in train(
        net, CrossEntropyLoss(), SGD(net, lr=0.1), x, t, epochs=4, batch_size=8, rng=rng
    ):
        pass
    return net


def photo(kind, image, label, rng):
    return kind(image, rng, label) if kind is printed else kind(image, rng)


def results(kind, net, images, labels):
    """What becomes of each photo: "right", "wrong", or the reason of the refusal."""
    for number, (image, label) in enumerate(zip(images, labels, strict=True)):
        try:
            digit = prepare_digit(photo(kind, image, label, np.random.default_rng(number)))
        except ValueError as error:
            yield str(error)
        else:
            x = scale_pixels(digit, dtype=np.float32).reshape(1, 784)
            right = kind in ONE_DIGIT and net.predict(x).argmax() == label
            yield "right" if right else "wrong"


def main(count=40):
    """Print the table."""
    mnist = load_mnist(MNIST)
    net, images, labels = reader(mnist), mnist.test_images[:count], mnist.test_labels[:count]
    print(f"{'photo':24}{'right':>8}{'refused':>8}{'wrong':>8}")
    for kind in ONE_DIGIT + NOT_ONE_DIGIT:
        found = list(results(kind, net, images, labels))
        right, wrong = found.count("right"), found.count("wrong")
        print(f"{kind.__name__:24}{right:8}{count - right - wrong:8}{wrong:8}", flush=True)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
