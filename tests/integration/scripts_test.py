"""The scripts for people: local-ipc, lan-ssh (with a stand-in for ssh), and the textbook example."""

import os
import re
import signal
import stat
import subprocess
import unittest

from curve_peers import DEALER, Key, knock
from programs import ROOT, PipelineTest, free_port

SCRIPTS = ROOT / "scripts"
LINES = [b"line %d" % number for number in range(5000)]
INPUT = b"".join(line + b"\n" for line in LINES)

# In place of `ssh LOGIN COMMAND`: hosts called down* cannot be reached; elsewhere the command runs here, by
# way of a shell as sshd would do it.
FAKE_SSH = """#!/bin/sh
login=$1
case $login in
  *down*) echo "ssh: connect to host $login port 22: No route to host" >&2; exit 255 ;;
esac
echo "$login" >>"$FAKE_SSH_LOG"
shift
exec sh -c "$*"
"""


class Example(PipelineTest):
    def test_textbook_three_workers_and_ten_tasks(self):
        run = self.run_program(ROOT / "examples/textbook/run")
        self.assert_status(run, 0)
        lines = run.stdout.decode().splitlines()
        found = [re.fullmatch(r"Worker ([123]) processed: (\d+)", line) for line in lines]
        self.assertTrue(all(found), run.stdout)
        self.assertEqual(sorted(int(match.group(2)) for match in found), list(range(1, 11)))


class Script(PipelineTest):
    def setUp(self):
        super().setUp()
        # A name that breaks scripts which do not quote.
        self.temporary = self.scratch / "tmp with space"
        self.temporary.mkdir()

    def left_behind(self):
        """What there is but for the user's runtime directory, which is kept, and has to be empty."""
        runtime = self.temporary / f"fanmill-{os.getuid()}"
        return [path for path in self.temporary.rglob("*") if path != runtime]

    def run_script(self, name, *arguments, **options):
        environment = {**os.environ, "TMPDIR": str(self.temporary), **options.pop("environment", {})}
        return self.run_program(SCRIPTS / name, *arguments, env=environment, cwd=self.scratch, **options)

    def assert_lines_once(self, output, lines=None):
        got = output.split(b"\n")
        self.assertEqual(got.pop(), b"")
        self.assert_lines(sorted(got), sorted(LINES if lines is None else lines))


