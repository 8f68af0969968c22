"""Where results go: what each form looks like to who reads it, what happens when it cannot be written, and that a
flood stays within its bounds."""

import json
import os
import pathlib
import shutil
import stat
import struct
import unittest

from programs import BIN, Pipeline, PipelineTest

MIXED = 'echo {}; echo err-{} >&2; case {} in exit) exit 7;; kill) kill -9 $$;; esac'
ITEMS = ["ok", "exit", "kill"]


class Forms(PipelineTest):
    def test_tag_stands_before_every_line_of_stdout_and_stderr(self):
        run = self.run_program("fanmill", "run", "-k", "-q", "--tag", "--shell",
                               'printf "1\n\n2"; echo e >&2; : {}', ":::", "a", "b")
        self.assert_status(run, 0)
        self.assertEqual(run.stdout, b"a\t1\na\t\na\t2b\t1\nb\t\nb\t2")
        self.assertEqual(run.stderr, "a\te\nb\te\n")

    def test_item_and_output_may_both_be_as_long_as_is_allowed(self):
        item = b"x" * 3_900_000
        longest = ["--max-message", "4M"]
        pipeline = Pipeline(self, "ipc", *longest, "--stdin", "--", "cat", workers=1, ventilator=longest,
                            sink=["--format", "jsonl", *longest])
        pipeline.give([item])
        pipeline.ventilator.close_input()
        pipeline.sink.wait()
        self.assert_status(pipeline.sink, 0)
        told = json.loads(pipeline.sink.stdout)
        self.assertEqual((told["outcome"], told["item"], told["output"]), ("ok", item.decode(), item.decode()))

    def test_tag_in_a_sink_of_its_own(self):
        pipeline = Pipeline(self, "ipc", "--", "printf", "%s\n", sink=["-k", "--tag"])
        pipeline.give([b"x", b"y"])
        pipeline.ventilator.close_input()
        pipeline.assert_complete([b"x\tx", b"y\ty"], keeps_order=True)

    def test_lengths_stand_before_outputs(self):
        run = self.run_program("fanmill", "run", "-k", "--format", "length", "--shell", MIXED, ":::", *ITEMS)
        self.assert_status(run, 1)
        self.assertEqual(run.stdout, b"".join(struct.pack(">I", len(item) + 1) + item.encode() + b"\n" for item in ITEMS))

    def test_exit_statuses_and_signals_are_told_apart(self):
        log = self.scratch / "log"
        run = self.run_program("fanmill", "run", "-k", "--joblog", log, "--format", "jsonl", "--shell", MIXED, ":::", *ITEMS)
        self.assert_status(run, 1)
        told = [json.loads(line) for line in run.stdout.splitlines()]
        self.assertEqual([one["outcome"] for one in told], ["ok", "failed", "failed"])
        self.assertEqual([one.get("exit") for one in told], [None, 7, None])
        self.assertEqual([one.get("signal") for one in told], [None, None, 9])
        self.assertEqual([one["stderr"] for one in told], [f"err-{item}\n" for item in ITEMS])
        header, *lines = log.read_text().splitlines()
        self.assertEqual(header.split("\t"), ["Seq", "Host", "Starttime", "JobRuntime", "Send", "Receive", "Exitval",
                                              "Signal", "Command"])
        rows = sorted(line.split("\t") for line in lines)
        self.assertEqual([(row[0], row[5], row[6], row[7]) for row in rows],
                         [("1", "3", "0", "0"), ("2", "5", "7", "0"), ("3", "5", "0", "9")])
        self.assertTrue(rows[1][8].startswith("echo exit; "), rows[1])

    def test_job_log_of_a_sink_and_of_stored_results(self):
        log = self.scratch / "log"
        pipeline = Pipeline(self, "ipc", "--", "printf", "%s\n", workers=1, sink=["--joblog", log])
        pipeline.give([b"x", b"y"])
        pipeline.ventilator.close_input()
        pipeline.assert_complete([b"x", b"y"])
        self.assertEqual(sorted(line.split("\t")[8] for line in log.read_text().splitlines()[1:]), ["x", "y"])

    def test_export_takes_the_same_forms(self):
        file = self.scratch / "x.db"
        self.assert_status(self.run_program("fanmill", "run", "--results", file, "echo", ":::", "a", "b"), 0)
        export = lambda *options: self.run_program("fanmill", "export", file, *options)
        self.assertEqual(export("--tag").stdout, b"a\ta\nb\tb\n")
        self.assertEqual(export("--format", "length").stdout, b"\0\0\0\2a\n\0\0\0\2b\n")
        maps = export("--format", "msgpack")
        self.assert_status(maps, 0)
        self.assertEqual(maps.stdout.count(b"\xa6output\xc4\x02"), 2)
        refused = export("--tag", "--format", "joblog")
        self.assert_status(refused, 2)
        self.assert_message(refused, "--tag")

    def test_ungrouped_output_comes_at_once(self):
        # It would wait for the fifo for ever if what it wrote before were kept for its end.
        fifo = self.scratch / "go"
        os.mkfifo(fifo)
        run = self.start("fanmill", "run", "-q", "--ungroup", "--shell", 'echo {}; echo err >&2; read x < go; echo $x',
                         ":::", "a", cwd=self.scratch)
        run.wait_for_results(1)
        run.wait_for_line("^err$")
        self.assertEqual(run.stdout, b"a\n")
        fifo.write_text("b\n")
        self.assert_status(run, 0)
        self.assertEqual(run.stdout, b"a\nb\n")

    def test_stderr_is_grouped_by_task(self):
        run = self.run_program("fanmill", "run", "-q", "-j4", "--shell",
                               'for i in 1 2 3 4 5; do echo {}-$i >&2; done', ":::", *map(str, range(20)))
        lines = run.stderr.splitlines()
        self.assertEqual(len(lines), 100)
        for first in range(0, 100, 5):
            task = lines[first].split("-")[0]
            self.assertEqual(lines[first:first + 5], [f"{task}-{i}" for i in range(1, 6)])


