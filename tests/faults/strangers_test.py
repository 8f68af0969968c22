"""Strangers at every socket that is bound: who tries what, and what becomes of it, as a table; and how much of their
rate good peers keep while ten thousand of them are refused.

FANMILL_FAULT_STRANGERS is how many knock (1000), FANMILL_FAULT_KEEPS the part of the rate that is kept, in percent (50:
a machine of tests is noisy). scripts/soak strangers is the long form.
"""

import random
import shutil
import statistics
import subprocess
import threading
import time
import unittest

from supervisor import number  # first: it finds the modules of the integration tests
from curve_peers import DEALER, PULL, PUSH, Key, for_others, knock, listeners
from programs import BIN, Pipeline, PipelineTest

STRANGERS = number("FANMILL_FAULT_STRANGERS", 1000)
KEEPS = number("FANMILL_FAULT_KEEPS", 50)
SEED = number("FANMILL_TEST_SEED", random.randrange(1 << 20))
TRIES = 5
BESIEGERS = 8
NAMES = ("head", "sink", "tiger", "lion", "gone")
PARTS = 12  # measured by turns without and with strangers


class StrangersTest(PipelineTest):
    def setUp(self):
        super().setUp()
        self.keys, self.allowed = self.scratch / "keys", self.scratch / "allowed"
        self.allowed.mkdir()
        for name in NAMES:
            subprocess.run([BIN / "fanmill", "keygen", self.keys, name], check=True, stdout=subprocess.DEVNULL)
            if name != "head":
                shutil.copy(self.keys / f"{name}.key", self.allowed)

    def key(self, name):
        return Key(self.keys / f"{name}.key_secret")

    def pipeline(self, transport, *work, **options):
        def own(name):
            return ["--key", self.keys / f"{name}.key_secret"]
        server = ["--server-key", self.keys / "head.key"]
        return Pipeline(self, transport, *own("tiger"), *server, *work,
                        ventilator=[*own("head"), "--allow", self.allowed],
                        sink=[*own("sink"), *server, "--allow", self.allowed], **options)

    def test_nobody_is_let_in(self):
        print(f"\n{'socket':26}{'who':36}{'tries':>6}{'let in':>8}")
        for transport in ("tcp", "ipc"):
            pipeline = self.pipeline(transport, "--function", "echo", workers=1)
            pipeline.give([b"first"])
            pipeline.sink.wait_for_results(1)
            (self.allowed / "gone.key").unlink()
            head, sink = self.key("head").public, self.key("sink").public
            doors = [("control" if endpoint == pipeline.endpoint else "lane", endpoint,
                      DEALER if endpoint == pipeline.endpoint else PULL, head)
                     for endpoint in for_others(listeners(pipeline.ventilator.process.pid))]
            doors += [("results", endpoint, PUSH, sink) for endpoint in listeners(pipeline.sink.process.pid)]
            self.assertEqual(sorted(door[0] for door in doors), ["control", "lane", "results"])
            for name, endpoint, kind, server in sorted(doors):
                cases = [("without a key", lambda: (None, None)),
                         ("a key that nobody knows", lambda: (Key(), server)),
                         ("an allowed key, for another server", lambda: (self.key("lion"), Key().public)),
                         ("a key taken off the allow-list", lambda: (self.key("gone"), server))]
                if name == "lane":
                    cases.append(("another worker's key", lambda: (self.key("lion"), server)))
                for who, keys in cases:
                    let_in = sum(knock(endpoint, kind, *keys()) == "let in" for _ in range(TRIES))
                    print(f"{name + ' over ' + transport:26}{who:36}{TRIES:6}{let_in:8}")
                    self.assertEqual(let_in, 0, f"{who} at {name}")
            pipeline.ventilator.close_input()
            pipeline.assert_complete([b"first"])
            shutil.copy(self.keys / "gone.key", self.allowed)

    def test_good_peers_keep_their_rate(self):
        generator = random.Random(SEED)
        # Tasks that sleep: what is measured is whether they are kept waiting, and not who has the processors.
        pipeline = self.pipeline("tcp", "--function", "sleep", workers=2)
        head, doors = self.key("head").public, []
        stop, refused = threading.Event(), [0, 0]

        def besiege():
            while not stop.is_set():
                key = Key() if generator.randrange(3) else None
                refused[knock(generator.choice(doors), DEALER, key, head if key else None) == "let in"] += 1

        def seconds(tasks):
            before = pipeline.sink.stdout.count(b"\n")
            began = time.monotonic()
            pipeline.give([b"0.005"] * tasks)
            pipeline.sink.wait_for_results(before + tasks)
            return time.monotonic() - began

        alone, besieged = [], []
        seconds(100)
        doors += for_others(listeners(pipeline.ventilator.process.pid))
        while refused[0] < STRANGERS or len(besieged) < PARTS // 2:
            alone.append(seconds(200))
            stop.clear()
            threads = [threading.Thread(target=besiege) for _ in range(BESIEGERS)]
            for thread in threads:
                thread.start()
            besieged.append(seconds(200))
            stop.set()
            for thread in threads:
                thread.join()
        kept = 100 * statistics.median(alone) / statistics.median(besieged)
        rate = refused[0] / sum(besieged)
        print(f"\n{sum(refused)} strangers, {refused[1]} let in, {rate:.0f} a second; good peers keep {kept:.1f} % of "
              f"their rate (median of {len(alone)} by turns), seed {SEED}")
        self.assertEqual(refused[1], 0)
        self.assertGreaterEqual(kept, KEEPS)
        pipeline.ventilator.close_input()
        self.assert_status(pipeline.ventilator, 0)
        self.assert_status(pipeline.sink, 0)
        self.assertLess(pipeline.ventilator.stderr.count("\n"), 200)


if __name__ == "__main__":
    unittest.main()
