"""Workers that leave by themselves, in order, and workers that stay for the next run."""

import json
import os
import signal
import subprocess
import unittest

from programs import APPEND, PipelineTest


class Leaving(PipelineTest):
    """Workers whose commands can be counted, and a run whose counters are told."""

    def setUp(self):
        super().setUp()
        self.control = self.endpoint("ipc")

    def ventilator(self, *arguments, **options):
        return self.start("ventilator", "--bind", self.control, *arguments, **options)

    def sink(self, *options):
        return self.start("sink", "--connect", self.control, *options)

    def worker(self, *options, work=("--function", "echo")):
        return self.start("worker", "--connect", self.control, *options, *work, cwd=self.scratch)

    def remote_run(self, lines, *options):
        """Ventilator and sink in one process, which tells its counters."""
        return self.start("fanmill", "run", "--remote-only", "--listen", self.control, "--min-workers", "2",
                          "--summary-json", self.scratch / "summary", *options, stdin=lines)

    def assert_nothing_went_twice(self, run, count):
        self.assert_status(run, 0)
        summary = json.loads((self.scratch / "summary").read_text())
        self.assertEqual([summary[name] for name in ("tasks", "ok", "redelivered", "duplicates", "unfinished")],
                         [count, count, 0, 0, 0])

    def appended(self):
        return sorted((self.scratch / "done.txt").read_text().split(), key=int)

    def assert_each_ran_once(self, ventilator, sink, count):
        self.assert_status(ventilator, 0)
        self.assert_status(sink, 0)
        self.assert_message(ventilator, f"{count} tasks: {count} ok, 0 failed, 0 dead; 0 duplicates suppressed; "
                                        "0 unfinished")
        self.assert_lines(self.appended(), [str(number) for number in range(count)])

    def test_max_tasks_is_how_many_it_does_and_the_others_go_elsewhere(self):
        lines = b"".join(b"%d\n" % number for number in range(300))
        run = self.remote_run(lines, "--format", "jsonl")
        few = self.worker("--max-tasks", "7", "-j3", "--name", "few", work=["--shell", APPEND])
        self.worker("-j1", "--name", "many", work=["--shell", APPEND])
        self.assert_status(few, 0)
        self.assert_message(few, "leaving: it has begun all of its --max-tasks")
        self.assert_nothing_went_twice(run, 300)
        self.assert_lines(self.appended(), [str(number) for number in range(300)])
        self.assertEqual(run.stdout.count(b'"few"'), 7)

    def test_max_tasks_of_a_function(self):
        lines = b"".join(b"%d\n" % number for number in range(300_000))
        run = self.remote_run(lines, "--format", "jsonl")
        few = self.worker("--max-tasks", "1000", "-j2", "--name", "few")
        self.worker("-j2", "--name", "many")
        self.assert_status(few, 0)
        self.assert_nothing_went_twice(run, 300_000)
        self.assertEqual(run.stdout.count(b'"few"'), 1000)

    def test_a_line_of_workers_with_one_task_each(self):
        ventilator = self.ventilator(":::", *[str(number) for number in range(6)])
        sink = self.sink()
        for _ in range(6):
            worker = self.worker("--max-tasks", "1", "-j4", work=["--shell", APPEND])
            self.assert_status(worker, 0)
        self.assert_each_ran_once(ventilator, sink, 6)

    def test_lifetime_finishes_what_has_begun_and_begins_no_more(self):
        lines = b"".join(b"%d\n" % number for number in range(40))
        run = self.remote_run(lines, "--prefetch", "8")
        work = ["--shell", "sleep 0.05; " + APPEND]
        brief = self.worker("--lifetime", "400ms", "-j1", work=work)
        self.worker("-j2", work=work)
        self.assert_status(brief, 0)
        self.assert_message(brief, "leaving: its --lifetime is over")
        self.assert_nothing_went_twice(run, 40)
        self.assert_lines(self.appended(), [str(number) for number in range(40)])

    def test_who_is_asked_to_leave_gives_back_what_waits_behind_a_command(self):
        gate = self.scratch / "gate"
        os.mkfifo(gate)
        lines = b"".join(b"%d\n" % number for number in range(60))
        run = self.remote_run(lines, "--min-workers", "1", "--prefetch", "8", "--format", "jsonl")
        work = ["--shell", "[ {} -ne 50 ] || cat gate; " + APPEND]
        leaving = self.worker("-j1", "--name", "leaving", work=work)
        with open(gate, "wb"):  # opens when its reader is there
            leaving.signal(signal.SIGTERM)
            leaving.wait_for_line("leaving: what runs will be finished")
            self.worker("-j1", work=work)
            run.wait_for_results(59)
        self.assert_status(leaving, 0)
        self.assert_nothing_went_twice(run, 60)
        self.assert_lines(self.appended(), [str(number) for number in range(60)])

    def test_idle_timeout_without_a_ventilator_and_without_tasks(self):
        alone = self.worker("--idle-timeout", "200ms")
        self.assert_status(alone, 0)
        self.assert_message(alone, "leaving: no task came within its --idle-timeout")
        ventilator = self.ventilator(stdin=subprocess.PIPE)
        sink = self.sink()
        idle = self.worker("--idle-timeout", "300ms")
        self.assert_status(idle, 0)
        other = self.worker()
        ventilator.write(b"a\n")
        ventilator.close_input()
        for program in (ventilator, sink, other):
            self.assert_status(program, 0)
        self.assertEqual(sink.stdout, b"a\n")

    def test_a_long_task_is_no_idleness(self):
        ventilator = self.ventilator(":::", "0.8")
        sink = self.sink()
        worker = self.worker("--idle-timeout", "300ms", work=["--function", "sleep"])
        for program in (ventilator, sink, worker):
            self.assert_status(program, 0)
        self.assertNotIn("leaving", worker.stderr)

    def test_keep_stays_for_the_next_run_until_it_is_asked_to_end(self):
        worker = self.worker("--keep", "-j2")
        for run in range(3):
            ventilator = self.ventilator("--min-workers", "1", ":::", f"{run}", "x")
            sink = self.sink("-k")
            self.assert_status(ventilator, 0)
            self.assert_status(sink, 0)
            self.assertEqual(sink.stdout, b"%d\nx\n" % run)
            worker.wait_until(lambda run=run: worker.stderr.count("the run is over; waiting") == run + 1,
                              "waiting for another run")
        worker.signal(signal.SIGTERM)
        self.assert_status(worker, 0)

    def test_keep_outlives_a_run_that_was_halted_and_its_command(self):
        worker = self.worker("--keep", "-j2", work=["--shell", "[ {} = bad ] && exit 1; exec sleep {}"])
        ventilator = self.ventilator("--halt", "now,fail=1", ":::", "1000", "bad")
        sink = self.sink()
        self.assert_status(ventilator, 3)
        self.assert_status(sink, 3)
        worker.wait_for_line("the run is over; waiting")
        ventilator = self.ventilator(":::", "0")
        sink = self.sink()
        for program in (ventilator, sink):
            self.assert_status(program, 0)
        worker.signal(signal.SIGTERM)
        self.assert_status(worker, 0)

    def test_max_tasks_counts_over_all_runs(self):
        worker = self.worker("--keep", "--max-tasks", "3")
        ventilator = self.ventilator(":::", "a", "b")
        sink = self.sink()
        for program in (ventilator, sink):
            self.assert_status(program, 0)
        ventilator = self.ventilator(stdin=b"c\nd\n")
        sink = self.sink()
        self.assert_status(worker, 0)
        other = self.worker()
        for program in (ventilator, sink, other):
            self.assert_status(program, 0)
        self.assertEqual(sorted(sink.stdout.split()), [b"c", b"d"])


