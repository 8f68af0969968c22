"""Co-processes: the real programs with `--coprocess`, and what becomes of processes that misbehave."""

import json
import os
import signal
import sys
import unittest

from programs import ROOT, Pipeline, PipelineTest

ECHO = 'while read -r i; do echo "$i"; done'

# Answers all that it finds at once in one write, and 5000 twice.
TWICE = """
import os, sys
while chunk := os.read(0, 1 << 16):
    lines = chunk.split(b"\\n")[:-1]
    os.write(1, b"".join((line + b"\\n") * (2 if line == b"5000" else 1) for line in lines))
"""


def numbers(count):
    return b"".join(b"%d\n" % number for number in range(count))


class Coprocess(PipelineTest):
    def coprocess(self, *arguments, **options):
        return self.run_program("fanmill", "run", "--coprocess", *arguments, **options)

    def test_the_example_loads_once_for_each_slot(self):
        run = self.run_program(ROOT / "examples/coprocess/run")
        self.assert_status(run, 0)
        lines = run.stdout.decode().splitlines()
        self.assertEqual(len(lines), 20000)
        self.assertEqual(lines[10:12], ["12: 2 2 3", "13: 13"])
        self.assertIn(run.stderr.count("the table is there"), (1, 2))

    def test_answers_are_followed_by_the_delimiter_of_the_input(self):
        run = self.coprocess("-k", "-0", "cat", stdin=b"a\0b\0")
        self.assert_status(run, 0)
        self.assertEqual(run.stdout, b"a\0b\0")
        run = self.coprocess("-k", "-0", "--framing", "null", "cat", stdin=b"a\nb\0\0")
        self.assertEqual(run.stdout, b"a\nb\0\0")
        run = self.coprocess("-k", "--framing", "length", "cat", ":::", "a\nb", "")
        self.assertEqual(run.stdout, b"a\nb\n\n")

    def test_every_item_once_and_in_order_over_ipc_and_tcp(self):
        lines = numbers(20000).split()
        for transport in ("ipc", "tcp"):
            with self.subTest(transport=transport):
                pipeline = Pipeline(self, transport, "--coprocess", "cat", sink=["-k"])
                pipeline.give(lines)
                pipeline.ventilator.close_input()
                pipeline.assert_complete(lines, keeps_order=True)

    def test_one_bad_item_fails_alone(self):
        body = 'while read -r i; do [ "$i" != 777 ] || { echo "bad $i" >&2; exit 9; }; echo "$i"; done'
        run = self.coprocess("-j2", "--format", "jsonl", body, stdin=numbers(5000))
        self.assert_status(run, 1)
        told = [json.loads(line) for line in run.stdout.splitlines()]
        self.assertEqual(len(told), 5000)
        failed = [one for one in told if one["outcome"] != "ok"]
        self.assertEqual([(one["item"], one["exit"], one["stderr"]) for one in failed], [("777", 9, "bad 777\n")])
        self.assertTrue(all(one["output"] == one["item"] for one in told if one["outcome"] == "ok"))

    def test_an_item_that_died_once_is_tried_again(self):
        body = 'while read -r i; do [ "$i" != 7 ] || [ -e tried ] || { : > tried; kill -9 $$; }; echo "$i"; done'
        run = self.coprocess("-j1", "-k", "--retries", "1", body, stdin=numbers(100), cwd=self.scratch)
        self.assert_status(run, 0)
        self.assertEqual(run.stdout, numbers(100))

    def test_an_answer_too_many_in_a_batch_leaves_none_of_it_to_the_wrong_item(self):
        run = self.coprocess("-j1", "--format", "jsonl", sys.executable, "-c", TWICE, stdin=numbers(10000))
        self.assert_status(run, 1)
        told = [json.loads(line) for line in run.stdout.splitlines()]
        self.assertEqual(len(told), 10000)
        self.assertEqual([one for one in told if one["outcome"] == "ok" and one["output"] != one["item"]], [])
        failed = [one for one in told if one["outcome"] != "ok"]
        self.assertIn("5000", [one["item"] for one in failed])
        self.assertEqual({one["error"] for one in failed},
                         {"the co-process wrote an answer that it had not been asked for"})

    def test_one_that_never_answers_times_out_item_by_item(self):
        run = self.coprocess("-j1", "--timeout", "200ms", "cat > /dev/null", ":::", "a", "b")
        self.assert_status(run, 1)
        self.assert_message(run, "timed out after 200 ms")

    def test_a_crash_loop_ends_the_worker_and_says_why(self):
        run = self.coprocess("-j1", "echo cannot load it >&2; exit 4", stdin=numbers(1000))
        self.assert_status(run, 3)
        self.assert_message(run, r"echo cannot load it.*5 times in a row.*exit status 4; its last words: cannot load it")
        pipeline = Pipeline(self, "ipc", "--coprocess", "exit 4", workers=1)
        pipeline.give([b"x"] * 100)
        self.assert_status(pipeline.workers[0], 3)
        self.assert_message(pipeline.workers[0], "exit status 4; it wrote nothing to stderr")

    def test_a_command_that_is_not_there_is_3(self):
        run = self.coprocess("no-such-command-here", ":::", "a")
        self.assert_status(run, 3)
        self.assert_message(run, "cannot run 'no-such-command-here': no such file")

    def test_nothing_is_left_of_it_when_its_worker_is_killed(self):
        fifo = self.scratch / "held"
        os.mkfifo(fifo)
        # Whoever reads the fifo sees its end when the last of those has gone that hold it.
        body = f"exec 3> {fifo}; setsid sh -c 'trap \"\" TERM; sleep 1000' & {ECHO}"
        run = self.start("fanmill", "run", "-j1", "--coprocess", body, stdin=-1)
        run.write(b"a\n")
        with open(fifo, "rb") as held:
            run.wait_for_results(1)
            run.signal(signal.SIGKILL)
            self.assertEqual(held.read(), b"")

    def test_contradictions_are_2(self):
        for arguments, pattern in ((["--stdin", "cat"], "--stdin"), (["--function", "echo"], "--function"),
                                   (["--dry-run", "cat"], "--dry-run"), (["--ungroup", "cat"], "--ungroup"),
                                   (["cat", "{}"], r"\{\}"), (["--framing", "lines", "cat"], "line, null or length"),
                                   (["--framing", "", "cat"], "--framing"), (["--framing"], "a value is missing"),
                                   ([], "no COMMAND")):
            with self.subTest(arguments=arguments):
                run = self.coprocess(*arguments, ":::", "a") if arguments != ["--framing"] else \
                    self.run_program("fanmill", "run", "--coprocess", "--framing")
                self.assert_status(run, 2)
                self.assert_message(run, pattern)
        run = self.run_program("fanmill", "run", "--framing", "null", "cat", ":::", "a")
        self.assert_status(run, 2)
        self.assert_message(run, "--framing: .*--coprocess")


if __name__ == "__main__":
    unittest.main()
