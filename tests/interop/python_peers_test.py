"""A worker and a sink in another language, by docs/protocol.md alone, beside the real ventilator."""

import json
import pathlib
import re
import signal
import subprocess
import unittest

from peers import EXAMPLE, SCRIPTED, SINK, python  # first: it knows where the others are

import keys_test
from connections import Proxy
from curve_peers import listeners
from programs import PipelineTest, free_port

BOTH = ("ipc", "tcp")
ECHO = ("--function", "echo")


class PythonPeers(PipelineTest):
    def python_sink(self, endpoint, *options):
        return self.start(*python(SINK, "--connect", endpoint, *options))

    def python_worker(self, endpoint, *options):
        return self.start(*python(SCRIPTED, "--connect", endpoint, *options))

    def ventilator(self, endpoint, items, *options):
        return self.start("ventilator", "--bind", endpoint, *options, stdin=b"".join(item + b"\n" for item in items))

    def assert_all_end(self, *programs):
        for program in programs:
            try:
                self.assert_status(program, 0)
            except AssertionError as error:
                raise AssertionError("\n".join([str(error), *(f"{one}\n{one.stderr}" for one in programs)])) from None

    def assert_outputs(self, sink, items):
        """Of sink.py, or of fanmill-sink --format jsonl: one ok result for each item, at its own number."""
        rows = [json.loads(line) for line in sink.stdout.splitlines()]
        rows = [row if isinstance(row, list) else [row["id"], row["outcome"], row["output"]] for row in rows]
        self.assert_lines(sorted(rows), [[i, "ok", item.decode()] for i, item in enumerate(items)])

    def test_the_example_worker_and_sink_as_they_are(self):
        endpoint = self.endpoint("ipc")
        worker = self.start(*python(EXAMPLE / "worker.py", "--connect", endpoint))
        sink = self.python_sink(endpoint)
        self.assert_all_end(self.ventilator(endpoint, [b"a", b"b"]), sink, worker)
        self.assert_outputs(sink, [b"A", b"B"])

    def test_each_worker_with_each_sink(self):
        items = [b"%d" % number for number in range(200)]
        for transport in BOTH:
            for workers in (["python"], ["python", "own"], ["own"]):
                for kind in ("python", "own"):
                    if "python" not in (*workers, kind):
                        continue
                    with self.subTest(transport=transport, workers=workers, sink=kind):
                        endpoint = self.endpoint(transport)
                        sink = self.python_sink(endpoint) if kind == "python" else \
                            self.start("sink", "--connect", endpoint, "--format", "jsonl")
                        started = [self.python_worker(endpoint) if worker == "python" else
                                   self.start("worker", "--connect", endpoint, "-j1", *ECHO) for worker in workers]
                        ventilator = self.ventilator(endpoint, items, "--min-workers", str(len(workers)))
                        self.assert_all_end(ventilator, sink, *started)
                        self.assert_outputs(sink, items)
                        self.assert_message(ventilator, "200 tasks: 200 ok, 0 failed, 0 dead; .*0 unfinished")

    def test_a_failure_is_tried_again_and_kept_with_its_reason(self):
        for kind in ("python", "own"):
            with self.subTest(sink=kind):
                endpoint = self.endpoint("ipc")
                sink = self.python_sink(endpoint) if kind == "python" else \
                    self.start("sink", "--connect", endpoint, "--format", "jsonl")
                worker = self.python_worker(endpoint)
                ventilator = self.ventilator(endpoint, [b"a", b"fail on purpose", b"b"], "--retries", "2")
                self.assert_status(ventilator, 1)
                self.assert_status(worker, 0)
                self.assert_message(ventilator, "3 tasks: 2 ok, 1 failed, 0 dead; .*0 unfinished")
                self.assertEqual(sink.wait(), 0 if kind == "python" else 1)
                failed, = [row for row in map(json.loads, sink.stdout.splitlines()) if "failed" in str(row)]
                if kind == "own":
                    self.assertEqual((failed["id"], failed["attempts"]), (1, 3))
                    self.assertIn("on purpose", failed["error"])

    def test_asked_to_end_it_gives_back_what_it_has_not_started(self):
        for transport in BOTH:
            with self.subTest(transport=transport):
                items = [b"sleep 0.01"] * 200
                endpoint = self.endpoint(transport)
                workers = [self.python_worker(endpoint) for _ in range(2)]
                sink = self.start("sink", "--connect", endpoint, "--format", "jsonl")
                ventilator = self.ventilator(endpoint, items, "--min-workers", "2", "--prefetch", "8")
                sink.wait_for_results(20)
                workers[0].signal(signal.SIGTERM)
                self.assert_status(workers[0], 0)
                self.assertIsNone(ventilator.process.poll(), "the signal came when all was over")
                self.assert_all_end(ventilator, sink, workers[1])
                self.assert_outputs(sink, items)
                self.assertEqual({json.loads(line)["attempts"] for line in sink.stdout.splitlines()}, {1})

    def test_asked_to_end_while_it_waits_it_ends(self):
        for transport in BOTH:
            for waits_for in ("a ventilator", "a sink", "tasks"):
                with self.subTest(transport=transport, waits_for=waits_for):
                    endpoint = self.endpoint(transport)
                    others = []
                    if waits_for != "a ventilator":
                        others.append(self.start("ventilator", "--bind", endpoint, stdin=subprocess.PIPE))
                    worker = self.python_worker(endpoint)
                    if waits_for == "tasks":
                        others.append(self.python_sink(endpoint))
                        others[0].write(b"a\n")
                        others[1].wait_for_results(1)
                    self.wait_for_handler(worker)
                    worker.signal(signal.SIGTERM)
                    self.assert_status(worker, 0)
                    for other in others:
                        other.end()

    def wait_for_handler(self, program):
        """Until it catches SIGTERM."""
        status = pathlib.Path(f"/proc/{program.process.pid}/status")
        while not int(re.search(r"SigCgt:\s*(\w+)", status.read_text())[1], 16) & 1 << signal.SIGTERM - 1:
            self.assert_in_time("the worker catches no SIGTERM")

    def test_a_hello_to_nobody_does_not_block(self):
        script = "import sys; sys.argv[1:] = ['--connect', 'ipc:///nowhere/mill']; import peer; one = peer.Peer('')\n" \
                 "for _ in range(2000): one.hello(1, 7)"
        self.assert_status(self.start(*python("-c", script), cwd=EXAMPLE), 0)

    def test_what_it_has_is_its_own_although_others_have_nothing_to_do(self):
        endpoint = self.endpoint("ipc")
        items = [b"sleep 0.5"] + [b"%d" % number for number in range(20)]
        workers = [self.python_worker(endpoint) for _ in range(2)]
        sink = self.python_sink(endpoint)
        self.assert_all_end(self.ventilator(endpoint, items, "--min-workers", "2", "--prefetch", "16"), sink, *workers)
        self.assert_outputs(sink, items)

    def test_a_lane_that_is_reset_loses_nothing(self):
        items = [b"%d" % number for number in range(3000)]
        lane = free_port()
        proxy = Proxy("127.0.0.2", "127.0.0.1", range(lane, lane + 4))
        self.addCleanup(proxy.close)
        endpoint = self.endpoint("tcp")
        worker = self.python_worker(endpoint)
        sink = self.python_sink(endpoint)
        ventilator = self.ventilator(endpoint, items, "--advertise", "127.0.0.2", "--lane-ports", f"{lane}-{lane + 3}")
        sink.wait_for_results(20)
        self.assertEqual(proxy.reset(), 1)
        self.assert_all_end(ventilator, sink, worker)
        self.assert_outputs(sink, items)

    def test_results_that_are_lost_with_their_connection_are_recovered_by_ending_the_lane(self):
        items = [b"%d" % number for number in range(3000)]
        results = free_port()
        proxy = Proxy("127.0.0.2", "127.0.0.1", [results])
        self.addCleanup(proxy.close)
        endpoint = self.endpoint("tcp")
        sink = self.start("sink", "--connect", endpoint, "--bind", f"tcp://127.0.0.1:{results}",
                          "--advertise", "127.0.0.2", "--format", "jsonl")
        worker = self.python_worker(endpoint)
        ventilator = self.ventilator(endpoint, items)
        for count in (20, 1000):
            sink.wait_for_results(count)
            self.assertEqual(proxy.reset(), 1)
        self.assert_all_end(ventilator, sink, worker)
        self.assert_outputs(sink, items)
        self.assert_message(ventilator, "has joined anew; \\d+ unfinished tasks go to others")

    def test_a_python_sink_passes_on_the_marks_of_others(self):
        items = [b"%d" % number for number in range(20_000)]
        port = free_port()
        sink = self.python_sink(f"tcp://127.0.0.1:{port}")
        while not (places := listeners(sink.process.pid)):
            self.assert_in_time("the sink binds no port")
        results = int(places[0].rpartition(":")[2])
        # The worker comes by another address, and the sink is there for it too: behind proxies.
        proxies = {number: Proxy("127.0.0.2", "127.0.0.1", [number]) for number in (*range(port, port + 16), results)}
        for proxy in proxies.values():
            self.addCleanup(proxy.close)
        worker = self.start("worker", "--connect", f"tcp://127.0.0.2:{port}", "-j1", *ECHO)
        ventilator = self.ventilator(f"tcp://127.0.0.1:{port}", items)
        sink.wait_for_results(100)
        self.assertEqual(proxies[results].reset(), 1)
        self.assert_all_end(ventilator, sink, worker)
        self.assert_outputs(sink, items)


