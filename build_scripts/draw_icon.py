"""Draw the icon: ``python build_scripts/draw_icon.py`` writes everything in ``icons/``.

A roll on a deep blue-teal square: rows of a dot (green: here, amber: late) and a bar for the name. From 32 pixels there
are three rows; below that two, thicker, because three would be a grey smear. Edges of small drawings lie on whole
pixels, so that they are sharp.

Shapes are signed distances: how far a pixel's centre lies outside an outline, in pixels. Half a pixel to either side of
it the colour fades, which is the anti-aliasing. The files are the same on every machine: nothing but exactly rounded
arithmetic (IEEE 754: + - * / and square root) decides about a colour, and the compressor is our own, as two builds of
zlib need not agree on the bytes.

PNG: ISO/IEC 15948. Deflate: RFC 1951, zlib: RFC 1950. ICO and ICNS hold PNGs, which Windows has read since Vista and
macOS since 10.7. Needs nothing but Python.
"""

from __future__ import annotations

import math
import struct
import sys
import zlib
from pathlib import Path
from typing import Dict, Iterator, List, NamedTuple, Tuple

ICONS = Path(__file__).resolve().parent.parent / "icons"

PNG_SIZES = {"rollcall.png": 256, "rollcall-64.png": 64, "rollcall-32.png": 32}
ICO_SIZES = (16, 24, 32, 48, 64, 128, 256)
ICNS_SIZES = {
    "icp4": 16, "icp5": 32, "ic11": 32, "ic12": 64, "ic07": 128, "ic13": 256, "ic08": 256, "ic09": 512,
}
"""Apple's type codes; ic11, ic12 and ic13 are the 16, 32 and 128 point icons of a screen with twice the pixels."""

Colour = Tuple[int, int, int]

TOP: Colour = (22, 101, 122)
BOTTOM: Colour = (11, 60, 82)
GREEN: Colour = (74, 222, 128)
AMBER: Colour = (251, 191, 36)
WHITE: Colour = (255, 255, 255)


class Box(NamedTuple):
    """A rectangle with round corners, in pixels; a circle if its radius is half its sides."""

    left: float
    top: float
    right: float
    bottom: float
    radius: float

    def coverage(self, x: float, y: float) -> float:
        """How much of the pixel with the centre ``x, y`` is inside: 0.0 to 1.0."""
        across = abs(x - (self.left + self.right) / 2) - (self.right - self.left) / 2 + self.radius
        down = abs(y - (self.top + self.bottom) / 2) - (self.bottom - self.top) / 2 + self.radius
        corner = math.sqrt(max(across, 0.0) * max(across, 0.0) + max(down, 0.0) * max(down, 0.0))
        distance = corner + min(max(across, down), 0.0) - self.radius
        return min(max(0.5 - distance, 0.0), 1.0)


class Layout(NamedTuple):
    """Where things lie, in pixels of one size: square, rows, dots, bars."""

    margin: float
    corner: float
    row_tops: Tuple[float, ...]
    dot: float
    dot_left: float
    bar: float
    bar_left: float
    bar_rights: Tuple[float, ...]


_SMALL = {
    16: Layout(0, 3.5, (3, 9), 4, 2, 2, 7, (14, 13)),
    24: Layout(0, 5, (5, 13), 6, 3, 4, 11, (21, 18)),
    32: Layout(1, 7, (5, 13, 21), 6, 5, 4, 13, (27, 23, 26)),
}
"""Drawn by hand, pixel by pixel."""


def layout(size: int) -> Layout:
    """The layout for a square of ``size`` pixels: from 48 on one drawing, its edges on whole pixels."""
    if size in _SMALL:
        return _SMALL[size]
    unit = size / 48
    dot, pitch, first = round(8 * unit), round(11 * unit), round(9 * unit)
    return Layout(
        margin=round(1.5 * unit),
        corner=10.5 * unit,
        row_tops=(first, first + pitch, first + 2 * pitch),
        dot=dot,
        dot_left=round(9 * unit),
        bar=dot - 2 * round(1.4 * unit),
        bar_left=round(21 * unit),
        bar_rights=(round(40 * unit), round(35 * unit), round(38 * unit)),
    )


def draw(size: int) -> List[bytearray]:
    """The icon: ``size`` rows of ``size`` pixels of four bytes, red, green, blue, alpha (not premultiplied)."""
    place = layout(size)
    rows = [bytearray(4 * size) for _ in range(size)]
    far = size - place.margin
    square = Box(place.margin, place.margin, far, far, place.corner)
    for y, row in enumerate(rows):
        share = (y + 0.5) / size
        colour = bytes(int(top + (bottom - top) * share + 0.5) for top, bottom in zip(TOP, BOTTOM))
        for x in range(size):
            alpha = int(255 * square.coverage(x + 0.5, y + 0.5) + 0.5)
            if alpha:
                row[4 * x : 4 * x + 4] = colour + bytes((alpha,))
    for box, colour_of_box in _figures(place):
        _paint(rows, box, colour_of_box)
    return rows


