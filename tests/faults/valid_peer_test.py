"""A peer that joins as it should, and then sends what is malformed, stale, out of order and out of range: to the
ventilator and the sink as a worker, and to a worker as a ventilator. Nobody crashes, hangs or grows, the run is
complete, and the sink's accounts are exact.

FANMILL_FAULT_FRAMES makes it longer.
"""

import contextlib
import json
import queue
import random
import socket
import sqlite3
import struct
import threading
import unittest

from supervisor import number  # first: it finds the modules of the integration tests
from connections import Peer, connect
from footprint import Baseline
from programs import LIMIT, Pipeline, PipelineTest, ResultsTest

FRAMES = number("FANMILL_FAULT_FRAMES", 30000)  # a third to each of the three roles
SEED = number("FANMILL_TEST_SEED", random.randrange(1 << 20))
PORTION = 200  # frames in one write
MOST_ID = (1 << 53) - 1


def pack(value):
    """msgpack of what our messages are made of."""
    if isinstance(value, bool):
        return b"\xc3" if value else b"\xc2"
    if isinstance(value, int):
        for limit, head, form in ((1 << 7, b"", ">B"), (1 << 8, b"\xcc", ">B"), (1 << 16, b"\xcd", ">H"),
                                  (1 << 32, b"\xce", ">I"), (1 << 64, b"\xcf", ">Q")):
            if value < limit:
                return head + struct.pack(form, value)
    if isinstance(value, str):
        text = value.encode()
        return (bytes([0xa0 | len(text)]) if len(text) < 32 else b"\xd9" + bytes([len(text)])) + text
    if isinstance(value, bytes):
        return b"\xc5" + struct.pack(">H", len(value)) + value
    return b"\xdc" + struct.pack(">H", len(value)) + b"".join(map(pack, value))


def text_after(frame, mark):
    """The str that begins with `mark` in a frame of ours."""
    at = frame.index(mark)
    size = frame[at - 1] & 0x1f if frame[at - 1] & 0xe0 == 0xa0 else frame[at - 1]
    return frame[at:at + size].decode()


def numbers64(frame):
    """The 64-bit numbers in a frame of ours, in their order."""
    found, at = [], frame.find(b"\xcf")
    while at >= 0:
        found.append(struct.unpack(">Q", frame[at + 1:at + 9])[0])
        at = frame.find(b"\xcf", at + 9)
    return found


def zmtp(body):
    return (bytes([0, len(body)]) if len(body) < 256 else struct.pack(">BQ", 2, len(body))) + body


def mutated(generator, frame):
    frame = bytearray(frame)
    for _ in range(generator.randrange(1, 4)):
        at = generator.randrange(len(frame) or 1)
        change = generator.randrange(5)
        if change == 0 and frame:
            frame[at] ^= 1 << generator.randrange(8)
        elif change == 1 and frame:
            frame[at] = generator.choice([0, 1, 0x7f, 0x80, 0x90, 0xc0, 0xc1, 0xc4, 0xc6, 0xcf, 0xdb, 0xdd, 0xff])
        elif change == 2:
            del frame[at:]
        elif change == 3:
            frame[at:at] = generator.randbytes(generator.randrange(1, 12))
        else:
            frame[at:at] = frame[at:at + generator.randrange(1, 40)]
    return bytes(frame)


