"""What a process takes of the machine: memory and descriptors, to be the same after a storm as before it."""

import os
import pathlib
import re
import time

MOST_GROWTH = 4 << 20  # bytes; the allocator keeps some of what was freed


def resident(program):
    return int(pathlib.Path(f"/proc/{program.process.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")


def keeps_what_is_freed(program):
    """AddressSanitizer and ThreadSanitizer do."""
    return bool(re.search("lib[at]san", pathlib.Path(f"/proc/{program.process.pid}/maps").read_text()))


def descriptors(program):
    return len(os.listdir(f"/proc/{program.process.pid}/fd"))


def settled(test, programs):
    """The numbers of descriptors, once they have been the same for a while."""
    last, since = None, time.monotonic()
    test.began = since
    while time.monotonic() - since < 0.3:
        now = [descriptors(program) for program in programs]
        if now != last:
            last, since = now, time.monotonic()
        test.assert_in_time(f"descriptors do not settle: {now}")
    return last


class Baseline:
    """Taken when a good part of a storm has gone over it: what is made once is there by then."""

    def __init__(self, test, programs):
        self._test = test
        self._programs = programs
        self.descriptors = settled(test, programs)
        self.memory = [resident(program) for program in programs]

    def assert_back(self, what):
        self._test.began = time.monotonic()
        # Fewer are as good: it may have been taken before the last of a connection had gone.
        while any(now > before for now, before in zip(settled(self._test, self._programs), self.descriptors)):
            self._test.assert_in_time(f"descriptors: {self.descriptors} before, {what}")
        for program, before in zip(self._programs, self.memory):
            if not keeps_what_is_freed(program):
                self._test.assertLess(resident(program) - before, MOST_GROWTH, f"{program}, {what}")

    def __str__(self):
        now = [resident(program) for program in self._programs]
        return (f"descriptors {self.descriptors} and now {[descriptors(program) for program in self._programs]}; "
                f"KiB {[one >> 10 for one in self.memory]} and now {[one >> 10 for one in now]}")
