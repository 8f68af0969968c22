"""Tasks that kill their worker process: exactly they are dead, and the run ends.

FANMILL_FAULT_TASKS and FANMILL_FAULT_POISON make it longer.
"""

import random
import threading
import unittest

from supervisor import SupervisedTest, number

TASKS = number("FANMILL_FAULT_TASKS", 1000)
POISON = number("FANMILL_FAULT_POISON", 10)
SEED = number("FANMILL_TEST_SEED", random.randrange(1 << 20))


class PoisonTest(SupervisedTest):
    # Builtins of the shell alone. Its parent is the worker's keeper, and that one's the worker; it is that or nothing.
    work = ("-j", "4", "--shell", 'case {} in poison*) while read key value; do case $key in PPid:) worker=$value;; esac; '
                                  'done < /proc/$PPID/status; read name < /proc/$worker/comm; '
                                  '[ "$name" = fanmill-worker ] && kill -9 $worker;; *) echo {};; esac')

    def watch(self, name):
        """Starts a worker again whenever it has been killed."""
        while not self.over.is_set():
            program = self.running[name]
            program.process.wait()
            if program.process.returncode != -9 or self.over.is_set():
                return
            self.deaths += 1
            self.start_role(name)

    def test_only_they_are_dead(self):
        items = [f"item{i}" for i in range(TASKS - POISON)] + [f"poison{i}" for i in range(POISON)]
        random.Random(SEED).shuffle(items)
        self.prepare("ipc", SEED, items)
        self.deaths = 0
        self.over = threading.Event()
        self.begin()
        supervisors = [threading.Thread(target=self.watch, args=(name,), daemon=True)
                       for name in self.running if name.startswith("worker")]
        for supervisor in supervisors:
            supervisor.start()
        for name in "ventilator", "sink":
            self.assertEqual(self.running[name].wait(), 1, f"seed {SEED}: {name}{self.everybody()}")
        self.over.set()
        for name in self.running:
            self.running[name].end()
        for supervisor in supervisors:
            supervisor.join()
        dead = sorted(item for item in items if item.startswith("poison"))
        self.assertEqual(sorted(self.ask("SELECT item FROM last_run WHERE outcome = 'dead'")),
                         [(item,) for item in dead])
        self.assertEqual(sorted(self.ask("SELECT outcome, count(*) FROM last_run GROUP BY outcome")),
                         [("dead", POISON), ("ok", TASKS - POISON)])
        self.assertEqual(self.ask("SELECT count(*), count(DISTINCT task) FROM result"), [(TASKS, TASKS)])
        # Audit reports the dead as such: a run with them is complete, but not well.
        print(f"seed {SEED}: {TASKS} tasks, {POISON} poison, {self.deaths} deaths of workers")


if __name__ == "__main__":
    unittest.main()
