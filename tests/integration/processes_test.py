"""What becomes of the processes that commands start: nothing is left of one that has timed out, nor of a worker
that has gone, however it went and however well they hide."""

import os
import pathlib
import shutil
import signal
import sys
import unittest

from programs import BIN, Pipeline, PipelineTest

# A command that forks, daemonises (a session of its own, a parent that has gone), ignores SIGTERM and SIGHUP, has
# children of its own, clears its environment, and goes on itself. The mark in the arguments is what it is found by.
HIDING = r"""
import os, signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
signal.signal(signal.SIGHUP, signal.SIG_IGN)
def stay():
    os.execve("/bin/sh", ["sh", "-c", "trap '' TERM HUP; while :; do sleep 1000; done", sys.argv[1]], dict())
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.close(1)
        os.close(2)
        os.fork()
        stay()
    os._exit(0)
os.wait()
print("away", flush=True)
stay()
"""
HAS_CHILDREN_FILE = pathlib.Path("/proc/thread-self/children").exists()


@unittest.skipUnless(HAS_CHILDREN_FILE, "this kernel has no /proc/PID/task/TID/children")
class Processes(PipelineTest):
    def setUp(self):
        super().setUp()
        self.mark = f"{self.scratch}/mark"
        self.hiding = [sys.executable, "-c", HIDING, self.mark]
        self.session = os.getsid(0)
        self.addCleanup(self.kill_left)

    def left(self):
        """The processes that are there of those commands, and of Fanmill itself; zombies aside."""
        pids = []
        for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
            try:
                if self.mark.encode() in path.read_bytes().split(b"\0"):
                    pids.append(int(path.parent.name))
            except OSError:
                pass  # it has just gone
        return pids

    def commands(self):
        """Of the commands alone."""
        pids = []
        for pid in self.left():
            try:
                if BIN not in pathlib.Path(os.readlink(f"/proc/{pid}/exe")).parents:
                    pids.append(pid)
            except OSError:
                pass
        return pids

    def hidden(self):
        """Those of them that have got where nobody finds them by their group, session or parent."""
        def has_hidden(pid):
            try:
                return b"while :" in pathlib.Path(f"/proc/{pid}/cmdline").read_bytes() and os.getsid(pid) != self.session
            except OSError:
                return False
        return [pid for pid in self.commands() if has_hidden(pid)]

    def kill_left(self):
        for pid in self.left():
            os.kill(pid, signal.SIGKILL)

    def test_nothing_is_left_of_commands_that_time_out(self):
        run = self.run_program("fanmill", "run", "-j50", "--timeout", "12s", "--kill-after", "100ms", "--format", "jsonl",
                               "--", *self.hiding, ":::", *map(str, range(50)))
        self.assertEqual(self.left(), [])
        self.assert_status(run, 1)
        self.assert_message(run, r"50 tasks: 0 ok, 50 failed")
        self.assertEqual(run.stdout.count(b'"error":"timed out after 12 s"'), 50, run.stdout[:500])
        # They had all hidden by then.
        self.assertEqual(run.stdout.count(b'"output":"away\\n"'), 50, run.stdout[:500])

    def test_nothing_is_left_of_one_while_the_worker_goes_on(self):
        run = self.start("fanmill", "run", "-j1", "-k", "--timeout", "2s", "--kill-after", "100ms", "--",
                         "sh", "-c", 'if [ "$1" = hide ]; then shift; exec "$@"; fi; echo "$1"', "sh", "{}",
                         *self.hiding, stdin=-1)
        run.write(b"hide\nnext\n")
        run.wait_until(lambda: b"next" in run.stdout, "the task after it")
        self.assertEqual(self.commands(), [])
        run.close_input()
        self.assert_status(run, 1)

    def test_a_timed_out_task_is_tried_again(self):
        run = self.run_program("fanmill", "run", "-j1", "--timeout", "300ms", "--retries", "2", "--shell",
                               'echo {}; if [ $FANMILL_ATTEMPT -lt 2 ]; then sleep 1000; fi', ":::", "x")
        self.assert_status(run, 0)
        self.assertEqual(run.stdout, b"x\n")

    def check_death(self, how):
        pipeline = Pipeline(self, "ipc", "-j2", "--", *self.hiding, workers=1)
        pipeline.give([b"a", b"b"])
        while len(self.hidden()) < 4 or len(self.commands()) < 6:
            self.assert_in_time(f"only {len(self.commands())} processes\n{pipeline.workers[0].stderr}")
        how(pipeline.workers[0])
        # What is not the worker's child any more ends a moment after it.
        while self.left():
            self.assert_in_time(f"{len(self.left())} processes are left")

    def test_a_worker_that_is_killed_leaves_no_command_behind(self):
        self.check_death(lambda worker: worker.signal(signal.SIGKILL))

    def test_a_worker_that_is_killed_with_its_group_leaves_none_either(self):
        def kill(worker):
            os.killpg(worker.process.pid, signal.SIGKILL)
        # A group for it alone.
        start = self.start
        self.start = lambda *words, **options: start(*words, **options, start_new_session=words[0] == "worker")
        self.check_death(kill)

    def test_a_worker_that_is_stopped_at_once_leaves_none_when_it_has_ended(self):
        def stop(worker):
            worker.signal(signal.SIGTERM)
            worker.wait_for_line("leaving")
            worker.signal(signal.SIGTERM)
            self.assert_status(worker, 128 + signal.SIGTERM)
            self.assertEqual(self.left(), [])
        self.check_death(stop)

    def test_what_timeout_sends_twice_is_asked_once(self):
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            with self.subTest(signal=number):
                run = self.run_program(shutil.which("timeout"), "-s", number, "-k", "60", "0.3", BIN / "fanmill", "run", "-j2",
                                       "--shell", "sleep 0.6; echo {}", ":::", *range(6))
                self.assertEqual(sorted(run.stdout.split()), [b"0", b"1"])
                self.assert_message(run, "6 tasks: 2 ok, .* 4 unfinished")

    def test_what_is_left_in_the_background_ends_with_the_run(self):
        run = self.run_program("fanmill", "run", "--shell", f"setsid sh -c 'sleep 1000; :' {self.mark} & echo {{}}", ":::", "a", "b")
        self.assert_status(run, 0)
        self.assertEqual(self.left(), [])

    def test_a_keeper_that_is_killed_costs_its_commands_and_no_more(self):
        run = self.start("fanmill", "run", "-j1", "-k", "--shell",
                         'if [ {} = wait ]; then echo $$ > pid; exec sleep 1000; fi; echo {}', cwd=self.scratch, stdin=-1)
        run.write(b"wait\nnext\n")
        self.wait_for_file(self.scratch / "pid", run)
        while not (text := (self.scratch / "pid").read_text()):
            self.assert_in_time("the command does not run")
        status = pathlib.Path(f"/proc/{int(text)}/status").read_text()
        keeper = int(status.split("PPid:")[1].split()[0])
        self.assertNotEqual(keeper, run.process.pid)
        os.kill(keeper, signal.SIGKILL)
        run.close_input()
        self.assert_status(run, 1)
        self.assertEqual(run.stdout, b"next\n")
        self.assert_message(run, "1 ok, 1 failed")
        self.assertIn("how it ended is not known", run.stderr)


