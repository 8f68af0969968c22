"""Streams of malformed ZMTP at every bound socket: nobody crashes, hangs or grows, and the run is complete.

FANMILL_FAULT_STREAMS makes it longer.
"""

import collections
import contextlib
import random
import select
import struct
import unittest

from supervisor import number  # first: it finds the modules of the integration tests
from connections import GREETING, connect
from curve_peers import listeners
from footprint import Baseline
from programs import Pipeline, PipelineTest

STREAMS = number("FANMILL_FAULT_STREAMS", 12000)  # of all the pipelines together
SEED = number("FANMILL_TEST_SEED", random.randrange(1 << 20))
PORTION = 100  # streams between two looks at the programs


def command(name, body):
    content = bytes([len(name)]) + name + body
    return frame(content, flags=4)


def frame(body, flags=0):
    return (bytes([flags, len(body)]) if len(body) < 256 else struct.pack(">BQ", flags | 2, len(body))) + body


def properties(**values):
    return b"".join(bytes([len(name)]) + name + struct.pack(">I", len(value)) + value
                    for name, value in ((n.replace("_", "-").encode(), v) for n, v in values.items()))


def sound_streams(generator):
    """What a peer may say: each mechanism's greeting, the types of socket there are, and messages of ours."""
    kind = generator.choice([b"DEALER", b"PULL", b"PUSH", b"ROUTER", b"PAIR", b"SUB"])
    ready = command(b"READY", properties(Socket_Type=kind, Identity=generator.randbytes(generator.randrange(9))))
    messages = [b"\x92\x01\x05", b"\x92\x01\x09", b"\x93\x01\x03\xa1x", b"\x93\x01\x04\xcf" + generator.randbytes(8),
                b"\xdc\x00\x11\x01\x01\x01\xcf" + generator.randbytes(8) +
                b"\xa5tcp:/\xa1h\x01\xa1n\x01\x01\xce\x04\x00\x00\x00\xc2\x90\xa0\xc2\xc2\xc2",
                b"\x97\x01\x11\xcf" + generator.randbytes(8) + b"\x01\xa1w\xc2\x91\x94\x00\x01\x00\xc4\x01x",
                b"\x95\x01\x10\x01\x01\x91\x93\x00\x01\xc4\x01x", generator.randbytes(generator.randrange(600))]
    body = b"".join(frame(message) for message in generator.choices(messages, k=generator.randrange(6)))
    ping = command(b"PING", struct.pack(">H", 10) + b"context")
    many = b"".join(frame(b"part", flags=1) for _ in range(generator.randrange(50)))
    null = GREETING + ready + body
    curve = GREETING.replace(b"NULL\0", b"CURVE") + command(b"HELLO", b"\x01\x00" + generator.randbytes(192))
    initiate = command(b"INITIATE", generator.randbytes(300))
    plain = GREETING.replace(b"NULL\0", b"PLAIN") + command(b"HELLO", b"\x03ann\x06secret")
    version_2 = b"\xff" + bytes(8) + b"\x7f\x01" + bytes([generator.randrange(256)]) + b"\x00\x05ident" + body
    version_1 = b"\x01\x00" + b"\x05\x00part" + body
    return [null, null + ping + many, curve, curve + initiate, plain, version_2, version_1,
            generator.randbytes(generator.randrange(2000))]


def mutated(generator):
    stream = bytearray(generator.choice(sound_streams(generator)))
    for _ in range(generator.randrange(4)):
        if not stream:
            break
        at = generator.randrange(len(stream))
        change = generator.randrange(6)
        if change == 0:
            stream[at] ^= 1 << generator.randrange(8)
        elif change == 1:
            stream[at] = generator.choice([0, 1, 2, 3, 4, 0x7f, 0x80, 0xff])
        elif change == 2:
            del stream[at:]
        elif change == 3:
            stream[at:at] = generator.randbytes(generator.randrange(1, 40))
        elif change == 4:
            stream[at:at] = stream[at:at + generator.randrange(1, 100)]
        else:  # a length that is not there
            length = generator.choice([0, 1 << 20, (1 << 31) - 1, 1 << 32, 1 << 63, (1 << 64) - 1])
            stream[at:at + 8] = struct.pack(">Q", length)
    return bytes(stream)


def throw(endpoint, stream, generator):
    """One stream at one socket, at once or in two pieces; ends before or after the other side has."""
    with contextlib.suppress(OSError), connect(endpoint) as connection:
        cut = generator.randrange(len(stream) + 1)
        connection.sendall(stream[:cut])
        if generator.randrange(2):
            select.select([connection], [], [], 0.001)
        connection.sendall(stream[cut:])
        if generator.randrange(4) == 0:
            connection.shutdown(1)  # and reads what there is to its end
            connection.settimeout(0.05)
            while connection.recv(1 << 16):
                pass


class MalformedTest(PipelineTest):
    def storm(self, transport, share, keys):
        generator = random.Random(f"{SEED} {transport} {bool(keys)}")
        pipeline = Pipeline(self, transport, *keys.get("worker", ()), "--function", "echo",
                            ventilator=keys.get("ventilator", ()), sink=keys.get("sink", ()))
        lines = [b"%d" % line for line in range(1000)]
        pipeline.give(lines[:500])
        pipeline.sink.wait_for_results(500)
        bound = (pipeline.ventilator, pipeline.sink)
        streams = STREAMS * share // 100
        thrown = collections.Counter()
        baseline = None
        for first in range(0, streams, PORTION):
            # Where a lane has had a second peer, there is another one by now.
            kinds = collections.defaultdict(list)
            for endpoint in listeners(pipeline.ventilator.process.pid):
                kinds["control" if endpoint == pipeline.endpoint else
                      "status" if "/status-" in endpoint else "lanes"].append(endpoint)
            kinds["results"] = listeners(pipeline.sink.process.pid)
            self.assertEqual(len(kinds), 4)
            for _ in range(PORTION):
                kind = generator.choice(sorted(kinds))
                throw(generator.choice(kinds[kind]), mutated(generator), generator)
                thrown[kind] += 1
            for program in (*bound, *pipeline.workers):
                self.assertIsNone(program.process.poll(), f"{program} has ended, seed {SEED}\n{program.stderr}")
            if baseline is None and first >= streams // 4:
                baseline = Baseline(self, bound)
        baseline.assert_back(f"seed {SEED}")
        counts = ", ".join(f"{count} at {kind}" for kind, count in sorted(thrown.items()))
        print(f"{streams} streams over {transport}{', keys' if keys else ''} ({counts}), seed {SEED}: {baseline}")
        pipeline.give(lines[500:])
        pipeline.ventilator.close_input()
        pipeline.assert_complete(lines)
        for program in (*bound, *pipeline.workers):
            self.assertLess(program.stderr.count("\n"), 2000, f"{program} says too much, seed {SEED}")

    def test_over_tcp(self):
        self.storm("tcp", 40, {})

    def test_over_ipc(self):
        self.storm("ipc", 30, {})

    def test_with_keys(self):
        for name in ("head", "sink", "worker"):
            made = self.run_program("fanmill", "keygen", self.scratch / "keys", name)
            self.assert_status(made, 0)
        keys = self.scratch / "keys"
        own = {name: ["--key", keys / f"{name}.key_secret"] for name in ("head", "sink", "worker")}
        server = ["--server-key", keys / "head.key"]
        self.storm("tcp", 30, {"ventilator": [*own["head"], "--allow", keys],
                               "sink": [*own["sink"], "--allow", keys, *server],
                               "worker": [*own["worker"], *server]})


if __name__ == "__main__":
    unittest.main()
