"""What waits behind a long task is taken back for a worker that has nothing to do."""

import json
import unittest

from programs import PipelineTest

LONG = 2.0  # seconds
BEFORE = 4000  # tasks of no time, so that lanes carry many
AFTER = 60
SHORT = 0.01


class BalanceTest(PipelineTest):
    def run_over(self, transport):
        items = [0.0] * BEFORE + [LONG] + [SHORT] * AFTER
        path = self.scratch / "items"
        path.write_text("".join(f"{seconds}\n" for seconds in items))
        at = self.endpoint(transport)
        ventilator = self.start("ventilator", "--bind", at, "-a", path, "--min-workers", "2")
        sink = self.start("sink", "--connect", at, "--format", "jsonl")
        for _ in range(2):
            self.start("worker", "--connect", at, "-j", "1", "--function", "sleep")
        self.assertEqual(ventilator.wait(), 0, ventilator.stderr)
        self.assertEqual(sink.wait(), 0, sink.stderr)
        rows = sorted(map(json.loads, sink.stdout.splitlines()), key=lambda row: row["id"])
        self.assertEqual([row["id"] for row in rows], list(range(len(items))))
        self.assertEqual({row["attempts"] for row in rows}, {1}, "a task that was taken back has not been tried")
        end = rows[BEFORE]["started"] + LONG
        late = [row["id"] for row in rows[BEFORE + 1:] if row["started"] > end]
        self.assertEqual(late, [], "tasks that waited for the long one")

    def test_over_ipc(self):
        self.run_over("ipc")

    def test_over_tcp(self):
        self.run_over("tcp")


if __name__ == "__main__":
    unittest.main()