class Stale:
    """Frames of a run, a lane and ids: the real ones, others, and ones that cannot be."""

    def __init__(self, generator, run, token):
        self.generator = generator
        self.run = run
        self.token = token

    def some_run(self):
        return self.generator.choice([self.run, self.run ^ 1, 0, (1 << 64) - 1])

    def some_token(self):
        return self.generator.choice([self.token, self.token, self.token ^ 1, 0])

    def some_id(self):
        return self.generator.choice([0, 1, 7, 499, 500, 1 << 32, MOST_ID, MOST_ID + 1, (1 << 64) - 1])

    def some_ranges(self):
        first, last = self.some_id(), self.some_id()
        return self.generator.choice([[], [first, last], [first], [5, 3], [0, 4, 2, 9], [first, first, last, last]])

    def to_ventilator(self):
        """What a worker may say, a sink alone may say, and a ventilator alone."""
        g = self.generator
        attempts = [[self.some_id(), g.choice([0, 1, 1000000, 1 << 32])]] * g.randrange(3)
        return pack(g.choice([
            [1, 4, self.some_token()],
            [1, 7, "x" * g.randrange(200)],
            [1, 8, self.token ^ 1, self.some_ranges(), "leaving"],
            [1, 43, self.some_token(), g.randrange(4), self.some_ranges()],
            [1, 41, self.some_token(), g.randrange(4), g.randrange(1 << 20), self.some_ranges()],
            [1, 32, self.some_run(), g.randrange(4), self.some_ranges(), 5],
            [1, 34, self.some_run(), 1, 2, 3, 4],
            [1, 36, self.some_run(), self.some_ranges()],
            [1, 37, self.some_run(), attempts],
            [1, 42, self.some_run(), self.some_token(), g.randrange(4)],
            [1, g.choice([2, 3, 5, 6, 9, 10, 11, 16, 17, 33, 35, 38, 39, 40, 99])], [2, 1], [1], [], 7]))

    def to_sink(self):
        """None of it is of a task that is out and has no outcome yet; a forged one would be taken
        (docs/security.md). Of those beyond the 500 that have theirs the sink has not been asked."""
        g = self.generator
        ids = [g.choice([0, 1, 250, 499, 1000, 1 << 40, MOST_ID] + [MOST_ID + 1] * (g.randrange(10) == 0))
               for _ in range(g.randrange(1, 4))]
        detail = [g.randrange(1, 6), g.randrange(300), "it broke", b"", 1, 5, 6, b"item", 0, 0]
        results = [[one, g.choice([0, 1, 1000000]), 1, b"", detail] if g.randrange(2)
                   else [one, g.randrange(3), g.choice([0] * 9 + [1]), b"forged"] if g.randrange(2)
                   else self.neighbours(one) for one in ids]
        run = self.some_run()
        return pack(g.choice([[1, 17, run, self.some_token(), "somebody", False, results],
                              [1, 18, self.run ^ 1, self.some_token(), g.randrange(5)],
                              [1, 17, run, self.token, "somebody", False, []], [1, 16, run, self.token, []]]))

    def neighbours(self, first):
        g = self.generator
        sizes = [g.randrange(5) for _ in range(g.randrange(1, 4))]
        between = g.choice([0, 1, 2, 1 << 40] if g.randrange(5) == 0 else [0, 1])
        size = sum(sizes) + min(between, 2) * (len(sizes) - 1) + g.choice([0] * 9 + [1])
        return [b"f" * size, [first, g.randrange(3), between, *sizes]]

    def to_worker(self):
        g = self.generator
        tasks = [self.neighbours(self.some_id()) if g.randrange(3) == 0
                 else [self.some_id(), g.choice([0, 1, 1000000, 1 << 40]), g.randbytes(g.randrange(30))]
                 for _ in range(g.randrange(5))]
        return pack([1, 16, self.some_run(), self.some_token(), tasks])


class Storm:
    """Sends frames over one connection, many with one write; goes on where the other side has closed it."""

    def __init__(self, reconnect):
        self._reconnect = reconnect
        self._peer = reconnect()
        self.connections = 1

    def send(self, frames):
        data = b"".join(map(zmtp, frames))
        try:
            self._peer.connection.sendall(data)
        except OSError:
            with contextlib.suppress(OSError):
                self._peer.close()
            self._peer = self._reconnect()
            self.connections += 1

    def close(self):
        self._peer.close()


def drain(peer, at_end=lambda: None):
    """Reads and forgets what comes, until the end of the connection."""
    def read():
        with contextlib.suppress(OSError):
            while peer.connection.recv(1 << 16):
                pass
        at_end()
    threading.Thread(target=read, daemon=True).start()


