"""Workers that a supervisor has trouble with: they hang, or do not end when told to.

    python -m support.odd_worker PLACE MANNER

Importable by name only; a test puts it in the place of the real one.
"""

from __future__ import annotations

import signal
import socket
import struct
import sys

import msgspec
from lakebed.server.supervising.messages import Failed, Leaving, News, Ready
from lakebed.server.supervising.place import Place

GARBAGE = b"\x00\x00\x00\x03abc"


def main() -> None:
    place = msgspec.json.decode(sys.argv[1], type=Place)
    manner = sys.argv[2]
    channel = socket.socket(fileno=place.channel)

    def say(news: News) -> None:
        data = msgspec.msgpack.encode(news)
        channel.sendall(struct.pack(">I", len(data)) + data)

    if manner == "fails":
        say(Failed("the moon is full"))
        return
    say(Ready())
    if manner == "mutters":
        channel.sendall(GARBAGE)
        while channel.recv(1000):
            pass
        return
    if manner == "stays":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        say(Leaving())
    signal.pause()  # says nothing any more


if __name__ == "__main__":
    main()
