"""What goes wrong at the start and at the edges: the stated exit status, a message that names the thing and
the reason, nothing lost, nothing hangs."""

import os
import pathlib
import pwd
import shutil
import signal
import socket
import subprocess
import unittest

from connections import Peer, connect, throw_garbage
from programs import BIN, Pipeline, PipelineTest, free_port

ECHO = ["--function", "echo"]


class CommandLine(PipelineTest):
    def check(self, status, pattern, name, *arguments, **options):
        program = self.run_program(name, *arguments, **options)
        self.assert_status(program, status)
        self.assert_message(program, pattern)
        self.assertEqual(program.stdout, b"")
        return program

    def test_wrong_command_lines_are_2_and_name_the_option(self):
        cases = [
            (r"--jbos.*--jobs", "fanmill", "run", "--jbos", "2", *ECHO),
            (r"--jobs.*'two'", "fanmill", "run", "-j", "two", *ECHO),
            (r"--jobs", "fanmill", "run", "-j0", *ECHO),
            (r"--jobs", "fanmill", "run", "-j"),
            (r"COMMAND", "fanmill", "run"),
            (r"COMMAND", "worker", "--connect", "ipc:///tmp/x"),
            (r"--connect", "worker", *ECHO),
            (r"--connect", "sink"),
            (r"--bind", "ventilator"),
            (r"--function.*'no'.*echo", "fanmill", "run", "--function", "no"),
            (r"--format.*'xml'.*jsonl", "fanmill", "run", "--format", "xml", *ECHO),
            (r"--wait-timeout.*'5'", "fanmill", "run", "--wait-timeout", "5", *ECHO),
            (r"\{2\}.*--colsep", "fanmill", "run", "echo", "{2}"),
            (r"\{0\}.*count from 1", "worker", "--connect", "ipc:///tmp/x", "echo", "{0}"),
            (r"\{\.\.\}.*no such placeholder.*\{//\}", "fanmill", "run", "echo", "{..}"),
            (r"\{= uc =\}.*no such placeholder", "fanmill", "run", "echo '{= uc =}'"),
            (r"--retry-delay.*--retries", "fanmill", "run", "--retry-delay", "1s", "true"),
            (r"':::'.*twice", "fanmill", "run", "true", ":::", "a", ":::", "b"),
            (r"--colsep.*pattern", "fanmill", "run", "--colsep", r"\s+", "echo", "{2}"),
            (r"--colsep", "fanmill", "run", "--colsep", "", "echo", "{2}"),
            (r"--lines-per-task.*'two'", "fanmill", "run", "--lines-per-task", "two", *ECHO),
            (r"--lines-per-task", "fanmill", "run", "--lines-per-task", "0", *ECHO),
            (r"--lines-per-task.*'-1'", "fanmill", "run", "--lines-per-task", "-1", *ECHO),
            (r"--lines-per-task", "fanmill", "run", "--lines-per-task", "9" * 30, *ECHO),
            (r"--block.*'1X'", "fanmill", "run", "--block", "1X", *ECHO),
            (r"--block", "fanmill", "run", "--block", "0", *ECHO),
            (r"--block.*most is 1 GiB", "fanmill", "run", "--block", "2G", *ECHO),
            (r"--block.*--max-message", "fanmill", "run", "--block", "65M", *ECHO),
            (r"--block", "fanmill", "run", "--block"),
            (r"--block.*--lines-per-task is given too", "fanmill", "run", "--lines-per-task", "2", "--block", "1M",
             *ECHO),
            (r"--length-prefixed.*--msgpack is given too", "ventilator", "--bind", "ipc:///tmp/x", "--msgpack",
             "--length-prefixed"),
            (r"--null.*--msgpack", "fanmill", "run", "-0", "--msgpack", *ECHO),
            (r"--null.*--length-prefixed", "fanmill", "run", "-0", "--length-prefixed", *ECHO),
            (r"--block.*:::", "fanmill", "run", "--block", "1M", *ECHO, ":::", "a"),
            (r"--msgpack.*no value", "fanmill", "run", "--msgpack=1", *ECHO),
            (r"--msgpack.*does not take it", "worker", "--connect", "ipc:///tmp/x", "--msgpack", *ECHO),
            (r"--idle-timeout.*'5'", "worker", "--connect", "ipc:///tmp/x", "--idle-timeout", "5", *ECHO),
            (r"--idle-timeout.*0 is too short", "worker", "--connect", "ipc:///tmp/x", "--idle-timeout", "0s",
             *ECHO),
            (r"--lifetime.*'-1s'", "worker", "--connect", "ipc:///tmp/x", "--lifetime", "-1s", *ECHO),
            (r"--lifetime.*'9{25}h'", "worker", "--connect", "ipc:///tmp/x", "--lifetime", "9" * 25 + "h", *ECHO),
            (r"--max-tasks", "worker", "--connect", "ipc:///tmp/x", "--max-tasks", "0", *ECHO),
            (r"--max-tasks.*'many'", "worker", "--connect", "ipc:///tmp/x", "--max-tasks", "many", *ECHO),
            (r"--max-tasks.*value is missing", "worker", "--connect", "ipc:///tmp/x", "--max-tasks"),
            (r"--keep.*no value", "worker", "--connect", "ipc:///tmp/x", "--keep=yes", *ECHO),
            (r"--keep.*does not take it", "fanmill", "run", "--keep", *ECHO),
            (r"--dry-run.*--function", "fanmill", "run", "--dry-run", *ECHO),
            (r"--dry-run.*--results", "fanmill", "run", "--dry-run", "--results", "/tmp/x.db", "echo"),
            (r"--dry-run.*elsewhere", "fanmill", "run", "--dry-run", "--listen", "ipc:///tmp/x", "echo"),
            (r"--dry-run.*does not take it", "worker", "--connect", "ipc:///tmp/x", "--dry-run", "echo"),
            (r"--timeout.*'5'.*5m", "fanmill", "run", "--timeout", "5", "true"),
            (r"--timeout.*'-5s'", "fanmill", "run", "--timeout", "-5s", "true"),
            (r"--kill-after.*'soon'", "fanmill", "run", "--timeout", "5s", "--kill-after", "soon", "true"),
            (r"--workdir", "fanmill", "run", "--workdir=", "true"),
            (r"'walk'", "fanmill", "walk"),
            (r"fanmill", "fanmill"),
        ]
        for pattern, name, *arguments in cases:
            with self.subTest(command=[name, *arguments]):
                self.check(2, pattern, name, *arguments)

    def test_bad_endpoints_are_2_and_are_quoted(self):
        for endpoint in ("tcp//127.0.0.1:5555", "tcp://127.0.0.1", "tcp://127.0.0.1:99999",
        "udp://127.0.0.1:1", "ipc://",
                         "", "tcp://[::1:5"):
            with self.subTest(endpoint=endpoint):
                program = self.check(2, "--bind", "ventilator", "--bind", endpoint)
                self.assertIn(f"'{endpoint}'", program.stderr)

    def test_ipc_path_too_long_is_2_with_the_limit(self):
        self.check(2, "--bind.*107", "ventilator", "--bind", f"ipc:///{'x' * 120}")

    def test_an_abstract_ipc_name_is_2_and_no_file(self):
        for name, option, *rest in (["ventilator", "--bind"], ["sink", "--connect"], ["worker", "--connect", *ECHO]):
            self.check(2, f"{option}: 'ipc://@mill': .*open to every user", name, option, "ipc://@mill", *rest,
                       cwd=self.scratch)
        self.assertEqual(os.listdir(self.scratch), [])

    def test_tcp_beyond_loopback_without_keys_is_2_and_names_insecure(self):
        self.check(2, "--bind.*--insecure", "ventilator", "--bind", "tcp://0.0.0.0:5555")
        self.check(2, "--connect.*--insecure", "worker", "--connect", "tcp://192.0.2.1:5555", *ECHO)
        self.check(2, "--listen.*--insecure", "fanmill", "run", "--listen", "tcp://*:5555", *ECHO)

    def test_all_the_help_of_the_front_door_is_its_help(self):
        short, whole = (self.run_program("fanmill", option) for option in ("--help", "--help-all"))
        self.assert_status(whole, 0)
        self.assertEqual(whole.stdout, short.stdout)

    def test_help_and_version_of_each_program(self):
        for name, *words in (["fanmill"], ["fanmill", "run"], ["ventilator"], ["worker"], ["sink"]):
            with self.subTest(program=[name, *words]):
                help_text = self.run_program(name, *words, "--help")
                self.assert_status(help_text, 0)
                self.assertRegex(help_text.stdout, rb"(?i)usage")
                self.assertEqual(help_text.stderr, "")
                version = self.run_program(name, *words, "--version")
                self.assert_status(version, 0)
                self.assertRegex(version.stdout, rb"^fanmill \d+\.\d+\.\d+\n$")
                self.assertEqual(self.run_program(name, *words, "-V").stdout, version.stdout)
        self.assertEqual(self.run_program("fanmill", "help").stdout, self.run_program("fanmill", "--help").stdout)
        self.assertEqual(self.run_program("fanmill", "help", "run").stdout,
                         self.run_program("fanmill", "run", "--help").stdout)
        wrong = self.run_program("fanmill", "help", "foo")
        self.assert_status(wrong, 2)
        self.assert_message(wrong, "help 'foo': there is no such program")


