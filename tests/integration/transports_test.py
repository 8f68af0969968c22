"""100,000 lines through --function echo over each transport, and a process per task over each."""

import unittest

from programs import Pipeline, PipelineTest

LINES = [b"line %d" % number for number in range(100_000)]
INPUT = b"".join(line + b"\n" for line in LINES)


class Transports(PipelineTest):
    def check(self, output, keeps_order):
        got = output.split(b"\n")
        self.assertEqual(got.pop(), b"")
        self.assert_lines(got if keeps_order else sorted(got), LINES if keeps_order else sorted(LINES))

    def check_processes(self, transport, *sink):
        pipeline = Pipeline(self, transport, "--function", "echo", sink=sink, stdin=INPUT)
        pipeline.assert_complete(LINES, keeps_order=bool(sink))
        for worker in pipeline.workers:
            self.assert_status(worker, 0)

    def test_inproc_run_gives_each_line_once(self):
        for options in ([], ["-k"]):
            with self.subTest(options=options):
                run = self.run_program("fanmill", "run", "-j2", *options, "--function", "echo", stdin=INPUT)
                self.assert_status(run, 0)
                self.check(run.stdout, keeps_order=bool(options))
                self.assert_message(run, r"100000 tasks: 100000 ok, 0 failed, 0 dead; .*0 unfinished")

    def test_inproc_ventilator_hosts_all_stages(self):
        run = self.run_program("ventilator", "--bind", "inproc://mill", "-j2", "-k", "--function", "echo",
                               stdin=INPUT)
        self.assert_status(run, 0)
        self.check(run.stdout, keeps_order=True)

    def test_ipc_processes_give_each_line_once(self):
        self.check_processes("ipc")

    def test_ipc_processes_keep_the_order(self):
        self.check_processes("ipc", "-k")

    def test_tcp_processes_give_each_line_once(self):
        self.check_processes("tcp")

    def test_tcp_processes_keep_the_order(self):
        self.check_processes("tcp", "-k")

    def test_a_process_per_task(self):
        wanted = [b"%d" % (number * number) for number in range(100)]
        items = b"".join(b"%d\n" % number for number in range(100))
        command = ["--shell", "echo $(({} * {}))"]
        run = self.run_program("fanmill", "run", "-j2", "-k", *command, stdin=items)
        self.assert_status(run, 0)
        self.assert_lines(run.stdout.split(), wanted)
        for transport in ("ipc", "tcp"):
            with self.subTest(transport=transport):
                pipeline = Pipeline(self, transport, *command, sink=["-k"], stdin=items)
                pipeline.assert_complete(wanted, keeps_order=True)

    def test_run_takes_workers_from_elsewhere(self):
        for transport in ("ipc", "tcp"):
            with self.subTest(transport=transport):
                endpoint = self.endpoint(transport)
                run = self.start("fanmill", "run", "--listen", endpoint, "--remote-only", "-k", stdin=INPUT)
                worker = self.start("worker", "--connect", endpoint, "--function", "echo")
                self.assert_status(run, 0)
                self.assert_status(worker, 0)
                self.check(run.stdout, keeps_order=True)

    def test_small_windows_and_no_prefetch_change_nothing(self):
        lines = LINES[:3000]
        given = b"".join(line + b"\n" for line in lines)
        for options in (["--window", "1"], ["--prefetch", "0"], ["--window", "7", "--prefetch", "3"]):
            with self.subTest(options=options):
                pipeline = Pipeline(self, "ipc", "--function", "echo", ventilator=options, stdin=given)
                pipeline.assert_complete(lines)


if __name__ == "__main__":
    unittest.main()