class ValidWorker(ResultsTest):
    """To ventilator and sink, as a worker that has joined."""

    def join(self, endpoint):
        """A worker's HELLO, and what it is told."""
        peer = Peer(connect(endpoint), "DEALER")
        peer.send(pack([1, 1, 1, random.getrandbits(63) | 1, endpoint, "host", 1, "valid", 1, 1, 64 << 20, False, [], "",
                        False, False, False]))
        welcome = peer.receive()
        run, token = numbers64(welcome)[:2]
        return peer, run, token, welcome

    def rows(self):
        try:
            return self.ask("SELECT count(*) FROM result")[0][0]
        except sqlite3.OperationalError:  # it is being made
            return 0

    def storm(self, transport):
        generator = random.Random(f"{SEED} {transport}")
        lines = [b"%d" % line for line in range(1000)]
        summary = self.scratch / "summary.json"
        pipeline = Pipeline(self, transport, "--function", "echo",
                            sink=["--summary-json", summary, "--results", self.file])
        pipeline.give(lines[:500])
        while not self.file.exists() or self.rows() < 500:
            self.assert_in_time("no 500 results")
        peer, run, token, welcome = self.join(pipeline.endpoint)
        # The addresses of its lane and of the sink, the host that it used filled in.
        scheme = b"tcp://" if transport == "tcp" else b"ipc://"
        at = welcome.index(scheme)
        results = text_after(welcome[at + 6:], scheme).replace("tcp://:", "tcp://127.0.0.1:")
        peer.close()
        frames = Stale(generator, run, token)

        def control():
            peer, _, frames.token, *_ = self.join(pipeline.endpoint)
            drain(peer)
            return peer

        bound = (pipeline.ventilator, pipeline.sink)
        count = FRAMES // 3
        to_ventilator, to_sink = Storm(control), Storm(lambda: Peer(connect(results), "PUSH"))
        baseline = None
        malformed = 0
        for first in range(0, count, PORTION):
            sent = [frames.to_ventilator() for _ in range(PORTION)]
            to_ventilator.send([mutated(generator, one) if generator.randrange(2) else one for one in sent])
            sent = [frames.to_sink() for _ in range(PORTION)]
            for at in range(0, PORTION, 4):  # cut short: none of them is a frame of ours
                sent[at] = sent[at][:generator.randrange(len(sent[at]))]
                malformed += 1
            # In what is mutated freely there is no number of this run.
            stale = Stale(generator, run ^ 0xff, token)
            sent += [mutated(generator, stale.to_sink()) for _ in range(PORTION)]
            to_sink.send(sent)
            for program in (*bound, *pipeline.workers):
                self.assertIsNone(program.process.poll(), f"{program} has ended, seed {SEED}\n{program.stderr}")
            if baseline is None and first >= count // 4:
                to_ventilator.close()
                baseline = Baseline(self, bound)
                to_ventilator = Storm(control)
        to_ventilator.close()
        baseline.assert_back(f"seed {SEED}")
        print(f"{count} frames to the ventilator and {2 * count} to the sink over {transport}, seed {SEED}: {baseline}")
        to_sink.close()
        pipeline.give(lines[500:])
        pipeline.ventilator.close_input()
        for program in bound:
            self.assert_status(program, 0)
        self.assert_lines(sorted(self.ask("SELECT task, CAST(output AS TEXT) FROM last_run")),
                          [(task, line.decode()) for task, line in enumerate(lines)])
        self.assert_status(self.run_program("fanmill", "audit", self.file), 0)
        counters = json.loads(summary.read_text())
        print({name: counters[name] for name in ("received", "stored", "retried", "duplicates", "rejected", "held",
                                                 "stale_at_sink", "malformed_at_sink")})
        self.assertEqual(counters["received"], sum(counters[name] for name in
                                                   ("stored", "retried", "duplicates", "rejected", "held")))
        self.assertEqual((counters["stored"], counters["held"]), (len(lines), 0))
        self.assertGreaterEqual(counters["malformed_at_sink"], malformed)
        for name in ("duplicates", "rejected", "stale_at_sink"):
            self.assertGreater(counters[name], count // 100, name)
        for program in (*bound, *pipeline.workers):
            self.assertLess(program.stderr.count("\n"), 3000, f"{program} says too much, seed {SEED}")

    def test_over_tcp(self):
        self.storm("tcp")


class HostileVentilator(PipelineTest):
    """To a worker, as its ventilator and its sink."""

    def test_a_worker_of_a_hostile_ventilator(self):
        generator = random.Random(f"{SEED} worker")
        servers = [socket.create_server(("127.0.0.1", 0)) for _ in range(3)]
        for server in servers:
            server.settimeout(LIMIT)
            self.addCleanup(server.close)
        ports = [server.getsockname()[1] for server in servers]
        worker = self.start("worker", "--connect", f"tcp://127.0.0.1:{ports[0]}", "--keep", "-j1", "--function", "echo")
        sent, rounds, baseline = 0, 0, None
        while sent < FRAMES // 3:
            rounds += 1
            control = Peer(servers[0].accept()[0], "ROUTER")
            with contextlib.suppress(ConnectionError):
                sent += self.round(generator, control, servers, ports, FRAMES // 3 - sent)
            control.close()
            self.assertIsNone(worker.process.poll(), f"{worker} has ended, seed {SEED}\n{worker.stderr}")
            if baseline is None and sent >= FRAMES // 12:
                baseline = Baseline(self, [worker])
        baseline.assert_back(f"seed {SEED}")
        print(f"{sent} frames to a worker in {rounds} joinings, seed {SEED}: {baseline}")
        worker.signal(15)
        self.assert_status(worker, 0)
        self.assertLess(worker.stderr.count("\n"), 3000, f"it says too much, seed {SEED}")

    def round(self, generator, control, servers, ports, most):
        """One joining: WELCOME, READY, a storm down the lane and over control, and then a task that is done."""
        control.receive()
        run, token = generator.getrandbits(63) | 1 << 62, generator.getrandbits(63) | 1 << 62
        place = [f"tcp://:{ports[2]}", "", 5 << 60, False, False]
        control.send(pack([1, 2, run, b"\n", "", f"tcp://:{ports[1]}", token, place, 0]))
        lane, results = (Peer(server.accept()[0], kind) for server, kind in zip(servers[1:], ("PUSH", "PULL")))
        news = queue.SimpleQueue()

        def read():
            kept = b""
            with contextlib.suppress(OSError):
                while block := results.connection.recv(1 << 16):
                    kept = kept[-20:] + block
                    if b"the last task" in kept:
                        news.put("done")

        threading.Thread(target=read, daemon=True).start()
        frames = Stale(generator, run, token)
        with contextlib.closing(lane), contextlib.closing(results):
            control.receive()  # READY
            # What was mutated can be sound, and send it away: it ends its lane then, and comes again.
            drain(lane, lambda: news.put("away"))
            drain(control)
            count = min(most, 5000)
            for _ in range(0, count, PORTION):
                batch = [frames.to_worker() for _ in range(PORTION)]
                lane.connection.sendall(b"".join(zmtp(mutated(generator, one) if generator.randrange(2) else one)
                                                 for one in batch))
                of_control = [pack([1, 6, place]), pack([1, 11, frames.some_token(), 1, 5]), pack([1, 5])[:-1],
                              frames.to_ventilator()[:generator.randrange(1, 9)]]
                control.connection.sendall(b"".join(zmtp(mutated(generator, generator.choice(of_control[1:])))
                                                    for _ in range(20)))
            lane.send(pack([1, 16, run, token, [[7, 0, b"the last task"]]]))
            try:
                if news.get(timeout=LIMIT) == "away":
                    raise ConnectionError("it has ended its lane")
            except queue.Empty:
                self.fail(f"the worker does nothing any more, seed {SEED}")
            return count


if __name__ == "__main__":
    unittest.main()
