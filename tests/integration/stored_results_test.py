"""Results in a file, over the real programs: killed and gone on with, with another input; audited and exported.

What is stored is judged with SQL of the tests' own, and by a file to which each task appends its item."""

import json
import os
import signal
import sqlite3
import unittest

from programs import APPEND, BIN, ResultsTest


class StoredResultsTest(ResultsTest):
    def run_with(self, items, *arguments, work=("--function", "echo"), **options):
        lines = "".join(f"{item}\n" for item in items).encode()
        return self.run_program("fanmill", "run", "-j2", "--results", self.file, *arguments, *work,
                                stdin=lines, cwd=self.scratch, **options)

    def audit(self, status):
        program = self.run_program("fanmill", "audit", self.file)
        self.assertEqual(program.status, status, program.stdout.decode() + program.stderr)
        return program.stdout.decode()

    def test_killed_in_the_middle_and_gone_on_with_after_the_input_was_edited(self):
        items = [f"item{i}" for i in range(400)]
        program = self.start("fanmill", "run", "-j2", "--results", self.file, "--shell", APPEND,
                             stdin="".join(f"{item}\n" for item in items).encode(), cwd=self.scratch,
                             start_new_session=True)
        while len(self.appended()) < 100:
            self.assert_in_time("no progress")
        os.killpg(program.process.pid, signal.SIGKILL)
        self.assertEqual(program.wait(), 128 + signal.SIGKILL)
        self.assertIn("not complete", self.audit(1))
        before = len(self.ask("SELECT id FROM result"))
        self.assertGreater(before, 0)
        self.assertLess(before, len(items))

        # Taken from, added to, moved, and one item twice.
        edited = ["new1", *reversed(items[10:]), "new2", "item20"]
        program = self.run_with(edited, "--resume", work=("--shell", APPEND))
        self.assertEqual(program.status, 0, program.stderr)
        self.assertEqual(program.stdout, b"")
        self.assertIn(f"{len(edited)} tasks: {len(edited)} ok", self.audit(0))
        self.assertEqual([item for item, in self.ask("SELECT item FROM last_run ORDER BY task")], edited)
        self.assertEqual(self.ask("SELECT count(*) - count(DISTINCT task) FROM last_run"), [(0,)])
        # What was in flight, and it alone, ran twice: two slots, and what they had done but not said.
        runs = self.appended()
        self.assertEqual(set(runs), set(edited) | set(items[:10]) & set(runs))
        self.assertLess(len(runs) - len(set(runs)), 40)

    def test_failures_are_stored_and_run_again_when_asked(self):
        items = [str(i) for i in range(50)]
        work = ("--shell", 'echo out {}; echo err {} >&2; [ -e repaired ] || [ $(({} % 10)) != 0 ]')
        program = self.run_with(items, work=work)
        self.assertEqual(program.status, 1, program.stderr)
        self.assertEqual(self.ask("SELECT item, exit, stderr FROM last_run WHERE outcome = 'failed' ORDER BY task"),
                         [(str(i), 1, f"err {i}\n") for i in range(0, 50, 10)])
        self.assertEqual(self.run_with(items, "--resume", work=work).status, 1)
        (self.scratch / "repaired").touch()
        program = self.run_with(items, "--retry-failed", work=work)
        self.assertEqual(program.status, 0, program.stderr)
        self.assertEqual(self.ask("SELECT outcome, count(*) FROM result GROUP BY outcome"), [("ok", 50)])
        self.audit(0)

    def test_halted_it_ends_with_3_and_goes_on_where_it_was(self):
        items = [str(i) for i in range(400)]
        work = ("-j1", "--shell", f'{APPEND}; [ -e repaired ] || [ $(({{}} % 20)) != 19 ]')
        program = self.run_with(items, "--halt", "soon,fail=3", work=work)
        self.assertEqual(program.status, 3, program.stderr)
        self.assert_message(program, r"halted after 3 failed tasks \(--halt\)")
        # What was out when the third failed has ended in order: 59 is that one, and a few were behind it.
        done = len(self.ask("SELECT id FROM result"))
        self.assertGreaterEqual(done, 60)
        self.assertLess(done, 100)
        self.assertEqual(len(self.appended()), done)
        self.assertRegex(program.stderr, rf"{done} tasks: {done - done // 20} ok, {done // 20} failed|unfinished")

        program = self.run_with(items, "--resume", "--halt", "now,fail=1", work=work)
        self.assertEqual(program.status, 3, program.stderr)
        self.assert_message(program, r"halted after 1 failed tasks? \(--halt\)")
        (self.scratch / "repaired").touch()
        program = self.run_with(items, "--retry-failed", "--halt", "soon,fail=1", work=work)
        self.assertEqual(program.status, 0, program.stderr)
        self.assertEqual(self.ask("SELECT outcome, count(*), count(DISTINCT key) FROM result GROUP BY outcome"),
                         [("ok", 400, 400)])
        self.audit(0)

    def test_the_sink_of_its_own_stores_too(self):
        endpoint = self.endpoint("ipc")
        items = [f"item {i}" for i in range(300)]
        for extra, fresh in ((), 300), (("--resume",), 1):
            ventilator = self.start("ventilator", "--bind", endpoint,
                                    stdin="".join(f"{item}\n" for item in items).encode())
            worker = self.start("worker", "--connect", endpoint, "-j2", "--function", "sha256")
            sink = self.start("sink", "--connect", endpoint, "--results", self.file, *extra,
                              "--summary-json", self.scratch / "summary.json")
            for program in ventilator, worker, sink:
                self.assert_status(program, 0)
            self.assertEqual(sink.stdout, b"")
            self.assertEqual(self.ask("SELECT count(*) FROM result WHERE run = (SELECT max(id) FROM run)"), [(fresh,)])
            self.assertEqual([item for item, in self.ask("SELECT item FROM last_run")], items)
            self.assertEqual(json.loads((self.scratch / "summary.json").read_text())["exit_status"], 0)
            self.audit(0)
            items.insert(7, "a new one")

    def test_export_is_what_the_run_would_have_written(self):
        items = [f"item {i}" for i in range(2000)]
        self.assertEqual(self.run_with(items).status, 0)
        wanted = "".join(f"{item}\n" for item in items).encode()
        self.assertEqual(self.run_program("fanmill", "export", self.file).stdout, wanted)
        out = self.scratch / "out"
        self.assertEqual(self.run_program("fanmill", "export", "-o", out, self.file).status, 0)
        self.assertEqual(out.read_bytes(), wanted)
        lines = self.run_program("fanmill", "export", self.file, "--format", "jsonl").stdout.splitlines()
        self.assertEqual([json.loads(line)["output"] for line in lines], items)
        log = self.run_program("fanmill", "export", self.file, "--format", "joblog").stdout.decode().splitlines()
        self.assertEqual(log[0].split("\t"), ["Seq", "Host", "Starttime", "JobRuntime", "Send", "Receive", "Exitval",
                                              "Signal", "Command"])
        self.assertEqual([line.split("\t")[0] for line in log[1:]], [str(i + 1) for i in range(2000)])

    def test_export_to_a_reader_that_goes_away_ends_in_silence(self):
        items = [f"a rather long item with the number {i}" for i in range(100000)]
        self.assertEqual(self.run_with(items).status, 0)
        head = self.run_program("/bin/sh", "-c", f"'{BIN}/fanmill' export '{self.file}' | head -n 1")
        self.assertEqual(head.stdout, items[0].encode() + b"\n")
        self.assertEqual(head.stderr, "")
        status = self.run_program("/bin/bash", "-c", f"'{BIN}/fanmill' export '{self.file}' | head -n 1 >/dev/null; "
                                  "echo ${PIPESTATUS[0]}")
        self.assertEqual(status.stdout, b"141\n")

    def test_export_does_not_write_over_what_it_reads_nor_tag_what_it_does_not_know(self):
        self.assert_status(self.run_with(["a", "b"]), 0)
        export = self.run_program("fanmill", "export", self.file, "-o", f"{self.file.parent}/./{self.file.name}")
        self.assert_status(export, 2)
        self.assert_message(export, "--output: .* is the FILE.db that is read")
        self.audit(0)
        export = self.run_program("fanmill", "export", self.file, "--tag")
        self.assert_status(export, 2)
        self.assert_message(export, "--tag: items are not stored")
        self.file.unlink()
        self.assert_status(self.run_with(["a", "", "b"], work=("--shell", "echo x; : {}")), 0)
        self.assertEqual(self.run_program("fanmill", "export", self.file, "--tag").stdout, b"a\tx\n\tx\nb\tx\n")
        self.assertEqual(self.ask("SELECT item FROM last_run ORDER BY task"), [("a",), ("",), ("b",)])

    def test_a_named_pipe_is_no_results_file(self):
        os.mkfifo(self.file)
        for name in ("audit", "export"):
            program = self.run_program("fanmill", name, self.file)
            self.assert_status(program, 3)
            self.assert_message(program, "it is not a plain file")

    def test_audit_says_what_does_not_hold_and_what_cannot_be_read(self):
        self.assertEqual(self.run_with(range(100)).status, 0)
        self.assertEqual(self.audit(0), "100 tasks: 100 ok, 0 failed, 0 dead; 0 unfinished; run 1, complete\n")
        database = sqlite3.connect(self.file)
        with database:
            database.execute("DELETE FROM result WHERE task = 17")
        database.close()
        self.assertIn("does not hold: without an outcome, the first of each gap: task 17\n", self.audit(1))
        self.file.write_bytes(b"no database" * 1000)
        program = self.run_program("fanmill", "audit", self.file)
        self.assertEqual(program.status, 3)
        self.assert_message(program, "cannot read results from '.*': it is not an SQLite database")
        self.assertEqual(self.run_program("fanmill", "audit", self.scratch / "none.db").status, 3)
        self.assertEqual(self.run_program("fanmill", "audit").status, 2)

    def test_a_file_that_is_there_or_in_use_is_refused(self):
        self.assertEqual(self.run_with(["a"]).status, 0)
        program = self.run_with(["a"])
        self.assertEqual(program.status, 2)
        self.assert_message(program, "--results: '.*results.db' is there already; give --resume")
        first = self.start("fanmill", "run", "--results", self.file, "--resume", "--function", "echo",
                           stdin=-1, cwd=self.scratch)
        wal = self.scratch / "results.db-wal"
        self.wait_for_file(wal, first)
        second = self.run_with(["a"], "--resume")
        self.assertEqual(second.status, 3)
        self.assert_message(second, rf"it is in use by another sink \(process {first.process.pid}\)")
        first.close_input()
        self.assert_status(first, 0)


if __name__ == "__main__":
    unittest.main()