class WithKeys(keys_test.KeysTest):
    def test_keys_are_those_of_fanmill_keygen(self):
        for transport in BOTH:
            with self.subTest(transport=transport):
                endpoint = self.endpoint(transport)
                sink = self.start(*python(SINK, "--connect", endpoint, *self.connects("sink"), "--allow", self.allowed))
                workers = [self.start(*python(SCRIPTED, "--connect", endpoint, *self.connects("tiger"))),
                           self.start("worker", "--connect", endpoint, *self.connects("lion"), "-j1", *ECHO)]
                ventilator = self.start("ventilator", "--bind", endpoint, *self.binds("head"), "--min-workers", "2",
                                        stdin=b"".join(b"%d\n" % number for number in range(200)))
                for program in (ventilator, sink, *workers):
                    self.assert_status(program, 0)
                rows = sorted(json.loads(line) for line in sink.stdout.splitlines())
                self.assert_lines(rows, [[i, "ok", str(i)] for i in range(200)])

    def test_one_whose_key_is_not_allowed_gets_nothing(self):
        (self.allowed / "tiger.key").unlink()
        endpoint = self.endpoint("tcp")
        stranger = self.start(*python(SCRIPTED, "--connect", endpoint, *self.connects("tiger")))
        sink = self.start("sink", "--connect", endpoint, *self.connects("sink"), "--allow", self.allowed)
        ventilator = self.start("ventilator", "--bind", endpoint, *self.binds("head"), stdin=b"a\nb\n")
        ventilator.wait_for_line("waiting for a worker")
        self.assertIsNone(stranger.process.poll())
        worker = self.start("worker", "--connect", endpoint, *self.connects("lion"), *ECHO)
        for program in (ventilator, sink, worker):
            self.assert_status(program, 0)


if __name__ == "__main__":
    unittest.main()
