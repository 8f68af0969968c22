"""Keys: strangers are kept out of every socket, those who are allowed are let in, and nobody waits for ever."""

import json
import os
import re
import resource
import shutil
import signal
import socket
import sqlite3
import stat
import subprocess
import time
import unittest

from curve_peers import DEALER, PULL, PUSH, Key, for_others, knock, listeners
from programs import BIN, LIMIT, Pipeline, PipelineTest, free_port

ECHO = ["--function", "echo"]
# Of a key: the connection may be gone before the reason is read.
REFUSED = ("refused by key", "cut off")
NO_KEY = "refused a connection.*: it has no key"


class KeysTest(PipelineTest):
    def setUp(self):
        super().setUp()
        self.keys = self.scratch / "keys"
        self.allowed = self.scratch / "allowed"
        self.allowed.mkdir()
        for name in ("head", "sink", "tiger", "lion"):
            subprocess.run([BIN / "fanmill", "keygen", self.keys, name], check=True, stdout=subprocess.DEVNULL)
            if name != "head":
                shutil.copy(self.keys / f"{name}.key", self.allowed)

    def secret(self, name):
        return self.keys / f"{name}.key_secret"

    def binds(self, name):
        return ["--key", self.secret(name), "--allow", self.allowed]

    def connects(self, name, server="head"):
        return ["--key", self.secret(name), "--server-key", self.keys / f"{server}.key"]

    def pipeline(self, transport, *work, **options):
        return Pipeline(self, transport, *self.connects("tiger"), *work, ventilator=self.binds("head"),
                        sink=[*self.connects("sink"), "--allow", self.allowed], **options)

    def assert_no_secret_in(self, *texts):
        for name in ("head", "sink", "tiger", "lion"):
            secret = Key(self.secret(name)).secret.decode()
            for text in texts:
                self.assertNotIn(secret, text)

    def knock_until_the_want_of_a_key_is_told(self, ventilator, endpoint):
        """Who has none may have gone before that was seen, and is told of in other words: another is seen, soon."""
        until = time.monotonic() + LIMIT
        while not re.search(NO_KEY, ventilator.stderr):
            self.assertLess(time.monotonic(), until, ventilator.stderr)
            self.assertNotEqual(knock(endpoint, DEALER), "let in")


