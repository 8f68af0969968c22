"""The C++ examples that take input, run as their readers would run them."""

import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import unittest

BIN = pathlib.Path(os.environ["FANMILL_BIN"])
EXAMPLES = BIN.parent / "examples/embed"


def steps_of(number):
    steps = 0
    while number != 1:
        number = number // 2 if number % 2 == 0 else 3 * number + 1
        steps += 1
    return steps


def example(name, *arguments, **options):
    return subprocess.run([EXAMPLES / f"example_{name}", *arguments], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, timeout=120, check=False, **options)


class Embed(unittest.TestCase):
    def setUp(self):
        self.scratch = pathlib.Path(tempfile.mkdtemp(prefix="fanmill-test-"))
        self.addCleanup(shutil.rmtree, self.scratch, ignore_errors=True)

    def start(self, program, *arguments, **options):
        process = subprocess.Popen([program, *arguments], **options)
        self.addCleanup(lambda: process.poll() is None and (process.kill(), process.wait()))
        return process

    def test_word_count(self):
        for number in range(20):
            (self.scratch / f"{number}.txt").write_text("The owl and the cat\n" * number)
        run = example("word_count", *sorted(self.scratch.glob("*.txt")))
        self.assertEqual(run.returncode, 0, run.stderr)
        self.assertEqual(run.stdout, b"380 the\n190 and\n190 cat\n190 owl\n")
        run = example("word_count", self.scratch / "1.txt", self.scratch / "none.txt")
        self.assertEqual(run.returncode, 1)
        self.assertIn(b"2 the\n", run.stdout)
        self.assertIn(b"none.txt", run.stderr)

    def test_thumbnails(self):
        def ppm(width, height, pixels):
            return b"P6\n%d %d\n255\n" % (width, height) + pixels

        square = bytes([0, 10, 255, 100, 10, 255]), bytes([100, 10, 255, 200, 10, 255])
        names = [self.scratch / f"{number}.ppm" for number in range(8)]
        for name in names[:-1]:
            name.write_bytes(ppm(4, 2, 2 * square[0] + 2 * square[1]))
        names[-1].write_bytes(b"P6\n4 2\n255\nshort")
        run = example("thumbnails", "2", *names)
        self.assertEqual(run.returncode, 1)
        self.assertIn(b"7.ppm is cut off", run.stderr)
        for name in names[:-1]:
            small = name.with_name(name.name + ".small.ppm").read_bytes()
            self.assertEqual(small, ppm(2, 1, bytes([100, 10, 255]) * 2))
        self.assertFalse(names[-1].with_name("7.ppm.small.ppm").exists())

    def test_workers_of_ones_own_one_of_them_killed(self):
        at = f"ipc://{self.scratch}/mill"
        count = 20_000
        items = [b"%d\n" % number for number in range(1, count + 1)]
        # Nothing is handed out before both are there.
        ventilator = self.start(BIN / "fanmill-ventilator", "--quiet", "--min-workers", "2", "--bind", at,
                                stdin=subprocess.PIPE)
        sink = self.start(BIN / "fanmill-sink", "--quiet", "-k", "--connect", at, stdout=subprocess.PIPE,
                          bufsize=0)  # communicate() takes what readline() has left
        dies = self.start(EXAMPLES / "example_worker", at, stderr=subprocess.DEVNULL)
        lives = self.start(EXAMPLES / "example_worker", at, stderr=subprocess.PIPE)
        ventilator.stdin.write(b"".join(items[:count // 2]))
        ventilator.stdin.flush()
        first = sink.stdout.readline()
        dies.kill()
        ventilator.stdin.write(b"".join(items[count // 2:]))
        ventilator.stdin.close()
        out = first + sink.communicate(timeout=120)[0]
        said = lives.communicate(timeout=120)[1]
        self.assertEqual([ventilator.wait(120), sink.returncode, lives.returncode], [0, 0, 0], said)
        self.assertIn(b" done\n", said)
        self.assertEqual(out.decode(), "".join(f"{steps_of(number)}\n" for number in range(1, count + 1)))

    def test_a_worker_says_what_is_wrong_and_leaves_in_order(self):
        run = example("worker", "tcp://192.0.2.1:5555")
        self.assertEqual(run.returncode, 2)
        self.assertIn(b"WorkerOptions::connect", run.stderr)
        waits = self.start(EXAMPLES / "example_worker", f"ipc://{self.scratch}/nobody", stderr=subprocess.PIPE)
        self.assertIn(b"worker:", waits.stderr.readline())
        waits.send_signal(signal.SIGTERM)
        said = waits.communicate(timeout=60)[1]
        self.assertEqual(waits.returncode, 0, said)
        self.assertIn(b"worker: 0 done\n", said)


if __name__ == "__main__":
    unittest.main()
