"""What bash offers where a command line of ours is completed, and whether man takes our pages."""

import os
import pathlib
import shutil
import subprocess
import unittest

SHARE = pathlib.Path(os.environ["FANMILL_BIN"]).parent / "share"


def offered(*words):
    """What completion offers for the last of the words."""
    script = 'source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); compopt() { :; }; _fanmill; ' \
             'printf "%s\\n" "${COMPREPLY[@]}"'
    said = subprocess.run(["bash", "--norc", "-c", script, "bash", SHARE / "fanmill.bash", *words], check=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    return said.stderr.decode(), [line for line in said.stdout.decode().split("\n") if line]


class Completion(unittest.TestCase):
    def assert_offered(self, words, expected):
        error, got = offered(*words)
        self.assertEqual(error, "")
        self.assertEqual(sorted(got), sorted(expected))

    def test_programs_then_options(self):
        self.assert_offered(["fanmill", "ven"], ["ventilator"])
        self.assert_offered(["fanmill", "run", "--keep"], ["--keep-order"])
        self.assert_offered(["fanmill-worker", "--conn"], ["--connect"])
        self.assert_offered(["/usr/bin/fanmill-sink", "--resu"], ["--resume", "--results"])
        self.assert_offered(["fanmill", "sink", "--shell"], [])

    def test_values(self):
        self.assert_offered(["fanmill", "run", "--function", "sha"], ["sha256"])
        self.assert_offered(["fanmill", "run", "-k", "--format", "js"], ["jsonl"])
        self.assert_offered(["fanmill", "run", "-a", str(SHARE / "fanmill.b")], [str(SHARE / "fanmill.bash")])
        self.assert_offered(["fanmill-worker", "--connect", "--"], [])

    def test_a_command_is_completed_as_a_command(self):
        self.assertIn("bash", offered("fanmill", "run", "-j", "4", "bas")[1])
        self.assert_offered(["fanmill", "run", "gzip", "--keep"], [])


class Manuals(unittest.TestCase):
    def test_man_prints_them(self):
        if shutil.which("groff") is None:
            self.skipTest("groff is not installed")
        pages = sorted(SHARE.glob("*.1"))
        self.assertEqual(len(pages), 9)
        for page in pages:
            said = subprocess.run(["groff", "-man", "-Tutf8", "-P-cbou", "-ww", page], check=True, stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE)
            self.assertEqual(said.stderr.decode(), "", page)
            self.assertIn(b"SYNOPSIS", said.stdout)


if __name__ == "__main__":
    unittest.main()