class Doors(KeysTest):
    def doors(self, pipeline):
        """Every bound socket of a run: (endpoint, what connects there, its server's key)."""
        head, sink = (Key(self.secret(name)).public for name in ("head", "sink"))
        doors = [(endpoint, DEALER if endpoint == pipeline.endpoint else PULL, head)
                 for endpoint in for_others(listeners(pipeline.ventilator.process.pid))]
        doors += [(endpoint, PUSH, sink) for endpoint in listeners(pipeline.sink.process.pid)]
        self.assertEqual(sorted(kind for _, kind, _ in doors), [DEALER, PULL, PULL, PUSH])
        return doors

    def test_at_every_socket_strangers_are_refused_and_the_run_is_complete(self):
        for transport in ("tcp", "ipc"):
            with self.subTest(transport=transport):
                pipeline = self.pipeline(transport, *ECHO)
                lines = [b"%d" % number for number in range(1000)]
                pipeline.give(lines[:500])
                pipeline.sink.wait_for_results(500)
                doors = self.doors(pipeline)
                lion = Key(self.secret("lion"))
                let_in = 0
                for endpoint, kind, server in doors:
                    for _ in range(5):
                        let_in += knock(endpoint, kind) == "let in"
                        let_in += knock(endpoint, kind, Key(), server) == "let in"
                        let_in += knock(endpoint, kind, lion, Key().public) == "let in"
                    # Who is allowed is; but a lane is for one peer.
                    if kind != PULL:
                        self.assertEqual(knock(endpoint, kind, lion, server), "let in", endpoint)
                revoked = self.allowed / "lion.key"
                revoked.rename(self.scratch / "lion.key")
                for endpoint, kind, server in doors:
                    outcome = knock(endpoint, kind, lion, server)
                    self.assertIn(outcome, REFUSED, endpoint)
                (self.scratch / "lion.key").rename(revoked)
                self.knock_until_the_want_of_a_key_is_told(pipeline.ventilator, pipeline.endpoint)
                self.assertEqual(let_in, 0)
                pipeline.give(lines[500:])
                pipeline.ventilator.close_input()
                pipeline.assert_complete(lines)
                everybody = (pipeline.ventilator, pipeline.sink, *pipeline.workers)
                self.assert_no_secret_in(*(one.stderr for one in everybody))
                for one in (pipeline.ventilator, pipeline.sink):
                    self.assert_message(one, "refused a connection from .*: its key .* is not in '")
                self.assert_message(pipeline.ventilator, NO_KEY)

    def test_a_run_that_takes_workers_from_elsewhere_and_has_its_own(self):
        endpoint = self.endpoint("tcp")
        run = self.start("fanmill", "run", "--listen", endpoint, "--min-workers", "2", *self.binds("head"), "-j1",
                         *ECHO, stdin=subprocess.PIPE)
        worker = self.start("worker", "--connect", endpoint, *self.connects("tiger"), "-j1", *ECHO)
        run.write(b"a\nb\n")
        run.wait_for_results(2)
        ours = for_others(listeners(run.process.pid))
        self.assertEqual(len(ours), 3, ours)
        head = Key(self.secret("head")).public
        for door in ours:
            for kind in (DEALER, PULL, PUSH):
                self.assertNotEqual(knock(door, kind), "let in")
                self.assertIn(knock(door, kind, Key(), head), REFUSED)
        run.close_input()
        self.assert_status(run, 0)
        self.assert_status(worker, 0)

    def test_results_say_by_whose_key_they_came(self):
        endpoint = f"tcp://127.0.0.1:{free_port()}"
        results = self.scratch / "results.db"
        ventilator = self.start("ventilator", "--bind", endpoint, "--min-workers", "2", *self.binds("head"),
                                stdin=b"0\n1\n2\n3\n4\n5\n6\n7\n")
        sink = self.start("sink", "--connect", endpoint, *self.connects("sink"), "--allow", self.allowed,
                          "--results", results)
        # A name is what a worker says of itself.
        for name, claim in (("tiger", "tiger"), ("lion", "tiger")):
            self.start("worker", "--connect", endpoint, *self.connects(name), "-j1", "--name", claim,
                       "--shell", f'echo {name}; test {{}} -gt 3')
        self.assert_status(ventilator, 1)
        self.assert_status(sink, 1)
        database = sqlite3.connect(results)
        rows = database.execute("SELECT outcome, worker, key_name, trim(output, char(10)) FROM last_run").fetchall()
        database.close()
        self.assertEqual(len(rows), 8)
        self.assertEqual({outcome for outcome, *_ in rows}, {"ok", "failed"})
        for outcome, worker, key_name, output in rows:
            self.assertEqual((worker, key_name), ("tiger", output), rows)
        self.assertEqual({key_name for _, _, key_name, _ in rows}, {"tiger", "lion"})
        exported = self.run_program("fanmill", "export", results, "--format", "jsonl")
        self.assert_status(exported, 0)
        self.assertEqual([json.loads(line)["key_name"] for line in exported.stdout.splitlines()],
                         [key_name for _, _, key_name, _ in rows])

    def test_a_lane_is_for_the_key_of_its_worker(self):
        for transport in ("tcp", "ipc"):
            pipeline = self.pipeline(transport, *ECHO, workers=1)
            pipeline.give([b"a"])
            pipeline.sink.wait_for_results(1)
            lanes = [endpoint for endpoint in for_others(listeners(pipeline.ventilator.process.pid))
                     if endpoint != pipeline.endpoint]
            self.assertEqual(len(lanes), 1)
            self.assertIn(knock(lanes[0], PULL, Key(self.secret("lion")), Key(self.secret("head")).public), REFUSED)
            pipeline.ventilator.wait_for_line("the key lion is not the one that this lane is for")
            pipeline.ventilator.close_input()
            pipeline.assert_complete([b"a"])

    def test_a_worker_that_is_killed_costs_nothing(self):
        lines = [b"%d" % number for number in range(3000)]
        pipeline = self.pipeline("tcp", "--shell", "echo {}", workers=3, stdin=b"\n".join(lines) + b"\n")
        pipeline.sink.wait_for_results(300)
        pipeline.workers[0].signal(signal.SIGKILL)
        pipeline.assert_complete(lines)


