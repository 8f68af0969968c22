"""Plugins in the real programs, what becomes of runs in which they misbehave, and workers under a supervisor.

FANMILL_FAULT_TASKS and FANMILL_FAULT_POISON make the run with crashes longer.
"""

import os
import pathlib
import random
import shutil
import signal
import unittest

from programs import BIN, ROOT, PipelineTest, sanitizer_options

PLUGINS = BIN.parent / "plugins"
OBEDIENT = PLUGINS / "obedient.so"
TASKS = int(os.environ.get("FANMILL_FAULT_TASKS", 1000))
POISON = int(os.environ.get("FANMILL_FAULT_POISON", 4))
SEED = int(os.environ.get("FANMILL_TEST_SEED", random.randrange(1 << 20)))


def children_of(pid):
    """Of all its threads."""
    threads = pathlib.Path(f"/proc/{pid}/task").iterdir()
    return [int(word) for thread in threads for word in (thread / "children").read_text().split()]


class PluginTest(PipelineTest):
    def environment(self, told=""):
        """Sockets of a run go to a folder of this test's, and a crash is the kernel's to end."""
        (self.scratch / "runtime").mkdir(exist_ok=True)
        return {**os.environ, **sanitizer_options("handle_segv=0", "handle_abort=0"),
                "XDG_RUNTIME_DIR": str(self.scratch / "runtime"), "TEST_PLUGIN": told}

    def plugin(self, *arguments, told="", file=OBEDIENT, **options):
        return self.run_program("fanmill", "run", *arguments[:-1], "--plugin", file, *arguments[-1],
                                env=self.environment(told), **options)


class Plugins(PluginTest):
    def test_the_examples(self):
        run = self.run_program(ROOT / "examples/plugin/run")
        self.assert_status(run, 0)
        lines = run.stdout.decode().splitlines()
        self.assertEqual(lines[:2], ["desserts", "reward"])
        self.assertEqual(len(lines), 2 + 20000)
        self.assertEqual(lines[12:14], ["12: 2 2 3", "13: 13"])

    def test_each_item_once_and_in_order_with_several_slots(self):
        items = [str(number) for number in range(20000)]
        run = self.plugin("-k", "-j4", ["-a", "-"], stdin="".join(item + "\n" for item in items).encode())
        self.assert_status(run, 0)
        self.assert_lines(run.stdout.decode().splitlines(), [f"<{item}>" for item in items])
        self.assertEqual(list((self.scratch / "runtime/fanmill").iterdir()), [], "sockets are left")

    def test_a_ventilator_that_hosts_all_stages(self):
        run = self.run_program("ventilator", "--bind", "inproc://x", "-k", "-j2", "--plugin", OBEDIENT, ":::", "a", "b",
                               env=self.environment())
        self.assert_status(run, 0)
        self.assertEqual(run.stdout, b"<a>\n<b>\n")

    def test_what_it_prints_is_no_result(self):
        run = self.plugin("-k", [":::", "a", "print", "b"])
        self.assert_status(run, 0)
        self.assertEqual(run.stdout, b"<a>\n<print>\n<b>\n")
        self.assertIn("printed by a plugin", run.stderr)

    def test_its_failures_are_tasks_that_failed(self):
        run = self.plugin("-k", "--retries", "1", [":::", "a", "throw", "fail", "null", "which"])
        self.assert_status(run, 1)
        self.assertEqual(run.stdout, b"<a>\n4 0\n")
        for text in ("thrown at task 1", "told to fail", "5 bytes at a null pointer"):
            self.assert_message(run, text)
        self.assert_message(run, "2 ok, 3 failed, 0 dead")

    def test_slots_are_ended_when_the_run_is_over(self):
        run = self.plugin("-j3", [":::", "a"], told="say when it ends")
        self.assert_status(run, 0)
        self.assertEqual(sorted(line for line in run.stderr.splitlines() if line.endswith("ends")),
                         ["slot 1 ends", "slot 2 ends", "slot 3 ends"])

    def test_what_is_no_plugin_ends_it_with_3_before_any_task(self):
        text, spaced = self.scratch / "text.so", self.scratch / "a b" / "obedient.so"
        text.write_text("no library, and a long text\n")
        spaced.parent.mkdir()
        shutil.copy(OBEDIENT, spaced)
        for file, told, pattern in ((self.scratch / "none.so", "", "none.so': no such file"),
                                    (text, "", "it is not a shared library; docs"), (self.scratch, "", "a directory"),
                                    ("libc.so.6", "", "no such file"),
                                    (PLUGINS / "version_2.so", "", "of version 2, and this Fanmill takes version 1"),
                                    (OBEDIENT, "fail", "cannot start the plugin .*: the table is not there"),
                                    (OBEDIENT, "throw", "C.. exception: no luck")):
            with self.subTest(file=file, told=told):
                run = self.plugin([":::", "a"], file=file, told=told)
                self.assert_status(run, 3)
                self.assertEqual(run.stdout, b"")
                self.assert_message(run, pattern)
                # Once, and nothing about how it came to an end but, where the item had been read, that it was not done.
                _, *rest = run.stderr.splitlines()
                self.assertRegex("\n".join(rest), r"^(fanmill: 1 task: 0 ok, 0 failed, 0 dead; .*1 unfinished; .*)?$")
                self.assertLess(len(rest), 2, run.stderr)
        run = self.plugin([":::", "a"], file="a b/obedient.so", cwd=self.scratch)
        self.assertEqual(run.stdout, b"<a>\n")
        run = self.plugin([":::", "a"], file="obedient.so", cwd=spaced.parent)
        self.assertEqual(run.stdout, b"<a>\n")

    def test_one_that_cannot_start_is_given_up(self):
        for told, pattern in (("crash", r"ended by signal 11 \(segmentation fault\), 5 times in a row, before it had"),
                              ("exit", r"ended itself with exit\(7\), 5 times in a row, before it had a task")):
            with self.subTest(told=told):
                run = self.plugin([":::", "a"], told=told)
                self.assert_status(run, 3)
                self.assert_message(run, "cannot go on with the plugin.*" + pattern)

    def test_contradictions_are_2(self):
        for arguments, pattern in ((["cat"], "in place of a COMMAND"), (["--coprocess"], "--plugin"),
                                   (["--function", "echo"], "--plugin: --function is given too"),
                                   (["--dry-run"], "--dry-run"), (["--stdin"], "--stdin"),
                                   (["--kill-after", "2s"], "--kill-after")):
            with self.subTest(arguments=arguments):
                run = self.run_program("fanmill", "run", "--plugin", OBEDIENT, *arguments)
                self.assert_status(run, 2)
                self.assert_message(run, pattern)


