"""A terminal for a program to write to, and what somebody in front of it would see."""

import os
import pty
import re
import signal
import termios
import threading

from programs import LIMIT


class Terminal:
    """A pseudo terminal; all that has come from it, and the lines that are on it then."""

    def __init__(self, columns=80):
        self.master, self.slave = pty.openpty()
        self.raw = b""
        self._changed = threading.Condition()
        self.resize(columns)
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def resize(self, columns, program=None):
        termios.tcsetwinsize(self.slave, (24, columns))
        if program:
            program.signal(signal.SIGWINCH)

    def _read(self):
        while True:
            try:
                block = os.read(self.master, 1 << 16)
            except OSError:
                block = b""
            if not block:
                return
            with self._changed:
                self.raw += block
                self._changed.notify_all()

    def wait_for(self, pattern, start=0):
        """Waits until what has come from byte `start` on matches; returns the match."""
        with self._changed:
            if not self._changed.wait_for(lambda: re.search(pattern, self.raw[start:]), LIMIT):
                raise AssertionError(f"no {pattern} on the terminal in {LIMIT:.0f} s:\n{self.raw[start:]}")
            return re.search(pattern, self.raw[start:])

    def lines(self):
        """What is to be seen, without lines that wrap: carriage return, newline and 'clear to the end' are known."""
        lines, column = [""], 0
        for token in re.findall(r"\x1b\[K|\r|\n|[^\x1b\r\n]+|\x1b", self.raw.decode()):
            if token == "\x1b[K":
                lines[-1] = lines[-1][:column]
            elif token == "\r":
                column = 0
            elif token == "\n":
                lines.append("")
            else:
                line = lines[-1].ljust(column)
                lines[-1] = line[:column] + token + line[column + len(token):]
                column += len(token)
        return lines

    def bars(self, start=0):
        """Each line of progress that was drawn."""
        return re.findall(rb"\r([^\r\n\x1b]+)\x1b\[K", self.raw[start:])

    def close(self):
        os.close(self.slave)
        self._thread.join(LIMIT)
        os.close(self.master)
