#!/usr/bin/env python3
"""Reads from standard input what `sekisho enrol totp` printed, and prints what a camera would read from its QR code.

The code's light squares are drawn, two rows a line. Pixels go to libzbar, which knows nothing of how they came about."""
import ctypes
import re
import sys

SQUARE = 4  # pixels
LIGHT = {"\u2588": (255, 255), "\u2580": (255, 0), "\u2584": (0, 255), " ": (0, 0)}


def pixels(text):
    text = re.sub(r"\x1b\[[0-9;]*m|\r", "", text)
    lines = [line for line in text.split("\n") if line and line.strip() and set(line) <= set(LIGHT)]
    assert lines, "no QR code was printed"
    width = max(map(len, lines))
    rows = []
    for line in lines:
        for half in (0, 1):
            row = b"".join(bytes([LIGHT[square][half]]) * SQUARE for square in line.ljust(width))
            rows += [row] * SQUARE
    return width * SQUARE, len(rows), b"".join(rows)


def decode(width, height, grey):
    zbar = ctypes.CDLL("libzbar.so.0")
    for function in ("zbar_image_create", "zbar_image_scanner_create", "zbar_image_first_symbol", "zbar_symbol_next"):
        getattr(zbar, function).restype = ctypes.c_void_p
    zbar.zbar_symbol_get_data.restype = ctypes.c_char_p
    image = ctypes.c_void_p(zbar.zbar_image_create())
    zbar.zbar_image_set_format(image, ctypes.c_ulong(int.from_bytes(b"Y800", "little")))
    zbar.zbar_image_set_size(image, width, height)
    zbar.zbar_image_set_data(image, grey, ctypes.c_ulong(len(grey)), None)
    zbar.zbar_scan_image(ctypes.c_void_p(zbar.zbar_image_scanner_create()), image)
    symbol = zbar.zbar_image_first_symbol(image)
    while symbol:
        yield zbar.zbar_symbol_get_data(ctypes.c_void_p(symbol)).decode()
        symbol = zbar.zbar_symbol_next(ctypes.c_void_p(symbol))


for found in decode(*pixels(sys.stdin.read())):
    print(found)
