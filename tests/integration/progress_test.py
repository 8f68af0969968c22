"""--progress: a line on a terminal that results and messages do not garble, plain lines, or nothing."""

import os
import re
import subprocess
import unittest

from programs import PipelineTest
from terminal import Terminal


class Progress(PipelineTest):
    def on_terminal(self, *arguments, columns=80, environment=None, stdout=None, stdin=subprocess.PIPE):
        """fanmill run with stdout and stderr on a terminal, unless it says otherwise."""
        terminal = Terminal(columns)
        self.addCleanup(terminal.close)
        variables = {**os.environ, "TERM": "xterm", **(environment or {})}
        variables = {name: value for name, value in variables.items() if value is not None}
        program = self.start("fanmill", "run", *arguments, stdin=stdin, stderr=terminal.slave, env=variables,
                             stdout=terminal.slave if stdout is None else stdout)
        return terminal, program

    def test_results_stand_above_the_line_and_nothing_is_left_of_it(self):
        terminal, program = self.on_terminal("-j1", "--function", "echo")
        for number in range(1, 4):
            program.write(b"result %d\n" % number)
            terminal.wait_for(rb"\r%d done [^\r]*\x1b\[K" % number)
        program.close_input()
        self.assert_status(program, 0)
        terminal.wait_for(rb"3 tasks: 3 ok")
        lines = terminal.lines()
        self.assertEqual(lines[:3], ["result 1", "result 2", "result 3"])
        self.assertRegex(lines[3], r"^fanmill: 3 tasks: 3 ok, 0 failed")
        self.assertEqual(lines[4:], [""])

    def test_it_is_never_cleared_but_for_text(self):
        terminal, program = self.on_terminal("-j1", "--function", "echo")
        for number in range(1, 6):
            program.write(b"x" * number + b"\n")
            terminal.wait_for(rb"\r%d done [^\r]*\x1b\[K" % number)
        program.close_input()
        self.assert_status(program, 0)
        terminal.wait_for(rb"5 ok")
        self.assertNotRegex(terminal.raw, rb"\r\x1b\[K\r")

    def test_as_wide_as_the_terminal_is_now(self):
        terminal, program = self.on_terminal("-j1", "--function", "echo", "--progress", "bar", columns=200,
                                             stdout=subprocess.PIPE)
        program.write(b"a\n")
        terminal.wait_for(rb"\r1 done [^\r]*, 1 worker\x1b\[K")
        seen = len(terminal.raw)
        terminal.resize(24, program)
        program.write(b"b\n")
        terminal.wait_for(rb"\r2 done [^\r]*\x1b\[K", seen)
        for bar in terminal.bars(seen)[1:]:
            self.assertLess(len(bar), 24)
        self.assertNotIn(b"worker", terminal.bars()[-1])
        program.close_input()
        self.assert_status(program, 0)
        self.assertEqual(program.stdout, b"a\nb\n")

    def test_a_total_and_a_bar_once_the_input_has_ended(self):
        gate = self.scratch / "gate"
        os.mkfifo(gate)
        terminal, program = self.on_terminal("-j1", "--shell", f"[ {{}} = 2 ] && cat {gate}; true", ":::", "1", "2",
                                             columns=60, stdin=subprocess.DEVNULL)
        terminal.wait_for(rb"\r\[#+-+\] 1/2 50% [^\r]*, 1 worker\x1b\[K")
        gate.write_bytes(b"")
        self.assert_status(program, 0)
        for bar in terminal.bars():
            self.assertLess(len(bar), 60)

    def test_what_has_no_newline_yet_is_not_drawn_over(self):
        gate = self.scratch / "gate"
        os.mkfifo(gate)
        command = f"[ {{}} = 2 ] && cat {gate}; printf %s {{}}"
        terminal, program = self.on_terminal("-j1", "--shell", command, ":::", "1", "2", stdin=subprocess.DEVNULL)
        terminal.wait_for(rb"1$")
        gate.write_bytes(b"")
        self.assert_status(program, 0)
        terminal.wait_for(rb"2 ok")
        self.assertRegex(terminal.lines()[0], r"^12fanmill: 2 tasks")

    def test_what_commands_and_the_program_say_stands_above_it_too(self):
        terminal, program = self.on_terminal("-j1", "--shell", "echo {} >&2; exit 3")
        for number in range(1, 3):
            program.write(b"e%d\n" % number)
            terminal.wait_for(rb"\r%d done [^\r]*, %d failed[^\r]*\x1b\[K" % (number, number))
        program.close_input()
        self.assert_status(program, 1)
        terminal.wait_for(rb"0 ok, 2 failed")
        self.assertEqual(terminal.lines()[:2], ["e1", "e2"])
        self.assertNotIn("done", "".join(terminal.lines()))

    def test_nothing_where_nobody_would_see_it(self):
        quiet = [(("--quiet",), {}), (("--progress", "none"), {}), (("--ungroup",), {}), ((), {"TERM": "dumb"}),
                 ((), {"TERM": None}), ((), {"TERM": ""})]
        for options, environment in quiet:
            with self.subTest(options=options, environment=environment):
                terminal, program = self.on_terminal("-j1", *options, "true", ":::", "1", environment=environment,
                                                     stdin=subprocess.DEVNULL)
                self.assert_status(program, 0)
                self.assertNotIn(b"\x1b", terminal.raw)
                self.assertNotIn(b"done", terminal.raw)
        program = self.run_program("fanmill", "run", "-j1", "true", ":::", "1")
        self.assertNotIn("done", program.stderr)

    def test_items_that_are_typed_are_not_drawn_over(self):
        terminal = Terminal()
        self.addCleanup(terminal.close)
        program = self.start("fanmill", "run", "-j1", "--function", "echo", stdin=terminal.slave,
                             stdout=terminal.slave, stderr=terminal.slave, env={**os.environ, "TERM": "xterm"})
        terminal.wait_for(rb"fanmill: reading items from the terminal until Ctrl-D\r\n")
        os.write(terminal.master, b"one\n")
        terminal.wait_for(rb"one\r\none\r\n")  # as it was typed, and the result
        os.write(terminal.master, b"\x04")
        self.assert_status(program, 0)
        self.assertNotIn(b"\x1b", terminal.raw)

    def test_plain_lines_where_they_are_asked_for(self):
        for form in ("plain", "bar"):  # a bar cannot be drawn on a pipe
            program = self.start("fanmill", "run", "-j1", "--progress", form, "--function", "echo",
                                 stdin=subprocess.PIPE)
            program.write(b"a\n")
            program.wait_for_line(r"^fanmill: 1 task done, \S+/s, 1 worker$")
            program.close_input()
            self.assert_status(program, 0)
            self.assertEqual(program.stdout, b"a\n")
            self.assertNotIn("\x1b", program.stderr)

    def test_the_separate_programs_say_it_too(self):
        endpoint = self.endpoint("ipc")
        ventilator = self.start("ventilator", "--bind", endpoint, "--progress", "plain", stdin=subprocess.PIPE)
        sink = self.start("sink", "--connect", endpoint, "--progress", "plain")
        self.start("worker", "--connect", endpoint, "-j1", "--function", "echo")
        ventilator.write(b"a\n")
        sink.wait_for_line(r"^fanmill-sink: \d tasks? done, \S+/s$")
        ventilator.wait_for_line(r"^fanmill-ventilator: \d tasks? done, \S+/s, \d workers?$")
        ventilator.close_input()
        self.assert_status(ventilator, 0)
        self.assert_status(sink, 0)
        self.assertTrue(re.search(r"1 ok", ventilator.stderr))


if __name__ == "__main__":
    unittest.main()
