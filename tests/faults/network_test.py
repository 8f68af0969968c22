"""A network that loses packets, and one that is narrow: slower, and otherwise all is as ever. Nothing lost, nothing
twice, and no connection given up.

FANMILL_FAULT_TASKS makes it longer. scripts/soak network is the long form.
"""

import random
import subprocess
import time
import unittest

import network
from supervisor import SupervisedTest, number

TASKS = number("FANMILL_FAULT_TASKS", 20_000)
SEED = number("FANMILL_TEST_SEED", random.randrange(1 << 20))
LOST_PERCENT = 5
MEGABITS = 8
PACKET = 1500  # bytes: the loopback device's own packets are as large as a batch
LEAST_BYTES = 2 * 64  # that a task and its result take on the wire


class NetworkTest(SupervisedTest):
    worker_count = 2
    work = ("-j", "1", "--function", "echo")

    @classmethod
    def setUpClass(cls):
        subprocess.run(["ip", "link", "set", "lo", "mtu", str(PACKET)], check=True)

    def run_all(self, what):
        self.prepare("tcp", SEED, [f"{i:08d}-{'x' * 55}" for i in range(TASKS)])
        self.begin()
        self.finish()
        seconds = time.monotonic() - self.began
        self.assert_each_once(str)
        print(f"{what}: {TASKS} tasks in {seconds:.1f} s, {self.duplicates()} duplicates, "
              f"{sum(self.lost_by_worker().values())} redelivered", flush=True)
        self.assertEqual(self.duplicates(), 0)
        self.assertEqual(self.lost_by_worker(), {}, "workers that were given up")
        return seconds

    def test_packets_lost(self):
        network.nft(f"table inet loss {{\nchain input {{\ntype filter hook input priority 0;\n"
                    f"meta l4proto tcp numgen random mod 100 < {LOST_PERCENT} drop\n}}\n}}\n")
        self.addCleanup(network.nft, "delete table inet loss\n")
        self.run_all(f"{LOST_PERCENT} % of the packets lost")

    def test_narrow(self):
        shape = ["root", "tbf", "rate", f"{MEGABITS}mbit", "burst", "16kb", "latency", "400ms"]
        subprocess.run(["tc", "qdisc", "add", "dev", "lo", *shape], check=True)
        self.addCleanup(subprocess.run, ["tc", "qdisc", "del", "dev", "lo", "root"], check=True)
        seconds = self.run_all(f"{MEGABITS} Mbit/s")
        # It was as narrow as it should be.
        self.assertGreater(seconds, TASKS * LEAST_BYTES * 8 / (MEGABITS * 1e6))


if __name__ == "__main__":
    network.enter_namespace()
    unittest.main()
