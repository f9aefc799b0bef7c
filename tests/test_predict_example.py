"""Pictures that examples/predict.py reads: formats, kinds of pixels, and files that do harm."""

import importlib
import io
import re
import struct
import subprocess
import sys
import tracemalloc
import zlib
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from tinynet import Dense, save
from tinynet.data import prepare_digit

ROOT = Path(__file__).parent.parent
FORMATS = {
    "PNG": "1 L LA P RGB RGBA I;16",
    "JPEG": "L RGB CMYK",
    "BMP": "1 L P RGB RGBA",
    "GIF": "1 L P RGB RGBA",
    "TIFF": "1 L LA P RGB RGBA CMYK YCbCr LAB I;16 I;16B F",
    "WEBP": "RGB RGBA",
}
CASES = [(form, mode) for form, modes in FORMATS.items() for mode in modes.split()]


@pytest.fixture
def predict(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "examples")
    return importlib.import_module("predict")


def drawn():
    """A seven in black on white paper, which has neither a grey nor a symmetry."""
    page = np.full((40, 30), 255, np.uint8)
    page[8:12, 6:22] = page[8:34, 18:22] = 0
    return page


def in_mode(mode, page):
    image = PIL.Image.fromarray(page)
    if mode.startswith("I;16"):
        order = ">" if mode.endswith("B") else "<"
        data = (page * np.uint16(257)).astype(order + "u2").tobytes()
        return PIL.Image.frombytes(mode, image.size, data)
    if mode == "F":
        return PIL.Image.fromarray(page.astype(np.float32) / 255)
    if mode == "LAB":
        neutral = PIL.Image.new("L", image.size, 0)
        return PIL.Image.merge("LAB", (image, neutral, neutral))
    return image.convert("RGB").convert(mode) if mode in ("CMYK", "YCbCr") else image.convert(mode)


def written(path, form, image, **options):
    options |= {"JPEG": {"quality": 100}, "WEBP": {"lossless": True}}.get(form, {})
    image.save(path, form, **options)
    return path


@pytest.mark.parametrize(("form", "mode"), CASES)
def test_every_format_and_kind_of_pixels_gives_the_same_digit(predict, tmp_path, form, mode):
    path = written(tmp_path / "digit", form, in_mode(mode, drawn()))
    digit = prepare_digit(predict.read(path))
    allowed = 12 if form == "JPEG" else 0
    assert np.abs(digit - prepare_digit(drawn()).astype(float)).max() <= allowed


@pytest.mark.parametrize(("form", "mode"), [("PNG", "I;16"), ("TIFF", "I;16"), ("TIFF", "F")])
def test_pixels_of_more_than_8_bits_are_scaled_and_not_cut_off(predict, tmp_path, form, mode):
    page = np.arange(256, dtype=np.uint8).reshape(16, 16)
    path = written(tmp_path / "ramp", form, in_mode(mode, page))
    np.testing.assert_allclose(predict.read(path), page / 255, atol=1e-6)


@pytest.mark.parametrize("bits", [12, 16])
def test_white_is_what_the_bits_of_a_tiff_say(predict, tmp_path, bits):
    """Pillow writes no 12 bits, so the file is written here: eight entries, then the pixels."""
    high = 2**bits - 1
    values = np.where(drawn() > 0, high, 0)
    if bits == 16:
        data = values.astype("<u2").tobytes()
    else:  # two pixels in three bytes
        a, b = values.reshape(-1, 2).T
        data = np.stack([a >> 4, (a & 15) << 4 | b >> 8, b & 255], 1).astype(np.uint8).tobytes()
    entries = {256: 30, 257: 40, 258: bits, 259: 1, 262: 1, 273: 110, 278: 40, 279: len(data)}
    table = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in entries.items())
    file = struct.pack("<2sHIH", b"II", 42, 8, len(entries)) + table + bytes(4)
    (tmp_path / "digit").write_bytes(file + data)
    assert len(file) == 110
    read = prepare_digit(predict.read(tmp_path / "digit"))
    np.testing.assert_array_equal(read, prepare_digit(drawn()))


@pytest.mark.parametrize("form", ["PNG", "GIF", "WEBP"])
def test_a_drawing_on_nothing_is_read(predict, tmp_path, form):
    clear = np.zeros((40, 30, 4), np.uint8)
    clear[..., 3] = 255 - drawn()
    path = written(tmp_path / "digit", form, PIL.Image.fromarray(clear))
    np.testing.assert_array_equal(prepare_digit(predict.read(path)), prepare_digit(drawn()))


