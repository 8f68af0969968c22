"""SIGKILL of Python workers beside Fanmill's own, of the sink and of the ventilator: nothing lost, nothing twice.

FANMILL_FAULT_TASKS and FANMILL_FAULT_KILLS make it longer; FANMILL_TEST_SEED is the seed.
"""

import json
import os
import random
import unittest

from peers import SCRIPTED, python  # first: it knows where the others are

from supervisor import SupervisedTest, number

TASKS = number("FANMILL_FAULT_TASKS", 6000)
# Without a kill: a worker that was started again just now, and is the next to be killed, has to get results first.
LAST_TASKS = min(3000, TASKS // 2)
LATEST = 200  # results, of which everybody who is at work made some
KILLS = number("FANMILL_FAULT_KILLS", 12)
SEED = number("FANMILL_TEST_SEED", random.randrange(1 << 20))


class PythonKills(SupervisedTest):
    worker_count = 4  # the first two in Python
    work = ("-j", "1", "printf", "%s")

    def is_python(self, name):
        return name in ("worker 1", "worker 2")

    def start(self, name, *arguments, **options):
        if name == self.worker_program and self.starts_python:
            # One that echoes at once has nothing whenever it is killed.
            os.environ["FANMILL_TEST_PACE"] = "0.01"
            name, *arguments = python(SCRIPTED, "--connect", self.at)
        return super().start(name, *arguments, **options)

    def start_role(self, name):
        self.starts_python = self.is_python(name)
        return super().start_role(name)

    def victim(self, role):
        """Of the workers of that kind one whose results have come, and which has more to do then."""
        if role in ("sink", "ventilator"):
            return role
        known = self.progress.working(LATEST)
        names = [name for name, program in self.running.items() if name.startswith("worker")
                 and self.is_python(name) == (role == "python") and program.process.pid in known]
        return self.random.choice(names) if names else None

    def one_seed(self, transport):
        self.prepare(transport, SEED, [f"{i:06d}" for i in range(TASKS)])
        roles = ["sink", "ventilator"] + ["python", "own"] * ((KILLS - 2) // 2)
        self.random.shuffle(roles)
        points = sorted(self.random.randrange(TASKS // 50, TASKS - LAST_TASKS) for _ in roles)
        killed = {"python": [], "own": []}
        interrupted = None  # the run whose ventilator was killed: until the next has a result nobody has work
        self.begin()
        for point, role in zip(points, roles):
            name = None

            def is_time(progress):
                nonlocal name
                if progress.rows >= point and progress.run != interrupted:
                    name = self.victim(role)
                return name

            if not self.wait_for(is_time):
                self.fail(f"seed {SEED}: the sink ended at {self.progress.rows} rows{self.everybody()}")
            if role == "ventilator":
                interrupted = self.progress.run
            program = self.kill(name)
            killed.get(role, []).append(program.process.pid)
        self.finish()
        self.assert_each_once(str)
        lost = self.lost_by_worker()
        held = {kind: sum(lost.get(pid, 0) > 0 for pid in pids) for kind, pids in killed.items()}
        said = json.loads(self.summary.read_text())
        print(f"{transport}: seed {SEED}, {TASKS} tasks; kills of workers that held tasks: "
              f"{held['python']} of {len(killed['python'])} in Python, {held['own']} of {len(killed['own'])} of ours; "
              f"{said['duplicates']} duplicates", flush=True)
        self.assertEqual(said["received"], said["stored"] + said["retried"] + said["held"] + said["duplicates"] +
                         said["rejected"], said)
        for kind, pids in killed.items():
            self.assertGreater(held[kind], len(pids) // 2, f"seed {SEED}: kills of {kind} workers that held tasks")

    def test_over_ipc(self):
        self.one_seed("ipc")

    def test_over_tcp(self):
        self.one_seed("tcp")


if __name__ == "__main__":
    unittest.main()