def _figures(place: Layout) -> Iterator[Tuple[Box, Colour]]:
    """Dots and bars. The last row's dot is amber, the others' green."""
    for number, top in enumerate(place.row_tops):
        late = number == len(place.row_tops) - 1
        dot = Box(place.dot_left, top, place.dot_left + place.dot, top + place.dot, place.dot / 2)
        yield dot, AMBER if late else GREEN
        bar_top = top + (place.dot - place.bar) / 2
        yield Box(place.bar_left, bar_top, place.bar_rights[number], bar_top + place.bar, place.bar / 2), WHITE


def _paint(rows: List[bytearray], box: Box, colour: Colour) -> None:
    """Lay ``box`` over what is there, which is opaque."""
    for y in range(int(box.top), math.ceil(box.bottom)):
        row = rows[y]
        for x in range(int(box.left), math.ceil(box.right)):
            share = box.coverage(x + 0.5, y + 0.5)
            for channel, value in enumerate(colour, 4 * x):
                row[channel] = int(row[channel] + (value - row[channel]) * share + 0.5)


def png(rows: List[bytearray]) -> bytes:
    """The picture as a PNG file: 8 bits, red, green, blue, alpha."""
    filtered = bytearray()
    for row in rows:
        # Filter 1: each pixel minus the one before. Within a shape that is zeros, which is all our compressor can do.
        filtered += b"\x01" + row[:4] + bytes((now - before) & 255 for now, before in zip(row[4:], row))
    header = struct.pack(">IIBBBBB", len(rows[0]) // 4, len(rows), 8, 6, 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", zlib_stream(bytes(filtered))), (b"IEND", b""))
    chunks = (
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in parts
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


class _Bits:
    """Bits in deflate's order: the first is the lowest of its byte (RFC 1951, 3.1.1)."""

    def __init__(self) -> None:
        self.done = bytearray()
        self._open = 0
        self._count = 0

    def number(self, value: int, width: int) -> None:
        """A number, its lowest bit first."""
        self._open |= value << self._count
        self._count += width
        while self._count >= 8:
            self.done.append(self._open & 255)
            self._open >>= 8
            self._count -= 8

    def code(self, value: int, width: int) -> None:
        """A Huffman code, its highest bit first."""
        self.number(int(f"{value:0{width}b}"[::-1], 2), width)

    def symbol(self, value: int) -> None:
        """A literal (0-255), the end (256) or a length (257-285) in the fixed code (RFC 1951, 3.2.6)."""
        if value < 144:
            self.code(0x30 + value, 8)
        elif value < 256:
            self.code(0x190 + value - 144, 9)
        elif value < 280:
            self.code(value - 256, 7)
        else:
            self.code(0xC0 + value - 280, 8)

    def repeat(self, length: int) -> None:
        """The last byte again, ``length`` times, 3 to 258 (RFC 1951, 3.2.5)."""
        if length == 258:
            self.symbol(285)
        elif length < 11:
            self.symbol(254 + length)
        else:
            extra = (length - 3).bit_length() - 3
            self.symbol(257 + 4 * extra + (length - 3 >> extra))
            self.number(length - 3 & (1 << extra) - 1, extra)
        self.code(0, 5)  # at a distance of one byte


def zlib_stream(data: bytes) -> bytes:
    """``data`` as a zlib stream in which runs of one byte are short: simple, and the same bytes everywhere."""
    bits = _Bits()
    bits.number(0b011, 3)  # the last block, fixed Huffman codes
    at = 0
    while at < len(data):
        bits.symbol(data[at])
        end = at + 1
        while end < len(data) and data[end] == data[at]:
            end += 1
        at += 1
        while end - at >= 3:
            length = min(end - at, 258)
            bits.repeat(length)
            at += length
    bits.symbol(256)
    bits.number(0, 7)  # fills the last byte
    return b"\x78\x01" + bytes(bits.done) + struct.pack(">I", zlib.adler32(data))


def ico(pictures: Dict[int, bytes]) -> bytes:
    """A Windows icon that holds these PNGs, by size; 256 is written as 0 there."""
    entries, offset = [], 6 + 16 * len(pictures)
    for size, data in pictures.items():
        entries.append(struct.pack("<BBBBHHII", size % 256, size % 256, 0, 0, 1, 32, len(data), offset))
        offset += len(data)
    return struct.pack("<HHH", 0, 1, len(pictures)) + b"".join(entries) + b"".join(pictures.values())


def icns(pictures: Dict[str, bytes]) -> bytes:
    """A macOS icon that holds these PNGs, by Apple's type code."""
    body = b"".join(kind.encode() + struct.pack(">I", 8 + len(data)) + data for kind, data in pictures.items())
    return b"icns" + struct.pack(">I", 8 + len(body)) + body


def files() -> Dict[str, bytes]:
    """Every file of the icon, by name."""
    sizes = sorted({*PNG_SIZES.values(), *ICO_SIZES, *ICNS_SIZES.values()})
    drawn = {size: png(draw(size)) for size in sizes}
    made = {name: drawn[size] for name, size in PNG_SIZES.items()}
    made["rollcall.ico"] = ico({size: drawn[size] for size in ICO_SIZES})
    made["rollcall.icns"] = icns({kind: drawn[size] for kind, size in ICNS_SIZES.items()})
    return made


def main() -> int:
    """Write the files; returns the exit code."""
    ICONS.mkdir(exist_ok=True)
    for name, data in files().items():
        (ICONS / name).write_bytes(data)
        print(f"icons/{name}: {len(data):,} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