class Limits(PipelineTest):
    def test_no_process_of_a_command_gets_more_memory_than_it_may(self):
        ask = "import sys; print(len(bytearray(int(sys.argv[1]))))"
        run = self.run_program("fanmill", "run", "--memory", "200M", sys.executable, "-c", ask, "{}",
                               ":::", "1000000", "1000000000")
        self.assert_status(run, 1)
        self.assertEqual(run.stdout, b"1000000\n")
        self.assertRegex(run.stderr, "MemoryError")

    def test_nor_does_a_co_process(self):
        answer = ("import sys\nfor line in sys.stdin:\n try: print(len(bytearray(int(line))))\n"
                  " except MemoryError: print('no')")
        run = self.run_program("fanmill", "run", "-j1", "-k", "--memory", "200M", "--coprocess", sys.executable, "-u",
                               "-c", answer, stdin=b"1000000000\n1000000\n")
        self.assert_status(run, 0)
        self.assertEqual(run.stdout, b"no\n1000000\n")

    @unittest.skipUnless(os.geteuid() == 0, "it becomes a user who has no processes")
    def test_a_command_starts_no_more_processes_than_its_user_may_have(self):
        # Where nobody else may look, the program is not to be found.
        program = shutil.copy(BIN / "fanmill", self.scratch)
        self.scratch.chmod(0o755)
        nobody = ["/usr/bin/setpriv", "--reuid=64999", "--regid=64999", "--clear-groups", "--"]
        text = 'i=0; while [ $i -lt {} ]; do sleep 1000 & i=$((i+1)); done; kill $(jobs -p); echo {}'
        run = self.run_program(*nobody, program, "run", "-j1", "--processes", "40", "--shell", text, ":::", "5", "60",
                               cwd="/")
        self.assert_status(run, 1)
        self.assertEqual(run.stdout, b"5\n")
        self.assertRegex(run.stderr, "[Cc]annot fork")
        refused = self.run_program("fanmill", "run", "--processes", "40", "true")
        self.assert_status(refused, 2)
        self.assert_message(refused, "--processes: the system holds root's processes to no such limit")


class Stdin(PipelineTest):
    def test_items_go_to_stdin_and_nothing_to_the_arguments(self):
        item = bytes(range(1, 256)) * 2000
        run = self.run_program("fanmill", "run", "-0", "--stdin", "--", "sh", "-c", 'cat; echo $#', stdin=item)
        self.assert_status(run, 0)
        self.assertEqual(run.stdout, item + b"0\n")

    def test_without_it_a_large_item_fails_and_is_told_of_it(self):
        run = self.run_program("fanmill", "run", "echo", stdin=b"x" * 200_000)
        self.assert_status(run, 1)
        self.assertRegex(run.stderr, "128 KiB.*--stdin")

    def test_a_command_that_does_not_read_hangs_nobody(self):
        items = b"".join(b"%d" % i + b"x" * 300_000 + b"\n" for i in range(40))
        for command in ("true", "exec 0<&-; head -c 300000 /dev/zero | wc -c", "head -c 1 >/dev/null"):
            with self.subTest(command=command):
                run = self.run_program("fanmill", "run", "-j4", "--stdin", "--shell", command, stdin=items)
                self.assert_status(run, 0)
                self.assert_message(run, "40 tasks: 40 ok")


if __name__ == "__main__":
    unittest.main()
