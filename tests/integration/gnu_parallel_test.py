"""The same bytes on stdout, and on stderr, as GNU parallel's, for command lines that mean the same in both; and what
docs/for-users-of-parallel.md says is done most, both ways.

Left out, because they are different on purpose (docs/for-users-of-parallel.md) or because GNU parallel says nothing sound:
- commands of several words with anything in them that a shell reads: GNU parallel joins them and hands them to one.
  Words without that are compared, with any item.
- {//} of items with slashes at their end or doubled ones, or of "" and "/": we are with dirname(1), GNU parallel with
  perl's File::Basename or an expression of its own, by version.
- {.} and {/.} of items with a newline: in GNU parallel's expression the dot does not match one.
- {} and its like inside single or double quotes: GNU parallel pastes the quoted item there, and its quotes become
  part of the text. Ours gives the item itself, as hostile_items_test.py checks. Outside quotes both mean the item.
- items with NUL, and {%}, which depends on who finishes first.
- columns with spaces at their ends, which GNU parallel takes off (it is told --trim n here), and lines with fewer of them
  than the command uses. A --colsep that is a pattern.
- where --block cuts: GNU parallel's blocks have SIZE or more, ours SIZE or less.
- --dry-run of items that need quotes, which are written in other ways; a job log's times, Send (what went to stdin) and
  Command of several words.
- {..}, {+/}, {= perl =} and others like them: refused here.
- an empty item as a whole argument: GNU parallel's {} becomes nothing before 20160722, and '' since.
"""

import os
import random
import re
import shutil
import subprocess
import unittest

from programs import BIN, ROOT, PipelineTest

PARALLEL = shutil.which("parallel")
SEED = int(os.environ.get("FANMILL_TEST_SEED", "20241"))
# GNU parallel takes its time to start: a part of the command lines, drawn with the seed, unless all are wanted.
ALL = "FANMILL_TEST_ALL" in os.environ
PIECES = ["a", "b.c", "/", ".", " ", "  ", "\t", "'", '"', "\\", "$", "$HOME", "$(echo x)", "`echo x`", "*", "?", "[a]",
          "~", "!", "#", "&", ";", "|", "<", ">", "(", ")", "{", "}", "{}", "{.}", "%s", "%", "-", "-n", "--help", "=",
          "^", "\n", "\r", "ä", "€"]
BYTES = [piece.encode() for piece in PIECES] + [b"\xff", b"\xc3", b"\x01", b"\x7f"]
FIXED = [b"", b"-n", b"-e", b"--", b"'", b'"', b"\\", b"\\\\", b"\\n", b"$", b"$$", b"*", b"~", b" ", b"  x  ", b"\n", b"\n\n",
         b"a\nb", b"a b", b"\xff\xfe", b"it's", b'"quoted"', b"$(exit 3)", b"`exit 3`", b"; exit 3", b"& exit 3", b"| cat",
         b"> /dev/null", b"#", b"!", b"!!", b"{}", b"{/}", b"=", b"a=b", b"%d", b"\t", b"\r", b"\x7f"]
NAMES = [b"a", b"a.b", b"a.b.c", b".hidden", b"d/a.b", b"/d/a.b", b"d.e/a", b"d.e/.x", b"./a.b", b"../a", b"a b/c d.e f",
         b"x/'q'.y", b"x/$h.y", b"\xff/\xfe.\xfd", b"-a/-b.-c", b"/a", b"a.", b"a..b", b"d/a."]

