"""What a worker and a sink of Fanmill have in common: a DEALER to the ventilator, CURVE keys, and connections that tell
when they break. See docs/protocol.md. Needs pyzmq and msgpack (Debian: python3-zmq, python3-msgpack)."""

import argparse
import os
import socket
import sys

import msgpack
import zmq
import zmq.auth
from zmq.utils.monitor import recv_monitor_message

HELLO, WELCOME, REFUSED, READY, WHO, SINK, LEAVING, BYE, STOP = 1, 2, 3, 4, 5, 6, 8, 9, 10
TASKS, RESULTS, MARK, ACK, END, ENDED, FAILED, RETRY, KEEP, DEAD, MARKED = 16, 17, 18, 32, 33, 34, 37, 38, 39, 40, 42
HOST = socket.gethostname()
NAME = f"{HOST}:{os.getpid()}"
MAX_MESSAGE = 64 << 20  # bytes of an item or an output: --max-message of the other programs


class Lost(Exception):
    """A connection has broken, or the ventilator does not know us."""


class Peer:
    def __init__(self, doc, *options):
        parser = argparse.ArgumentParser(description=doc)
        parser.add_argument("--connect", required=True, metavar="ENDPOINT", help="of the ventilator")
        parser.add_argument("--key", metavar="FILE", help="this program's secret key, of `fanmill keygen`")
        parser.add_argument("--server-key", metavar="FILE", help="the ventilator's public key")
        for name, text in options:
            parser.add_argument(name, help=text)
        self.options = parser.parse_args()
        self.key = zmq.auth.load_certificate(self.options.key) if self.options.key else None
        self.server_key = zmq.auth.load_certificate(self.options.server_key)[0] if self.options.server_key else None
        self.control = self.socket(zmq.Context.instance(), zmq.DEALER, self.server_key)
        self.control.connect(self.options.connect)

    def socket(self, context, kind, server_key=None, heartbeats=True):
        made = context.socket(kind)
        for option, value in ((zmq.IPV6, "[" in self.options.connect), (zmq.LINGER, 2000), (zmq.ZAP_DOMAIN, b"fanmill"),
                              (zmq.HEARTBEAT_IVL, 1000 if heartbeats else 0), (zmq.HEARTBEAT_TIMEOUT, 3000),
                              (zmq.RCVHWM, 0 if heartbeats else 16), (zmq.TCP_KEEPALIVE, 1), (zmq.TCP_KEEPALIVE_IDLE, 1),
                              (zmq.TCP_KEEPALIVE_INTVL, 1), (zmq.TCP_KEEPALIVE_CNT, 3)):
            made.set(option, value)
        if self.key:
            made.curve_publickey, made.curve_secretkey = self.key
            made.set(*((zmq.CURVE_SERVERKEY, server_key) if server_key else (zmq.CURVE_SERVER, 1)))
        return made

    def connected(self, context, kind, endpoint, server_key, again=100, heartbeats=True):
        """A socket whose handshake is done, and its monitor: whatever comes from that is the end of the connection."""
        made = self.socket(context, kind, server_key, heartbeats)
        made.set(zmq.RECONNECT_IVL, again)
        monitor = made.get_monitor_socket(zmq.EVENT_ALL & ~zmq.EVENT_CONNECTED & ~zmq.EVENT_CONNECT_DELAYED)
        if endpoint.startswith("tcp://:"):  # it is on the host by which we reach the ventilator
            endpoint = self.options.connect[:self.options.connect.rindex(":")] + endpoint[len("tcp://"):]
        made.connect(endpoint)
        if not monitor.poll(3000) or recv_monitor_message(monitor)["event"] != zmq.EVENT_HANDSHAKE_SUCCEEDED:
            raise Lost
        return made, monitor

    def say(self, kind, *fields, flags=0):
        self.control.send(msgpack.packb([1, kind, *fields]), flags)

    def hear(self):
        """The next message's type and fields; a refusal ends the program."""
        _, kind, *fields = msgpack.unpackb(self.control.recv(), unicode_errors="replace")
        if kind == REFUSED:
            sys.exit(f"{sys.argv[0]}: refused: {fields[0]}")
        return kind, fields

    def hello(self, role, incarnation, results=(), results_key=""):
        try:
            self.say(HELLO, role, incarnation, self.options.connect, HOST, os.getpid(), NAME, 1, 1, MAX_MESSAGE, False, list(results),
                     results_key, False, False, False, flags=zmq.NOBLOCK)
        except zmq.Again:
            pass  # a thousand of them wait for a ventilator already
