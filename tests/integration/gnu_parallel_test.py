"""The same bytes on stdout as GNU parallel's, for command lines that mean the same in both.

Left out, because they are different on purpose (docs/command-line.md) or because GNU parallel says nothing sound:
- commands of several words: GNU parallel joins them and hands them to a shell. Each is one text here.
- {//} of items with slashes at their end or doubled ones, or of "" and "/": we are with dirname(1), GNU parallel with
  perl's File::Basename or an expression of its own, by version.
- {.} and {/.} of items with a newline: in GNU parallel's expression the dot does not match one.
- {} and its like inside single or double quotes: GNU parallel pastes the quoted item there, and its quotes become
  part of the text. Ours gives the item itself, as hostile_items_test.py checks. Outside quotes both mean the item.
- items with NUL, and {%}, which depends on who finishes first.
- an empty item as a whole argument: GNU parallel's {} becomes nothing before 20160722, and '' since.
"""

import os
import random
import shutil
import subprocess
import unittest

from programs import PipelineTest

PARALLEL = shutil.which("parallel")
SEED = int(os.environ.get("FANMILL_TEST_SEED", "20241"))
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
         "printf '<%s>' $(printf %s a) {}", "if [ x{} = x ]; then echo empty; else printf '<%s>' {}; fi"]
PATHS = ["printf '<%s>' {.}", "printf '<%s>' {/}", "printf '<%s>' {//}", "printf '<%s>' {/.}", "printf '<%s>' {} {.} {/} {//} {/.} {#}",
         "printf '<%s>' out/{/.}.txt", "printf '<%s>' {//}/new-{/}", "printf '<%s>' {.}.gz {#}-{/}"]


@unittest.skipUnless(PARALLEL, "SKIPPED: GNU parallel is not installed, so nothing is compared with it")
class GnuParallel(PipelineTest):
    def output_of(self, command, items):
        environment = {**os.environ, "HOME": str(self.scratch), "SHELL": "/bin/sh", "PARALLEL_SHELL": "/bin/sh"}
        data = b"".join(item + b"\0" for item in items)
        return subprocess.run(command, input=data, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment,
                              cwd=self.scratch, timeout=60)

    def compare(self, template, items, *options):
        theirs = self.output_of([PARALLEL, "-k", "-0", "-j2", *options, template], items)
        ours = self.output_of([self.path_of("fanmill"), "run", "-q", "-k", "-0", "-j2", *options, "--shell", template], items)
        if ours.stdout == theirs.stdout and (ours.returncode == 0) == (theirs.returncode == 0):
            return
        # Which item it is, one at a time.
        for item in items:
            wanted, got = (self.output_of(command, [item]).stdout for command in (
                [PARALLEL, "-k", "-0", *options, template],
                [self.path_of("fanmill"), "run", "-q", "-k", "-0", *options, "--shell", template]))
            self.assertEqual(got, wanted, f"{template!r} with {item!r}; seed {SEED}")
        self.fail(f"{template!r} with all of {items!r}; seed {SEED}: {ours.stdout!r} in place of {theirs.stdout!r}"
                  f"\n{ours.stderr!r}\n{theirs.stderr!r}")

    @staticmethod
    def some(source, count):
        return [b"".join(source.choices(BYTES, k=source.randrange(1, 8))) for _ in range(count)]

    def test_hostile_items_in_all_templates(self):
        source = random.Random(SEED)
        for template in PLAIN:
            with self.subTest(template=template):
                self.compare(template, source.sample(FIXED, 12) + self.some(source, 12))

    def test_every_fixed_item(self):
        self.compare("printf '<%s>' {} {#}", FIXED)

    def test_parts_of_paths(self):
        source = random.Random(SEED + 1)
        for template in PATHS:
            with self.subTest(template=template):
                self.compare(template, source.sample(NAMES, 14))

    def test_tags(self):
        items = [b"a", b"two words", b"it's", b"\xff", b"$x"]
        self.compare("printf '1\\n\\n2' ; : {}", items, "--tag")


if __name__ == "__main__":
    unittest.main()