# Templates, and whether they take items apart.
PLAIN = ["printf '<%s>' {}", "printf '<%s>' {} {}", "printf '<%s>' a{}b", "printf '<%s>' {#} {}", "printf '<%s>'",
         "printf '<%s>' -- {} | cat", "printf '<%s>' {} && printf '<%s>' {#}", "printf '%s\\n' {} 2>&1",
         "for i in 1 2; do printf '<%s>' $i {}; done", "printf '<%s>' {}{}", "x={}; printf '<%s>' \"$x\"",
         "printf '<%s>' $(printf %s a) {}", "if [ x{} = x ]; then echo empty; else printf '<%s>' {}; fi",
         "printf '<%s>' {} >&2; printf '<%s>' {#}", "printf '<%s>' {}; [ {} != -n ]", "(printf '<%s>' {}; exit 3) || :",
         "case {} in -*) printf dash;; *) printf '<%s>' {};; esac", "printf '<%s>' a={} {}=b {},{}",
         "cat <<E\n{#} $(printf %s {} | wc -c)\nE", "seq 3000; printf '<%s>' {}; seq 3000 >&2"]
# Commands of several words, in which there is nothing for a shell to read.
WORDS = [["/usr/bin/printf", "%s.", "{}"], ["/usr/bin/printf", "%s."], ["/usr/bin/printf", "%s.%s.%s.", "{#}", "x{}y", "{}"],
         ["/usr/bin/printf", "%s.", "--", "{/}", "{.}"], ["/usr/bin/env", "/usr/bin/printf", "%s.", "{}{}"]]
PATHS = ["printf '<%s>' {.}", "printf '<%s>' {/}", "printf '<%s>' {//}", "printf '<%s>' {/.}", "printf '<%s>' {} {.} {/} {//} {/.} {#}",
         "printf '<%s>' out/{/.}.txt", "printf '<%s>' {//}/new-{/}", "printf '<%s>' {.}.gz {#}-{/}"]


class Differential(PipelineTest):
    def setUp(self):
        super().setUp()
        self.assertTrue(PARALLEL, "GNU parallel is not here, so nothing is compared with it: scripts/install-deps")
        # As after its --citation: else it asks for one on stderr.
        (self.scratch / ".parallel").mkdir()
        (self.scratch / ".parallel/will-cite").touch()
        self.environment = {**os.environ, "HOME": str(self.scratch), "SHELL": "/bin/sh", "PARALLEL_SHELL": "/bin/sh",
                            "LC_ALL": "C.UTF-8"}


