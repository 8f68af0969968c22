"""One job through separate processes: a ventilator, a sink and any number of workers, watched until the end.

What scripts/local-ipc and scripts/lan-ssh have in common: where the programs are, which option goes to which,
who is told when somebody ends or a signal comes, and the exit status.
"""

import os
import pathlib
import queue
import re
import shutil
import signal
import subprocess
import sys
import threading

ROLES = ("ventilator", "worker", "sink")
# What the scripts settle themselves.
SETTLED = {"--bind", "--connect", "--advertise", "--name", "-j", "--jobs", "-h", "--help", "--help-all",
           "--version", "--keep"}

SECONDS_TO_LEAVE = 10  # after SIGTERM, before SIGKILL
NOBODY_READS = 128 + signal.SIGPIPE
# No process of a job outlives the script, however that ends.
WITH_US = ["setpriv", "--pdeathsig", "TERM", "--"] if shutil.which("setpriv") else []


class UsageError(Exception):
    """A wrong command line: exit status 2."""


def program(name):
    """The path of one of Fanmill's programs: $FANMILL_BIN, beside this file, the build tree, or PATH."""
    here = pathlib.Path(__file__).resolve().parent
    if "FANMILL_BIN" in os.environ:
        places = [pathlib.Path(os.environ["FANMILL_BIN"])]
    else:
        places = [here, here.parent / "build/release/bin", here.parent / "build/dev/bin"]
    for place in places:
        if os.access(place / name, os.X_OK):
            return str(place / name)
    found = shutil.which(name)
    if not found or "FANMILL_BIN" in os.environ:
        looked = ", ".join(map(str, places))
        raise UsageError(f"{name}: not found in {looked} or PATH; scripts/demo builds it")
    return found


def options_of(path):
    """The options that a program takes, by its own --help-all, and whether each has a value."""
    text = subprocess.run([path, "--help-all"], stdout=subprocess.PIPE, check=True).stdout.decode()
    options = {}
    line = re.compile(r"^  (?:-(.), |    )(--[a-z-]+)(?: (\S+))?(?= )", re.MULTILINE)
    for letter, name, value in line.findall(text):
        options[name] = bool(value)
        if letter:
            options[f"-{letter}"] = bool(value)
    return {name: has_value for name, has_value in options.items() if name not in SETTLED}


class Arguments:
    """A command line, dealt out to the programs that take its options: OPTIONS [--] [COMMAND] [::: ITEM]."""

    def __init__(self, arguments, own):
        """`own` maps the caller's options to whether they have a value; they are found in `self.own`."""
        self.paths = {role: program(f"fanmill-{role}") for role in ROLES}
        self.own = {}
        self.of = {role: [] for role in ROLES}
        takers = {role: options_of(path) for role, path in self.paths.items()}
        known = {**{name: value for table in takers.values() for name, value in table.items()}, **own}

        at = arguments.index(":::") if ":::" in arguments else len(arguments)
        rest, items = arguments[:at], arguments[at:]
        while rest and rest[0].startswith("-") and rest[0] != "--":
            word = rest.pop(0)
            name, equals, value = word.partition("=") if word.startswith("--") else (word, "", "")
            letter = word[:2] if len(word) > 2 and not word.startswith("--") else None
            if letter and not known.get(letter, True):
                name = letter  # -kq is -k -q
                rest.insert(0, "-" + word[2:])
            elif letter:
                name, equals, value = letter, "=", word[2:]  # -j4
            if name not in known:
                raise UsageError(f"{word}: no such option")
            if known[name] and not equals:
                if not rest:
                    raise UsageError(f"{name}: takes a value")
                value = rest.pop(0)
            if name in own:
                self.own[name] = value if known[name] else True
                continue
            for role in ROLES:
                if name in takers[role]:
                    self.of[role] += [name, value] if known[name] else [name]
        if rest and rest[0] == "--":
            rest.pop(0)
        self.of["ventilator"] += items
        if rest:
            self.of["worker"] += ["--", *rest]

    def command(self, role, *words):
        """One of the programs, with what the caller says and then the options that are for it."""
        return [self.paths[role], *words, *self.of[role]]