class Failures(PipelineTest):
    def test_a_full_disk_is_3_in_every_form(self):
        for form in ("raw", "jsonl", "msgpack", "length"):
            with self.subTest(form=form), open("/dev/full", "wb") as full:
                summary = self.scratch / "summary"
                run = self.run_program("fanmill", "run", "--format", form, "--summary-json", summary, "echo", ":::", "a",
                                       stdout=full)
                self.assert_status(run, 3)
                self.assert_message(run, "cannot write results to standard output: no space left on device")
                self.assertRegex(run.stderr.splitlines()[-1], "^fanmill: 1 task: 0 ok, 0 failed, 0 dead; 1 unfinished; ")
                told = json.loads(summary.read_text())
                self.assertEqual([told[name] for name in ("exit_status", "tasks", "ok", "unfinished")], [3, 1, 0, 1])

    def test_a_job_log_on_a_full_disk_is_3(self):
        run = self.run_program("fanmill", "run", "--joblog", "/dev/full", "echo", ":::", "a")
        self.assert_status(run, 3)
        self.assert_message(run, "cannot write the job log '/dev/full': no space left on device")

    def test_a_job_log_that_nobody_reads_any_more_is_3(self):
        fifo = self.scratch / "log"
        os.mkfifo(fifo)
        run = self.start("fanmill", "run", "--joblog", fifo, "--function", "echo", stdin=-1)
        with open(fifo, "rb"):
            pass
        run.write(b"a\n" * 10)
        run.close_input()
        self.assert_status(run, 3)
        self.assert_message(run, "cannot write the job log '.*log': nobody reads it any more")

    def test_a_job_log_that_is_the_results_too_is_refused(self):
        out = self.scratch / "out"
        with open(out, "wb") as file:
            run = self.run_program("fanmill", "run", "--joblog", "/dev/stdout", "echo", ":::", "a", stdout=file)
        self.assert_status(run, 2)
        self.assert_message(run, "--joblog: '/dev/stdout' is the file of the results too")

    def test_stderr_that_cannot_be_written_does_not_stop_the_work(self):
        out = self.scratch / "out"
        with open("/dev/full", "wb") as full:
            run = self.start("fanmill", "run", "-o", out, "--shell", "echo {}; echo x >&2", ":::", "1", "2", stderr=full)
            self.assertEqual(run.process.wait(60), 0)
        self.assertEqual(sorted(out.read_text().split()), ["1", "2"])

    def test_a_job_log_in_no_directory_is_3_before_anything_runs(self):
        run = self.run_program("fanmill", "run", "--joblog", self.scratch / "no" / "log", "touch", self.scratch / "ran",
                               ":::", "a")
        self.assert_status(run, 3)
        self.assert_message(run, "cannot write the job log .*no such file or directory")
        self.assertFalse((self.scratch / "ran").exists())

    def test_an_output_whose_place_is_taken_at_the_end_is_3_and_stays_beside(self):
        out = self.scratch / "out"
        run = self.start("fanmill", "run", "-o", out, "echo", stdin=-1)
        self.wait_for_file(self.scratch / "out.partial", run)
        (out / "in the way").mkdir(parents=True)
        run.write(b"a\n")
        run.close_input()
        self.assert_status(run, 3)
        self.assert_message(run, f"cannot write results to '{out}': is a directory; everything is in '{out}.partial'")
        self.assertEqual((self.scratch / "out.partial").read_bytes(), b"a\n")

    def test_where_the_results_of_a_run_that_was_cut_short_are_is_said(self):
        out = self.scratch / "out"
        # Without the sleep the last one may be done before anybody hears of the failure, and then nothing is cut short.
        run = self.run_program("fanmill", "run", "-q", "-k", "-j1", "-o", out, "--halt", "now,fail=1", "--shell",
                               "echo {}; case {} in b) exit 1;; c) sleep 60;; esac", ":::", "a", "b", "c")
        self.assert_status(run, 3)
        self.assert_message(run, f"what there is of the results is in '{out}.partial'")
        self.assertTrue((self.scratch / "out.partial").read_bytes().startswith(b"a\n"))
        self.assertFalse(out.exists())

    def test_a_run_that_cannot_start_leaves_no_file_behind(self):
        run = self.run_program("fanmill", "run", "-o", self.scratch / "out", "-a", self.scratch / "nowhere", "echo")
        self.assert_status(run, 3)
        self.assertEqual(os.listdir(self.scratch), [])

    def test_a_full_disk_is_3_and_says_where_the_results_are(self):
        run = self.run_program("/bin/sh", "-c", 'ulimit -f 8; exec "$@"', "sh", BIN / "fanmill", "run", "-o", "out", "--shell",
                               "head -c 20000 /dev/zero; : {}", ":::", "a", cwd=self.scratch)
        self.assert_status(run, 3)
        self.assert_message(run, "cannot write results to 'out': file too large; what there is stays in '.*out.partial'")
        self.assertEqual(os.listdir(self.scratch), ["out.partial"])

    def test_output_that_is_not_kept_is_told_of_even_to_the_quiet(self):
        run = self.run_program("fanmill", "run", "-q", "-k", "--max-output", "10", "--summary-json", "/dev/stdout",
                               "--shell", "printf 123456789012345{}", ":::", "a", "b")
        self.assert_status(run, 0)
        self.assertTrue(run.stdout.startswith(b"12345678901234567890"), run.stdout)
        self.assertRegex(run.stderr, r"stdout of 2 tasks \(.*\) was longer than --max-output: its end is lost, 12 B")
        self.assertIn(b'"outputs_cut": 2', run.stdout)

    def test_a_device_stays_one(self):
        run = self.run_program("fanmill", "run", "--summary-json", "/dev/full", "echo", ":::", "a")
        self.assert_status(run, 3)
        self.assert_message(run, "cannot write the summary to '/dev/full': no space left on device")
        self.assertTrue(stat.S_ISCHR(os.stat("/dev/full").st_mode))

    def test_a_reader_that_goes_is_141_in_silence_in_every_form(self):
        bash = shutil.which("bash")
        for options in ("--tag", "--format msgpack", "--format length", "--format jsonl"):
            with self.subTest(options=options):
                command = (f"seq 100000 | '{self.path_of('fanmill')}' run {options} --function echo | head -c 10 > /dev/null;"
                           " exit ${PIPESTATUS[1]}")
                run = self.run_program(bash, "-c", command)
                self.assert_status(run, 141)
                self.assertEqual(run.stderr, "")


class Floods(PipelineTest):
    def test_a_flood_on_both_streams_is_kept_up_to_the_limits_in_bounded_memory(self):
        flood = 'head -c 300000000 /dev/zero >&2 & head -c 300000000 /dev/zero; wait; : {}'
        run = self.start("fanmill", "run", "-j2", "--max-output", "1M", "--format", "jsonl", "--shell", flood, ":::", "a", "b")
        peak = 0
        while run.process.poll() is None:
            try:
                status = pathlib.Path(f"/proc/{run.process.pid}/status").read_text()
                peak = max([peak] + [int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")])
            except OSError:
                pass
            self.assert_in_time("the floods go on")
        self.assert_status(run, 0)
        for line in run.stdout.splitlines():
            told = json.loads(line)
            self.assertEqual(told["output_dropped"], 300_000_000 - (1 << 20))
            self.assertEqual(told["stderr_dropped"], 300_000_000 - (64 << 10))
        self.assertEqual(run.stdout.count(b"\n"), 2)
        self.assertGreater(peak, 0)
        self.assertLess(peak, 100_000, "KiB of resident memory")


if __name__ == "__main__":
    unittest.main()