class GnuParallel(Differential):
    def output_of(self, command, data):
        return subprocess.run(command, input=data, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=self.environment,
                              cwd=self.scratch, timeout=60)

    def both(self, theirs, ours, data=b""):
        """Runs both with these arguments; what is different, or None."""
        theirs = self.output_of([PARALLEL, "-k", "-j2", *theirs], data)
        ours = self.output_of([self.path_of("fanmill"), "run", "-q", "-k", "-j2", *ours], data)
        if (ours.stdout, ours.stderr, ours.returncode == 0) == (theirs.stdout, theirs.stderr, theirs.returncode == 0):
            return None
        return (f"{ours.stdout!r} in place of {theirs.stdout!r}; on stderr {ours.stderr!r} in place of {theirs.stderr!r}; "
                f"exit {ours.returncode} in place of {theirs.returncode}; seed {SEED}")

    def check(self, theirs, ours, data=b""):
        self.assertIsNone(self.both(theirs, ours, data), (theirs, ours))

    def compare(self, command, items, *options):
        """A text for the shell, or a list of words."""
        theirs = ["-0", *options, *([command] if isinstance(command, str) else command)]
        ours = ["-0", *options, *(["--shell", command] if isinstance(command, str) else command)]
        different = self.both(theirs, ours, b"".join(item + b"\0" for item in items))
        if not different:
            return
        # Which item it is, one at a time.
        for item in items:
            self.assertIsNone(self.both(theirs, ours, item + b"\0"), f"{command!r} with {item!r}")
        self.fail(f"{command!r} with all of {items!r}: {different}")

    @staticmethod
    def drawn(source, those, count):
        return those if ALL else source.sample(those, count)

    @staticmethod
    def some(source, count):
        return [b"".join(source.choices(BYTES, k=source.randrange(1, 8))) for _ in range(count)]

    def test_hostile_items_in_all_templates(self):
        source = random.Random(SEED)
        for template in self.drawn(source, PLAIN, 6):
            with self.subTest(template=template):
                self.compare(template, source.sample(FIXED, 12) + self.some(source, 12))

    def test_every_fixed_item(self):
        self.compare("printf '<%s>' {} {#}", FIXED)

    def test_parts_of_paths(self):
        source = random.Random(SEED + 1)
        for template in self.drawn(source, PATHS, 3):
            with self.subTest(template=template):
                self.compare(template, source.sample(NAMES, 14))

    def test_tags(self):
        items = [b"a", b"two words", b"it's", b"\xff", b"$x"]
        self.compare("printf '1\\n\\n2' ; : {}", items, "--tag")

    def test_several_words(self):
        source = random.Random(SEED + 2)
        for words in self.drawn(source, WORDS, 2):
            with self.subTest(words=words):
                # Names, so that their parts mean the same in both.
                items = NAMES if "{/}" in words else FIXED + self.some(source, 12)
                self.compare(words, source.sample(items, 16))

    def test_lines_of_stdin_of_files_and_of_the_command_line(self):
        source = random.Random(SEED + 3)
        lines = [item for item in FIXED + self.some(source, 20) if b"\n" not in item]
        text = "printf '<%s>' {#} {}"
        inputs = [b"".join(line + b"\n" for line in lines), b"a\n\nb", b"\n", b"", b"a\r\nb\r\n"]
        for data in self.drawn(source, inputs, 2):
            with self.subTest(data=data):
                self.check([text], ["--shell", text], data)
        (self.scratch / "one file").write_bytes(b"\n".join(lines))
        self.check(["-a", "one file", text], ["-a", "one file", "--shell", text])
        words = [line for line in lines if line != b":::"]
        self.check([text, ":::", *words], ["--shell", text, ":::", *words])

    def test_columns(self):
        source = random.Random(SEED + 4)
        texts = ["printf '<%s>' {2} {1}", "printf '<%s>' {1}{-1} {#}", "printf '<%s>' {1.} {2/} {1//} {2/.}"]
        for option, separator in ((",", b","), ("\\t", b"\t"), ("::", b"::")):
            cells = [item for item in (NAMES if separator == b"::" else FIXED + NAMES)
                     if separator[:1] not in item and b"\n" not in item and item]
            for text in self.drawn(source, texts, 1):
                with self.subTest(text=text, separator=separator):
                    plain = [cell for cell in cells if "." not in text or cell in NAMES]
                    rows = b"".join(separator.join(source.sample(plain, 2)) + b"\n" for _ in range(12))
                    self.check(["--trim", "n", "--colsep", option, text], ["--colsep", option, "--shell", text], rows)

    def test_items_to_stdin(self):
        lines = b"".join(b"line %d\n" % number for number in range(400))
        for theirs, ours in ((["--pipe", "-N", "90", "wc -w; echo"], ["--stdin", "--lines-per-task", "90", "--shell", "wc -w; echo"]),
                             (["--pipe", "--block", "1k", "grep 9"], ["--stdin", "--block", "1K", "grep", "9"]),
                             (["--pipe", "-N", "100", "tr a-z A-Z; echo {#}"],
                              ["--stdin", "--lines-per-task", "100", "--shell", "tr a-z A-Z; echo; echo {#}"])):
            with self.subTest(ours=ours):
                self.check(theirs, ours, lines)

    def test_order_whoever_is_first(self):
        self.check(["sleep 0.{}; echo {}; echo err {} >&2", ":::", "3", "1", "2", "0"],
                   ["--shell", "sleep 0.{}; echo {}; echo err {} >&2", ":::", "3", "1", "2", "0"])

    def test_further_attempts(self):
        text = "echo {} >>attempts-{}; [ $(wc -l <attempts-{}) -ge 3 ] && echo {} done"
        self.check(["--retries", "3", text, ":::", "a", "b"], ["--retries", "2", "--shell", text, ":::", "a", "b"])
        # The second of them finds three lines there already, so that it passes at once.
        self.assertEqual((self.scratch / "attempts-a").read_text(), "a\n" * 4)

    def test_the_job_log(self):
        text = 'printf %s {}; [ {} = bad ] && exit 7; [ {} = killed ] && kill -TERM $$; :'
        items = [":::", "ok", "bad", "killed", "it's"]
        self.both(["--joblog", "theirs", text, *items], ["--joblog", "ours", "--shell", text, *items])
        rows = {}
        for name in ("theirs", "ours"):
            log = [line.split("\t") for line in (self.scratch / name).read_text().splitlines()]
            # Seq, Receive, Exitval, Signal: the others are times, places and spellings.
            rows[name] = [log[0]] + sorted([row[0], *row[5:8]] for row in log[1:])
        self.assertEqual(rows["ours"], rows["theirs"])

    def test_the_working_directory(self):
        (self.scratch / "a folder").mkdir()
        self.check(["--workdir", str(self.scratch / "a folder"), "basename \"$PWD\"; : {}", ":::", "a"],
                   ["--workdir", str(self.scratch / "a folder"), "--shell", "basename \"$PWD\"; : {}", ":::", "a"])


