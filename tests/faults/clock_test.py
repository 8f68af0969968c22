"""The clock of the whole machine jumps forth by a day and back by two, while tasks run: nobody is given up, nothing
runs twice. (Of the clocks only the one that people read; the other is never set.)

FANMILL_TEST_SEED is the seed.
"""

import os
import pathlib
import random
import sys
import unittest

from supervisor import SupervisedTest, number
from programs import sanitizer_options

SKIPPED = 77  # for ctest
SEED = number("FANMILL_TEST_SEED", random.randrange(1 << 20))
TASKS = number("FANMILL_FAULT_TASKS", 400)
JUMPS = "+1d", "-1d", "+0"
FAKETIME = next(pathlib.Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)


class ClockTest(SupervisedTest):
    worker_count = 2
    work = ("-j", "2", "--function", "sleep")

    def set_clock(self, offset):
        # In one piece: it is read meanwhile.
        fresh = self.scratch / "fresh"
        fresh.write_text(offset)
        fresh.rename(self.clock)

    def start(self, name, *arguments, **options):
        fake = {"LD_PRELOAD": str(FAKETIME), "FAKETIME_TIMESTAMP_FILE": str(self.clock), "FAKETIME_NO_CACHE": "1",
                "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
        preloaded = sanitizer_options("verify_asan_link_order=0")
        return super().start(name, *arguments, env={**os.environ, **fake, **preloaded}, **options)

    def run_over(self, transport):
        self.clock = self.scratch / "clock"
        self.set_clock("+0")
        self.prepare(transport, SEED, [f"0.010{i:08d}" for i in range(TASKS)])
        self.begin()
        points = sorted(self.random.sample(range(TASKS // 10, TASKS, TASKS // 10), len(JUMPS)))
        for point, offset in zip(points, JUMPS):
            self.assertTrue(self.wait_for(lambda progress: progress.rows >= point), "it ended too early")
            self.set_clock(offset)
        self.finish()
        self.assert_each_once(lambda item: "")
        self.assertEqual(self.duplicates(), 0)
        self.assertEqual(self.lost_by_worker(), {}, "workers that were given up")
        # The clock did jump for those who look at it: when the tasks began is a part of the results. (Two that began on
        # either side of a jump may be stored in either order: so it is which days there were, not where they change.)
        started = [moment for moment, in self.ask("SELECT started FROM result WHERE started NOT NULL ORDER BY id")]
        days = [round((moment - started[0]) / 86400) for moment in started]
        self.assertEqual((set(days), days[0], days[-1]), ({0, 1, -1}, 0, 0), f"seed {SEED}")

    def test_over_ipc(self):
        self.run_over("ipc")

    def test_over_tcp(self):
        self.run_over("tcp")


if __name__ == "__main__":
    if FAKETIME is None:
        print("SKIPPED: it needs libfaketime", file=sys.stderr)
        sys.exit(SKIPPED)
    unittest.main()
