#!/usr/bin/env python3
"""A card of tests/integration/my_number_card.c in QEMU's CCID reader:
    card_in_reader.py PORT SOCKET
The card speaks vpcd's protocol to 127.0.0.1:PORT, where its connection is its stay in the reader; QEMU's ccid-card-passthru speaks
libcacard's (vscard_common.h) on SOCKET. QEMU's reader speaks T=0 alone, so the card shows another ATR than its own, which says
T=1; OpenSC then knows it by its application, as it does at a contactless reader."""
import select
import socket
import struct
import sys

INIT, ERROR, READER_ADD, READER_REMOVE, ATR, CARD_REMOVE, APDU = range(1, 8)
POWER_ON = b"\1"
T0_ATR = b"\x3b\x04JPKI"


def exactly(connection, length):
    data = b""
    while len(data) < length:
        part = connection.recv(length - len(data))
        if not part:
            raise ConnectionError
        data += part
    return data


def tell_reader(reader, kind, data=b""):
    reader.sendall(struct.pack(">III", kind, 0, len(data)) + data)


def told_by_reader(reader):
    kind, _, length = struct.unpack(">III", exactly(reader, 12))
    return kind, exactly(reader, length)


def tell_card(card, data):
    card.sendall(struct.pack(">H", len(data)) + data)


def answer_of(card):
    return exactly(card, struct.unpack(">H", exactly(card, 2))[0])


def put_in(card, reader):
    card.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    tell_card(card, POWER_ON)
    tell_reader(reader, ATR, T0_ATR)


def stay(card, reader):
    """Until the card goes: its connection then ends."""
    while True:
        ready, _, _ = select.select([card, reader], [], [])
        if card in ready:
            raise ConnectionError
        kind, data = told_by_reader(reader)
        if kind == APDU:
            tell_card(card, data)
            tell_reader(reader, APDU, answer_of(card))


def main():
    reader = socket.socket(socket.AF_UNIX)
    reader.connect(sys.argv[2])
    tell_reader(reader, INIT, b"VSCD" + struct.pack(">II", 2, 0))
    tell_reader(reader, READER_ADD)
    waiting = socket.create_server(("127.0.0.1", int(sys.argv[1])))
    while True:
        ready, _, _ = select.select([waiting, reader], [], [])
        if waiting not in ready:
            told_by_reader(reader)
            continue
        card, _ = waiting.accept()
        try:
            put_in(card, reader)
            stay(card, reader)
        except ConnectionError:
            tell_reader(reader, CARD_REMOVE)
        card.close()


main()