class LocalIpc(Script):
    def test_each_line_once_and_nothing_left_behind(self):
        run = self.run_script("local-ipc", "-j", "3", "--function", "echo", stdin=INPUT)
        self.assert_status(run, 0)
        self.assert_lines_once(run.stdout)
        self.assertEqual(self.left_behind(), [])

    def test_options_go_to_the_program_that_takes_them(self):
        run = self.run_script("local-ipc", "-j2", "-k", "-0", "--window=100", "--", "printf", "%s,", "{}",
                              stdin=b"a\0b c\0d\ne\0")
        self.assert_status(run, 0)
        self.assertEqual(run.stdout, b"a,b c,d\ne,")
        run = self.run_script("local-ipc", "-j", "1", "--format", "jsonl", "echo", ":::", "x", "y")
        self.assert_status(run, 0)
        self.assertEqual(run.stdout.count(b'"outcome"'), 2)

    def test_a_failed_task_is_1(self):
        run = self.run_script("local-ipc", "-j", "2", "--function", "fail", stdin=b"a\n")
        self.assert_status(run, 1)

    def test_wrong_command_lines_are_2_and_said_once(self):
        for arguments in (["-j", "0", "true"], ["--no-such", "true"], [], ["-j", "3", "--function", "no"],
                          ["-j", "3", "--format", "xml", "true"]):
            with self.subTest(arguments=arguments):
                run = self.run_script("local-ipc", *arguments)
                self.assert_status(run, 2)
                # The ventilator may be there by then, and says how it ends.
                said = [line for line in run.stderr.splitlines()
                        if not line.startswith(("fanmill-ventilator: stopping", "fanmill-ventilator: 0 tasks"))]
                self.assertEqual(len(said), 1, run.stderr)
                self.assertEqual(self.left_behind(), [])

    def test_nobody_reads_its_output_is_141(self):
        reader, writer = os.pipe()
        script = self.start(SCRIPTS / "local-ipc", "--", "echo", stdin=INPUT, stdout=writer, cwd=self.scratch)
        os.close(writer)
        self.assertTrue(os.read(reader, 10))
        os.close(reader)
        self.assert_status(script, 141)

    def test_its_programs_end_with_it_however_it_ends(self):
        script = self.start(SCRIPTS / "local-ipc", "-j", "1", "--", "echo", stdin=subprocess.PIPE, cwd=self.scratch)
        script.write(b"a\n")
        script.wait_for_results(1)
        script.signal(signal.SIGKILL)
        # Its stdout and stderr are theirs too: they end with the last of them.
        self.assertEqual(script.wait(), 137)
        self.assertFalse(any(thread.is_alive() for thread in script._threads))

    def test_unreadable_input_is_3(self):
        run = self.run_script("local-ipc", "-a", "missing", "--function", "echo")
        self.assert_status(run, 3)
        self.assertIn("cannot read 'missing': no such file", run.stderr)

    def test_an_interrupt_ends_all_in_order(self):
        environment = {**os.environ, "TMPDIR": str(self.temporary)}
        run = self.start(SCRIPTS / "local-ipc", "-j", "2", "--function", "echo", env=environment, stdin=-1)
        run.write(b"a\nb\n")
        run.wait_for_results(2)
        run.signal(signal.SIGINT)  # stdin is still open
        self.assert_status(run, 130)
        self.assertEqual(self.left_behind(), [])


