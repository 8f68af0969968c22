"""fanmill status: what a run is doing, whoever asks for it, and what is said where there is none."""

import contextlib
import ctypes
import json
import os
import signal
import socket
import subprocess
import threading
import time
import unittest

from curve_peers import LINGER, RCVTIMEO, _set, zmq
from programs import BIN, LIMIT, PipelineTest, Pipeline, free_port

ROUTER = 6


class Answering:
    """A ROUTER that answers whatever comes with the same frame."""

    def __init__(self, endpoint, frame):
        self._context = zmq.zmq_ctx_new()
        self._socket = zmq.zmq_socket(ctypes.c_void_p(self._context), ROUTER)
        _set(self._socket, LINGER, 0)
        _set(self._socket, RCVTIMEO, 100)
        assert zmq.zmq_bind(ctypes.c_void_p(self._socket), endpoint.encode()) == 0
        self._over = False
        self._thread = threading.Thread(target=self._answer, args=(frame,), daemon=True)
        self._thread.start()

    def _answer(self, frame):
        peer, question = ctypes.create_string_buffer(256), ctypes.create_string_buffer(4096)
        bound = ctypes.c_void_p(self._socket)
        while not self._over:
            size = zmq.zmq_recv(bound, peer, len(peer), 0)
            if size < 0:
                continue
            zmq.zmq_recv(bound, question, len(question), 0)
            zmq.zmq_send(bound, peer, size, 2)  # ZMQ_SNDMORE
            zmq.zmq_send(bound, frame, len(frame), 0)

    def close(self):
        self._over = True
        self._thread.join(LIMIT)
        zmq.zmq_close(ctypes.c_void_p(self._socket))
        zmq.zmq_ctx_term(ctypes.c_void_p(self._context))