@pytest.mark.parametrize("form", ["PNG", "JPEG", "TIFF", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_photo_is_turned_as_the_camera_was_held(predict, tmp_path, form, orientation):
    turns = {2: [0], 3: [3], 4: [1], 5: [5], 6: [2], 7: [6], 8: [4]}  # what undoes the turn back
    image = PIL.Image.fromarray(drawn()).convert("RGB")
    for turn in turns.get(orientation, []):
        image = image.transpose(PIL.Image.Transpose(turn))
    exif = PIL.Image.Exif()
    exif[0x0112] = orientation
    path = written(tmp_path / "photo", form, image, exif=exif)
    digit = prepare_digit(predict.read(path))
    assert np.abs(digit - prepare_digit(drawn()).astype(float)).max() <= 12


@pytest.mark.parametrize("form", ["PNG", "GIF", "TIFF", "WEBP"])
def test_the_first_image_of_several_is_read(predict, tmp_path, form):
    images = [PIL.Image.fromarray(page) for page in (drawn(), np.rot90(drawn(), 2))]
    path = tmp_path / "moving"
    written(path, form, images[0], save_all=True, append_images=images[1:])
    with PIL.Image.open(path) as image:
        assert image.n_frames == 2
    np.testing.assert_array_equal(prepare_digit(predict.read(path)), prepare_digit(drawn()))


# Files that do harm


def content(form, **options):
    file = io.BytesIO()
    written(file, form, PIL.Image.fromarray(drawn()), **options)
    return bytearray(file.getvalue())


def bomb(form, side):
    """A file of at most a few kilobytes that claims side × side pixels."""
    if form == "WEBP":
        other = PIL.Image.fromarray(drawn().T.copy().reshape(40, 30))
        data = content(form, save_all=True, append_images=[other])
        place = data.index(b"VP8X") + 12
        data[place : place + 6] = 2 * (side - 1).to_bytes(3, "little")
        return data
    data = content(form)
    if form == "PNG":
        data[16:24] = struct.pack(">II", side, side)
        data[29:33] = struct.pack(">I", zlib.crc32(data[12:29]))
    elif form == "JPEG":
        place = data.index(b"\xff\xc0") + 5
        data[place : place + 4] = struct.pack(">HH", side, side)
    elif form == "BMP":
        data[18:26] = struct.pack("<ii", side, side)
    elif form == "GIF":
        data[6:10] = struct.pack("<HH", side, side)
    else:
        start, count = struct.unpack_from("<I", data, 4)[0], 0
        for place in range(start + 2, len(data) - 12, 12):
            if struct.unpack_from("<H", data, place)[0] in (256, 257, 278):
                struct.pack_into("<HII", data, place + 2, 4, 1, side)
                count += 1
        assert count >= 2
    return data


@pytest.mark.parametrize("side", [7_072, 10_000, 16_000])  # also where Pillow only warns, or less
@pytest.mark.parametrize("form", FORMATS)
def test_more_pixels_than_the_limit_are_refused_before_any_is_decoded(
    predict, tmp_path, monkeypatch, form, side
):
    path = tmp_path / "bomb"
    path.write_bytes(bomb(form, side))
    predict.read(written(tmp_path / "small", form, PIL.Image.fromarray(drawn())))  # loads Pillow
    monkeypatch.setattr(PIL.Image.core, "new", None)  # what every decoder fills
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=r"pixels.*at most 50,000,000 pixels"):
            predict.read(path)
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


def test_all_bombs_together_take_little_memory(tmp_path):
    for form in FORMATS:
        (tmp_path / form).write_bytes(bomb(form, 16_000))
    program = """
import pathlib, re, sys
import predict

def peak():
    status = pathlib.Path("/proc/self/status").read_text()
    return int(re.search(r"VmHWM:\\s+(\\d+) kB", status)[1]) // 1024

before = peak()
for path in pathlib.Path(sys.argv[1]).iterdir():
    try:
        predict.read(path)
    except ValueError:
        continue
    sys.exit(f"{path} was read")
print(peak() - before)
"""
    done = subprocess.run(
        [sys.executable, "-c", program, tmp_path],
        capture_output=True,
        text=True,
        check=False,
        env={"PYTHONPATH": f"{ROOT}:{ROOT / 'examples'}", "OPENBLAS_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 30


PROGRAMS = {
    "eps": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 40 30\n%%EndComments\nshowpage\n%%EOF\n",
    "pdf": b"%PDF-1.4\n1 0 obj << /Type /Catalog >> endobj\n%%EOF\n",
    "svg": b'<svg xmlns="http://www.w3.org/2000/svg"><image href="/etc/passwd"/></svg>',
    "ppm": b"P6 3 3 255\n" + bytes(27),
    "tga": bytes([0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3, 0, 3, 0, 24, 0]) + bytes(27),
    "empty": b"",
    "text": b"no picture",
}


@pytest.mark.parametrize("suffix", ["", ".png", ".jpg"])
@pytest.mark.parametrize("kind", PROGRAMS)
def test_what_is_no_picture_is_refused_and_starts_no_program(
    predict, tmp_path, monkeypatch, kind, suffix
):
    path = tmp_path / f"file{suffix or '.' + kind}"
    path.write_bytes(PROGRAMS[kind])

    def started(*args, **kwargs):
        raise AssertionError(f"a program was started: {args}")

    monkeypatch.setattr(subprocess, "Popen", started)
    with pytest.raises(ValueError, match=r"is not an image that can be read .* PNG or JPEG"):
        predict.read(path)


@pytest.mark.parametrize("form", FORMATS)
def test_the_name_does_not_decide_the_format(predict, tmp_path, form):
    for name in ("a.png", "a.jpg", "a.eps", "a"):
        path = written(tmp_path / name, form, PIL.Image.fromarray(drawn()))
        digit = prepare_digit(predict.read(path))
        assert np.abs(digit - prepare_digit(drawn()).astype(float)).max() <= 12


@pytest.mark.parametrize("form", FORMATS)
def test_a_damaged_picture_is_read_or_a_value_error(predict, tmp_path, form):
    data, path, rng = content(form), tmp_path / "damaged", np.random.default_rng(0)
    for _ in range(60):
        damaged = data[: rng.integers(len(data))] if rng.random() < 0.3 else bytearray(data)
        for place in rng.integers(len(damaged), size=rng.integers(3)) if damaged else ():
            damaged[place] = rng.integers(256)
        path.write_bytes(damaged)
        try:
            read = predict.read(path)
        except ValueError:
            continue
        assert read.shape[0] * read.shape[1] <= predict.MOST_PIXELS


NAMES = ["\x1b[31mred.png", "a\rb.png", "\u202egnp.png", "bad\udcff.png", "$\\frac$.png", "a b.png"]


@pytest.mark.parametrize("name", NAMES)
def test_names_of_files_cannot_act_on_a_terminal_or_on_the_picture(predict, tmp_path, capsys, name):
    save(Dense(784, 10, rng=0), tmp_path / "net.npz")
    options = ["--model", str(tmp_path / "net.npz"), "--output", str(tmp_path / "seen.png")]
    path = tmp_path / name
    for data, code in ((content("PNG"), 0), (b"no picture", 2)):
        path.write_bytes(data)
        if code:
            with pytest.raises(SystemExit):
                predict.main([str(path), *options])
        else:
            predict.main([str(path), *options])
        printed = "".join(capsys.readouterr())
        assert re.search(r": \d with|cannot|not an image", printed)
        assert all(c.isprintable() or c == "\n" for c in printed), ascii(printed)


def test_one_file_that_cannot_be_read_does_not_stop_the_others(predict, tmp_path, capsys):
    save(Dense(784, 10, rng=0), tmp_path / "net.npz")
    folder = tmp_path / "photos"
    folder.mkdir()
    for name in ("b.png", "d.PNG"):
        written(folder / name, "PNG", in_mode("L", drawn()))
    written(folder / "c.png", "PNG", in_mode("L", np.full((40, 30), 255, np.uint8)))
    (folder / "a.jpg").write_bytes(b"no picture")
    (folder / "notes.txt").write_text("no picture", encoding="utf-8")
    with pytest.raises(SystemExit) as info:
        predict.main(
            [str(folder), "--model", f"{tmp_path}/net.npz", "--output", f"{tmp_path}/seen.png"]
        )
    assert info.value.code == 1
    out, err = capsys.readouterr()
    assert [Path(line.split(": ")[0]).name for line in out.splitlines()[:2]] == ["b.png", "d.PNG"]
    assert "a.jpg is not an image" in err
    assert "c.png: there is nothing on the image" in err
    assert "notes.txt" not in out + err
    assert (tmp_path / "seen.png").exists()


def test_a_folder_without_images_is_named(predict, tmp_path, capsys):
    with pytest.raises(SystemExit):
        predict.main([str(tmp_path), "--model", f"{tmp_path}/net.npz"])
    assert "there are no images in the folder" in capsys.readouterr().err
