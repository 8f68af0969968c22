"""Workers and sinks that come early, late and in the middle, and that leave in order or at once."""

import json
import os
import random
import re
import signal
import time
import unittest

from connections import Proxy
from programs import Pipeline, PipelineTest, free_port

BOTH = ("ipc", "tcp")


def numbers(first, last):
    return [b"%d" % number for number in range(first, last)]


class ComingsAndGoings(PipelineTest):
    def test_workers_and_sink_before_the_ventilator(self):
        for transport in BOTH:
            with self.subTest(transport=transport):
                endpoint = self.endpoint(transport)
                worker = self.start("worker", "--connect", endpoint, "--function", "echo")
                sink = self.start("sink", "--connect", endpoint, "-k")
                worker.wait_for_line("waiting for a ventilator at " + re.escape(endpoint))
                sink.wait_for_line("waiting for a ventilator at " + re.escape(endpoint))
                ventilator = self.start("ventilator", "--bind", endpoint, ":::", "a", "b", "c")
                for program in (ventilator, sink, worker):
                    self.assert_status(program, 0)
                self.assertEqual(sink.stdout, b"a\nb\nc\n")

    def test_ventilator_says_what_it_waits_for(self):
        for transport in BOTH:
            with self.subTest(transport=transport):
                endpoint = self.endpoint(transport)
                ventilator = self.start("ventilator", "--bind", endpoint, ":::", "a", "b", "c")
                ventilator.wait_for_line("waiting for a sink: fanmill-sink --connect " + re.escape(endpoint))
                sink = self.start("sink", "--connect", endpoint, "-k")
                ventilator.wait_for_line("waiting for a worker: fanmill-worker --connect "
                                         + re.escape(endpoint))
                worker = self.start("worker", "--connect", endpoint, "--function", "echo")
                for program in (ventilator, sink, worker):
                    self.assert_status(program, 0)
                self.assertEqual(sink.stdout, b"a\nb\nc\n")

    def test_wait_timeout_ends_each_of_them_with_3(self):
        endpoint = self.endpoint("ipc")
        option = ["--wait-timeout", "300ms"]
        for program in (self.start("worker", "--connect", endpoint, *option, "--function", "echo"),
                        self.start("sink", "--connect", endpoint, *option)):
            self.assert_status(program, 3)
            self.assert_message(program, "no ventilator at .*--wait-timeout")
        ventilator = self.start("ventilator", "--bind", endpoint, *option, ":::", "a")
        self.assert_status(ventilator, 3)
        self.assert_message(ventilator, "no sink came within --wait-timeout")
        self.assertRegex(ventilator.stderr.splitlines()[-1], "^fanmill-ventilator: 1 task: 0 ok, .*; 1 unfinished; ")

    def test_no_task_is_given_out_before_min_workers_are_there(self):
        pipeline = Pipeline(self, "ipc", "--function", "echo", workers=1, ventilator=["--min-workers", "2"],
                            stdin=b"a\nb\n")
        pipeline.ventilator.wait_for_line("waiting for workers, 1 of 2 are here")
        self.assertEqual(pipeline.sink.stdout, b"")
        pipeline.add_worker()
        pipeline.assert_complete([b"a", b"b"])

    def test_a_worker_that_joins_in_the_middle_gets_tasks(self):
        for transport in BOTH:
            with self.subTest(transport=transport):
                pipeline = Pipeline(self, transport, "--function", "echo", workers=1,
                                    sink=["--format", "jsonl"])
                pipeline.give(numbers(0, 10))
                pipeline.sink.wait_for_results(10)
                pipeline.add_worker("--name", "second")
                given = 10
                while b'"second"' not in pipeline.sink.stdout:
                    self.assertLess(given, 1_000_000, "the second worker got nothing of a million tasks")
                    pipeline.give(numbers(given, given + 100))
                    given += 100
                    pipeline.sink.wait_for_results(given)
                pipeline.ventilator.close_input()
                self.assert_status(pipeline.ventilator, 0)
                self.assert_status(pipeline.sink, 0)
                ids = [json.loads(line)["id"] for line in pipeline.sink.stdout.splitlines()]
                self.assert_lines(sorted(ids), list(range(given)))

    def check_loss_of_a_worker(self, transport, number, status):
        """Ends one of two workers in the middle of a run; the run is complete all the same."""
        lines = numbers(0, 200)
        pipeline = Pipeline(self, transport, "--shell", "sleep 0.01; echo {}", ventilator=["--prefetch", "8"])
        pipeline.give(lines)
        pipeline.ventilator.close_input()
        pipeline.sink.wait_for_results(20)
        pipeline.workers[0].signal(number)
        self.assert_status(pipeline.workers[0], status)
        self.assertIsNone(pipeline.sink.process.poll(), "the signal came when all was over")
        pipeline.assert_complete(lines)
        self.assert_message(pipeline.ventilator, "200 tasks: 200 ok, 0 failed, 0 dead; .*0 unfinished")

    def test_sigterm_of_a_worker_loses_nothing(self):
        for transport in BOTH:
            with self.subTest(transport=transport):
                self.check_loss_of_a_worker(transport, signal.SIGTERM, 0)

    def test_sigkill_of_a_worker_loses_nothing(self):
        for transport in BOTH:
            with self.subTest(transport=transport):
                self.check_loss_of_a_worker(transport, signal.SIGKILL, 128 + signal.SIGKILL)

    def test_a_stopped_worker_is_found_out_and_its_tasks_go_to_others(self):
        lines = numbers(0, 50)
        pipeline = Pipeline(self, "tcp", "--shell", "sleep 0.01; echo {}")
        pipeline.give(lines)
        pipeline.ventilator.close_input()
        pipeline.sink.wait_for_results(5)
        pipeline.workers[0].signal(signal.SIGSTOP)
        pipeline.assert_complete(lines)

    def test_the_last_worker_is_killed_and_another_comes(self):
        for transport in BOTH:
            with self.subTest(transport=transport):
                lines = numbers(0, 2000)
                pipeline = Pipeline(self, transport, "--shell", "echo {}", workers=1)
                pipeline.give(lines)
                pipeline.ventilator.close_input()
                pipeline.sink.wait_for_results(5)
                pipeline.workers[0].signal(signal.SIGKILL)
                pipeline.ventilator.wait_for_line("waiting for a worker")
                pipeline.work = ("--function", "echo")
                pipeline.add_worker()
                pipeline.assert_complete(lines)

    def test_a_lost_sink_ends_the_run_with_3(self):
        for transport in BOTH:
            with self.subTest(transport=transport):
                pipeline = Pipeline(self, transport, "--function", "echo")
                pipeline.give(numbers(0, 10))
                pipeline.sink.wait_for_results(10)
                pipeline.sink.signal(signal.SIGKILL)
                self.assert_status(pipeline.ventilator, 3)
                self.assert_message(pipeline.ventilator, "the sink .* is gone")
                for worker in pipeline.workers:
                    self.assert_status(worker, 0)

    def test_a_lost_ventilator_ends_the_sink_with_3_and_the_worker_serves_the_next(self):
        for transport in BOTH:
            with self.subTest(transport=transport):
                pipeline = Pipeline(self, transport, "--function", "echo", workers=1)
                pipeline.give(numbers(0, 10))
                pipeline.sink.wait_for_results(10)
                pipeline.ventilator.signal(signal.SIGKILL)
                self.assert_status(pipeline.sink, 3)
                self.assert_message(pipeline.sink, "lost the ventilator")
                following = self.start("ventilator", "--bind", pipeline.endpoint, ":::", "again")
                sink = self.start("sink", "--connect", pipeline.endpoint)
                for program in (following, sink, pipeline.workers[0]):
                    self.assert_status(program, 0)
                self.assertEqual(sink.stdout, b"again\n")

    def test_a_second_ventilator_is_refused(self):
        for transport in BOTH:
            with self.subTest(transport=transport):
                pipeline = Pipeline(self, transport, "--function", "echo")
                pipeline.give(numbers(0, 10))
                pipeline.sink.wait_for_results(10)
                second = self.run_program("ventilator", "--bind", pipeline.endpoint, ":::", "x")
                self.assert_status(second, 3)
                self.assert_message(second, "cannot bind .*address already in use")
                pipeline.give(numbers(10, 20))
                pipeline.ventilator.close_input()
                pipeline.assert_complete(numbers(0, 20))

    def test_a_second_sink_is_refused(self):
        pipeline = Pipeline(self, "ipc", "--function", "echo")
        pipeline.give(numbers(0, 10))
        pipeline.sink.wait_for_results(10)
        second = self.run_program("sink", "--connect", pipeline.endpoint)
        self.assert_status(second, 4)
        self.assert_message(second, "refused this sink: this run has a sink already")
        pipeline.ventilator.close_input()
        pipeline.assert_complete(numbers(0, 10))

    def test_sigint_once_finishes_what_is_out(self):
        for name in ("run", "ventilator"):
            with self.subTest(program=name):
                if name == "run":
                    head = output = self.start("fanmill", "run", "-j1", "--function", "echo", stdin=-1)
                else:
                    pipeline = Pipeline(self, "ipc", "--function", "echo", workers=1)
                    head, output = pipeline.ventilator, pipeline.sink
                head.write(b"a\nb\n")
                output.wait_for_results(2)
                head.signal(signal.SIGINT)  # stdin is still open
                self.assert_status(head, 130)
                self.assert_message(head, "2 tasks: 2 ok, 0 failed, 0 dead; .*0 unfinished")

    def test_a_signal_while_it_starts_ends_it(self):
        seed = int(os.environ.get("FANMILL_TEST_SEED", random.randrange(1 << 20)))
        chooser = random.Random(seed)
        for _ in range(40):
            run = self.start("fanmill", "run", "--function", "echo", ":::", "a", "b")
            time.sleep(chooser.uniform(0.005, 0.04))
            number = chooser.choice([signal.SIGINT, signal.SIGTERM])
            run.signal(number)
            # Before it handles signals, and after its end, too.
            self.assertIn(run.wait(), (0, 128 + number), f"seed {seed}")

    def test_sigint_twice_stops_at_once(self):
        marker = self.scratch / "started"
        run = self.start("fanmill", "run", "-j1", "--shell", f"touch {marker}; exec sleep 1000",
                         stdin=b"a\nb\n")
        self.wait_for_file(marker, run)
        run.signal(signal.SIGINT)
        run.wait_for_line("stopping")
        run.signal(signal.SIGINT)
        self.assert_status(run, 130)

    def test_asked_to_end_it_finishes_what_runs_and_begins_nothing_more(self):
        # They take so long that it is no matter how soon whoever asks has a processor.
        text = 'echo {} >>ran; until [ -e go ]; do sleep 0.02; done; echo {}; [ {} != halt ] && sleep 0.1'
        for what in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, "halt"):
            with self.subTest(what=what):
                for name in ("ran", "go"):
                    (self.scratch / name).unlink(missing_ok=True)
                items = [str(what) if what == "halt" else "first", *map(str, range(40))]
                # The worker holds more than it runs: that is given back.
                run = self.start("fanmill", "run", "-j1", "-k", "--prefetch", "20", "--halt", "soon,fail=1", "--shell", text,
                                 ":::", *items, cwd=self.scratch)
                self.wait_for_file(self.scratch / "ran", run)
                if what != "halt":
                    run.signal(what)
                    run.wait_for_line("stopping: what runs will be finished")
                (self.scratch / "go").touch()
                self.assert_status(run, 3 if what == "halt" else 128 + what)
                self.assertTrue(run.stdout.startswith(f"{items[0]}\n".encode()), run.stdout)
                # One or two may have begun before they were asked for.
                self.assertLess(len((self.scratch / "ran").read_text().splitlines()), 8)
                self.assert_message(run, "41 tasks: .* unfinished")

    def test_halted_now_it_kills_what_runs_and_says_what_it_came_to(self):
        for transport in ("inproc", "ipc"):
            with self.subTest(transport=transport):
                work = ["-j2", "--shell", "[ {} = bad ] && exit 1; echo {}; [ {} = long ] && exec sleep 1000; :"]
                halt = ["--halt", "now,fail=1"]
                if transport == "inproc":
                    run = self.run_program("fanmill", "run", *halt, *work, ":::", "long", "bad", "c")
                    self.assert_message(run, "task 2 'bad' .*exit status 1")
                    self.assertNotIn("what runs will be finished", run.stderr)
                else:
                    endpoint = self.endpoint(transport)
                    run = self.start("ventilator", "--bind", endpoint, *halt, ":::", "long", "bad", "c")
                    worker = self.start("worker", "--connect", endpoint, *work)
                    sink = self.start("sink", "--connect", endpoint)
                    for program, status in ((run, 3), (worker, 0), (sink, 3)):
                        self.assert_status(program, status)
                self.assert_status(run, 3)
                self.assert_message(run, r"halted after 1 failed task \(--halt\)")
                self.assert_message(run, r"3 tasks: \d ok, 1 failed, 0 dead; .*; [12] unfinished")

    def test_a_lane_that_is_reset_loses_nothing(self):
        # Lanes are told to be at 127.0.0.2, where a proxy sits that cuts them, and nothing else.
        lines = numbers(0, 300)
        lane = free_port()
        proxy = Proxy("127.0.0.2", "127.0.0.1", range(lane, lane + 4))
        self.addCleanup(proxy.close)
        pipeline = Pipeline(self, "tcp", "--shell", "sleep 0.01; echo {}", workers=1,
                            ventilator=["--advertise", "127.0.0.2", "--lane-ports", f"{lane}-{lane + 3}"])
        pipeline.give(lines)
        pipeline.ventilator.close_input()
        pipeline.sink.wait_for_results(20)
        self.assertEqual(proxy.reset(), 1)
        pipeline.assert_complete(lines)

    def test_a_results_connection_that_is_reset_loses_nothing(self):
        self.reset_results(numbers(0, 100_000))

    def test_so_where_results_are_large_and_in_frames_of_their_own(self):
        self.reset_results([line + b"x" * 20_000 for line in numbers(0, 1500)])

    def reset_results(self, lines):
        half = len(lines) // 2
        results = free_port()
        proxy = Proxy("127.0.0.2", "127.0.0.1", [results])
        self.addCleanup(proxy.close)
        pipeline = Pipeline(self, "tcp", "--function", "echo", workers=2,
                            sink=["--bind", f"tcp://127.0.0.1:{results}", "--advertise", "127.0.0.2"])
        pipeline.give(lines[:half])
        pipeline.sink.wait_for_results(half // 5)
        self.assertEqual(proxy.reset(), 2)
        pipeline.give(lines[half:])
        pipeline.ventilator.close_input()
        pipeline.assert_complete(lines)


if __name__ == "__main__":
    unittest.main()