class DryRun(PipelineTest):
    def test_the_commands_are_shown_in_order_and_do_what_they_say(self):
        items = ["plain", "a b", "it's", "$(touch PWNED)", "*"]
        for command in (["printf", "<%s>", "{}"], ["--shell", "printf '<%s>' {}"]):
            with self.subTest(command=command):
                shown = self.run_program("fanmill", "run", "-k", "--dry-run", *command, ":::", *items,
                                         cwd=self.scratch)
                self.assert_status(shown, 0)
                self.assertEqual(len(shown.stdout.splitlines()), len(items))
                pasted = self.run_program("/bin/sh", "-c", shown.stdout.decode(), cwd=self.scratch)
                self.assertEqual(pasted.stdout.decode(), "".join(f"<{item}>" for item in items))
        self.assertEqual(list(self.scratch.iterdir()), [])

    def test_nothing_runs(self):
        run = self.run_program("fanmill", "run", "-k", "--dry-run", "--colsep", ",", "touch", "{2}", "slot{%}",
                               "-j1", ":::", "a,b", "c", cwd=self.scratch)
        self.assert_status(run, 1)
        self.assertEqual(run.stdout, b"touch b slot1 -j1\n")
        self.assertIn("the item 'c' has no column {2}", run.stderr)
        self.assertEqual(list(self.scratch.iterdir()), [])


if __name__ == "__main__":
    unittest.main()
