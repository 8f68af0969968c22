"""SIGSTOP of each role at points of progress, for a tenth of the heartbeat's timeout up to three times that, then
SIGCONT: nothing lost, nothing twice.

FANMILL_FAULT_TASKS, FANMILL_FAULT_STOPS and FANMILL_FAULT_SEEDS make it longer, FANMILL_FAULT_LONGEST is the longest
stop in heartbeat timeouts. scripts/soak stops is the long form.
"""

import os
import random
import signal
import time
import unittest

from supervisor import SupervisedTest, number

TASKS = number("FANMILL_FAULT_TASKS", 50_000)
STOPS = number("FANMILL_FAULT_STOPS", 3)
SEEDS = number("FANMILL_FAULT_SEEDS", 1)
FIRST = number("FANMILL_TEST_SEED", random.randrange(1 << 20))
LONGEST = float(os.environ.get("FANMILL_FAULT_LONGEST", "1.4"))
HEARTBEAT_TIMEOUT = 3


class StopsTest(SupervisedTest):
    work = ("-j", "1", "--function", "echo")

    def one_seed(self, transport, seed):
        self.prepare(transport, seed, [f"{i:08d}-{'x' * 55}" for i in range(TASKS)])
        points = sorted(self.random.randrange(TASKS // 100, TASKS * 9 // 10) for _ in range(STOPS))
        roles = [("ventilator", "sink", "worker 1")[i % 3] for i in range(STOPS)]
        self.random.shuffle(roles)
        self.begin()
        stopped = 0
        longer = 0  # than the timeout
        for point, name in zip(points, roles):
            if not self.wait_for(lambda progress: progress.rows >= point):
                self.fail(f"seed {seed}: the sink ended at {self.progress.rows} rows{self.everybody()}")
            seconds = HEARTBEAT_TIMEOUT * self.random.uniform(0.1, LONGEST)
            self.running[name].signal(signal.SIGSTOP)
            time.sleep(seconds)
            self.running[name].signal(signal.SIGCONT)
            stopped += seconds
            longer += seconds > HEARTBEAT_TIMEOUT
        self.finish()
        seconds = time.monotonic() - self.began
        self.assert_each_once(str)
        print(f"{transport} seed {seed}: {STOPS} stops of {stopped:.1f} s together, {longer} longer than the "
              f"timeout, {seconds:.1f} s; {self.duplicates()} duplicates", flush=True)
        self.file.unlink()

    def test_over_ipc(self):
        for seed in range(FIRST, FIRST + SEEDS):
            self.one_seed("ipc", seed)

    def test_over_tcp(self):
        for seed in range(FIRST, FIRST + SEEDS):
            self.one_seed("tcp", seed)


if __name__ == "__main__":
    unittest.main()
