#!/usr/bin/env python3
"""A worker for Fanmill in Python, the smallest that docs/protocol.md allows: one task at a time, no RECALL, no MARK."""

import secrets
import signal
import time

import msgpack
import zmq

from peer import BYE, LEAVING, MAX_MESSAGE, NAME, READY, RESULTS, SINK, STOP, WELCOME, WHO, Lost, Peer


def work(item):
    """What is done with a task: bytes in, bytes out. What it raises makes the task fail."""
    return item.upper()


class Worker(Peer):
    leaving = False

    def serve(self, work, context):
        """From HELLO to the end of the run. Raises Lost: begin again; what was not acknowledged goes to others."""
        incarnation, wait, place = secrets.randbits(64) | 1, 100, None  # milliseconds
        while not place:  # until there are a lane and a sink
            if self.leaving:
                return
            self.hello(1, incarnation)
            if self.control.poll(wait):
                kind, fields = self.hear()
                if kind == STOP:
                    return
                place = fields if kind == WELCOME and fields[5][0] else None
            wait = min(2 * wait, 2000)
        run, _, _, lane, token, (sink, sink_key, _, wants_item, _), _ = place
        tasks, tasks_end = self.connected(context, zmq.PULL, lane, self.server_key, again=-1)
        results, results_end = self.connected(context, zmq.PUSH, sink, sink_key.encode(), heartbeats=False)
        self.say(READY, token)
        said = False
        while True:
            if self.leaving and not said:
                self.say(LEAVING, token, [], "asked to end")
                said = True
            ready = zmq.select([self.control, tasks, tasks_end, results_end], [], [], 0.2)[0]
            if results_end in ready:
                results.set(zmq.LINGER, 0)  # nobody takes any more what has not gone: its tasks go to others
            if self.control in ready:
                kind, fields = self.hear()
                if kind in (STOP, BYE):
                    return
                if kind == WHO or kind == SINK and fields[0] != place[5] or kind == WELCOME and fields[4] != token:
                    raise Lost
            if tasks_end in ready or results_end in ready:
                raise Lost
            message = msgpack.unpackb(tasks.recv()) if tasks in ready else None
            for number, attempt, item in message[4] if message and message[3] == token else ():
                if self.leaving:  # not started: given back
                    self.say(LEAVING, token, [number, number], "")
                else:
                    result = [number, attempt, *self.outcome(work, item, wants_item)]
                    results.send(msgpack.packb([1, RESULTS, run, token, NAME, True, [result]]))

    @staticmethod
    def outcome(work, item, wants_item):
        began, output, error = time.time(), b"", None
        try:
            output = work(item)
            if len(output) > MAX_MESSAGE:
                raise ValueError(f"an output of {len(output)} bytes is more than a message takes")
        except Exception as exception:
            output, error = b"", repr(exception)[:1000]
        echo = item if wants_item else item[:4096] if error else b""
        times = [int(began * 1e6), int((time.time() - began) * 1e6)]
        return [int(error is not None), output, [4 if error else 0, 0, error or "", b"", 1, *times, echo, 0, 0]]

    def leave(self, *_):
        self.leaving = True


def main(work=work):
    worker = Worker(__doc__)
    signal.signal(signal.SIGTERM, worker.leave)
    while True:
        try:
            with zmq.Context() as context:  # closes this lane and these results at its end
                return worker.serve(work, context)
        except Lost:
            time.sleep(0.1)


if __name__ == "__main__":
    main()
