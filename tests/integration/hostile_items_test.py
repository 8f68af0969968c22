"""Items are data: whatever they hold, and wherever a placeholder stands, none becomes code or an option of
ours."""

import os
import unittest

from programs import Pipeline, PipelineTest

ITEMS = [
    b'"; touch PWNED; "',
    b"'; touch PWNED; '",
    b"$(touch PWNED)",
    b"`touch PWNED`",
    b"; touch PWNED",
    b"| touch PWNED",
    b"&& touch PWNED #",
    b"> PWNED",
    b"\\'; touch PWNED #",
    b"$HOME ${PATH} $1 $@ $*",
    b"-n",
    b"--help",
    b"-j4",
    b"*",
    b"? [a-z] {a,b} ~ !!",
    b"  leading and trailing  ",
    b"tab\tand\\backslash\\n",
    b"{} {.} {/} {#} {%} {1}",
    b"%s %d %n",
    b"line one\nline two\n; touch PWNED",
    b"\xff\xfe not UTF-8",
    b"",
]


def stem(item):
    """{.}: the item without the extension of its last component."""
    head, slash, name = item.rpartition(b"/")
    dot = name.rfind(b".")
    return head + slash + (name[:dot] if dot > 0 else name)


class HostileItems(PipelineTest):
    def run_items(self, items, *command):
        """Runs in a directory with one file; returns the outputs, which end with NUL, in order."""
        (self.scratch / "a-file").touch()
        run = self.run_program("fanmill", "run", "-0", "-k", "-j2", *command, cwd=self.scratch,
                               stdin=b"".join(item + b"\0" for item in items))
        self.assertEqual(os.listdir(self.scratch), ["a-file"], "an item has become a command")
        self.assert_status(run, 0)
        outputs = run.stdout.split(b"\0")
        self.assertEqual(outputs.pop(), b"")
        return outputs

    def test_shell_text_in_each_quoting(self):
        places = {
            r"printf '%s\0' {}": b"%s",
            r'''printf '%s\0' "{}"''': b"%s",
            r"""printf '%s\0' '{}'""": b"%s",
            r"printf '%s\0' x{}y": b"x%sy",
            r'''printf '%s\0' "a {} b"''': b"a %s b",
            r"""printf '%s\0' 'a {} b'""": b"a %s b",
            r'''printf '%s\0' "it's {}"''': b"it's %s",
            r"""printf '%s\0' 'say "{}"'""": b'say "%s"',
            r'''printf '%s\0' "$(printf %s {})"''': b"%s",
            r'''printf '%s\0' "$(printf %s "{}")"''': b"%s",
            r"""x={}; printf '%s\0' "$x" """: b"%s",
        }
        for text, wanted in places.items():
            with self.subTest(text=text):
                # $( ) drops newlines at the end, and so would lose what an item ends with; none of ours does.
                self.assert_lines(self.run_items(ITEMS, "--shell", text),
                                  [wanted.replace(b"%s", item) for item in ITEMS])

    def test_two_placeholders_and_parts_of_paths_in_shell_text(self):
        items = [b"$(touch PWNED)/b c.d", b"`touch PWNED`.x", b'"; touch PWNED; ".gz', b"*/*.*"]
        outputs = self.run_items(items, "--shell", r"""printf '%s\0' {}'{}'"{}" {.} "{/}" '{//}' {/.}""")
        wanted = []
        for item in items:
            head, _, name = item.rpartition(b"/")
            wanted += [item * 3, stem(item), name, head or b".", stem(name)]
        self.assert_lines(outputs, wanted)

    def test_a_command_without_a_shell(self):
        for words, wanted in ([["printf", r"%s\0", "{}"], b"%s"],
                              [["printf", r"%s\0"], b"%s"],
                              [["printf", r"%s\0", "x{}y"], b"x%sy"],
                              [["printf", r"%s\0", "'{}' \"{}\""], b"'%s' \"%s\""]):
            with self.subTest(words=words):
                self.assert_lines(self.run_items(ITEMS, "--", *words),
                                  [wanted.replace(b"%s", item) for item in ITEMS])

    def test_one_argument_with_shell_characters_is_shell_text(self):
        self.assert_lines(self.run_items(ITEMS, r"printf '%s\0' {}"), ITEMS)

    def test_columns(self):
        items = [b"%d\t%s\tlast" % (number, item) for number, item in enumerate(ITEMS) if b"\t" not in item]
        wanted = [b"<%s>" % item for item in ITEMS if b"\t" not in item]
        for command in (["--shell", r"""printf '%s\0' "<{2}>" """], ["--shell", r"printf '%s\0' '<{2}>'"],
                        ["--shell", r"printf '<%s>\0' {-2}"], ["--", "printf", r"%s\0", "<{2}>"]):
            with self.subTest(command=command):
                self.assert_lines(self.run_items(items, "--colsep", r"\t", *command), wanted)

    def test_a_column_that_is_missing_fails_its_task_and_no_other(self):
        run = self.run_program("fanmill", "run", "-k", "--colsep", ",", "echo", "{2}", "{1}", ":::", "a,b", "c",
                               "d,")
        self.assert_status(run, 1)
        self.assertEqual(run.stdout, b"b a\n d\n")
        self.assertRegex(run.stderr, "the item 'c' has no column \\{2\\}")

    def test_the_ventilator_tells_workers_of_the_separator(self):
        pipeline = Pipeline(self, "ipc", "echo", "{2}", ventilator=["--colsep", ":"], sink=["-k"],
                            stdin=b"a:b\nc:d\n")
        pipeline.assert_complete([b"b", b"d"])

    def test_a_worker_that_wants_columns_does_not_join_a_run_without_them(self):
        endpoint = self.endpoint("ipc")
        ventilator = self.start("ventilator", "--bind", endpoint, ":::", "a")
        worker = self.run_program("worker", "--connect", endpoint, "echo", "{2}")
        self.assert_status(worker, 3)
        self.assert_message(worker, r"cannot fill in \{2\}: the ventilator's items have no columns; .*--colsep")
        other = self.start("worker", "--connect", endpoint, "echo", "{}")
        sink = self.run_program("sink", "--connect", endpoint)
        for program in (sink, ventilator, other):
            self.assert_status(program, 0)
        self.assertEqual(sink.stdout, b"a\n")

    def test_items_of_the_command_line(self):
        items = ["$(touch PWNED)", "-n", "*", "--", "; touch PWNED"]
        run = self.run_program("fanmill", "run", "-k", "--function", "echo", ":::", *items, cwd=self.scratch)
        self.assert_status(run, 0)
        self.assertEqual(run.stdout.decode().splitlines(), items)
        self.assertEqual(os.listdir(self.scratch), [])


if __name__ == "__main__":
    unittest.main()