class Start(PipelineTest):
    def test_a_workdir_that_is_not_there_is_3(self):
        run = self.run_program("fanmill", "run", "--workdir", "/nowhere/at/all", "pwd", ":::", "a")
        self.assert_status(run, 3)
        self.assert_message(run, "cannot work in '/nowhere/at/all': no such file or directory; --workdir")

    def test_port_in_use_is_3(self):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            endpoint = f"tcp://127.0.0.1:{taken.getsockname()[1]}"
            program = self.run_program("ventilator", "--bind", endpoint, ":::", "a")
        self.assert_status(program, 3)
        self.assert_message(program, f"cannot bind {endpoint}: address already in use")

    def test_missing_ipc_directory_is_3(self):
        endpoint = f"ipc://{self.scratch}/nowhere/control"
        program = self.run_program("ventilator", "--bind", endpoint, ":::", "a")
        self.assert_status(program, 3)
        self.assert_message(program, f"cannot bind {endpoint}: no such (file or )?directory")

    def test_no_permission_on_the_ipc_directory_is_3(self):
        locked = self.scratch / "locked"
        locked.mkdir(mode=0o500)
        options = {}
        if os.geteuid() == 0:
            nobody = pwd.getpwnam("nobody")
            self.scratch.chmod(0o711)
            options = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
            if subprocess.run(["test", "-x", BIN / "fanmill-ventilator"], **options, check=False).returncode:
                self.skipTest(f"user nobody cannot reach {BIN}")
        program = self.run_program("ventilator", "--bind", f"ipc://{locked}/control", ":::", "a", **options)
        self.assert_status(program, 3)
        self.assert_message(program, f"cannot bind ipc://{locked}/control: permission denied")

    def test_something_else_at_the_ipc_path_is_left_alone(self):
        path = self.scratch / "precious"
        path.write_text("data")
        program = self.run_program("ventilator", "--bind", f"ipc://{path}", ":::", "a")
        self.assert_status(program, 3)
        self.assert_message(program, f"cannot bind ipc://{path}: ")
        self.assertEqual(path.read_text(), "data")

    @unittest.skipUnless(shutil.which("prlimit") and shutil.which("setpriv"), "prlimit or setpriv is not here")
    def test_too_few_processes_is_3_and_no_abort(self):
        # A limit that counts for root would take the whole machine's processes into account: another user's, then.
        as_other, who = [], pwd.getpwuid(os.geteuid())
        if os.geteuid() == 0:
            who = pwd.getpwnam("nobody")
            as_other = [shutil.which("setpriv"), f"--reuid={who.pw_uid}", f"--regid={who.pw_gid}", "--clear-groups"]
            if subprocess.run([*as_other, "test", "-x", BIN / "fanmill"], check=False).returncode:
                self.skipTest(f"user nobody cannot reach {BIN}")
        # And of a user that has some already.
        used = sum(len(os.listdir(path / "task")) for path in pathlib.Path("/proc").glob("[0-9]*")
                   if path.exists() and path.stat().st_uid == who.pw_uid)
        enough = False
        for more in (2, 3, 4, 5, 6, 7, 12):
            for work in (["echo"], ["-j20", *ECHO]):
                with self.subTest(more=more, work=work):
                    run = self.run_program(shutil.which("prlimit"), f"--nproc={used + more}", "--core=0", *as_other,
                                           BIN / "fanmill", "run", *work, ":::", "a")
                    if run.wait() == 0:
                        enough = True
                    else:
                        self.assert_status(run, 3)
                        self.assert_message(run, "cannot start .*temporarily unavailable; raise the limit.*-u")
        self.assertTrue(enough, "the limits were all too low")

    def test_unreadable_input_is_3(self):
        for file, reason in ((self.scratch / "missing", "no such file"), (self.scratch, "is a directory")):
            with self.subTest(file=file):
                program = self.run_program("fanmill", "run", "-a", str(file), *ECHO)
                self.assert_status(program, 3)
                self.assert_message(program, f"cannot read '{file}': {reason}")

    def test_input_that_is_cut_off_or_too_long_is_3_and_says_where(self):
        cut = self.scratch / "cut"
        for option, data, pattern in (
                (["--msgpack"], b"\x01\xa3ab", "within the msgpack value that begins at byte 1$"),
                (["--msgpack"], b"\x01\xc1", "not msgpack: .* byte 1$"),
                (["--msgpack"], b"\x01\xdd\xff\xff\xff\xff", "item 2 .*longer than 64 MiB; --max-message"),
                (["--length-prefixed"], b"\0\0\0\1a\0\0\0\2b", "within the item whose length is at byte 5$"),
                (["--length-prefixed"], b"\xff\xff\xff\xff", "item 1 .*longer than 64 MiB; --max-message"),
                (["--lines-per-task", "2", "--max-message", "3"], b"ab\ncd\n", "item 1 .*longer than 3 B"),
                (["--block", "2", "--max-message", "3"], b"a\nbcdef\n", "item 2 .*longer than 3 B")):
            with self.subTest(option=option, data=data):
                cut.write_bytes(data)
                program = self.run_program("fanmill", "run", *option, "-a", str(cut), *ECHO)
                self.assert_status(program, 3)
                self.assert_message(program, f"cannot read .*{pattern}")
                self.assertIn(f"'{cut}'", program.stderr)

    def test_what_comes_before_it_is_done_first(self):
        packed = b"".join(b"\0\0\0\1" + bytes([97 + n % 26]) for n in range(1000)) + b"\0\0\0\5ab"
        cut = self.scratch / "cut"
        cut.write_bytes(packed)
        for work in (ECHO, ["--stdin", "--", "cat"]):
            with self.subTest(work=work):
                run = self.run_program("fanmill", "run", "-k", "--length-prefixed", "-a", str(cut), *work)
                self.assert_status(run, 3)
                self.assertEqual(run.stdout.replace(b"\n", b""), packed[4:-6:5])
                self.assert_message(run, "cannot read .*within the item whose length is at byte 5000$")
                self.assertIn("1000 tasks: 1000 ok, 0 failed, 0 dead; 0 duplicates suppressed; 0 unfinished", run.stderr)
        run = self.run_program("fanmill", "run", "-q", "--length-prefixed", "-a", str(cut), *ECHO)
        self.assert_status(run, 3)
        self.assert_message(run, "cannot read .*within the item whose length is at byte 5000$")

    def test_with_input_that_is_cut_off_no_run_is_complete(self):
        cut, out, stored = (self.scratch / name for name in ("cut", "out", "x.db"))
        cut.write_bytes(b"\0\0\0\1a\0\0\0\5ab")
        out.write_text("of before\n")
        run = self.run_program("fanmill", "run", "--length-prefixed", "-a", str(cut), "-o", out, *ECHO)
        self.assert_status(run, 3)
        self.assertEqual(out.read_text(), "of before\n")
        self.assertEqual((self.scratch / "out.partial").read_text().strip(), "a")
        run = self.run_program("fanmill", "run", "--length-prefixed", "-a", str(cut), "--results", stored, *ECHO)
        self.assert_status(run, 3)
        audit = self.run_program("fanmill", "audit", stored)
        self.assert_status(audit, 1)
        self.assertIn(b"not complete", audit.stdout)
        # A sink of its own knows as well.
        endpoint = self.endpoint("ipc")
        self.start("worker", "--connect", endpoint, *ECHO)
        sink = self.start("sink", "--connect", endpoint, "-o", out)
        ventilator = self.start("ventilator", "--bind", endpoint, "--length-prefixed", "-a", str(cut))
        self.assert_status(ventilator, 3)
        self.assert_status(sink, 3)
        self.assert_message(sink, "the run ends before its input has been read to the end")
        self.assertEqual(out.read_text(), "of before\n")

    def test_output_file_that_cannot_be_made_is_3(self):
        file = self.scratch / "nowhere/results"
        program = self.run_program("fanmill", "run", "-o", str(file), *ECHO, ":::", "a")
        self.assert_status(program, 3)
        self.assert_message(program, f"{file}.*: no such file or directory")

    def test_no_standard_input_is_3(self):
        program = self.run_program("sh", "-c", '"$@" <&-', "sh", BIN / "fanmill", "run", *ECHO)
        self.assert_status(program, 3)
        self.assert_message(program, "cannot read standard input: it is closed")

    def test_no_standard_output_is_3(self):
        program = self.run_program("sh", "-c", '"$@" >&-', "sh", BIN / "fanmill", "run", *ECHO, ":::", "a")
        self.assert_status(program, 3)
        self.assert_message(program, "cannot write standard output: it is closed")

    def run_program(self, name, *arguments, **options):
        return super().run_program("/bin/sh" if name == "sh" else name, *arguments, **options)

    def test_full_output_is_3(self):
        with open("/dev/full", "wb") as full:
            program = self.run_program("fanmill", "run", *ECHO, ":::", "a", stdout=full)
        self.assert_status(program, 3)
        self.assert_message(program, "no space left on device")

    def test_reader_that_goes_is_141_in_silence(self):
        lines = b"".join(b"%d\n" % number for number in range(200_000))
        text = '{ "$@"; echo "status $?" >&2; } | head -n 1'
        program = self.run_program("sh", "-c", text, "sh", BIN / "fanmill", "run", *ECHO, stdin=lines)
        self.assertEqual(program.stdout.count(b"\n"), 1)
        self.assertEqual(program.stderr, "status 141\n")

    def test_reader_that_goes_ends_three_programs(self):
        endpoint = self.endpoint("ipc")
        lines = b"".join(b"%d\n" % number for number in range(200_000))
        ventilator = self.start("ventilator", "--bind", endpoint, stdin=lines)
        worker = self.start("worker", "--connect", endpoint, *ECHO)
        reader, writer = os.pipe()
        sink = self.start("sink", "--connect", endpoint, stdout=writer)
        os.close(writer)
        self.assertTrue(os.read(reader, 10))
        os.close(reader)
        self.assert_status(sink, 141)
        self.assert_status(ventilator, 3)
        self.assert_status(worker, 0)