class Refusals(KeysTest):
    def test_who_does_not_fit_ends_with_4_and_says_why(self):
        endpoint = self.endpoint("tcp")
        ventilator = self.start("ventilator", "--bind", endpoint, *self.binds("head"), stdin=subprocess.PIPE)
        (self.allowed / "lion.key").unlink()
        cases = [("it does not let in this key .*--allow", self.connects("lion")),
                 ("it lets in none without a key; give --key", []),
                 ("ends each connection before it is made; see that --server-key", self.connects("tiger", "sink"))]
        workers = [(self.start("worker", "--connect", endpoint, *keys, *ECHO), pattern) for pattern, keys in cases]
        sink = self.start("sink", "--connect", endpoint, "--bind", self.endpoint("tcp"))
        for program, pattern in [*workers, (sink, "it lets in none without a key")]:
            self.assert_status(program, 4)
            self.assert_message(program, f"cannot connect to the ventilator at {endpoint}: .*{pattern}")
            self.assert_no_secret_in(program.stderr)
        ventilator.wait_for_line("refused a connection from 127.0.0.1: its key .* is not in '")
        self.knock_until_the_want_of_a_key_is_told(ventilator, endpoint)
        ventilator.wait_for_line("refused a connection.*: it took this for somebody else")
        self.assertLess(ventilator.stderr.count("\n"), 20)

    def test_what_ended_before_it_could_be_asked_is_told_and_what_was_held_back_is_told_at_the_end(self):
        port = free_port()
        ventilator = self.start("ventilator", "--bind", f"tcp://0.0.0.0:{port}", *self.binds("head"),
                                stdin=subprocess.PIPE)
        endpoint = f"tcp://127.0.0.1:{port}"
        host = socket.gethostname()
        ventilator.wait_for_line(f"waiting for a sink: fanmill-sink --connect tcp://{host}:{port} --key FILE "
                                 "--server-key FILE --allow DIR$")
        # It may have gone before it could be asked for its address.
        socket.create_connection(("127.0.0.1", port)).close()
        ventilator.wait_for_line("a connection (from 127.0.0.1 )?ended during the handshake")
        head = Key(self.secret("head")).public
        for _ in range(4):
            self.assertIn(knock(endpoint, DEALER, Key(), head), REFUSED)
        ventilator.signal(signal.SIGINT)
        ventilator.wait_for_line("stopping: ")
        ventilator.signal(signal.SIGINT)
        self.assertEqual(ventilator.wait(), 130)
        self.assert_message(ventilator, r"refused a connection from 127.0.0.1: its key .* \(3 of them since this")

    def test_a_worker_with_a_key_says_nothing_to_a_ventilator_without(self):
        for transport in ("tcp", "ipc"):
            endpoint = self.endpoint(transport)
            self.start("ventilator", "--bind", endpoint, stdin=subprocess.PIPE)
            worker = self.run_program("worker", "--connect", endpoint, *self.connects("tiger"), *ECHO)
            self.assert_status(worker, 4)
            self.assert_message(worker, "it has no key, and whoever answers there may be anybody")

    def test_a_worker_whom_the_sink_does_not_know_ends_with_4(self):
        elsewhere = self.scratch / "others"
        elsewhere.mkdir()
        pipeline = Pipeline(self, "tcp", *self.connects("tiger"), *ECHO, workers=1, ventilator=self.binds("head"),
                            sink=[*self.connects("sink"), "--allow", elsewhere])
        pipeline.sink.wait_for_line("nobody is let in")
        self.assert_status(pipeline.workers[0], 4)
        self.assert_message(pipeline.workers[0], "cannot connect to the sink at .*: it does not let in this key")


