"""A run with a results file whose programs are killed, one or all, and whose disk gives out; judged by SQL of the
test's own and by a file to which each task appends its item. FANMILL_TEST_ITEMS makes it longer (default 600)."""

import contextlib
import os
import pathlib
import random
import signal
import sqlite3
import subprocess
import unittest

from programs import APPEND, ResultsTest

ITEMS = int(os.environ.get("FANMILL_TEST_ITEMS", "600"))


class DurableFaultsTest(ResultsTest):
    def setUp(self):
        super().setUp()
        self.input = self.scratch / "input"
        self.seed = int(os.environ.get("FANMILL_TEST_SEED", random.randrange(1 << 30)))
        self.random = random.Random(self.seed)
        print(f"{self.id()}: FANMILL_TEST_SEED={self.seed}")

    def write_input(self, items):
        self.input.write_text("".join(f"{item}\n" for item in items))

    def wait_for_progress(self, count, *programs):
        while len(self.appended()) < count:
            for program in programs:
                self.assertIsNone(program.process.poll(), f"{program} has ended\n{program.stderr}")
            self.assert_in_time(f"no progress beyond {len(self.appended())} of {count}")

    def assert_each_once(self, items):
        self.assertEqual(self.ask("SELECT item FROM last_run ORDER BY task"), [(item,) for item in items])
        audit = self.run_program("fanmill", "audit", self.file)
        self.assertEqual(audit.status, 0, audit.stdout)
        # Not the view, but the rows themselves: as many ok ones of each item as the input has.
        stored = self.ask("SELECT item, count(*) FROM result WHERE outcome = 'ok' GROUP BY item ORDER BY item")
        self.assertEqual(len(stored), len(set(items)))
        self.assertEqual({item: n for item, n in stored}, {item: items.count(item) for item in set(items)})

    def run_here(self, *extra, **options):
        return self.start("fanmill", "run", "-j2", "-a", self.input, "--results", self.file, *extra, "--shell",
                          APPEND, cwd=self.scratch, **options)

    def test_everything_is_killed_and_the_edited_input_goes_on(self):
        items = [f"item{i}" for i in range(ITEMS)]
        self.write_input(items)
        program = self.run_here(start_new_session=True)
        self.wait_for_progress(ITEMS // 2, program)
        os.killpg(program.process.pid, signal.SIGKILL)
        program.wait()
        done = len(self.appended())

        edited = items[ITEMS // 10:]
        self.random.shuffle(edited)
        edited += [f"new{i}" for i in range(ITEMS // 20)] + edited[:ITEMS // 20]
        for item in edited[-(ITEMS // 20):]:
            edited.remove(item)
            edited.insert(self.random.randrange(len(edited)), item)
        doubled = self.random.sample(items[ITEMS // 10:], ITEMS // 20)
        edited += doubled
        self.write_input(edited)
        program = self.run_here("--resume")
        self.assert_status(program, 0)
        self.assertEqual(self.ask("SELECT item FROM last_run ORDER BY task"), [(item,) for item in edited])
        self.assertEqual(self.ask("SELECT count(*) - count(DISTINCT task) FROM last_run"), [(0,)])
        wanted = {item: edited.count(item) for item in set(edited)}
        got = dict(self.ask("SELECT item, count(*) FROM last_run GROUP BY item"))
        self.assertEqual(got, wanted)
        # Each item ran as often as it is there; more only what was in flight when all were killed.
        runs = self.appended()
        too_many = sum(max(0, runs.count(item) - count) for item, count in wanted.items())
        print(f"{ITEMS} items, killed after {done}; {too_many} ran twice")
        self.assertLess(too_many, 40)

    def components(self, sink_options=("--resume",)):
        return {"ventilator": lambda: self.start("ventilator", "--bind", self.at, "-a", self.input),
                "sink": lambda: self.start("sink", "--connect", self.at, "--results", self.file, *sink_options),
                "worker": lambda: self.start("worker", "--connect", self.at, "-j2", "--shell", APPEND,
                                             cwd=self.scratch)}

    def begin(self):
        """The three over ipc, with a third of the work done."""
        self.at = self.endpoint("ipc")
        items = [f"item{i}" for i in range(ITEMS)]
        self.write_input(items)
        make = self.components()
        running = {name: make[name]() for name in ("ventilator", "sink", "worker")}
        self.wait_for_progress(ITEMS // 3, *running.values())
        return items, make, running

    def assert_goes_on_to_the_end(self, running, items):
        for name in "ventilator", "sink":
            self.assertEqual(running[name].wait(), 0, running[name].stderr)
        self.assert_each_once(items)

    def kill_one_at_a_time(self, transport, kills=6):
        self.at = self.endpoint(transport)
        items = [f"item{i}" for i in range(ITEMS)]
        self.write_input(items)
        make = self.components()
        running = {"ventilator": make["ventilator"](), "sink": make["sink"](), "worker 1": make["worker"](),
                   "worker 2": make["worker"]()}
        order = ["ventilator", "sink", "worker 1"] * (kills // 3)
        self.random.shuffle(order)
        for number, name in enumerate(order, 1):
            self.wait_for_progress(ITEMS * number // (kills + 2))
            running[name].signal(signal.SIGKILL)
            self.assertEqual(running[name].wait(), 128 + signal.SIGKILL)
            running[name] = make[name.split()[0]]()
        for name in "ventilator", "sink":
            everybody = "".join(f"\n--- {other}\n{program.stderr}" for other, program in running.items())
            self.assertEqual(running[name].wait(), 0, everybody)
        self.assert_each_once(items)
        runs = self.appended()
        self.assertEqual(set(runs), set(items))
        print(f"{transport}: {order}: {len(runs) - len(items)} of {len(items)} ran again")

    def test_one_of_the_three_is_killed_at_a_time_over_tcp(self):
        self.kill_one_at_a_time("tcp")

    def test_one_of_the_three_is_killed_at_a_time_over_ipc(self):
        self.kill_one_at_a_time("ipc")

    def test_a_sink_with_another_file_says_so_and_the_one_with_the_right_file_goes_on(self):
        items, make, running = self.begin()
        running["sink"].signal(signal.SIGKILL)
        running["sink"].wait()
        stored, = self.ask("SELECT count(*) FROM result")[0]
        self.assertGreater(stored, 0)
        # Until that is heard another one would be a second one.
        running["ventilator"].wait_for_line(rf"lost the connection to the sink .*:{running['sink'].process.pid}\b")
        other = self.start("sink", "--connect", self.at, "--results", self.scratch / "other.db")
        self.assert_status(other, 3)
        self.assertIn("and the results file here has 0 of them", other.stderr)
        running["ventilator"].wait_for_line(rf"lost the connection to the sink .*:{other.process.pid}\b")
        running["sink"] = make["sink"]()
        self.assert_goes_on_to_the_end(running, items)

    def test_what_is_taken_out_while_the_sink_waits_for_another_run_is_done_again(self):
        items, make, running = self.begin()
        running["ventilator"].signal(signal.SIGKILL)
        running["ventilator"].wait()
        running["sink"].wait_for_line("waiting for a ventilator")
        with contextlib.closing(sqlite3.connect(self.file)) as file, file:
            taken, = file.execute("SELECT min(task) FROM result WHERE outcome = 'ok'").fetchone()
            file.execute("DELETE FROM result WHERE task = ?", (taken,))
        running["ventilator"] = make["ventilator"]()
        self.assert_goes_on_to_the_end(running, items)

    def stop_in_the_middle(self, number, *names):
        self.at = self.endpoint("ipc")
        self.write_input([f"item{i}" for i in range(ITEMS)])
        make = self.components()
        running = {name: make[name]() for name in ("ventilator", "sink")}
        running["worker"] = self.start("worker", "--connect", self.at, "-j2", "--shell", f"{APPEND}; sleep 0.05",
                                       cwd=self.scratch)
        self.wait_for_progress(10, *running.values())
        for name in names:
            running[name].signal(number)
        status = {name: program.wait() for name, program in running.items()}
        # Whatever was begun has its result.
        self.assertEqual(sorted(self.appended()), sorted(item for item, in self.ask("SELECT item FROM last_run")))
        self.assertLess(len(self.appended()), ITEMS)
        return running, status

    def test_a_sink_that_is_asked_to_end_ends_the_run_in_order(self):
        running, status = self.stop_in_the_middle(signal.SIGTERM, "sink")
        self.assertEqual(status, {"ventilator": 3, "sink": 128 + signal.SIGTERM, "worker": 0})
        self.assert_message(running["ventilator"], "the sink .* has ended: asked to end")

    def test_all_that_are_asked_to_end_end_in_order(self):
        for number in (signal.SIGTERM, signal.SIGHUP):
            with self.subTest(signal=number):
                _, status = self.stop_in_the_middle(number, "sink", "worker", "ventilator")
                self.assertEqual(status, {"ventilator": 128 + number, "sink": 128 + number, "worker": 0})
            self.file.unlink()
            (self.scratch / "done.txt").unlink()

    def test_tasks_that_always_fail_are_tried_again_stored_and_repaired(self):
        count = max(100, ITEMS)
        items = [f"item{i}" for i in range(count)]
        self.write_input(items)
        for i in range(10):
            (self.scratch / f"broken.item{i * 7}").touch()
        work = ("--shell", 'if [ -e broken.{} ]; then echo "no {} here" >&2; exit 7; fi; echo {}')
        program = self.run_program("fanmill", "run", "-j2", "-a", self.input, "--results", self.file,
                                   "--retries", "2", *work, cwd=self.scratch)
        self.assertEqual(program.status, 1, program.stderr)
        self.assertEqual(self.ask("SELECT outcome, attempts, count(*) FROM last_run GROUP BY outcome, attempts "
                                  "ORDER BY outcome"), [("failed", 3, 10), ("ok", 1, count - 10)])
        self.assertEqual(self.ask("SELECT DISTINCT exit, stderr = 'no ' || item || ' here' || char(10) FROM last_run "
                                  "WHERE outcome = 'failed'"), [(7, 1)])
        self.assertRegex(program.stderr, rf"{count} tasks: {count - 10} ok, 10 failed, 0 dead")
        self.assertRegex(program.stderr, r"item\d+.*exit(ed with)? (status )?7")
        for path in self.scratch.glob("broken.*"):
            path.unlink()
        program = self.run_program("fanmill", "run", "-j2", "-a", self.input, "--results", self.file,
                                   "--retry-failed", *work, cwd=self.scratch)
        self.assertEqual(program.status, 0, program.stderr)
        self.assertEqual(self.ask("SELECT outcome, count(*) FROM last_run GROUP BY outcome"), [("ok", count)])
        self.assertEqual(self.ask("SELECT count(*) FROM result"), [(count,)])

    def mounted(self, *words):
        """A place where that is mounted for this test alone."""
        place = self.scratch / "disk"
        place.mkdir()
        mount = subprocess.run(["mount", *words, place], stderr=subprocess.PIPE)
        if mount.returncode:
            self.skipTest(f"NOT RUN, it needs root: {mount.stderr.decode().strip()}")
        self.addCleanup(subprocess.run, ["umount", "-l", place])
        return place

    def test_a_disk_that_is_full_ends_it_and_it_goes_on_once_there_is_room(self):
        place = self.mounted("-t", "tmpfs", "-o", "size=4m", "fanmill-test")
        self.file = place / "results.db"
        items = [f"item{i}" + "x" * 2000 for i in range(5000)]
        self.write_input(items)
        words = ("fanmill", "run", "-j2", "-a", self.input, "--results", self.file)
        program = self.run_program(*words, "--function", "echo")
        self.assertEqual(program.status, 3, program.stderr)
        self.assert_message(program, r"results\.db.*(full|no space)")
        subprocess.run(["mount", "-o", "remount,size=64m", place], check=True)
        program = self.run_program(*words, "--resume", "--function", "echo")
        self.assertEqual(program.status, 0, program.stderr)
        self.assertEqual(self.ask("SELECT count(*), count(DISTINCT key) FROM result"), [(5000, 5000)])

    def test_a_disk_that_becomes_read_only_in_the_middle_ends_it_and_it_goes_on_once_it_can_be_written(self):
        image = self.scratch / "image"
        with open(image, "wb") as file:
            file.truncate(64 << 20)
        made = subprocess.run(["mkfs.ext4", "-q", image], stderr=subprocess.PIPE)
        self.assertEqual(made.returncode, 0, made.stderr)
        place = self.mounted("-o", "loop,errors=remount-ro", image)
        device = subprocess.run(["findmnt", "-no", "SOURCE", place], stdout=subprocess.PIPE, text=True).stdout.strip()
        self.file = place / "results.db"
        items = [f"item{i}" for i in range(2000)]
        self.write_input(items)
        program = self.run_here()
        self.wait_for_progress(100, program)
        # What a disk's error does: the kernel takes the writing away, also from whoever has a file open.
        pathlib.Path(f"/sys/fs/ext4/{pathlib.Path(device).name}/trigger_fs_error").write_text("1")
        self.assertEqual(program.wait(), 3, program.stderr)
        self.assert_message(program, r"results\.db.*([Rr]ead-only|may not be written|I/O error)")
        self.assertLess(len(self.appended()), len(items))
        again = self.run_program("fanmill", "run", "-a", self.input, "--results", self.file, "--resume", "--shell",
                                 APPEND, cwd=self.scratch)
        self.assertEqual(again.status, 3, again.stderr)
        self.assert_message(again, r"results\.db.*([Rr]ead-only|may not be written|I/O error)")

        subprocess.run(["umount", place], check=True)
        subprocess.run(["fsck.ext4", "-p", image], stdout=subprocess.DEVNULL)  # what had failed stands in its header
        subprocess.run(["mount", "-o", "loop", image, place], check=True)
        program = self.run_here("--resume")
        self.assertEqual(program.wait(), 0, program.stderr)
        self.assert_each_once(items)
        print(f"{len(self.appended()) - len(items)} of {len(items)} ran again")


if __name__ == "__main__":
    unittest.main()
