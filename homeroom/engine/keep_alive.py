"""How soon the kernel notices a peer that vanished without a word. Never here: who that is."""

import socket
from typing import Any

_OPTIONS = ((socket.TCP_KEEPIDLE, 5), (socket.TCP_KEEPINTVL, 2), (socket.TCP_KEEPCNT, 3))
"""Silence of 5 s, then three questions 2 s apart."""


def keep_alive(sock: Any) -> None:
    """Have the kernel look after a connection over TCP; one inside the machine needs none of that."""
    if sock.family == socket.AF_UNIX:
        return
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in _OPTIONS:
        sock.setsockopt(socket.IPPROTO_TCP, option, value)
