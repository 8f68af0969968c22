#!/usr/bin/env python3
"""A sink for Fanmill in Python: a line of JSON for each task, its id, outcome and output. What is on stdout is
acknowledged, and nothing else. It has no store: when it ends before the run does, the run ends with it."""

import json
import secrets
import sys
import time

import msgpack
import zmq
from zmq.auth.thread import ThreadAuthenticator
from zmq.utils.monitor import recv_monitor_message

from peer import ACK, BYE, DEAD, END, ENDED, FAILED, KEEP, MARK, MARKED, RESULTS, RETRY, WELCOME, WHO, Peer

OUTCOMES = ("ok", "failed", "dead")


def one_by_one(results, frames):
    """`frames`: those that follow in the same message, for neighbours that do not bring their bytes along."""
    frames = iter(frames)
    for result in results:
        if len(result) > 2:
            yield result[:4]
            continue
        outputs, (number, attempt, between, *sizes) = result  # neighbours, all ok
        outputs = next(frames) if outputs is None else outputs
        at = 0
        for size in sizes:
            yield number, attempt, 0, outputs[at:at + size]
            number += 1
            at += size + between


class Sink(Peer):
    def __init__(self):
        super().__init__(__doc__, ("--allow", "directory with the public keys of the workers"))
        if self.key:
            gate = ThreadAuthenticator(zmq.Context.instance())
            gate.start()
            gate.configure_curve(domain="*", location=self.options.allow)
        self.results = self.socket(zmq.Context.instance(), zmq.PULL, heartbeats=False)
        if self.options.connect.startswith("ipc://"):
            self.place = f"{self.options.connect}-results-{secrets.token_hex(4)}"
            self.results.bind(self.place)
        else:
            host = "*" if self.key else "127.0.0.1"
            self.place = f"tcp://:{self.results.bind_to_random_port(f'tcp://{host}')}"
        self.run = self.count = None
        self.partial = False  # the input was not read to its end
        self.done, self.held, self.duplicates = {}, {}, 0  # id → outcome; id → attempt and output of a failure

    def introduce(self):
        self.hello(2, self.incarnation, [self.place], self.key[0].decode() if self.key else "")

    def finish(self, number, outcome, output):
        """An outcome is written, flushed, and then acknowledged."""
        if number not in self.done:
            self.done[number] = outcome
            print(json.dumps([number, OUTCOMES[outcome], output.decode(errors="replace")]), flush=True)
        self.say(ACK, self.run, self.done[number], [number, number], 0)

    def on_results(self, frames, kind, run, token, *fields):
        if run != self.run:
            return
        if kind == MARK:  # all that came before it has been acknowledged
            self.say(MARKED, run, token, fields[0])
        for number, attempt, outcome, output in one_by_one(fields[2], frames) if kind == RESULTS else ():
            self.duplicates += number in self.done
            if outcome == 0 or number in self.done:
                self.held.pop(number, None)
                self.finish(number, outcome, output)
            elif self.held.get(number, (-1,))[0] < attempt:  # the ventilator counts attempts: it is asked
                self.held[number] = attempt, output
                self.say(FAILED, run, [number, attempt])

    def on_control(self, kind, fields):
        if kind == WELCOME and self.run is None:
            self.run = fields[0]
        elif kind == WELCOME:  # again, after the connection was lost, and with it perhaps what was under way
            if fields[0] != self.run:
                sys.exit("sink.py: another run has begun")
            for number, outcome in self.done.items():
                self.say(ACK, self.run, outcome, [number, number], 0)
        elif kind == WHO:
            self.introduce()
        elif kind in (RETRY, KEEP):
            for number, attempt in zip(fields[1][::2], fields[1][1::2]):
                if self.held.get(number, (-1,))[0] == attempt:
                    _, output = self.held.pop(number)
                    if kind == KEEP:
                        self.finish(number, 1, output)
        elif kind == DEAD:
            self.held.pop(fields[1], None)
            self.finish(fields[1], 2, fields[4])
        elif kind == END:
            self.count = 0 if fields[2] else fields[1]  # cut short: nothing more will come
            self.partial = fields[3]

    def serve(self):
        self.incarnation, next_hello = secrets.randbits(64) | 1, 0
        monitor = self.control.get_monitor_socket(zmq.EVENT_HANDSHAKE_SUCCEEDED | zmq.EVENT_DISCONNECTED)
        lost = None
        while True:
            now = time.monotonic()
            if lost and now > lost + 3:
                sys.exit(3)
            if now > next_hello:
                next_hello = now + 1
                if self.run is None:
                    self.introduce()
                elif self.held:  # until each is answered
                    self.say(FAILED, self.run, [n for number, held in self.held.items() for n in (number, held[0])])
            sockets = [self.control, monitor] + ([self.results] if self.run is not None else [])
            ready = zmq.select(sockets, [], [], 0.2)[0]
            if monitor in ready:
                up = recv_monitor_message(monitor)["event"] == zmq.EVENT_HANDSHAKE_SUCCEEDED
                lost = None if up else now
                if up and self.run is not None:
                    self.introduce()
            if self.control in ready:
                kind, fields = self.hear()
                if kind == BYE:
                    sys.exit(3 if self.partial else 0)
                self.on_control(kind, fields)
            if self.results in ready:
                message, *frames = self.results.recv_multipart()
                self.on_results(frames, *msgpack.unpackb(message, unicode_errors="replace")[1:])
            if self.count is not None and len(self.done) >= self.count:
                outcomes = list(self.done.values())
                self.say(ENDED, self.run, *(outcomes.count(outcome) for outcome in range(3)), self.duplicates)
                self.count = None  # END is repeated until it is answered


if __name__ == "__main__":
    Sink().serve()