@unittest.skipUnless(os.geteuid() == 0, "only root can make another user's socket")
class OthersSockets(PipelineTest):
    """Without keys, over ipc: who made the socket first would feed its items to a worker's command."""

    def others_listener(self, path):
        self.scratch.chmod(0o777)
        listener = socket.socket(socket.AF_UNIX)
        self.addCleanup(listener.close)
        nobody = pwd.getpwnam("nobody").pw_uid
        os.seteuid(nobody)
        try:
            listener.bind(str(path))
            listener.listen()
        finally:
            os.seteuid(0)
        return listener

    def commands(self, endpoint):
        return [("worker", "--connect", endpoint, *ECHO), ("sink", "--connect", endpoint),
                ("fanmill", "status", endpoint)]

    def test_a_socket_that_is_another_users_is_3_and_hears_nothing(self):
        endpoint = f"ipc://{self.scratch}/control"
        listener = self.others_listener(self.scratch / "control")
        listener.setblocking(False)
        for command in self.commands(endpoint):
            program = self.run_program(*command)
            self.assert_status(program, 3)
            self.assert_message(program, f"cannot connect to {endpoint}: the socket there is another user's "
                                         r"\(nobody\); name another path, or use keys")
            self.assertRaises(BlockingIOError, listener.accept)

    def test_one_that_is_made_while_a_worker_waits_hears_no_hello(self):
        endpoint = f"ipc://{self.scratch}/control"
        programs = [self.start(*command) for command in self.commands(endpoint)[:2]]
        for program in programs:
            program.wait_for_line("waiting for a ventilator")
        # A path can be made to look like root's between a look at it and the connection: who listens counts.
        listener = self.others_listener(self.scratch / "beside")
        os.chown(self.scratch / "beside", 0, 0)
        (self.scratch / "beside").rename(self.scratch / "control")
        for program in programs:
            self.assertEqual(program.wait(), 3)
            self.assert_message(program, f"cannot connect to {endpoint}: the socket there is another user's")
        listener.settimeout(10)
        for _ in programs:
            connection, _ = listener.accept()
            connection.settimeout(10)
            heard = b""
            while part := connection.recv(1024):
                heard += part
            connection.close()
            self.assertNotIn(b"fanmill", heard)


