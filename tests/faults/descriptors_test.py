"""More connections than a program has descriptors: it never aborts, turns the rest away, works on, and is as before
when they have gone."""

import contextlib
import resource
import subprocess
import time
import unittest

from supervisor import number  # first: it finds the modules of the integration tests
from connections import connect
from curve_peers import listeners
from footprint import descriptors, settled
from programs import PipelineTest

MOST = number("FANMILL_FAULT_DESCRIPTORS", 160)
FLOOD = number("FANMILL_FAULT_CONNECTIONS", 600)
LINES = [b"%d" % line for line in range(300)]


class DescriptorsTest(PipelineTest):
    def setUp(self):
        super().setUp()
        # The flood's own ends are here.
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))

    def flooded(self, transport, role):
        few = {role: {"preexec_fn": lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (MOST // 2, MOST))}}
        endpoint = self.endpoint(transport)
        ventilator = self.start("ventilator", "--bind", endpoint, "--min-workers", "2", stdin=subprocess.PIPE,
                                **few.get("ventilator", {}))
        sink = self.start("sink", "--connect", endpoint, **few.get("sink", {}))

        def add_worker(*options):
            return self.start("worker", "--connect", endpoint, "-j1", *options, "--function", "echo")

        def give(lines):
            ventilator.write(b"".join(line + b"\n" for line in lines))

        workers = [add_worker(), add_worker()]
        give(LINES[:100])
        sink.wait_for_results(100)
        target = {"ventilator": ventilator, "sink": sink}[role]
        before = settled(self, [target])
        door = endpoint if role == "ventilator" else listeners(sink.process.pid)[0]
        with contextlib.ExitStack() as flood:
            for _ in range(FLOOD):
                with contextlib.suppress(OSError):
                    flood.enter_context(contextlib.closing(connect(door)))
            if role == "ventilator":
                target.wait_for_line("refused a connection: too few file descriptors are left")
            give(LINES[100:])
            sink.wait_for_results(len(LINES))
            self.assertGreater(descriptors(target), MOST // 2, "it was no flood")
            self.assertLess(descriptors(target), MOST)
            self.assertIsNone(target.process.poll(), f"{target} has ended\n{target.stderr}")
        self.began = time.monotonic()
        while settled(self, [target]) > before:
            self.assert_in_time(f"descriptors: {before} before, {descriptors(target)} now")
        late = add_worker("--max-tasks", "1")
        lines = list(LINES)
        while late.process.poll() is None:  # it joins, and does its task
            give([b"late"])
            lines.append(b"late")
            self.assert_in_time(f"{late} has done nothing\n{late.stderr}")
        ventilator.close_input()
        for program in (ventilator, sink, late, *workers):
            self.assert_status(program, 0)
        self.assert_lines(sorted(sink.stdout.split()), sorted(lines))
        self.assertLess(target.stderr.count("\n"), 50)


for _role in ("ventilator", "sink"):
    for _transport in ("ipc", "tcp"):
        setattr(DescriptorsTest, f"test_{_role}_over_{_transport}",
                lambda self, transport=_transport, role=_role: self.flooded(transport, role))


if __name__ == "__main__":
    unittest.main()
