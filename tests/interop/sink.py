"""An SMTP server that takes everything: where a mail server under test delivers, so that nothing leaves the machine."""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import BinaryIO, NamedTuple

EXTENSIONS = b"250-sink\r\n250-8BITMIME\r\n250 SIZE\r\n"
WITH_UTF8 = b"250-sink\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250 SIZE\r\n"
SEVEN_BIT = b"250-sink\r\n250 SIZE\r\n"


class Transaction(NamedTuple):
    """One message as it came, octets unchanged but for the dots."""

    mail_from: str
    rcpt_to: tuple[str, ...]
    message: bytes


class Sink:
    """Listens on a loopback port from the start; `taken` grows with each message, while it is not `deferring`."""

    def __init__(self, extensions: bytes = EXTENSIONS) -> None:
        self.extensions = extensions
        self.taken: list[Transaction] = []
        self.deferring = False
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._socket.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            threading.Thread(target=self._converse, args=(connection,), daemon=True).start()

    def _converse(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError), connection, connection.makefile("rb") as stream:
            connection.sendall(b"220 sink\r\n")
            mail_from, rcpt_to = "", list[str]()
            while line := stream.readline():
                verb = line[:4].upper()
                reply = b"250 2.0.0 ok\r\n"
                if verb == b"EHLO":
                    reply = self.extensions
                elif verb == b"MAIL" and self.deferring:
                    reply = b"451 4.3.0 later\r\n"
                elif verb == b"MAIL":
                    mail_from, rcpt_to = _path(line), []
                elif verb == b"RCPT":
                    rcpt_to.append(_path(line))
                elif verb == b"DATA":
                    connection.sendall(b"354 go on\r\n")
                    self.taken.append(Transaction(mail_from, tuple(rcpt_to), _content(stream)))
                elif verb == b"QUIT":
                    reply = b"221 2.0.0 bye\r\n"
                connection.sendall(reply)


def _path(line: bytes) -> str:
    return line.partition(b"<")[2].partition(b">")[0].decode("utf-8", "surrogateescape")


def _content(stream: BinaryIO) -> bytes:
    lines = []
    while (line := stream.readline()) != b".\r\n":
        if not line:
            raise ConnectionResetError
        lines.append(line[1:] if line.startswith(b".") else line)
    return b"".join(lines)