class Items(PipelineTest):
    def run_items(self, data, *command, status=0, options=()):
        program = self.run_program("fanmill", "run", "-k", *options, *command, stdin=data)
        self.assert_status(program, status)
        return program

    def test_empty_input_is_a_success(self):
        program = self.run_items(b"", *ECHO)
        self.assertEqual(program.stdout, b"")
        self.assert_message(program, "0 tasks: 0 ok")
        for transport in ("ipc", "tcp"):
            with self.subTest(transport=transport):
                Pipeline(self, transport, *ECHO, stdin=b"").assert_complete([])

    @unittest.skipUnless(shutil.which("strace"), "strace is not here")
    def test_a_worker_that_is_slower_to_start_than_the_run_is_to_end_does_not_wait_for_it(self):
        delay = ["-e", "trace=openat", "-P", "/dev/null", "-e", "inject=openat:delay_enter=300000"]
        # What looks for leaks cannot be traced.
        environment = os.environ | {"ASAN_OPTIONS": "detect_leaks=0"}
        program = self.run_program(shutil.which("strace"), "-D", "-qq", "-f", "-o", "/dev/null", *delay,
                                   BIN / "fanmill", "run", "true", stdin=b"", env=environment)
        self.assert_status(program, 0)
        self.assert_message(program, "0 tasks: 0 ok")

    def test_an_empty_line_is_a_task_and_so_is_a_last_line_without_its_newline(self):
        self.assertEqual(self.run_items(b"a\n\n\nb", *ECHO).stdout, b"a\n\n\nb\n")
        self.assertEqual(self.run_items(b"a\0b\0\0", *ECHO, options=["-0"]).stdout, b"a\0b\0\0")

    def test_a_line_holds_any_byte(self):
        line = bytes(byte for byte in range(256) if byte != 10)
        self.assertEqual(self.run_items(line + b"\n", *ECHO).stdout, line + b"\n")
        self.assertEqual(self.run_items(line[1:] + b"\n", "printf", "%s", "{}").stdout, line[1:])

    def test_a_line_of_10_mb(self):
        line = b"x" * 10_000_000 + b"\n"
        self.assertEqual(len(self.run_items(b"a\n" + line + b"b\n", *ECHO).stdout), len(line) + 4)
        pipeline = Pipeline(self, "tcp", *ECHO, stdin=line)
        pipeline.assert_complete([line[:-1]])

    def test_an_item_that_cannot_be_an_argument_fails_alone(self):
        for item in (b"nul\0inside", b"x" * 200_000):
            with self.subTest(size=len(item)):
                program = self.run_items(b"a\n" + item + b"\nb\n", "echo", "{}", status=1)
                self.assertEqual(program.stdout, b"a\nb\n")
                self.assert_message(program, "3 tasks: 2 ok, 1 failed")
                self.assert_message(program, "NUL|argument")

    def test_a_command_that_does_not_exist_fails_each_task_and_is_named(self):
        program = self.run_items(b"a\nb\nc\n", "fanmill-no-such-program", "{}", status=1)
        self.assertEqual(program.stdout, b"")
        self.assert_message(program, "3 tasks: 0 ok, 3 failed")
        self.assertIn("fanmill-no-such-program", program.stderr)
        self.assertRegex(program.stderr, "not found|no such")

    def test_failing_tasks_are_1_and_the_others_are_done(self):
        program = self.run_items(b"a\nb\nc\n", "--shell", 'test {} != b && echo {}', status=1)
        self.assertEqual(program.stdout, b"a\nc\n")
        self.assert_message(program, "3 tasks: 2 ok, 1 failed, 0 dead")

    def test_a_task_that_kills_itself_has_failed(self):
        program = self.run_items(b"a\n", "--shell", "kill -KILL $$", status=1)
        self.assert_message(program, "1 task: 0 ok, 1 failed")

    def test_output_and_errors_are_not_mixed(self):
        program = self.run_items(b"".join(b"%d\n" % n for n in range(50)), "--shell",
                                 "echo {} one; echo {} err >&2; echo {} two", options=["-j4"])
        self.assert_lines(program.stdout.split(b"\n")[:-1],
                          [b"%d %s" % (n, word) for n in range(50) for word in (b"one", b"two")])
        self.assertEqual(sum(line.endswith(" err") for line in program.stderr.splitlines()), 50)

    def test_output_file_is_whole_or_not_there(self):
        file = self.scratch / "results"
        self.run_items(b"a\nb\n", *ECHO, options=["-o", str(file)])
        self.assertEqual(file.read_bytes(), b"a\nb\n")
        self.assertEqual([path.name for path in self.scratch.iterdir()], ["results"])