class WhatIsDoneMost(Differential):
    """Each row of the first table in docs/for-users-of-parallel.md, run on both sides by sh: the same lines on stdout, and
    the same files."""

    def rows(self):
        text = (ROOT / "docs/for-users-of-parallel.md").read_text()
        table = text.split("## What is done most\n")[1].split("\n\n")[0].splitlines()[2:]
        for row in table:
            cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", row)[1:-1]]
            yield cells[0], *(cell.strip("`").replace("\\|", "|") for cell in cells[1:])

    def outcome_of(self, command, side):
        place = self.scratch / side
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir()
        for name in ("a.log", "b.log", "one.txt", "two words.txt", "it's $HOME.txt"):
            (place / name).write_text("".join(f"{len(name) % (n + 1)}\n" for n in range(9)))
        (place / "towns.csv").write_text("Ann,Oslo\nO'Neil,Rio de Janeiro\n\"x\",$HOME\n")
        (place / "commands").write_text("echo one; echo two\nprintf '%s\\n' \"a  b\" | tr a A\n\nexit 0 # nothing\n")
        (place / "numbers").write_text("".join(f"{n}\n" for n in range(30_000)))
        (place / "flaky").write_text('#!/bin/sh\necho >>"tries-$1"\n[ $(wc -l <"tries-$1") = 3 ] && echo "$1 at last"\n')
        (place / "flaky").chmod(0o755)
        run = subprocess.run(["/bin/sh", "-c", command], cwd=place, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                             env={**self.environment, "PATH": f"{BIN}:{os.environ['PATH']}"}, timeout=60)
        lines = run.stdout.splitlines()
        # What is in these says when they were made.
        files = {path.name: path.suffix == ".gz" or path.name == "log" or path.read_bytes() for path in place.iterdir()}
        return run.returncode, lines if "-k" in command else sorted(lines), files, run.stderr.decode()

    def test_each_of_them(self):
        rows = list(self.rows())
        self.assertGreaterEqual(len(rows), 10)
        for what, theirs, ours in rows:
            with self.subTest(what=what):
                wanted = self.outcome_of(theirs, "theirs")
                got = self.outcome_of(ours, "ours")
                self.assertEqual(got[:3], wanted[:3], f"{ours}\n{got[3]}\n{theirs}\n{wanted[3]}")
                self.assertEqual(got[0], 0, got[3])
                before = {"a.log", "b.log", "one.txt", "two words.txt", "it's $HOME.txt", "towns.csv", "commands", "numbers",
                          "flaky"}
                self.assertTrue(got[1] or set(got[2]) != before, "nothing has happened")


if __name__ == "__main__":
    unittest.main()
