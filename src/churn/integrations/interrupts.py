"""Queries that end at once when the process is asked to stop."""

from __future__ import annotations

import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from churn.integrations.engine import Engine


class Stopped(KeyboardInterrupt):
    """SIGTERM. Like Ctrl-C it passes whatever catches errors on its way: no library takes it for a fault."""

    exit_code = 128 + signal.SIGTERM  # as shells have it


STOPS: dict[int, type[KeyboardInterrupt]] = {signal.SIGTERM: Stopped, signal.SIGINT: KeyboardInterrupt}


@contextmanager
def interruptible(engine: Engine | None = None) -> Iterator[None]:
    """Let a signal that asks the process to stop end a query of the engine at once, for the block.

    Without an engine it is only heard at the end of the block, if a library that was loading swallowed it.

    Python runs signal handlers between its own instructions, and a query gives control back only when it has ended. So
    a thread of its own is woken by the signal itself and interrupts the query. The engine may lose what the handler
    raises on the way out; it is raised again here.

    Raises
    ------
    Stopped, KeyboardInterrupt
        When the block ends, with an error or without, after SIGTERM or SIGINT has come.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # signals are handled by the main thread alone
        return
    receiver, sender = socket.socketpair()
    sender.setblocking(False)
    received: list[int] = []
    watcher = threading.Thread(target=_watch, args=(receiver, engine, received), daemon=True)
    watcher.start()
    former = signal.set_wakeup_fd(sender.fileno(), warn_on_full_buffer=False)
    error: Exception | None = None
    try:
        yield
    except Exception as caught:  # noqa: BLE001 - raised again below, as what it really was
        error = caught
    finally:
        signal.set_wakeup_fd(former)
        sender.close()
        watcher.join()
        receiver.close()
    if received:  # what the handler raised may also be lost within a library, and nothing be left of it
        raise STOPS[received[0]] from error
    if error is not None:
        raise error


def _watch(receiver: socket.socket, engine: Engine | None, received: list[int]) -> None:
    while number := receiver.recv(1):
        if number[0] in STOPS:
            received.append(number[0])
            if engine is not None:
                engine.interrupt()