class Strangers(PipelineTest):
    def test_a_worker_of_another_protocol_version_is_refused_in_words(self):
        pipeline = Pipeline(self, "tcp", *ECHO)
        pipeline.give([b"a"])
        pipeline.sink.wait_for_results(1)
        stranger = Peer(connect(pipeline.endpoint), "DEALER")
        self.addCleanup(stranger.close)
        stranger.send(b"\x92\x02\x01")  # [2, HELLO]
        answer = stranger.receive()
        self.assertEqual(answer[:3], b"\x93\x01\x03")  # [1, REFUSED, reason]
        self.assertIn(b"version", answer)
        pipeline.give([b"b"])
        pipeline.ventilator.close_input()
        pipeline.assert_complete([b"a", b"b"])

    def test_a_refused_worker_ends_with_4_and_the_reason(self):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            endpoint = f"tcp://127.0.0.1:{listener.getsockname()[1]}"
            worker = self.start("worker", "--connect", endpoint, *ECHO)
            listener.settimeout(60)
            connection, _ = listener.accept()
            ventilator = Peer(connection, "ROUTER")
            self.addCleanup(ventilator.close)
            self.assertEqual(ventilator.receive()[:5], b"\xdc\x00\x11\x01\x01")  # [1, HELLO, …]
            ventilator.send(b"\x93\x01\x03\xabwe are full")
            self.assert_status(worker, 4)
            self.assert_message(worker, "refused this worker: we are full")

    def test_whoever_else_connects_to_a_lane_takes_no_task_with_it(self):
        port = free_port()
        ports = ["--lane-ports", f"{port}-{port + 3}"]
        pipeline = Pipeline(self, "tcp", *ECHO, workers=1, ventilator=ports)
        lines = [b"%d" % i for i in range(100)]
        pipeline.give(lines[:1])
        pipeline.sink.wait_for_results(1)
        stranger = Peer(connect(f"tcp://127.0.0.1:{port}"), "PULL")
        self.addCleanup(stranger.close)
        for line in lines[1:]:
            pipeline.give([line])
        pipeline.ventilator.wait_for_line("somebody else has connected to the lane of worker")
        pipeline.ventilator.close_input()
        pipeline.assert_complete(lines)

    def test_a_lane_that_cannot_be_reached_is_said_by_both(self):
        # Nobody listens on 127.0.0.2: the lane is where it was bound, on 127.0.0.1.
        pipeline = Pipeline(self, "tcp", *ECHO, workers=1, ventilator=["--advertise", "127.0.0.2"],
                            stdin=b"a\n")
        trouble = r"cannot reach its lane tcp://127\.0\.0\.2:\d+ though control works.*--lane-ports"
        pipeline.workers[0].wait_for_line(trouble)
        pipeline.ventilator.wait_for_line(trouble)
        pipeline.ventilator.signal(signal.SIGTERM)
        self.assertEqual(pipeline.ventilator.wait(), 143)

    def test_garbage_on_each_socket_changes_nothing(self):
        lines = [b"%d" % number for number in range(2000)]
        lane, results = free_port(), free_port()
        pipeline = Pipeline(self, "tcp", *ECHO, ventilator=["--lane-ports", f"{lane}-{lane + 3}"],
                            sink=["--bind", f"tcp://127.0.0.1:{results}"])
        pipeline.give(lines[:1000])
        pipeline.sink.wait_for_results(1000)
        strangers = []
        for endpoint, socket_type in ((pipeline.endpoint, "DEALER"), (f"tcp://127.0.0.1:{results}", "PUSH"),
                                      (f"tcp://127.0.0.1:{lane}", None), (f"tcp://127.0.0.1:{lane + 1}", None)):
            strangers += throw_garbage(endpoint, socket_type)
        for stranger in strangers:
            self.addCleanup(stranger.close)
        pipeline.give(lines[1000:])
        pipeline.ventilator.close_input()
        pipeline.assert_complete(lines)
        self.assert_message(pipeline.ventilator, "2000 tasks: 2000 ok")


if __name__ == "__main__":
    unittest.main()
