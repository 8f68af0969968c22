"""Peers with libzmq itself behind them, and keys of their own or none: what becomes of them at a socket of ours.

Also which sockets a process listens at. Needs nothing beyond the standard library: libzmq is called by ctypes."""

import contextlib
import ctypes
import os
import pathlib
import re
import struct
import unittest

from programs import LIMIT

PAIR, DEALER, PULL, PUSH = 0, 5, 7, 8
LINGER, RECONNECT_IVL, RCVTIMEO, CURVE_PUBLICKEY, CURVE_SECRETKEY, CURVE_SERVERKEY = 17, 18, 27, 48, 49, 50
OUTCOMES = {0x0800: "cut off", 0x1000: "let in", 0x2000: "refused by protocol", 0x4000: "refused by key"}

zmq = ctypes.CDLL("libzmq.so.5", use_errno=True)
for function in ("zmq_ctx_new", "zmq_socket"):
    getattr(zmq, function).restype = ctypes.c_void_p


class Key:
    """A pair: drawn at random, or one of `fanmill keygen`'s."""

    def __init__(self, file=None):
        if file:
            text = pathlib.Path(file).read_text()
            self.public, self.secret = (re.search(f'{name}-key = "(.*)"', text).group(1).encode()
                                        for name in ("public", "secret"))
        else:
            public, secret = ctypes.create_string_buffer(41), ctypes.create_string_buffer(41)
            assert zmq.zmq_curve_keypair(public, secret) == 0
            self.public, self.secret = public.value, secret.value


def _set(socket, option, value):
    value = struct.pack("i", value) if isinstance(value, int) else value
    assert zmq.zmq_setsockopt(ctypes.c_void_p(socket), option, value, len(value)) == 0


def knock(endpoint, kind, key=None, server=None):
    """Connects once, and says what came of it, in the words of OUTCOMES. `server` is a public key."""
    context = zmq.zmq_ctx_new()
    peer = zmq.zmq_socket(ctypes.c_void_p(context), kind)
    events = zmq.zmq_socket(ctypes.c_void_p(context), PAIR)
    try:
        for socket in (peer, events):
            _set(socket, LINGER, 0)
        _set(peer, RECONNECT_IVL, -1)
        _set(events, RCVTIMEO, int(LIMIT * 1000))
        if key:
            _set(peer, CURVE_PUBLICKEY, key.public)
            _set(peer, CURVE_SECRETKEY, key.secret)
            _set(peer, CURVE_SERVERKEY, server)
        assert zmq.zmq_socket_monitor(ctypes.c_void_p(peer), b"inproc://events", sum(OUTCOMES)) == 0
        assert zmq.zmq_connect(ctypes.c_void_p(events), b"inproc://events") == 0
        assert zmq.zmq_connect(ctypes.c_void_p(peer), endpoint.encode()) == 0
        event, address = ctypes.create_string_buffer(6), ctypes.create_string_buffer(512)
        if zmq.zmq_recv(ctypes.c_void_p(events), event, 6, 0) != 6:
            raise AssertionError(f"nothing came of a connection to {endpoint}")
        zmq.zmq_recv(ctypes.c_void_p(events), address, 512, 0)
        return OUTCOMES[struct.unpack("<H", event.raw[:2])[0]]
    finally:
        zmq.zmq_socket_monitor(ctypes.c_void_p(peer), None, 0)
        for socket in (peer, events):
            zmq.zmq_close(ctypes.c_void_p(socket))
        zmq.zmq_ctx_term(ctypes.c_void_p(context))


def listeners(pid):
    """The endpoints at which a process listens: tcp of IPv4, and ipc."""
    inodes = set()
    if not os.access(f"/proc/{pid}/fd", os.R_OK):
        raise unittest.SkipTest("a program with keys shows its descriptors to root alone")
    for descriptor in pathlib.Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # it has just been closed
            found = re.match(r"socket:\[(\d+)\]", os.readlink(descriptor))
            inodes |= {found.group(1)} if found else set()
    endpoints = []
    for line in pathlib.Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if fields[3] == "0A" and fields[9] in inodes:
            endpoints.append(f"tcp://127.0.0.1:{int(fields[1].split(':')[1], 16)}")
    for line in pathlib.Path(f"/proc/{pid}/net/unix").read_text().splitlines()[1:]:
        fields = line.split()
        if int(fields[3], 16) & 0x10000 and fields[6] in inodes and len(fields) == 8:
            endpoints.append(f"ipc://{fields[7]}")
    return endpoints


def for_others(endpoints):
    """Without the one at which a ventilator's own user asks for its status: that has no key, and nobody can join by it."""
    return [endpoint for endpoint in endpoints if "/status-" not in endpoint]