class Files(KeysTest):
    def test_keygen_makes_a_pair_and_writes_over_nothing(self):
        made = self.run_program("fanmill", "keygen", self.scratch / "new", "ann", umask=0)
        self.assert_status(made, 0)
        secret = self.scratch / "new/ann.key_secret"
        self.assertEqual(stat.S_IMODE(secret.stat().st_mode), 0o600)
        self.assertEqual(stat.S_IMODE(secret.parent.stat().st_mode), 0o700)
        self.assertEqual(made.stdout.strip(), Key(secret).public)
        before = secret.read_bytes()
        again = self.run_program("fanmill", "keygen", self.scratch / "new", "ann")
        self.assert_status(again, 3)
        self.assert_message(again, "cannot make '.*ann.key_secret': it is there already")
        self.assertEqual(secret.read_bytes(), before)
        self.assert_status(self.run_program("fanmill", "keygen", self.scratch / "new"), 2)

    def test_a_key_comes_over_stdin_and_the_servers_as_text(self):
        endpoint = self.endpoint("tcp")
        ventilator = self.start("ventilator", "--bind", endpoint, *self.binds("head"), stdin=b"a\n")
        sink = self.start("sink", "--connect", endpoint, *self.connects("sink"), "--allow", self.allowed)
        head = Key(self.secret("head")).public.decode()
        self.start("worker", "--connect", endpoint, "--key", "-", "--server-key", head, *ECHO,
                   stdin=self.secret("tiger").read_bytes())
        self.assert_status(ventilator, 0)
        self.assert_status(sink, 0)
        self.assertEqual(sink.stdout, b"a\n")

    def test_no_core_dump_has_a_key_in_it(self):
        endpoint = f"tcp://127.0.0.1:{free_port()}"

        def dumps(*keys):
            program = self.start("ventilator", "--bind", endpoint, *keys, stdin=subprocess.PIPE, cwd=self.scratch,
                                 preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CORE, (1 << 20, 1 << 20)))
            program.wait_for_line("waiting for a")
            program.signal(signal.SIGABRT)
            _, status = os.waitpid(program.process.pid, 0)
            program.process.returncode = -signal.SIGABRT
            return os.WCOREDUMP(status)

        self.assertFalse(dumps(*self.binds("head")))
        if not dumps():
            self.skipTest("this system dumps no core of any program")

    def test_what_cannot_be_used_is_3_and_nothing_of_it_is_said(self):
        endpoint = f"tcp://127.0.0.1:{free_port()}"
        for mode, pattern in ((0o640, "chmod 600 '"), (0o604, "chmod 600 '")):
            os.chmod(self.secret("head"), mode)
            program = self.run_program("ventilator", "--bind", endpoint, *self.binds("head"))
            self.assert_status(program, 3)
            self.assert_message(program, f"cannot read the key of --key, '.*': others .*{pattern}")
        os.chmod(self.secret("head"), 0o600)
        whole = self.secret("head").read_text()
        self.secret("head").write_text(whole.replace("secret-key", "secret-kee"))
        program = self.run_program("ventilator", "--bind", endpoint, *self.binds("head"))
        self.assert_status(program, 3)
        self.assert_message(program, "it is not a key file: line 4: ")
        self.secret("head").write_text(whole)
        self.assert_no_secret_in(program.stderr)
        (self.allowed / "bob.key").write_text("nonsense")
        program = self.run_program("ventilator", "--bind", endpoint, *self.binds("head"))
        self.assert_status(program, 3)
        self.assert_message(program, "cannot read the key of --allow, .*bob.key")


if __name__ == "__main__":
    unittest.main()