class Status(PipelineTest):
    def setUp(self):
        super().setUp()
        # What other tests run meanwhile is this user's too: each looks for its own.
        self.runtime = self.scratch / "runtime"
        self.runtime.mkdir(mode=0o700)
        self.environment = {**os.environ, "XDG_RUNTIME_DIR": str(self.runtime)}

    def launch(self, *arguments, **options):
        return self.start(*arguments, env=self.environment, **options)

    def ask(self, *arguments):
        program = self.launch("fanmill", "status", *arguments)
        program.status = program.wait()
        return program

    def runs(self, *arguments):
        return json.loads(self.ask("--json", *arguments).stdout)["runs"]

    def wait_for_run(self, program, condition=lambda run: True, *arguments):
        """The status of a run, once it is so."""
        while True:
            with contextlib.suppress(json.JSONDecodeError):
                for run in self.runs(*arguments):
                    if run["pid"] == program.process.pid and condition(run):
                        return run
            self.assertIsNone(program.process.poll(), f"{program} has ended\n{program.stderr}")
            self.assert_in_time(f"{program}: it is never so")

    @staticmethod
    def codes(run):
        return [wait["code"] for wait in run["waits"]]

    def test_a_run_on_this_host_is_found_and_told_of(self):
        program = self.launch("fanmill", "run", "-j2", "--function", "echo", stdin=subprocess.PIPE)
        program.write(b"a\nb\nc\n")
        program.wait_for_results(3)
        run = self.wait_for_run(program, lambda run: run["tasks"]["ok"] == 3)
        self.assertRegex(run["run"], "^[0-9a-f]{16}$")
        self.assertTrue(run["endpoint"].startswith("inproc://"))
        self.assertEqual(run["tasks"], {"read": 3, "total": None, "pending": 0, "unchecked": 0, "delayed": 0,
                                        "suspects": 0, "out": 0, "ok": 3, "failed": 0, "dead": 0, "restored": 0,
                                        "redelivered": 0})
        self.assertGreater(run["rate"], 0)
        self.assertIsNone(run["left_seconds"])
        self.assertEqual(run["worker_count"], 1)
        worker, = run["workers"]
        self.assertEqual((worker["state"], worker["slots"], worker["held"], worker["done"], worker["lost"]),
                         ("working", 2, 0, 3, 0))
        self.assertEqual(worker["pid"], program.process.pid)
        self.assertEqual((run["sink"]["queue"], run["sink"]["lost"]), (0, False))
        self.assertEqual(self.codes(run), ["input"])
        table = self.ask().stdout.decode()
        self.assertIn(f"pid {program.process.pid}", table)
        self.assertIn("  waits    the input is slower than the workers\n", table)
        program.close_input()
        self.assert_status(program, 0)
        self.assertEqual(list((self.runtime / "fanmill").iterdir()), [])

    def test_what_it_waits_for_from_the_start_to_the_end(self):
        endpoint = self.endpoint("ipc")
        ventilator = self.launch("ventilator", "--bind", endpoint, "--min-workers", "2", ":::", "1", "2", "3")
        run = self.wait_for_run(ventilator, lambda run: run["tasks"]["total"] == 3)
        self.assertEqual(self.codes(run), ["no_sink", "no_worker"])
        self.assertIsNone(run["sink"])
        self.start("sink", "--connect", endpoint)
        self.wait_for_run(ventilator, lambda run: self.codes(run) == ["no_worker"], endpoint)
        gate = self.scratch / "gate"
        os.mkfifo(gate)
        work = ["--shell", f"cat {gate}; true"]
        first = self.start("worker", "--connect", endpoint, "-j1", "--name", "first", *work)
        self.wait_for_run(ventilator, lambda run: self.codes(run) == ["few_workers"])
        self.start("worker", "--connect", endpoint, "-j1", "--name", "second", *work)
        run = self.wait_for_run(ventilator, lambda run: run["tasks"]["out"] == 3)
        self.assertEqual(self.codes(run), [])
        held = {worker["name"]: worker["held"] for worker in run["workers"]}

        first.signal(signal.SIGKILL)
        run = self.wait_for_run(ventilator, lambda run: run["worker_count"] == 1)
        told = {worker["name"]: worker for worker in run["workers"]}
        self.assertEqual(told["first"]["state"], "gone")
        self.assertEqual(told["first"]["lost"], held["first"])
        self.assertEqual(run["tasks"]["redelivered"], held["first"])
        table = self.ask(endpoint).stdout.decode()
        self.assertRegex(table, r"\n    first +\S+ +1 +- +0 +- +- .* gone\n")
        self.assertIn("attempts lost", table)

        # One at a time, since the other worker's command may still be there.
        while ventilator.process.poll() is None:
            with contextlib.suppress(OSError):
                os.close(os.open(gate, os.O_WRONLY | os.O_NONBLOCK))
            self.assert_in_time("the run is never over")
        self.assert_status(ventilator, 0)

    def test_its_socket_is_for_this_user_and_nobody_joins_by_it(self):
        program = self.launch("fanmill", "run", "--function", "echo", stdin=subprocess.PIPE)
        self.wait_for_run(program)
        directory = self.runtime / "fanmill"
        path, = (path for path in directory.iterdir() if path.suffix != ".lock")
        self.assertEqual(directory.stat().st_mode & 0o777, 0o700)
        self.assertEqual(path.stat().st_mode & 0o777, 0o600)
        worker = self.run_program("worker", "--connect", f"ipc://{path}", "--wait-timeout", "1s", "--function", "echo")
        self.assertEqual(worker.status, 3, worker.stderr)
        run = self.wait_for_run(program)
        self.assertEqual(run["worker_count"], 1)
        program.close_input()
        self.assert_status(program, 0)

    def test_several_runs_and_one_that_was_killed(self):
        killed = self.launch("fanmill", "run", "true", stdin=subprocess.PIPE)
        self.wait_for_run(killed)
        killed.signal(signal.SIGKILL)
        killed.wait()
        left = list((self.runtime / "fanmill").iterdir())
        self.assertTrue(left)
        programs = [self.launch("fanmill", "run", "true", stdin=subprocess.PIPE) for _ in range(2)]
        for program in programs:
            self.wait_for_run(program)
        pids = {run["pid"] for run in self.runs()}
        self.assertLessEqual({program.process.pid for program in programs}, pids)
        self.assertNotIn(killed.process.pid, pids)
        for path in left:
            self.assertFalse(path.exists(), path)
        for program in programs:
            program.close_input()
            self.assert_status(program, 0)

    def test_with_keys(self):
        keys = self.scratch / "keys"
        for name in ("head", "ann", "stranger"):
            subprocess.run([BIN / "fanmill", "keygen", keys, name], check=True, stdout=subprocess.DEVNULL)
        (keys / "stranger.key").unlink()
        address = f"tcp://127.0.0.1:{free_port()}"
        run = self.launch("fanmill", "run", "--listen", address, "--key", keys / "head.key_secret", "--allow", keys,
                          "true", stdin=subprocess.PIPE)
        self.wait_for_run(run)  # on its own host without
        server = ["--server-key", keys / "head.key"]
        known = self.ask(address, "--key", keys / "ann.key_secret", *server)
        self.assertEqual(known.status, 0, known.stderr)
        self.assertIn(f"pid {run.process.pid}".encode(), known.stdout)
        without = self.ask(address)
        self.assert_status(without, 4)
        self.assert_message(without, "it lets in none without a key; give --key FILE and --server-key KEY")
        stranger = self.ask(address, "--key", keys / "stranger.key_secret", *server)
        self.assert_status(stranger, 4)
        self.assert_message(stranger, "does not let in this key")
        mistaken = self.ask(address, "--key", keys / "ann.key_secret", "--server-key", keys / "ann.key")
        self.assert_status(mistaken, 4)
        self.assert_message(mistaken, "see that --server-key is its public key")
        run.close_input()
        self.assert_status(run, 0)

    def test_nobody_there(self):
        for address in (f"tcp://127.0.0.1:{free_port()}", f"ipc://{self.scratch}/nobody"):
            began = time.monotonic()
            program = self.ask(address)
            self.assertLess(time.monotonic() - began, LIMIT / 2)
            self.assert_status(program, 3)
            self.assert_message(program, f"cannot get the status of {address}: nobody answers there")
            self.assertEqual(program.stdout, b"")
        self.assert_status(self.ask(address, "--wait-timeout", "300ms", "--json"), 3)

    def test_somebody_who_does_not_answer(self):
        with socket.create_server(("127.0.0.1", 0)) as silent:
            address = f"tcp://127.0.0.1:{silent.getsockname()[1]}"
            program = self.ask(address, "--wait-timeout", "300ms")
        self.assert_status(program, 3)
        self.assert_message(program, "nobody answers there")
        address = f"ipc://{self.scratch}/deaf"
        other = Answering(address, b"whatever that is")
        self.addCleanup(other.close)
        program = self.ask(address, "--wait-timeout", "300ms")
        self.assert_status(program, 3)
        self.assert_message(program, "it takes connections and does not answer")

    def test_another_version(self):
        for number, frame in enumerate((b"\x92\x02\x31", b"\x93\x02\x03\xa2no")):
            address = f"ipc://{self.scratch}/tomorrow{number}"
            other = Answering(address, frame)
            self.addCleanup(other.close)
            program = self.ask(address)
            self.assert_status(program, 4)
            self.assert_message(program, "it speaks another version of the protocol")

    def test_a_directory_that_cannot_be_made_costs_the_run_nothing(self):
        self.environment = {**os.environ, "XDG_RUNTIME_DIR": "", "TMPDIR": str(self.scratch / "none")}
        program = self.launch("fanmill", "run", "echo", ":::", "a")
        self.assert_status(program, 0)
        self.assertEqual(program.stdout, b"a\n")
        self.assert_message(program, "fanmill status will not find this run: cannot use .*no such file")

    def test_it_answers_whatever_is_asked_and_the_run_goes_on(self):
        pipeline = Pipeline(self, "ipc", "--function", "echo", workers=1)
        pipeline.give([b"%d" % i for i in range(1000)])
        pipeline.sink.wait_for_results(1000)
        askers = [self.launch("fanmill", "status", pipeline.endpoint, "--json") for _ in range(4)]
        for asker in askers:
            self.assert_status(asker, 0)
            self.assertEqual(json.loads(asker.stdout)["runs"][0]["tasks"]["ok"], 1000)
        pipeline.ventilator.close_input()
        self.assert_status(pipeline.ventilator, 0)


if __name__ == "__main__":
    unittest.main()
