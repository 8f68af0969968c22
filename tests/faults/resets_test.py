"""Connections that are reset at points of progress, one link at a time: control, lanes or results, over tcp.

FANMILL_FAULT_TASKS and FANMILL_FAULT_RESETS make it longer.
"""

import random
import unittest

from supervisor import SupervisedTest, number  # first: it knows where the others are

from connections import Proxy
from programs import free_port

TASKS = number("FANMILL_FAULT_TASKS", 50_000)
RESETS = number("FANMILL_FAULT_RESETS", 5)
SEED = number("FANMILL_TEST_SEED", random.randrange(1 << 20))
HERE, THERE = "127.0.0.1", "127.0.0.2"  # the proxy is there


class ResetsTest(SupervisedTest):
    work = ("-j", "1", "--function", "echo")
    worker_count = 2

    def words(self, role):
        words = [str(word) for word in super().words(role)]
        if role != "ventilator" and self.link == "control":
            words[1] = self.at.replace(HERE, THERE)
        host = THERE if role == self.via else HERE
        return words if role == "worker" else [*words, "--advertise", host, *self.extra.get(role, ())]

    def resets(self, link):
        self.link = link
        self.via = {"control": None, "lanes": "ventilator", "results": "sink"}[link]
        port = free_port()
        ports = [port] if link == "results" else range(port, port + 12)
        self.extra = {"lanes": {"ventilator": ["--lane-ports", f"{port}-{port + 11}"]},
                      "results": {"sink": ["--bind", f"tcp://{HERE}:{port}"]}}.get(link, {})
        self.prepare("tcp", SEED, [f"{i:08d}-{'x' * 55}" for i in range(TASKS)])
        if link == "control":
            ports = [int(self.at.rpartition(":")[2])]
        proxy = Proxy(THERE, HERE, ports)
        self.addCleanup(proxy.close)
        points = sorted(self.random.randrange(TASKS // 100, TASKS * 9 // 10) for _ in range(RESETS))
        self.begin()
        cut = 0
        for point in points:
            if not self.wait_for(lambda progress: progress.rows >= point):
                self.fail(f"seed {SEED}: the sink ended at {self.progress.rows} rows{self.everybody()}")
            cut += proxy.reset()
        self.finish()
        self.assert_each_once(str)
        self.assertGreaterEqual(cut, RESETS // 2, "connections that were reset")
        print(f"{link}, seed {SEED}: {RESETS} resets of {cut} connections; {self.duplicates()} duplicates", flush=True)

    def test_of_control(self):
        self.resets("control")

    def test_of_lanes(self):
        self.resets("lanes")

    def test_of_results(self):
        self.resets("results")


if __name__ == "__main__":
    unittest.main()
