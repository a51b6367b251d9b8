"""`python -m lakebed.server.supervising.worker PLACE ...`: a worker with a supervisor.

For the supervisor to start, and nobody else. PLACE tells, as JSON, which descriptors are
there; what follows are the arguments of the server. When the supervisor is gone, however
it went, its end of the channel closes, and the worker stops as if told to, so that nothing
holds the ports of a server that nobody watches.
"""

from __future__ import annotations

import asyncio
import os
import socket
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec
import uvloop
from msgspec.msgpack import Decoder

from ..arguments import KEY_ID_VARIABLE, SECRET_VARIABLE, Arguments, read_arguments
from ..errors import LakeError
from ..logs import set_up_logging
from ..serving.listeners import Bound
from ..worker import Key, Worker, set_up_process
from .messages import (
    AcceptFor,
    AskFigures,
    Channel,
    CutOff,
    Failed,
    Figures,
    Leaving,
    Order,
    Part,
    ReadAgain,
    Ready,
)
from .place import Place

_ORDERS: Decoder[Order] = Decoder(Order)
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


def main(arguments: Sequence[str]) -> int:
    """Be the worker of the place that the first of `arguments` tells."""
    place = msgspec.json.decode(arguments[0], type=Place)
    key = os.environ.pop(KEY_ID_VARIABLE, None), os.environ.pop(SECRET_VARIABLE, None)
    given = read_arguments(arguments[1:])
    set_up_logging(given.log_level)
    given = set_up_process(given)
    uvloop.run(_Supervised(place, given).run(key))
    return 0


class _Supervised:
    """Does as the supervisor says."""

    def __init__(self, place: Place, given: Arguments) -> None:
        self._place = place
        self._given = given
        listeners = given.settings.listeners()
        self._bound = [
            [
                Bound(listener, socket.socket(fileno=handle))
                for listener, handle in zip(listeners, handles, strict=True)
            ]
            for handles in place.sockets
        ]
        self._accepted: set[int] = set()
        """The slots of others that it accepts for."""
        self._is_leaving = False

    async def run(self, key: Key) -> None:
        """Serve until told to stop."""
        end = socket.socket(fileno=self._place.channel)
        channel = await Channel[Order].open(_ORDERS, end)
        worker = Worker(
            self._given,
            self._bound[self._place.slot],
            on_ready=lambda worker: channel.send(Ready()),
            on_leaving=lambda worker: self._leave(channel),
            is_alone=False,
        )
        obeying = asyncio.ensure_future(self._obey(channel, worker))
        try:
            await worker.run(key, sets_up=self._place.sets_up)
            channel.send(_read_figures(worker, 0))
        except LakeError as error:
            channel.send(Failed(str(error)))
        finally:
            obeying.cancel()
            await channel.close()

    def _leave(self, channel: Channel[Order]) -> None:
        self._is_leaving = True
        for slot in self._bound:
            for one in slot:
                one.socket.close()
        channel.send(Leaving())

    async def _obey(self, channel: Channel[Order], worker: Worker) -> None:
        try:
            async for order in channel.messages():
                match order:
                    case AskFigures(number):
                        channel.send(_read_figures(worker, number))
                    case AcceptFor(slots):
                        self._accept_for(set(slots), worker)
                    case ReadAgain():
                        worker.read_again()
                    case Part():
                        worker.part()
                    case CutOff():
                        worker.cut_off()
        finally:
            worker.stop()  # nobody is there any more who could say so

    def _accept_for(self, slots: set[int], worker: Worker) -> None:
        for slot in self._accepted ^ slots:
            for one in self._bound[slot]:
                if self._is_leaving:
                    return
                if slot in slots:
                    worker.accept(one)
                else:
                    worker.refuse(one)
        self._accepted = slots


def _read_figures(worker: Worker, number: int) -> Figures:
    resident = int(Path("/proc/self/statm").read_text().split()[1])
    return Figures(
        number, worker.read_figures(), time.process_time(), resident * _PAGE_BYTES
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