class Job:
    """The processes of one job. All are in sessions of their own, so that Ctrl-C reaches this one alone,
    which passes it on to the ventilator: a job ends in order only from its head."""

    def __init__(self, name):
        self.name = name
        self.processes = {}  # name → Popen, of those that have not ended
        self.workers = set()
        self.events = queue.SimpleQueue()  # ("ended", name, status) or ("signal", number, None)
        self.readers = []
        self.said = set()
        self.output = threading.Lock()

    def say(self, text):
        with self.output:
            print(f"{self.name}: {text}", file=sys.stderr, flush=True)

    def start(self, name, command, worker=False, prefix="", stdin=subprocess.DEVNULL, on_line=None):
        """Starts a process. A worker's stdout and stderr come here: line by line behind `prefix`, and what
        several workers say alike is said once. `on_line`, if given, sees each line too."""
        process = subprocess.Popen([*WITH_US, *command], stdin=stdin, stdout=subprocess.PIPE if worker else None,
                                   stderr=subprocess.STDOUT if worker else None, start_new_session=True)
        self.processes[name] = process
        if worker:
            self.workers.add(name)
        threading.Thread(target=self._watch, args=(name, process, prefix, on_line), daemon=True).start()

    def _watch(self, name, process, prefix, on_line):
        for raw in process.stdout or []:
            line = prefix + raw.decode(errors="replace").rstrip("\n")
            if on_line:
                on_line(name, line)
            with self.output:
                if line not in self.said:
                    self.said.add(line)
                    print(line, file=sys.stderr, flush=True)
        self.events.put(("ended", name, process.wait()))

    def tell(self, number, names):
        for name in names:
            if name in self.processes:
                self.stop_one(name, number)

    def stop_one(self, name, number):
        """Sends a signal to one process; lan-ssh does it in its own way for a worker elsewhere."""
        self.processes[name].send_signal(number)

    def worker_ended(self, name, status):
        """A worker has ended while the job runs. Returns an exit status to end it with, or None to go on."""
        if status in (2, 4):
            return status  # each of them was told the same
        if status != 0:
            self.say(f"{name} ended {'by signal %d' % -status if status < 0 else 'with status %d' % status}")
            if not self.workers & self.processes.keys():
                return 3
        return None

    def run(self):
        """Waits for all to end; returns the exit status: 128 + n after a signal, 141 where nobody reads the sink's
        output any more, else the first that was not 0."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda number, frame: self.events.put(("signal", number, None)))
        result, signals, ending = 0, [], None
        while self.processes:
            try:
                event, what, status = self.events.get(timeout=SECONDS_TO_LEAVE if ending else None)
            except queue.Empty:
                self.tell(signal.SIGKILL, list(self.processes))
                continue
            if event == "signal":
                signals.append(what)
                # Once: the ventilator ends the run in order. Again: all end now.
                everybody = len(signals) > 1 or "ventilator" not in self.processes
                self.tell(what, list(self.processes) if everybody else ["ventilator"])
                ending = ending or everybody
                continue
            del self.processes[what]
            over = not {"ventilator", "sink"} & self.processes.keys()
            if what in self.workers:
                failure = None if over or ending else self.worker_ended(what, status)
            else:
                failure = status if status not in (0, 1) else None
                result = status if what == "sink" and status == NOBODY_READS else result or status
            result = result or failure or 0
            if (failure or over) and not ending:
                # Workers that came too late to be told STOP, or a job that cannot go on.
                self.tell(signal.SIGTERM, list(self.processes))
                ending = True
        if signals:
            return 128 + signals[0]
        return 128 - result if result < 0 else result
