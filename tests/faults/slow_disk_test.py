"""A disk on which each commit takes a long time: larger commits, and no more memory. Nothing lost, nothing twice.

FANMILL_FAULT_TASKS makes it longer.
"""

import os
import pathlib
import random
import shutil
import sys
import time
import unittest

from supervisor import SupervisedTest, is_sanitized, number, traced
from programs import sanitizer_options

SKIPPED = 77  # for ctest
SEED = number("FANMILL_TEST_SEED", random.randrange(1 << 20))
TASKS = number("FANMILL_FAULT_TASKS", 200_000)
COMMIT_SECONDS = 0.3
MOST_MEBIBYTES = 64  # of a program


def peak_mebibytes(process):
    status = pathlib.Path(f"/proc/{process}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


class SlowDiskTest(SupervisedTest):
    worker_count = 2
    work = ("-j", "1", "--function", "echo")

    def start(self, name, *arguments, **options):
        if name != "sink":
            return super().start(name, *arguments, **options)
        slow = f"fdatasync:delay_enter={int(COMMIT_SECONDS * 1e6)}"
        return super().start(shutil.which("strace"), "-f", "--seccomp-bpf", "-qq", "-o", self.scratch / "trace", "-e",
                             "trace=fdatasync", "-e", f"inject={slow}", self.path_of("sink"), *arguments,
                             env={**os.environ, **sanitizer_options("detect_leaks=0")}, **options)

    def test_memory_and_results(self):
        self.prepare("ipc", SEED, [f"{i:08d}-{'x' * 55}" for i in range(TASKS)])
        self.begin()
        self.assertTrue(self.wait_for(lambda progress: progress.rows > TASKS // 2), "it ended too early")
        peaks = {name: peak_mebibytes(traced(self.running[name].process.pid)) for name in ("ventilator", "sink")}
        self.finish()
        seconds = time.monotonic() - self.began
        commits = (self.scratch / "trace").read_text().count("fdatasync(")
        self.assert_each_once(str)
        print(f"{TASKS} tasks with {commits} commits of {COMMIT_SECONDS} s in {seconds:.1f} s; peaks "
              + ", ".join(f"{name} {peak:.0f} MiB" for name, peak in peaks.items()), flush=True)
        self.assertGreater(seconds, commits * COMMIT_SECONDS * 0.9, "the disk was not slow")
        if is_sanitized(self.path_of("sink")):
            print("neither memory nor rate is judged: a sanitizer's own hides them")
            return
        for name, peak in peaks.items():
            self.assertLess(peak, MOST_MEBIBYTES, name)
        # It is few large commits that are waited for: a lane begins with two tasks, and gets twice as many each time.
        self.assertLess(commits, 40 + TASKS / 5000)


if __name__ == "__main__":
    if shutil.which("strace") is None:
        print("SKIPPED: it needs strace", file=sys.stderr)
        sys.exit(SKIPPED)
    unittest.main()