class Crashes(PluginTest):
    def test_exactly_those_that_crash_are_dead(self):
        items = [f"item{number}" for number in range(TASKS - POISON)] + [f"segfault{number}" for number in range(POISON)]
        random.Random(SEED).shuffle(items)
        run = self.plugin("-j2", ["-a", "-"], stdin="".join(item + "\n" for item in items).encode())
        self.assertEqual(run.status, 1, f"seed {SEED}\n{run.stderr}")
        self.assert_lines(sorted(run.stdout.decode().splitlines()),
                          sorted(f"<{item}>" for item in items if item.startswith("item")))
        self.assert_message(run, f"{TASKS - POISON} ok, 0 failed, {POISON} dead; .* 0 unfinished")
        # Of the first one it is known where it stood.
        first = next(number for number, item in enumerate(items) if item.startswith("segfault"))
        self.assert_message(run, f"the plugin '{OBEDIENT}' was ended by signal 11 .segmentation fault. at task {first + 1} ")
        print(f"seed {SEED}: {TASKS} tasks, {POISON} that crash, {run.stderr.count(' has gone;')} processes")

    def test_a_first_task_that_ends_the_process_hurts_no_other(self):
        for item, how, count in (("exit", r"ended itself with exit\(0\)", 3), ("_exit", r"ended itself with exit\(0\)", 1),
                                 ("abort", r"ended by signal 6 \(aborted\)", 1)):
            with self.subTest(item=item):
                run = self.plugin("-k", "-j2", [":::", *[item] * count, "a", "b"])
                self.assert_status(run, 1)
                self.assertEqual(run.stdout, b"<a>\n<b>\n")
                self.assert_message(run, f"{how} at task 1 ")
                self.assert_message(run, f"2 ok, 0 failed, {count} dead")

    def test_one_that_does_nothing_but_crash_is_given_up(self):
        run = self.plugin("-j1", [":::", *["segfault"] * 100])
        self.assert_status(run, 3)
        self.assert_message(run, r"25 times in a row, and no task was ever done")

    def test_one_that_blocks_times_out_and_the_run_goes_on(self):
        run = self.plugin("-k", "-j1", "--timeout", "200ms", [":::", "a", "block", "b", "block", "c"])
        self.assert_status(run, 1)
        self.assertEqual(run.stdout, b"<a>\n<b>\n<c>\n")
        self.assert_message(run, "timed out after 200 ms")
        self.assert_message(run, "3 ok, 2 failed, 0 dead")

    def test_one_that_blocks_is_stopped_by_the_second_signal(self):
        run = self.start("fanmill", "run", "-j1", "--plugin", OBEDIENT, ":::", "a", "block", env=self.environment())
        run.wait_for_results(1)
        worker, = children_of(run.process.pid)
        run.signal(signal.SIGINT)
        run.wait_for_line("once more to stop now")
        run.signal(signal.SIGINT)
        self.assert_status(run, 130)
        self.assertFalse(pathlib.Path(f"/proc/{worker}").exists())


