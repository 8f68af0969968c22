"""A seeded supervisor of the three programs: faults at points of progress, never of time, and a judgement of its own.

What it does is a function of the seed and of the progress that it sees; when processes run is not, so that a seed
gives the same faults at the same points, and not the same run.
"""

import contextlib
import gc
import json
import os
import pathlib
import random
import re
import signal
import sqlite3
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "integration"))

from programs import LIMIT, ResultsTest  # noqa: E402

TICK = 0.002  # seconds between two looks at the progress
LOOKS = 50  # at results: who asks for more of them does not see to it that a worker dies in time
INDEX_HEADER = 96  # bytes of a wal-index that every commit changes


class Progress:
    """How many rows are committed, as another reader of the file sees them. It never writes to the file or to its
    index, and it holds neither while a sink begins: what has to be recovered there is the sink's to recover."""

    def __init__(self, file):
        self._file = file
        self._database = None
        self._index = None  # a descriptor of it
        self._seen = None  # the state of the index at the last look
        self._sink = None
        self.rows = 0
        self.run = 0  # that made the last row
        self.grown = time.monotonic()  # when there were last seen to be more rows
        self.longest = 0  # seconds in which there were not, since begin_stall()

    def watch(self, sink):
        """From now on that process is the sink."""
        self.close()
        self._sink = sink

    def begin_stall(self):
        self.longest = 0
        self.grown = time.monotonic()

    def working(self, latest):
        """The processes that made the latest results of the last run, as far as some of that many tell: one that only had
        a part in an earlier run need not have found the new ventilator yet."""
        some = ",".join(map(str, range(self.rows, self.rows - latest, -max(1, latest // LOOKS))))
        try:
            return {int(name.rpartition(":")[2]) for name, in self._database.execute(
                f"SELECT name FROM worker WHERE id IN (SELECT worker FROM result WHERE run = ? AND id IN ({some}))",
                (self.run,))}
        except (AttributeError, sqlite3.Error):
            return set()

    def close(self):
        if self._database:
            self._database.close()
            # Only now: closing any descriptor of a file ends the locks that SQLite has on it in this process.
            os.close(self._index)
        self._database = None

    def look(self):
        if not self._database and not self._open():
            return self
        # Each commit changes the index's header (sqlite.org/walformat.html, 2.1): without a new one there is nothing
        # to ask, and the supervisor leaves the processors to the programs.
        header = os.pread(self._index, INDEX_HEADER, 0)
        now = time.monotonic()
        if header == self._seen:
            self.longest = max(self.longest, now - self.grown)
            return self
        try:
            rows, self.run = self._database.execute(
                "SELECT id, run FROM result ORDER BY id DESC LIMIT 1").fetchone() or (0, 0)
        except sqlite3.Error:
            return self  # not made yet, or being closed
        self._seen = header
        self.longest = max(self.longest, now - self.grown)
        if rows > self.rows:
            self.rows = rows
            self.grown = now
        return self

    def __str__(self):
        bound = "?"
        with contextlib.suppress(AttributeError, sqlite3.Error):
            bound, = self._database.execute("SELECT coalesce(sum(count), 0) FROM bound").fetchone()
        return f"{self.rows} rows, {bound} bound"

    def _open(self):
        try:
            mapped = pathlib.Path(f"/proc/{traced(self._sink.process.pid)}/maps").read_text()
        except OSError:
            return False
        if f"{self._file.name}-shm" not in mapped:
            return False
        self._database = sqlite3.connect(f"file:{self._file}?mode=ro&readonly_shm=1", uri=True, timeout=LIMIT)
        try:
            self._index = os.open(f"{self._file}-shm", os.O_RDONLY)
        except OSError:  # the sink has closed its file meanwhile
            self._database.close()
            self._database = None
            return False
        self._seen = None
        return True


def is_sanitized(path):
    """Whether a program has a sanitizer in it, whose memory and slowness hide its own."""
    code = pathlib.Path(path).read_bytes()
    return b"__asan_init" in code or b"__tsan_init" in code


def traced(process):
    """The process itself, or the program that it runs where it is strace."""
    if pathlib.Path(f"/proc/{process}/comm").read_text() != "strace\n":
        return process
    children = pathlib.Path(f"/proc/{process}/task/{process}/children").read_text().split()
    return int(children[0]) if children else process


def is_running(process):
    """Whether one of its threads has a processor or waits for one."""
    try:
        for thread in os.listdir(f"/proc/{process}/task"):
            with open(f"/proc/{process}/task/{thread}/stat", "rb", buffering=0) as stat:
                if stat.read(512).rpartition(b")")[2].split(None, 1)[0] == b"R":
                    return True
    except OSError:
        pass  # it is ending
    return False


class SupervisedTest(ResultsTest):
    """A run of the three programs with a results file, some of which end before their time and are started again.

    A test sets `work`, the words of the workers, and calls begin(); `seeds` and `random` are the seeds of its faults.
    """

    worker_count = 3
    worker_program = "worker"
    sink_options = ()
    ventilator_options = ()

    def setUp(self):
        super().setUp()
        self.summary = self.scratch / "summary.json"
        self.running = {}  # "ventilator", "sink", "worker 1", … → Program
        self.started = {}  # likewise → how many have been started
        self.ventilators = []  # all of them, for what they said

    def prepare(self, transport, seed, items):
        """A directory of its own for each seed, with the input."""
        self.seed = seed
        self.random = random.Random(seed)
        self.at = self.endpoint(transport)
        self.file = self.scratch / f"results-{transport}-{seed}.db"
        self.input = self.scratch / "input"
        self.items = items
        self.input.write_text("".join(f"{item}\n" for item in items))
        self.progress = Progress(self.file)
        self.ventilators.clear()
        self.began = time.monotonic()

    def begin(self):
        gc.freeze()  # a million items need not be looked at again and again
        for name in "ventilator", "sink", *(f"worker {i + 1}" for i in range(self.worker_count)):
            self.start_role(name)

    def words(self, role):
        if role == "ventilator":
            return ("--bind", self.at, "-a", self.input, *self.ventilator_options)
        if role == "sink":
            return ("--connect", self.at, "--results", self.file, "--resume", "--summary-json", self.summary,
                    *self.sink_options)
        return ("--connect", self.at, *self.work)

    def start_role(self, name):
        role = name.split()[0]
        self.started[name] = self.started.get(name, 0) + 1
        program = self.start(self.worker_program if role == "worker" else role, *self.words(role), cwd=self.scratch,
                             stdout=subprocess.DEVNULL, stderr=self.scratch / f"{name} {self.started[name]}.stderr")
        self.running[name] = program
        if role == "ventilator":
            self.ventilators.append(program)
        if role == "sink":
            self.progress.watch(program)
        return program

    def kill(self, name):
        """Kills it and starts it anew at once."""
        program = self.running[name]
        if name == "sink":
            self.progress.close()
        program.signal(signal.SIGKILL)
        if not name.startswith("worker"):
            program.process.wait()  # it has the address, or the file
        self.start_role(name)
        program.process.wait()
        return program

    def wait_for(self, condition):
        """Waits until condition(progress), or the end of the sink: False then."""
        until = time.monotonic() + LIMIT
        while not condition(self.progress.look()):
            if self.running["sink"].process.poll() is not None:
                return False
            if time.monotonic() > until:
                self.fail(f"seed {self.seed}: no progress beyond {self.progress}{self.everybody()}")
            time.sleep(TICK)
        return True

    def finish(self, status=0):
        """Waits for the end of the run, which must be the one stated; ends the workers."""
        for name in "ventilator", "sink":
            try:
                self.assertEqual(self.running[name].wait(), status, name)
            except AssertionError as error:
                self.progress.look()
                raise AssertionError(f"seed {self.seed}: {self.progress}: {error}{self.everybody()}") from None
        self.progress.close()
        for program in self.running.values():
            program.end()

    def everybody(self):
        return "".join(f"\n--- {name}\n{program.stderr[-3000:]}" for name, program in self.running.items())

    # --- the judgement

    def assert_each_once(self, output_of):
        """Nothing lost and nothing twice, by the rows alone: as many of them as items, each output that of its task,
        each task of the last run with one; and the program's own audit agrees. Items are all different here."""
        count = len(self.items)
        wanted = sorted(map(output_of, self.items))
        stored = [output for output, in self.ask("SELECT CAST(output AS TEXT) FROM result WHERE outcome = 'ok' "
                                                 "ORDER BY CAST(output AS TEXT)")]
        self.assertEqual(self.ask("SELECT count(*) FROM result"), [(count,)], f"seed {self.seed}: rows")
        self.assert_lines(stored, wanted)
        self.assertEqual(self.ask("SELECT count(*), count(DISTINCT task), min(task), max(task) FROM last_run"),
                         [(count, count, 0, count - 1)], f"seed {self.seed}: tasks")
        # One without its item's key is done again by the next run.
        self.assertEqual(self.ask("SELECT count(*) FROM result WHERE key IS NULL"), [(0,)], f"seed {self.seed}: keys")
        audit = self.run_program("fanmill", "audit", self.file)
        self.assertEqual(audit.status, 0, audit.stdout)

    def lost_by_worker(self):
        """By process id: how many unfinished tasks a worker had held when the ventilator noticed its death."""
        pattern = re.compile(r"worker \S*?:(\d+) has gone(?:; (\d+) unfinished)?")
        return {int(pid): int(count or 0) for ventilator in self.ventilators
                for pid, count in pattern.findall(ventilator.stderr)}

    def duplicates(self):
        return json.loads(self.summary.read_text())["duplicates"]


def number(name, default):
    return int(os.environ.get(name, default))
