"""SIGKILL of each role at points of progress, each started again at once: nothing lost, nothing twice.

FANMILL_FAULT_TASKS, FANMILL_FAULT_KILLS and FANMILL_FAULT_SEEDS make it longer, FANMILL_TEST_SEED is the first seed,
FANMILL_FAULT_SECONDS is what a seed may take (0: any). scripts/soak kills is the long form.
"""

import array
import functools
import mmap
import os
import random
import statistics
import time
import unittest

from supervisor import SupervisedTest, is_running, number  # first: it knows where the others are

from programs import BIN

TASKS = number("FANMILL_FAULT_TASKS", 150_000)
KILLS = number("FANMILL_FAULT_KILLS", 30)
SEEDS = number("FANMILL_FAULT_SEEDS", 1)
FIRST = number("FANMILL_TEST_SEED", random.randrange(1 << 20))
SECONDS = number("FANMILL_FAULT_SECONDS", 0)
MOST_LOOKS = 20  # for a worker that is at work
AT_ANY_MOMENT = 8  # one in so many kills of a worker comes at any moment, the others where it has begun a task
NOBODY = 0
ANYBODY = (1 << 32) - 1
# Without a kill. They take 50 ms where nothing else runs: a supervisor that has to wait for a processor, or for somebody
# who is at work, must not find the run over.
LAST_TASKS = min(60_000, TASKS * 2 // 5)
LATEST = 10_000  # results, of which everybody who is at work made some


def roles_to_kill(chooser):
    """A tenth of the kills, or a little more, for the ventilator and for the sink, the rest for workers."""
    share = max(1, -(-KILLS * 26 // 200))
    roles = ["ventilator"] * share + ["sink"] * share + ["worker"] * (KILLS - 2 * share)
    chooser.shuffle(roles)
    return roles


class KillsTest(SupervisedTest):
    work = ("-j", "1", "--function", "echo")
    worker_program = BIN / "counting_worker"

    def assert_side_effects(self):
        """By the counters of the workers' own: each task has run. Returns how often one has run that had run before,
        which it may where the worker or the ventilator died before its result was stored."""
        runs = array.array("I", self.counts[:TASKS])
        self.assertEqual(runs.count(0), 0, f"seed {self.seed}: tasks that never ran")
        return sum(runs) - TASKS

    def map_counts(self):
        """A counter for each task, and after them the order to die: ANYBODY is taken by the worker that next
        begins a task for the first time, which writes its process id there and is killed at once."""
        path = self.scratch / "counts"
        path.write_bytes(bytes(4 * (TASKS + 1)))
        os.environ["FANMILL_TEST_COUNTS"] = str(path)
        with path.open("r+b") as file:
            self.counts = memoryview(mmap.mmap(file.fileno(), 0)).cast("I")

    def that_took_the_order(self):
        """The worker that has died by it; gives the order where nobody has it."""
        if self.counts[TASKS] == NOBODY:
            self.counts[TASKS] = ANYBODY
        process = self.counts[TASKS]
        if process == ANYBODY:
            return None
        self.counts[TASKS] = NOBODY
        return next(name for name, program in self.running.items() if program.process.pid == process)

    def at_any_moment(self):
        """Of the workers that have joined one that has a processor just now; after some looks, any."""
        known = self.progress.working(LATEST)
        joined = [name for name, program in self.running.items() if program.process.pid in known]
        for _ in range(MOST_LOOKS):
            for name in joined:
                if is_running(self.running[name].process.pid):
                    return name
        return joined[0] if joined else None

    def one_seed(self, transport, seed):
        self.prepare(transport, seed, [f"{i:08d}-{'x' * 55}" for i in range(TASKS)])
        self.map_counts()
        points = sorted(self.random.randrange(TASKS // 100, TASKS - LAST_TASKS) for _ in range(KILLS))
        roles = roles_to_kill(self.random)
        killed = dict.fromkeys(("ventilator", "sink", "worker"), 0)
        workers = []  # process ids
        self.begin()
        last = interrupted = None
        stalls = {role: [] for role in killed}
        for point, role in zip(points, roles):
            # Until the new run has its first result, no worker has work again.
            idle = interrupted if role == "worker" else None
            name = None
            if role != "worker":
                victim = functools.partial(str, role)
            elif len(workers) % AT_ANY_MOMENT == AT_ANY_MOMENT - 1:
                victim = self.at_any_moment
            else:
                victim = self.that_took_the_order

            def is_time(progress):
                nonlocal name
                if progress.rows >= point and progress.run != idle:
                    name = victim()
                return name

            if not self.wait_for(is_time):
                self.fail(f"seed {seed}: the sink ended at {self.progress.rows} rows{self.everybody()}")
            if last:
                stalls[last].append(self.progress.longest)
            last = role
            self.progress.begin_stall()
            program = self.kill(name)
            killed[role] += 1
            if role == "ventilator":
                interrupted = self.progress.run
            if role == "worker":
                workers.append(program.process.pid)
        self.finish()
        seconds = time.monotonic() - self.began
        lost = self.lost_by_worker()
        held = sum(lost.get(pid, 0) > 0 for pid in workers)
        self.assert_each_once(str)
        again = sum(lost.values())
        more = self.assert_side_effects()
        print(f"{transport:9} {seed:8} {seconds:7.2f} {killed['worker']:8} {held:8} {killed['sink']:6} "
              f"{killed['ventilator']:11} {self.duplicates():11} {again:12} {more:9}", flush=True)
        for role, times in stalls.items():
            if times:
                print(f"  without a new row after the kill of a {role}: {statistics.median(times):.3f} s in the median, "
                      f"{max(times):.3f} s at the most, {sum(times):.1f} s together", flush=True)
        self.file.unlink()
        if SECONDS:
            self.assertLess(seconds, SECONDS, f"seed {seed}")
        self.assertGreaterEqual(held, 0.8 * len(workers), f"seed {seed}: kills of workers that held tasks")

    def all_seeds(self, transport):
        print(f"{TASKS} tasks, {KILLS} kills each\n"
              f"{'transport':9} {'seed':>8} {'seconds':>7} {'workers':>8} {'at work':>8} {'sinks':>6} "
              f"{'ventilators':>11} {'duplicates':>11} {'redelivered':>12} {'run again':>9}", flush=True)
        for seed in range(FIRST, FIRST + SEEDS):
            self.one_seed(transport, seed)

    def test_over_ipc(self):
        self.all_seeds("ipc")

    def test_over_tcp(self):
        self.all_seeds("tcp")


if __name__ == "__main__":
    unittest.main()