class LanSsh(Script):
    def setUp(self):
        super().setUp()
        self.ssh = self.scratch / "ssh"
        self.ssh.write_text(FAKE_SSH)
        self.ssh.chmod(self.ssh.stat().st_mode | stat.S_IXUSR)
        self.log = self.scratch / "logins"
        self.hosts = self.scratch / "hosts file"
        self.environment = {"FAKE_SSH_LOG": str(self.log), "PATH":
        f"{os.environ['FANMILL_BIN']}:{os.environ['PATH']}"}

    def run_lan(self, hosts, *arguments, **options):
        self.hosts.write_text(hosts)
        return self.run_script("lan-ssh", "--sshloginfile", self.hosts, "--bind",
        f"tcp://127.0.0.1:{free_port()}",
                               "--ssh", str(self.ssh), *arguments, environment=self.environment, **options)

    def test_workers_on_each_host_of_the_file(self):
        run = self.run_lan("# two hosts and this one\n2/ann@tiger\n\n  lion\n1/:\n", "--function", "echo",
                           stdin=INPUT)
        self.assert_status(run, 0)
        self.assert_lines_once(run.stdout)
        self.assertEqual(sorted(self.log.read_text().split()), ["ann@tiger", "lion"])

    def test_a_run_has_keys_of_its_own_that_nobody_sees(self):
        marker = self.scratch / "seen"
        self.hosts.write_text("1/tiger\n1/lion\n1/:\n")
        port = free_port()
        # Each task notes the environment and the arguments of all that is above it.
        text = (f"p=$$; while [ $p -gt 1 ]; do cat /proc/$p/cmdline /proc/$p/environ; "
                f"p=$(sed -n 's/^PPid:.//p' /proc/$p/status); done >>{marker} 2>/dev/null; echo {{}}")
        run = self.start(SCRIPTS / "lan-ssh", "-S", self.hosts, "--bind", f"tcp://127.0.0.1:{port}", "--ssh",
                         self.ssh, "--shell", text, env={**os.environ, **self.environment,
                                                         "TMPDIR": str(self.temporary)}, stdin=subprocess.PIPE)
        lines = [b"%d" % number for number in range(6)]
        run.write(b"\n".join(lines) + b"\n")
        run.wait_for_results(len(lines))
        secrets = [Key(file).secret for file in self.temporary.glob("fanmill-keys-*/*.key_secret")]
        self.assertEqual(len(secrets), 5)
        self.assertNotEqual(knock(f"tcp://127.0.0.1:{port}", DEALER), "let in")
        run.close_input()
        self.assert_status(run, 0)
        self.assert_lines_once(run.stdout, lines)
        seen = marker.read_bytes() + run.stderr.encode()
        self.assertIn(b"--server-key", seen)
        for secret in secrets:
            self.assertNotIn(secret, seen)
        self.assertEqual(self.left_behind(), [])

    def test_an_ssh_command_of_the_file_goes_before_the_login(self):
        run = self.run_lan(f"1/{self.ssh} bob@lion\n", "--ssh", "false", "--function", "echo", stdin=b"a\n")
        self.assert_status(run, 0)
        self.assertEqual(self.log.read_text(), "bob@lion\n")

    def test_commands_and_items_survive_two_shells(self):
        items = [b"$(touch PWNED)", b"'; touch PWNED; '", b"a b", b"*"]
        run = self.run_lan("1/tiger\n", "-k", "--", "printf", "%s\n", "it's \"{}\"", stdin=b"\n".join(items))
        self.assert_status(run, 0)
        self.assertEqual(run.stdout, b"".join(b"it's \"%s\"\n" % item for item in items))
        self.assertFalse((self.scratch / "PWNED").exists())

    def test_a_host_that_fails_is_named_with_the_reason_and_the_others_do_the_work(self):
        run = self.run_lan("1/tiger\n1/down\n1/lion\n", "--function", "echo", stdin=INPUT)
        self.assert_status(run, 0)
        self.assert_lines_once(run.stdout)
        self.assertIn("1 of 3 hosts failed", run.stderr)
        self.assertRegex(run.stderr, "down: cannot be reached by ssh: .*No route to host")

    def test_no_host_left_is_3(self):
        run = self.run_lan("1/down1\n1/down2\n", "--function", "echo", stdin=INPUT)
        self.assert_status(run, 3)
        self.assertIn("2 of 2 hosts failed", run.stderr)
        run = self.run_lan("1/tiger\n", "--worker", "no-such-worker", "--function", "echo", stdin=INPUT)
        self.assert_status(run, 3)
        self.assertRegex(run.stderr, "tiger: has no such program, see --worker")

    def test_workers_end_with_the_script(self):
        marker = self.scratch / "pid"
        self.hosts.write_text("1/tiger\n")
        text = f"echo $PPID >{marker}.part; mv {marker}.part {marker}; sleep 1000"
        run = self.start(SCRIPTS / "lan-ssh", "-S", self.hosts, "--bind", f"tcp://127.0.0.1:{free_port()}",
                         "--ssh", self.ssh, "--shell", text, env={**os.environ, **self.environment},
                         stdin=b"a\n")
        self.wait_for_file(marker, run)
        worker = int(marker.read_text())
        run.signal(signal.SIGKILL)
        run.wait()
        while os.path.exists(f"/proc/{worker}"):
            self.assert_in_time(f"worker {worker} has not ended")

    def test_wrong_command_lines_are_2_and_say_what_is_missing(self):
        hosts = "1/tiger\n"
        for arguments, reason in ((["--bind", "tcp://0.0.0.0:5555"], "--advertise"),
                                  (["--key", "mine"], "--key: a run gets keys of its own"),
                                  (["--bind", "tcp://0.0.0.0:5555", "--insecure"], "--advertise"),
                                  (["--bind", "ipc:///x"], "--bind"),
                                  (["--sshloginfile", "/nowhere"], "no such file")):
            with self.subTest(arguments=arguments):
                run = self.run_lan(hosts, *arguments, "--function", "echo")
                self.assert_status(run, 2)
                self.assertIn(reason, run.stderr)


if __name__ == "__main__":
    unittest.main()
