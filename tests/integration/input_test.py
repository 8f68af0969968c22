"""What a task is made of: lines together, blocks, msgpack values, items after their lengths."""

import os
import random
import socket
import subprocess
import unittest

from programs import Pipeline, PipelineTest


class Input(PipelineTest):
    def outputs(self, data, *options, work=("--function", "echo")):
        run = self.run_program("fanmill", "run", "-k", *options, *work, stdin=data)
        self.assert_status(run, 0)
        return run.stdout

    def test_lines_together(self):
        self.assertEqual(self.outputs(b"a\nb\nc\n", "--lines-per-task", "2", work=("printf", "<%s>", "{}")),
                         b"<a\nb><c>")
        self.assertEqual(self.outputs(b"a\0b\0c", "-0", "--lines-per-task", "2"), b"a\0b\0c\0")
        numbers = b"".join(b"%d\n" % number for number in range(100_000))
        self.assertEqual(self.outputs(numbers, "--lines-per-task", "7"), numbers)

    def test_blocks_are_the_input_in_pieces(self):
        data = b"".join(b"%d\n" % number for number in range(200_000)) + b"x" * 100_000 + b"\nlast"
        # Each result is followed by a newline.
        pieces = self.outputs(data, "--block", "10K").split(b"\n\n")
        whole = b"\n".join(pieces)
        self.assertEqual(whole, data + b"\n")
        self.assertEqual(sum(len(piece) >= 10 << 10 for piece in pieces), 1)
        self.assertGreater(len(pieces), 100)

    def test_files_do_not_run_together(self):
        names = []
        for name, content in (("one", b"a\nb\nc"), ("two", b"d\ne\n"), ("three", b"")):
            (self.scratch / name).write_bytes(content)
            names += ["-a", str(self.scratch / name)]
        for options in (("--lines-per-task", "2"), ("--block", "4")):
            with self.subTest(options=options):
                run = self.run_program("fanmill", "run", "-k", *options, *names, "--shell", "printf '%s|' {}")
                self.assert_status(run, 0)
                self.assertEqual(run.stdout.replace(b"\n|", b"|"), b"a\nb|c|d\ne|")

    def test_items_that_say_how_long_they_are_come_back_as_they_were(self):
        generator = random.Random(3)
        items = [generator.randbytes(generator.choice((0, 1, 10, 200, 70_000))) for _ in range(500)]
        prefixed = b"".join(len(item).to_bytes(4, "big") + item for item in items)
        self.assertEqual(self.outputs(prefixed, "--length-prefixed"), b"".join(items))
        packed = b"".join(b"\xc6" + len(item).to_bytes(4, "big") + item for item in items)
        self.assertEqual(self.outputs(packed, "--msgpack"), packed)

    def test_each_of_them_with_three_programs(self):
        for options, data, wanted in (
                (["--lines-per-task", "2"], b"a\nb\nc\n", b"a\nb\nc\n"),
                (["-0", "--block", "4"], b"a\0b\0c\0", b"a\0b\0\0c\0\0"),
                (["--length-prefixed"], b"\0\0\0\2ab\0\0\0\1\n", b"ab\n"),
                (["--msgpack"], b"\x92\x01\xa1a\xc0", b"\x92\x01\xa1a\xc0")):
            with self.subTest(options=options):
                pipeline = Pipeline(self, "ipc", "--function", "echo", ventilator=options, sink=["-k"], stdin=data)
                for program in (pipeline.ventilator, pipeline.sink):
                    self.assert_status(program, 0)
                self.assertEqual(pipeline.sink.stdout, wanted)

    def test_what_is_complete_goes_out_before_more_has_come(self):
        run = self.start("fanmill", "run", "--length-prefixed", "--shell", "printf '%s\\n'", stdin=subprocess.PIPE)
        run.write(b"\0\0\0\1a\0\0\0\3b")
        run.wait_for_results(1)
        self.assertEqual(run.stdout, b"a\n")
        run.write(b"cd")
        run.wait_for_results(2)
        run.close_input()
        self.assert_status(run, 0)

    def test_stdin_of_each_kind(self):
        fifo = self.scratch / "fifo"
        os.mkfifo(fifo)

        def open_fifo():
            # It opens for reading alone where somebody has it already.
            both = os.open(fifo, os.O_RDWR)
            ends = os.open(fifo, os.O_RDONLY), os.open(fifo, os.O_WRONLY)
            os.close(both)
            return ends

        for kind, open_both in (("pipe", os.pipe), ("fifo", open_fifo),
                                ("socket", lambda: tuple(end.detach() for end in socket.socketpair()))):
            with self.subTest(kind=kind):
                ours, theirs = open_both()[::-1]
                run = self.start("fanmill", "run", "--function", "echo", stdin=theirs)
                os.close(theirs)
                os.write(ours, b"a\n")
                run.wait_for_results(1)
                os.write(ours, b"b\nc")
                os.close(ours)
                self.assert_status(run, 0)
                self.assertEqual(sorted(run.stdout.split()), [b"a", b"b", b"c"])
        for name in ("/dev/null", "/dev/zero"):
            with self.subTest(kind=name), open(name, "rb") as device:
                run = self.start("fanmill", "run", "--max-message", "1M", "--function", "echo", stdin=device)
                self.assert_status(run, 0 if name == "/dev/null" else 3)


if __name__ == "__main__":
    unittest.main()