class Supervised(PluginTest):
    def begin(self, *work, told=""):
        """A ventilator and a sink whose input is open, and a worker under a supervisor."""
        endpoint = self.endpoint("ipc")
        self.ventilator = self.start("ventilator", "--bind", endpoint, stdin=-1)
        self.sink = self.start("sink", "--connect", endpoint, "-k")
        self.worker = self.start("worker", "--connect", endpoint, "--supervise", *work, env=self.environment(told))

    def child(self):
        """The process that works, once it does: a result has come from it."""
        return children_of(self.worker.process.pid)[0]

    def finish(self, results, status=0):
        self.ventilator.close_input()
        self.assert_status(self.ventilator, status)
        self.assert_status(self.sink, status)
        self.assertEqual(self.sink.stdout, results)

    def wait_for_end_of(self, pid):
        while pathlib.Path(f"/proc/{pid}").exists():
            self.assert_in_time(f"process {pid} is still there")

    def test_one_that_is_killed_is_started_again(self):
        for work, name in ((["--plugin", OBEDIENT], f"the plugin '{OBEDIENT}'"),
                           (["-j1", "--shell", "echo '<'{}'>'"], "the worker")):
            with self.subTest(work=work):
                shutil.rmtree(self.scratch / "runtime", ignore_errors=True)
                self.begin(*work)
                self.ventilator.write(b"a\n")
                self.sink.wait_for_results(1)
                os.kill(self.child(), signal.SIGKILL)
                self.worker.wait_for_line(rf"{name} was ended by signal 9 \(killed\).*started again")
                self.ventilator.write(b"b\n")
                self.sink.wait_for_results(2)
                self.finish(b"<a>\n<b>\n")
                self.assert_status(self.worker, 0)

    def test_one_that_is_told_to_end_by_somebody_else_is_started_again(self):
        self.begin("-j1", "--shell", "echo '<'{}'>'")
        self.ventilator.write(b"a\n")
        self.sink.wait_for_results(1)
        os.kill(self.child(), signal.SIGTERM)
        self.worker.wait_for_line("the worker was told to end by a signal to its process .*started again")
        self.ventilator.write(b"b\n")
        self.sink.wait_for_results(2)
        self.finish(b"<a>\n<b>\n")
        self.assert_status(self.worker, 0)

    def test_a_function_that_times_out_costs_the_process_and_no_other_task(self):
        self.begin("-j1", "--timeout", "300ms", "--function", "sleep")
        self.ventilator.write(b"0\n60\n0\n")
        self.finish(b"\n\n", status=1)
        self.assert_message(self.sink, "timed out after 300 ms")
        self.assert_status(self.worker, 0)

    def test_without_a_supervisor_the_worker_says_that_it_ends(self):
        endpoint = self.endpoint("ipc")
        ventilator = self.start("ventilator", "--bind", endpoint, ":::", "block", "a")
        sink = self.start("sink", "--connect", endpoint)
        worker = self.run_program("worker", "--connect", endpoint, "-j1", "--timeout", "200ms", "--plugin", OBEDIENT)
        self.assert_status(worker, 3)
        self.assert_message(worker, "leaving: a task has timed out")
        self.assert_message(worker, "--supervise")
        another = self.start("worker", "--connect", endpoint, "--plugin", OBEDIENT)
        for program in ventilator, sink:
            self.assert_status(program, 1)
        self.assertEqual(sink.stdout, b"<a>\n")
        self.assert_status(another, 0)

    def test_asked_to_end_it_finishes_what_it_has(self):
        self.begin("-j1", "--shell", "echo; cat {}")
        fifo = self.scratch / "held"
        os.mkfifo(fifo)
        self.ventilator.write(f"{fifo}\n".encode())
        with open(fifo, "wb") as held:  # its task runs
            self.worker.signal(signal.SIGTERM)
            self.worker.wait_for_line("leaving: what runs will be finished")
            held.write(b"all of it\n")
        self.assert_status(self.worker, 0)
        self.finish(b"\nall of it\n")

    def test_asked_twice_it_stops_whatever_the_plugin_does(self):
        self.begin("-j1", "--plugin", OBEDIENT)
        self.ventilator.write(b"a\nblock\n")
        self.sink.wait_for_results(1)
        child = self.child()
        self.worker.signal(signal.SIGINT)
        self.worker.wait_for_line("once more to stop now")
        self.worker.signal(signal.SIGINT)
        self.assert_status(self.worker, 130)
        self.wait_for_end_of(child)

    def test_its_worker_dies_with_it(self):
        self.begin("-j1", "--plugin", OBEDIENT)
        self.ventilator.write(b"a\nblock\n")
        self.sink.wait_for_results(1)
        child = self.child()
        self.worker.signal(signal.SIGKILL)
        self.wait_for_end_of(child)

    def test_what_ends_it_in_order_ends_it_for_good(self):
        run = self.run_program("worker", "--supervise", "--connect", "ipc:///nowhere/x", "--wait-timeout", "200ms", "true")
        self.assert_status(run, 3)
        self.assert_message(run, "wait-timeout")
        run = self.run_program("worker", "--supervise", "--connect", self.endpoint("ipc"), "--idle-timeout", "100ms", "true")
        self.assert_status(run, 0)
        run = self.run_program("worker", "--connect", self.endpoint("ipc"), "true",
                               env={**os.environ, "FANMILL_SUPERVISED": "1"})
        self.assert_status(run, 3)
        self.assert_message(run, "FANMILL_SUPERVISED.*unset it")


if __name__ == "__main__":
    unittest.main()
