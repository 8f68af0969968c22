"""The network as it can be: a proxy that cuts what goes through it, and peers that speak ZMTP, or do not,
without any library behind them."""

import contextlib
import os
import socket
import struct
import threading

from programs import LIMIT


def cut(connection):
    """Ends a connection with a reset, as a firewall does."""
    with contextlib.suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    # Wakes who reads from it; close() alone would not.
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RD)
    connection.close()


class Proxy:
    """Passes on tcp connections from one host's ports to the same ports of another, until they are reset."""

    def __init__(self, host, to, ports):
        self._lock = threading.Lock()
        self._pairs = []
        self._listeners = []
        for port in ports:
            listener = socket.create_server((host, port))
            self._listeners.append(listener)
            threading.Thread(target=self._accept, args=(listener, (to, port)), daemon=True).start()

    def _accept(self, listener, target):
        while True:
            try:
                near, _ = listener.accept()
            except OSError:
                return
            try:
                far = socket.create_connection(target)
            except OSError:
                cut(near)
                continue
            pair = (near, far)
            with self._lock:
                self._pairs.append(pair)
            for source, sink in (pair, pair[::-1]):
                threading.Thread(target=self._pass_on, args=(source, sink, pair), daemon=True).start()

    def _pass_on(self, source, sink, pair):
        with contextlib.suppress(OSError):
            while block := source.recv(1 << 16):
                sink.sendall(block)
        with self._lock:
            if pair in self._pairs:
                self._pairs.remove(pair)
        for connection in pair:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()

    def reset(self):
        """Cuts all that goes through it now; returns how many connections. New ones are passed on."""
        with self._lock:
            pairs, self._pairs = self._pairs, []
        for pair in pairs:
            for connection in pair:
                cut(connection)
        return len(pairs)

    def close(self):
        for listener in self._listeners:
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        self.reset()


GREETING = b"\xff" + bytes(8) + b"\x7f" + b"\x03\x00" + b"NULL".ljust(20, b"\0") + bytes(32)


def connect(endpoint):
    """A bare connection to tcp://HOST:PORT or ipc://PATH."""
    scheme, _, address = endpoint.partition("://")
    if scheme == "ipc":
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(LIMIT)
        try:
            connection.connect(address)
        except OSError:
            connection.close()
            raise
        return connection
    host, _, port = address.rpartition(":")
    return socket.create_connection((host, int(port)), timeout=LIMIT)


class Peer:
    """One ZMTP 3.0 connection with the NULL mechanism (https://rfc.zeromq.org/spec/23/)."""

    def __init__(self, connection, socket_type):
        self.connection = connection
        self.connection.sendall(GREETING)
        self._exactly(len(GREETING))
        name, kind = b"Socket-Type", socket_type.encode()
        self._send(4, b"\x05READY" + bytes([len(name)]) + name + struct.pack(">I", len(kind)) + kind)
        self._frame()  # its READY

    def send(self, body):
        self._send(0, body)

    def receive(self):
        """The next message of one frame; commands such as PING are passed over."""
        while True:
            flags, body = self._frame()
            if not flags & 4:
                return body

    def close(self):
        # The other side sees the end at once, even where a thread of ours still reads: close() alone would wait for it.
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)
        self.connection.close()

    def _send(self, flags, body):
        size = bytes([flags, len(body)]) if len(body) < 256 else struct.pack(">BQ", flags | 2, len(body))
        self.connection.sendall(size + body)

    def _frame(self):
        flags = self._exactly(1)[0]
        size = struct.unpack(">Q", self._exactly(8))[0] if flags & 2 else self._exactly(1)[0]
        return flags, self._exactly(size)

    def _exactly(self, size):
        got = b""
        while len(got) < size:
            block = self.connection.recv(size - len(got))
            if not block:
                raise ConnectionError("the other side has closed the connection")
            got += block
        return got


def throw_garbage(endpoint, socket_type):
    """What a stranger may do to a bound socket: noise instead of a greeting, half a greeting; and, with a type of
    socket that may connect there, frames of sound ZMTP that are none of ours, and a claim of a huge one. The
    connections stay open: they are returned, to be closed."""
    noise = connect(endpoint)
    with contextlib.suppress(OSError):
        noise.sendall(os.urandom(4096))
    half = connect(endpoint)
    half.sendall(GREETING[:20])
    strangers = [noise, half]
    if not socket_type:
        return strangers
    for frame in (b"", b"\xc1", os.urandom(200), b"\x91" * 60000, b"\xdd\xff\xff\xff\xff", b"\x92\x01\x10",
                  b"\x93\x01\x01\x01"):
        peer = Peer(connect(endpoint), socket_type)
        strangers.append(peer)
        with contextlib.suppress(OSError):
            peer.send(frame)
    claim = Peer(connect(endpoint), socket_type)
    strangers.append(claim)
    with contextlib.suppress(OSError):
        claim.connection.sendall(struct.pack(">BQ", 2, 1 << 40) + b"x" * 1000)
    return strangers
