"""Whoever reads a sink's output stops reading for longer than a dead peer would be waited for: the connections on which
results come stand still, and nothing is taken for dead, done again or lost.

FANMILL_FAULT_SECONDS is how long (6).
"""

import json
import os
import time
import unittest

from supervisor import number  # first: it finds the modules of the integration tests

from programs import Pipeline, PipelineTest

SECONDS = number("FANMILL_FAULT_SECONDS", 6)
COUNT, SIZE = 100, 1 << 20  # more than all the queues and buffers between a worker and the reader take


class SlowReaderTest(PipelineTest):
    def stall(self, transport):
        reader, writer = os.pipe()
        summary = self.scratch / f"summary-{transport}.json"
        lines = [b"%08d" % i + bytes([97 + i % 26]) * (SIZE - 8) for i in range(COUNT)]
        items = self.scratch / "items"
        items.write_bytes(b"\n".join(lines) + b"\n")
        pipeline = Pipeline(self, transport, "--function", "echo", workers=0, ventilator=("-a", items))
        pipeline.sink.end()
        pipeline.sink = self.start("sink", "--connect", pipeline.endpoint, "--summary-json", summary, stdout=writer)
        os.close(writer)
        pipeline.workers = [pipeline.add_worker() for _ in range(2)]
        with open(reader, "rb") as output:
            first = output.read(SIZE)  # it has begun
            time.sleep(SECONDS)  # what is tested: nothing else is waited for here
            rest = output.read()
        for program in (pipeline.ventilator, pipeline.sink):
            self.assert_status(program, 0)
        self.assert_lines(sorted((first + rest).split(b"\n")[:-1]), lines)
        self.assertNotRegex(pipeline.ventilator.stderr, "lost|gone;")
        counters = json.loads(summary.read_text())
        self.assertEqual((counters["ok"], counters["duplicates"], counters["received"]), (COUNT, 0, COUNT))

    def test_over_ipc(self):
        self.stall("ipc")

    def test_over_tcp(self):
        self.stall("tcp")


if __name__ == "__main__":
    unittest.main()
