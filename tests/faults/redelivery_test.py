"""From SIGKILL of a worker to the start of its task by another one that is idle. Nobody's tasks go again without a fault.

FANMILL_FAULT_KILLS is how many, FANMILL_FAULT_MILLISECONDS what the median may be (0: any). scripts/soak redelivery is
the long form.
"""

import signal
import statistics
import subprocess
import time
import unittest

from supervisor import SupervisedTest, number

KILLS = number("FANMILL_FAULT_KILLS", 5)
MILLISECONDS = number("FANMILL_FAULT_MILLISECONDS", 0)
TASK_SECONDS = 0.5  # in which another worker comes and has shown that it has nothing to do


class RedeliveryTest(SupervisedTest):
    work = ("-j", "1", "--function", "sleep")

    def wait_for_row(self, task):
        self.assertTrue(self.wait_for(lambda progress: progress.rows > task))

    def redelivery(self, transport):
        self.prepare(transport, 0, [])
        ventilator = self.start("ventilator", "--bind", self.at, "--prefetch", "0", stdin=subprocess.PIPE)
        self.running["ventilator"] = ventilator
        self.ventilators.append(ventilator)
        self.start_role("sink")
        self.start_role("worker 1")
        killed = []
        # Task 0 says that the first one is there; then come a long one and a short one in turn.
        ventilator.write(b"0.0\n")
        self.wait_for_row(0)
        for i in range(KILLS):
            ventilator.write(f"{TASK_SECONDS}{i:06d}\n".encode())
            victim = self.running[f"worker {i + 1}"]
            self.start_role(f"worker {i + 2}")
            # The one at work has no room for it.
            ventilator.write(f"0.0{i:06d}\n".encode())
            self.wait_for_row(2 * i + 1)
            killed.append(time.time())
            victim.signal(signal.SIGKILL)
            victim.process.wait()
            self.wait_for_row(2 * i + 2)
        ventilator.close_input()
        self.finish()
        started = self.ask("SELECT attempts, started FROM result WHERE task % 2 = 1 ORDER BY task")
        self.assertEqual([attempts for attempts, _ in started], [2] * KILLS)
        self.assertEqual(self.ask("SELECT count(*) FROM result WHERE task % 2 = 0 AND attempts = 1"), [(KILLS + 1,)])
        took = [1000 * (start - kill) for kill, (_, start) in zip(killed, started)]
        print(f"{transport}: {KILLS} kills; started elsewhere after {statistics.median(took):.1f} ms in the median, "
              f"{max(took):.1f} ms at the most", flush=True)
        if MILLISECONDS:
            self.assertLessEqual(statistics.median(took), MILLISECONDS)
        self.file.unlink()

    def test_over_ipc(self):
        self.redelivery("ipc")

    def test_over_tcp(self):
        self.redelivery("tcp")

    def test_without_faults_nothing_goes_again(self):
        for transport in "ipc", "tcp":
            self.prepare(transport, 0, list(map(str, range(20_000))))
            self.work = ("--function", "echo")
            self.start_role("ventilator")
            self.start_role("sink")
            self.start_role("worker 1")
            self.start_role("worker 2")
            self.finish()
            self.assert_each_once(str)
            self.assertEqual(self.ask("SELECT count(*) FROM result WHERE attempts > 1"), [(0,)])


if __name__ == "__main__":
    unittest.main()
