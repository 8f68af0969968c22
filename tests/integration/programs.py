"""Fanmill's real programs, started, watched and ended by the tests.

A test waits for states (a line on stderr, a number of results on stdout, the end of a process), never for a
time to pass; whatever takes longer than LIMIT seconds is a failure.
"""

import os
import pathlib
import random
import re
import shutil
import socket
import sqlite3
import subprocess
import tempfile
import threading
import time
import unittest

BIN = pathlib.Path(os.environ["FANMILL_BIN"])
ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
LIMIT = float(os.environ.get("FANMILL_TEST_SECONDS", "60"))


def sanitizer_options(*more):
    """An environment's, for programs that were built with a sanitizer; the others do not look at it."""
    return {name: ":".join([*([os.environ[name]] if name in os.environ else []), *more])
            for name in ("ASAN_OPTIONS", "TSAN_OPTIONS")}


class Program:
    """A process with its stdin, and all that it has written so far."""

    def __init__(self, command, stdin=subprocess.DEVNULL, **options):
        """`stdin` is a file, bytes to be written and closed, or PIPE for `write` and `close_input`. A `stderr` that is a path
        is written to by the process itself: that takes none of our time, and wakes no wait_for_line."""
        self.command = [str(word) for word in command]
        self.beside = []  # what its test has started
        self._changed = threading.Condition()
        self._written = {"stdout": b"", "stderr": b""}
        data = stdin if isinstance(stdin, bytes) else None
        options.setdefault("stdout", subprocess.PIPE)
        options.setdefault("stderr", subprocess.PIPE)
        self._stderr_file = options["stderr"] if isinstance(options["stderr"], pathlib.Path) else None
        if self._stderr_file:
            options["stderr"] = open(self._stderr_file, "wb")
        self.process = subprocess.Popen(self.command, **options,
                                        stdin=stdin if data is None else subprocess.PIPE)
        if self._stderr_file:
            options["stderr"].close()
        pipes = {"stdout": self.process.stdout, "stderr": self.process.stderr}
        self._threads = [threading.Thread(target=self._read, args=(name, pipe), daemon=True)
                         for name, pipe in pipes.items() if pipe]
        if data is not None:
            self._threads.append(threading.Thread(target=self._feed, args=(data,), daemon=True))
        for thread in self._threads:
            thread.start()

    def _read(self, name, pipe):
        while block := os.read(pipe.fileno(), 1 << 16):
            with self._changed:
                self._written[name] += block
                self._changed.notify_all()

    def _feed(self, data):
        try:
            self.process.stdin.write(data)
            self.process.stdin.close()
        except BrokenPipeError:
            pass

    @property
    def stdout(self):
        return self._written["stdout"]

    @property
    def stderr(self):
        written = self._stderr_file.read_bytes() if self._stderr_file else self._written["stderr"]
        return written.decode(errors="replace")

    def write(self, data):
        self.process.stdin.write(data)
        self.process.stdin.flush()

    def close_input(self):
        self.process.stdin.close()

    def wait_until(self, condition, what):
        """Waits until condition() is true of what has been written."""
        with self._changed:
            if not self._changed.wait_for(condition, LIMIT):
                raise AssertionError(f"{self}: no {what} in {LIMIT:.0f} s\n{self.said_by_all()}")

    def wait_for_line(self, pattern):
        """Waits until a line of stderr matches, and returns the match."""
        self.wait_until(lambda: re.search(pattern, self.stderr, re.MULTILINE), f"line like '{pattern}'")
        return re.search(pattern, self.stderr, re.MULTILINE)

    def wait_for_results(self, count):
        """Waits until so many lines are on stdout."""
        self.wait_until(lambda: self.stdout.count(b"\n") >= count, f"{count} results")

    def wait(self):
        """Waits for the end and all output; returns the exit status, 128 + n after signal n."""
        try:
            status = self.process.wait(LIMIT)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self}: not over in {LIMIT:.0f} s\n{self.said_by_all()}") from None
        for thread in self._threads:
            thread.join(LIMIT)
        return status if status >= 0 else 128 - status

    def said_by_all(self):
        """What it and those beside it have on stderr, for what may be another's fault."""
        return "\n".join(f"{one} ({one.process.poll()}):\n{one.stderr}" for one in self.beside or [self])

    def signal(self, number):
        self.process.send_signal(number)

    def end(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        for thread in self._threads:
            thread.join(LIMIT)
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            try:
                if pipe:
                    pipe.close()
            except BrokenPipeError:
                pass

    def __str__(self):
        return " ".join([pathlib.Path(self.command[0]).name, *self.command[1:]])[:200]


def free_port():
    """A port with free ones after it, below those that the system gives to clients."""
    while True:
        port = random.randrange(10000, 32000, 16)
        try:
            for following in range(port, port + 16):
                with socket.socket() as probe:
                    probe.bind(("", following))
            return port
        except OSError:
            pass


class PipelineTest(unittest.TestCase):
    """Tests with a scratch directory, whose processes do not outlive them."""

    longMessage = True
    maxDiff = 2000

    def setUp(self):
        self.scratch = pathlib.Path(tempfile.mkdtemp(prefix="fanmill-test-"))
        self.addCleanup(shutil.rmtree, self.scratch, ignore_errors=True)
        self.began = time.monotonic()
        self.programs = []

    @staticmethod
    def path_of(name):
        """Of fanmill (name "fanmill"), of one of its components (name "worker"), or any path as it is."""
        path = pathlib.Path(name)
        return path if path.is_absolute() else BIN / (name if name == "fanmill" else f"fanmill-{name}")

    def start(self, name, *arguments, **options):
        """Starts one of those of path_of."""
        program = Program([self.path_of(name), *arguments], **options)
        self.programs.append(program)
        program.beside = self.programs
        self.addCleanup(program.end)
        return program

    def run_program(self, name, *arguments, **options):
        """Starts a program and waits for its end; returns it with `status`."""
        program = self.start(name, *arguments, **options)
        program.status = program.wait()
        return program

    def endpoint(self, transport):
        """An address for a ventilator that nobody else has."""
        if transport == "ipc":
            return f"ipc://{self.scratch}/control"
        return f"tcp://127.0.0.1:{free_port()}"

    def wait_for_file(self, path, program):
        """Waits until a program has made a file."""
        while not path.exists():
            self.assertIsNone(program.process.poll(), f"{program} has ended\n{program.stderr}")
            self.assert_in_time(f"{program}: no {path}\n{program.stderr}")

    def assert_in_time(self, what):
        """For loops that wait for a state which can only be looked at."""
        self.assertLess(time.monotonic() - self.began, LIMIT, what)
        time.sleep(0.002)

    def assert_status(self, program, status):
        self.assertEqual(program.wait(), status, f"{program}\n{program.stderr}")

    def assert_message(self, program, pattern):
        """One line of stderr has the stated form, `NAME: TEXT`, and matches."""
        lines = program.stderr.splitlines()
        matching = [line for line in lines
                    if re.match(r"fanmill(-\w+)?: ", line) and re.search(pattern, line)]
        self.assertTrue(matching, f"{program}: no line like '{pattern}' in:\n{program.stderr}")
        self.assertNotRegex(program.stderr, r"terminate called|what\(\)|std::|errno \d|Assertion|Sanitizer")

    def assert_lines(self, got, wanted):
        """Two lists of many lines are equal; says where they differ, not all of both."""
        if got != wanted:
            differing = (i for i, (one, other) in enumerate(zip(got, wanted)) if one != other)
            at = next(differing, min(len(got), len(wanted)))
            self.fail(f"{len(got)} lines, {len(wanted)} wanted; the first to differ is {at}: "
                      f"{got[at:at + 1]} in place of {wanted[at:at + 1]}")


APPEND = 'printf "%s\\n" {} >> done.txt'  # a command whose side effect can be counted


class ResultsTest(PipelineTest):
    """Tests with a results file, judged with SQL of their own and by what APPEND has left."""

    def setUp(self):
        super().setUp()
        self.file = self.scratch / "results.db"

    def ask(self, sql, *values):
        database = sqlite3.connect(f"file:{self.file}?mode=ro", uri=True)
        try:
            return database.execute(sql, values).fetchall()
        finally:
            database.close()

    def appended(self):
        path = self.scratch / "done.txt"
        return path.read_text().split() if path.exists() else []


class Pipeline:
    """The three programs as separate processes. No task goes out before all `workers` are there: otherwise the
    run could be over before the last of them has joined."""

    def __init__(self, test, transport, *work, workers=2, ventilator=(), sink=(), stdin=subprocess.PIPE):
        self.test = test
        self.endpoint = test.endpoint(transport)
        self.work = work
        joined = ["--min-workers", str(max(workers, 1))]
        self.ventilator = test.start("ventilator", "--bind", self.endpoint, *joined, *ventilator, stdin=stdin)
        self.sink = test.start("sink", "--connect", self.endpoint, *sink)
        self.workers = [self.add_worker() for _ in range(workers)]

    def add_worker(self, *options):
        return self.test.start("worker", "--connect", self.endpoint, "-j", "1", *options, *self.work)

    def give(self, lines):
        self.ventilator.write(b"".join(line + b"\n" for line in lines))

    def assert_complete(self, lines, keeps_order=False):
        """Waits for the end: all programs end with 0, and of each line there is one result."""
        try:
            self.test.assert_status(self.ventilator, 0)
            self.test.assert_status(self.sink, 0)
        except AssertionError as error:
            everybody = "".join(f"\n{program}\n{program.stderr}" for program in (self.sink, *self.workers))
            raise AssertionError(f"{error}{everybody}") from None
        got = self.sink.stdout.split(b"\n")
        self.test.assertEqual(got.pop(), b"")
        if keeps_order:
            self.test.assert_lines(got, lines)
        else:
            self.test.assert_lines(sorted(got), sorted(lines))


if __name__ == "__main__":
    raise SystemExit("run one of the *_test.py beside this file")
