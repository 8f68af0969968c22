"""Packets of one link are dropped for some seconds, in one direction or in both: control, lanes or results, over tcp,
in a network namespace of the test's own. Nothing lost, nothing twice; found in time; soon as fast as before.

FANMILL_FAULT_PARTITIONS is how many for each link (1), FANMILL_FAULT_SECONDS how long each is (5; 0: drawn between
0.5 and 30), FANMILL_TEST_SEED the seed. scripts/soak partitions is the long form.
"""

import pathlib
import random
import time
import unittest

import network
from supervisor import SupervisedTest, number  # first: it knows where the others are

from programs import free_port

PARTITIONS = number("FANMILL_FAULT_PARTITIONS", 1)
SECONDS = number("FANMILL_FAULT_SECONDS", 5)
SEED = number("FANMILL_TEST_SEED", random.randrange(1 << 20))
HEARTBEAT_INTERVAL, HEARTBEAT_TIMEOUT = 1.0, 3.0
FOUND_WITHIN = HEARTBEAT_INTERVAL + HEARTBEAT_TIMEOUT + 0.5
BACK_AFTER = 2  # seconds
TASK_SECONDS = 0.01  # what the machine does besides is not to be seen in the rate
SLOTS = 4
LANES = 8  # ports
ESTABLISHED = "01"  # in /proc/net/tcp
# What is dropped on its way: to the program that has bound the port, or from it.
DIRECTIONS = {"to": ("dport",), "from": ("sport",), "both": ("dport", "sport")}


def drop(ports, direction):
    rules = "".join(f"tcp {end} {{ {ports} }} drop\n" for end in DIRECTIONS[direction])
    network.nft(f"table inet partition {{\nchain input {{\ntype filter hook input priority 0;\n{rules}}}\n}}\n")


def heal():
    network.nft("delete table inet partition\n")


def connections(ports):
    """The ends of connections of these ports that believe to be connected: (address, port of one, of the other)."""
    found = set()
    for line in pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]:
        _, near, far, state, *_ = line.split()
        if state == ESTABLISHED and any(int(end.rpartition(":")[2], 16) in ports for end in (near, far)):
            found.add((near, far))
    return found


class PartitionsTest(SupervisedTest):
    worker_count = 2
    work = ("-j", str(SLOTS), "--function", "sleep")

    def words(self, role):
        words = super().words(role)
        return [*words, *self.extra.get(role, ())]

    def rate(self, seconds):
        """Rows a second, over so many seconds from now."""
        begin, rows = time.monotonic(), self.progress.look().rows
        self.look_until(begin + seconds)
        return (self.progress.rows - rows) / (time.monotonic() - begin)

    def look_until(self, moment):
        while time.monotonic() < moment:
            self.progress.look()
            time.sleep(0.02)

    def time_to_find(self, ports, before, seconds):
        """Seconds until each of the connections has an end that has given it up, or None where one has not."""
        begin = time.monotonic()
        while (now := time.monotonic() - begin) < seconds:
            whole = connections(ports)
            if not any((near, far) in whole and (far, near) in whole for near, far in before):
                return now
            self.progress.look()
            time.sleep(0.02)
        return None

    def partition(self, link, number_of_it):
        chooser = random.Random(f"{SEED} {link} {number_of_it}")
        direction = chooser.choice(list(DIRECTIONS))
        seconds = SECONDS or chooser.uniform(0.5, 30)
        first = free_port()
        results = first + LANES
        self.extra = {"ventilator": ["--lane-ports", f"{first}-{first + LANES - 1}"],
                      "sink": ["--bind", f"tcp://127.0.0.1:{results}"]}
        rate = self.worker_count * SLOTS / TASK_SECONDS
        # The digits after the duration tell items apart.
        count = int(rate * (seconds + 9))
        self.prepare("tcp", SEED + number_of_it, [f"{TASK_SECONDS:.3f}{i:08d}" for i in range(count)])
        ports = {"control": {int(self.at.rpartition(":")[2])}, "lanes": set(range(first, first + LANES)),
                 "results": {results}}[link]
        self.begin()
        what = f"{link} {direction} for {seconds:.1f} s, seed {SEED}"
        self.assertTrue(self.wait_for(lambda progress: progress.rows > rate / 2), what)
        before = self.rate(1)
        connected = connections(ports)
        self.assertGreaterEqual(len(connected), 2 * self.worker_count, f"{what}: connections to cut")
        drop(", ".join(map(str, sorted(ports))), direction)
        try:
            begin = time.monotonic()
            found = self.time_to_find(ports, connected, seconds)
            self.look_until(begin + seconds)
        finally:
            heal()
        self.look_until(time.monotonic() + BACK_AFTER)
        after = self.rate(1)
        self.finish()
        print(f"{what}: found after {f'{found:.1f} s' if found else '-'}; {before:.0f} results/s before, {after:.0f} "
              f"{BACK_AFTER} s after; {self.duplicates()} duplicates, {sum(self.lost_by_worker().values())} redelivered",
              flush=True)
        self.assert_each_once(lambda item: "")
        if seconds > FOUND_WITHIN:
            self.assertIsNotNone(found, f"{what}: a connection without news was kept")
            self.assertLess(found, FOUND_WITHIN, what)
        self.assertGreater(after, 0.8 * before, what)
        self.file.unlink()

    def test_of_control(self):
        for i in range(PARTITIONS):
            self.partition("control", i)

    def test_of_lanes(self):
        for i in range(PARTITIONS):
            self.partition("lanes", i)

    def test_of_results(self):
        for i in range(PARTITIONS):
            self.partition("results", i)


if __name__ == "__main__":
    network.enter_namespace()
    unittest.main()
