"""Hosts made of namespaces (network, mounts, names), each with a home of its own and a real sshd: what
docs/security.md says is done there word for word, and scripts/lan-ssh runs a job over them."""

import contextlib
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import unittest

import network
import supervisor  # noqa: F401  (it knows where the others are)

from programs import BIN, ROOT, PipelineTest, Program

SSHD = shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
NAMES = ("head", "tiger", "lion")


class Host:
    """One of them, at 10.77.N.2; the test's own namespace is the router between them."""

    def __init__(self, test, number, name):
        self.test, self.name = test, name
        self.address = f"10.77.{number}.2"
        self.home = test.scratch / name
        (self.home / ".ssh").mkdir(parents=True, mode=0o700)
        # Whose home is where is a file, and so is who is who.
        passwd = self.home / "passwd"
        passwd.write_text(re.sub(r"^(root:[^:]*:0:0:[^:]*):[^:]*:.*$", rf"\1:{self.home}:/bin/sh",
                                 pathlib.Path("/etc/passwd").read_text(), flags=re.MULTILINE))
        set_up = (f"mount --bind {passwd} /etc/passwd && mount --bind {test.scratch}/hosts /etc/hosts && "
                  f"hostname {name} && ip link set lo up && echo up && exec sleep 1000")
        self.process = test.start("/usr/bin/unshare", "--net", "--mount", "--uts", "sh", "-c", set_up)
        self.process.wait_until(lambda: self.process.stdout, "namespace")
        pid = self.process.process.pid
        self.inside = ["nsenter", "-t", str(pid), "--net", "--mount", "--uts", f"--wd={self.home}", "env",
                       f"HOME={self.home}", f"PATH={BIN}:{os.environ['PATH']}"]
        near = f"host{number}"
        subprocess.run(f"ip link add {near} type veth peer name eth0 netns {pid}".split(), check=True)
        # With its namespace it would go some time after that, and the next test has one of this name.
        test.addCleanup(subprocess.run, ["ip", "link", "delete", near], check=True)
        for command in (f"ip address add 10.77.{number}.1/24 dev {near}", f"ip link set {near} up"):
            subprocess.run(command.split(), check=True)
        for command in (f"ip address add {self.address}/24 dev eth0", "ip link set eth0 up",
                        f"ip route add default via 10.77.{number}.1"):
            subprocess.run([*self.inside, *command.split()], check=True)

    def start(self, *command, **options):
        program = Program([*self.inside, *command], start_new_session=True, **options)
        self.test.addCleanup(program.end)
        self.test.addCleanup(self.end_group, program.process.pid)
        return program

    @staticmethod
    def end_group(number):
        """And what a shell has left in the background."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(number, signal.SIGKILL)

    def run(self, *command, **options):
        program = self.start(*command, **options)
        self.test.assert_status(program, 0)
        return program

    def start_sshd(self, authorized):
        files = self.home / ".ssh"
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", files / "host_key"], check=True)
        (files / "authorized_keys").write_text(authorized)
        (files / "sshd_config").write_text(
            f"ListenAddress {self.address}\nHostKey {files}/host_key\nPidFile none\nUsePAM no\n"
            f"AuthorizedKeysFile {files}/authorized_keys\nStrictModes no\nPasswordAuthentication no\n"
            f"PermitRootLogin yes\nSubsystem sftp internal-sftp\nSetEnv \"PATH={BIN}:{os.environ['PATH']}\"\n")
        sshd = self.start(SSHD, "-D", "-e", "-f", files / "sshd_config")
        sshd.wait_for_line("Server listening")
        public = (files / "host_key.pub").read_text().split()
        return f"{self.name},{self.address} {public[0]} {public[1]}\n"


def documented():
    """The blocks of shell in the first chapter of docs/security.md."""
    chapter = (ROOT / "docs/security.md").read_text().split("\n## ")[1]
    return re.findall(r"^```sh\n(.*?)^```$", chapter, re.MULTILINE | re.DOTALL)


class Hosts(PipelineTest):
    def setUp(self):
        super().setUp()
        self.scratch.chmod(0o755)
        numbered = list(enumerate(NAMES, 1))
        (self.scratch / "hosts").write_text("127.0.0.1 localhost\n" + "".join(
            f"10.77.{number}.2 {name}\n" for number, name in numbered))
        pathlib.Path("/proc/sys/net/ipv4/ip_forward").write_text("1")
        self.head, self.tiger, self.lion = (Host(self, number, name) for number, name in numbered)
        login = self.head.home / ".ssh/id_ed25519"
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", login], check=True)
        os.makedirs("/run/sshd", exist_ok=True)  # sshd asks for it
        known = "".join(host.start_sshd((login.parent / "id_ed25519.pub").read_text())
                        for host in (self.tiger, self.lion))
        (login.parent / "known_hosts").write_text(known)

    def test_what_the_document_says_is_enough(self):
        on_head, on_tiger, a_run = documented()
        self.head.run("sh", "-e", "-c", on_head)
        self.assertEqual(os.stat(self.tiger.home / "tiger.key_secret").st_mode & 0o777, 0o600)
        logs = [self.head.home / f"{number}.log" for number in range(5)]
        for log in logs:
            log.write_text(log.name)
            shutil.copy(log, self.tiger.home)  # the hosts of the document share a file system
        worker = self.tiger.start("sh", "-c", on_tiger)
        stranger = self.lion.start("fanmill-worker", "--connect", "tcp://head:5555", "--insecure", "--function",
                                    "echo")
        run = self.head.run("sh", "-e", "-c", a_run)
        self.assertIn("5 tasks: 5 ok", run.stderr)
        self.assertTrue(all((self.tiger.home / f"{log.name}.gz").exists() for log in logs))
        self.assertIsNone(worker.process.poll(), worker.stderr)
        # It came before the ventilator, or was refused by it.
        if stranger.process.poll() is not None:
            self.assert_status(stranger, 4)
        self.assertNotIn("Permission denied", run.stderr + worker.stderr)

    def test_a_key_is_revoked(self):
        on_head, on_tiger, _ = documented()
        self.head.run("sh", "-e", "-c", on_head)
        ventilator = self.head.start("sh", "-c", "rm allowed/tiger.key; exec fanmill-ventilator --bind "
                                     "tcp://0.0.0.0:5555 --key keys/head.key_secret --allow allowed", stdin=-1)
        ventilator.wait_for_line("waiting for a sink")
        worker = self.tiger.start("sh", "-c", on_tiger)
        self.assert_status(worker, 4)
        self.assert_message(worker, "it does not let in this key")
        ventilator.wait_for_line(f"refused a connection from {self.tiger.address}: its key .* is not in 'allowed'")

    def test_lan_ssh_over_a_real_sshd(self):
        hosts = self.head.home / "workers"
        hosts.write_text("2/tiger\n2/lion\n1/:\n")
        lines = [b"%d" % line for line in range(300)]
        run = self.head.start(sys.executable, "-B", ROOT / "scripts/lan-ssh", "-S", hosts, "--bind", "tcp://head:5555",
                              "--min-workers", "3", "--", "sh", "-c", 'echo "$1 $(hostname)"', "sh", "{}",
                              stdin=b"".join(line + b"\n" for line in lines))
        self.assert_status(run, 0)
        done = [line.split() for line in run.stdout.splitlines()]
        self.assert_lines(sorted(item for item, _ in done), sorted(lines))
        self.assertEqual({name for _, name in done}, {name.encode() for name in NAMES})
        # Nothing of a key is left on the hosts.
        for host in (self.tiger, self.lion):
            self.assertEqual(list(host.home.rglob("*.key_secret")), [])

    def test_a_host_whose_sshd_is_not_the_known_one_gets_no_key(self):
        known = self.head.home / ".ssh/known_hosts"
        known.write_text(known.read_text().replace(f"tiger,{self.tiger.address}", "elsewhere"))
        hosts = self.head.home / "workers"
        hosts.write_text("1/tiger\n1/:\n")
        run = self.head.start(sys.executable, "-B", ROOT / "scripts/lan-ssh", "-S", hosts, "--bind", "tcp://head:5555",
                              "--function", "echo", stdin=b"a\nb\n")
        self.assert_status(run, 0)
        self.assertEqual(sorted(run.stdout.split()), [b"a", b"b"])
        self.assertRegex(run.stderr, "tiger: .*[Hh]ost key verification failed")


if __name__ == "__main__":
    if os.geteuid() != 0 or SSHD is None:
        print("SKIPPED: it needs root, and sshd (openssh-server)", file=sys.stderr)
        sys.exit(network.SKIPPED)
    network.enter_namespace()
    unittest.main()
