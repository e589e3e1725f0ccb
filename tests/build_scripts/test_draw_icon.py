"""The icon: the committed files are what the script draws, and are well-formed; the picture shows what it should."""

from __future__ import annotations

import json
import random
import struct
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Dict, Iterator, List, Tuple

import pytest

import draw_icon
from draw_icon import AMBER, GREEN, ICNS_SIZES, ICO_SIZES, ICONS, PNG_SIZES, WHITE, Colour

Pixel = Tuple[int, int, int, int]
Pixels = List[List[Pixel]]

NAMES = sorted([*PNG_SIZES, "rollcall.ico", "rollcall.icns"])
SIZES = sorted({*PNG_SIZES.values(), *ICO_SIZES, *ICNS_SIZES.values()})


@pytest.fixture(scope="module")
def drawn() -> Dict[str, bytes]:
    return draw_icon.files()


def decode(data: bytes) -> Pixels:
    """A PNG's pixels, red, green, blue, alpha, with its checksums looked at."""
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    chunks, at = [], 8
    while at < len(data):
        (length,) = struct.unpack_from(">I", data, at)
        kind, body = data[at + 4 : at + 8], data[at + 8 : at + 8 + length]
        assert struct.unpack_from(">I", data, at + 8 + length) == (zlib.crc32(kind + body),)
        chunks.append((kind, body))
        at += 12 + length
    assert at == len(data) and [kind for kind, _ in chunks] == [b"IHDR", b"IDAT", b"IEND"]
    width, height, *form = struct.unpack(">IIBBBBB", chunks[0][1])
    assert form == [8, 6, 0, 0, 0]
    raw = zlib.decompress(chunks[1][1])
    assert len(raw) == height * (1 + 4 * width)
    return list(_unfilter(raw, 1 + 4 * width))


def _unfilter(raw: bytes, stride: int) -> Iterator[List[Pixel]]:
    for start in range(0, len(raw), stride):
        assert raw[start] == 1, "every line is filtered with Sub"
        pixel: Pixel = (0, 0, 0, 0)
        line: List[Pixel] = []
        for at in range(start + 1, start + stride, 4):
            now = [(before + change) & 255 for before, change in zip(pixel, raw[at : at + 4])]
            pixel = (now[0], now[1], now[2], now[3])
            line.append(pixel)
        yield line


def held_by_ico(data: bytes) -> Dict[int, bytes]:
    reserved, kind, count = struct.unpack_from("<HHH", data)
    assert (reserved, kind) == (0, 1)
    held, end = {}, 6 + 16 * count
    for number in range(count):
        entry = struct.unpack_from("<BBBBHHII", data, 6 + 16 * number)
        width, height, colours, zero, planes, bits, length, offset = entry
        assert (colours, zero, planes, bits) == (0, 0, 1, 32) and width == height and offset == end
        held[width or 256] = data[offset : offset + length]
        end += length
    assert end == len(data)
    return held


def held_by_icns(data: bytes) -> Dict[str, bytes]:
    assert data[:4] == b"icns" and struct.unpack_from(">I", data, 4) == (len(data),)
    held, at = {}, 8
    while at < len(data):
        (length,) = struct.unpack_from(">I", data, at + 4)
        held[data[at : at + 4].decode()] = data[at + 8 : at + length]
        at += length
    assert at == len(data)
    return held


@pytest.mark.parametrize("name", NAMES)
def test_the_committed_file_is_what_the_script_draws(drawn: Dict[str, bytes], name: str) -> None:
    assert (ICONS / name).read_bytes() == drawn[name], "run python build_scripts/draw_icon.py and commit icons/"


def test_no_other_files(drawn: Dict[str, bytes]) -> None:
    assert sorted(entry.name for entry in ICONS.iterdir()) == sorted(drawn) == NAMES


def test_the_script_writes_them(tmp_path: Path, drawn: Dict[str, bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(draw_icon, "ICONS", tmp_path / "icons")
    monkeypatch.setattr(draw_icon, "files", lambda: drawn)
    assert draw_icon.main() == 0
    assert {entry.name: entry.read_bytes() for entry in (tmp_path / "icons").iterdir()} == drawn


@pytest.mark.parametrize(("name", "size"), PNG_SIZES.items())
def test_png_sizes(name: str, size: int) -> None:
    pixels = decode((ICONS / name).read_bytes())
    assert len(pixels) == size and {len(line) for line in pixels} == {size}


def test_ico_holds_every_size() -> None:
    held = held_by_ico((ICONS / "rollcall.ico").read_bytes())
    assert tuple(held) == ICO_SIZES
    for size, data in held.items():
        assert len(decode(data)) == size


def test_icns_holds_every_size() -> None:
    held = held_by_icns((ICONS / "rollcall.icns").read_bytes())
    assert {kind: len(decode(data)) for kind, data in held.items()} == ICNS_SIZES


@pytest.mark.parametrize("size", [16, 24, 32, 48, 64, 128, 256])
def test_every_size_shows_dots_bars_and_clear_corners(size: int) -> None:
    pixels = decode(draw_icon.png(draw_icon.draw(size)))
    place = draw_icon.layout(size)
    assert len(place.row_tops) == (2 if size < 32 else 3)
    dots: List[Colour] = []
    for top, right in zip(place.row_tops, place.bar_rights):
        middle = int(top + place.dot / 2)
        red, green, blue, alpha = pixels[middle][int(place.dot_left + place.dot / 2)]
        assert alpha == 255
        dots.append((red, green, blue))
        assert pixels[middle][int((place.bar_left + right) / 2)] == (*WHITE, 255)
    assert dots == [GREEN] * (len(dots) - 1) + [AMBER]
    assert pixels[0][0][3] < 128 and pixels[-1][-1][3] < 128
    above, below = place.row_tops[0], size - place.row_tops[-1] - place.dot
    assert abs(above - below) <= max(1, size / 48), "the rows stand in the middle"


@pytest.mark.parametrize("seed", range(20))
def test_the_compressor_loses_nothing(seed: int) -> None:
    choose = random.Random(seed)
    lengths = [choose.choice([1, 2, 3, 4, choose.randrange(1, 1200)]) for _ in range(choose.randrange(1, 60))]
    data = b"".join(bytes([choose.randrange(256)]) * length for length in lengths)
    assert zlib.decompress(draw_icon.zlib_stream(data)) == data


def test_every_length_of_a_run() -> None:
    for length in range(1, 600):
        data = b"a" + b"\0" * length + b"\xff" * length
        assert zlib.decompress(draw_icon.zlib_stream(data)) == data, length


_TK = """
import json, sys, tkinter as tk
root = tk.Tk(className="Rollcall")
image = tk.PhotoImage(master=root, file=sys.argv[1])
root.iconphoto(True, image)
root.update()
size = image.width(), image.height()
opaque = [[x, y, *image.get(x, y)] for x in range(size[0]) for y in range(size[1])
          if not image.transparency_get(x, y)] if size[0] == 32 else []
print(json.dumps([size, opaque]))
root.destroy()
"""


@pytest.mark.usefixtures("needs_display")
@pytest.mark.parametrize(("name", "size"), PNG_SIZES.items())
def test_tk_reads_it(name: str, size: int) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _TK, str(ICONS / name)], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    shape, opaque = json.loads(done.stdout)
    assert shape == [size, size]
    if size == 32:
        pixels = decode((ICONS / name).read_bytes())
        solid = [(x, y, *rgb) for x, y, *rgb in opaque if pixels[y][x][3] == 255]
        assert len(solid) > 700
        assert all(tuple(rgb) == pixels[y][x][:3] for x, y, *rgb in solid)
