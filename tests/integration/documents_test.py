"""What the documents say: links lead somewhere, options exist, and the five-minute start does what it shows."""

import os
import pathlib
import re
import subprocess
import unittest

from programs import BIN, LIMIT, ROOT, PipelineTest

DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/**/*.md")])
PROGRAMS = (["fanmill", "run"], ["fanmill", "status"], ["fanmill", "audit"], ["fanmill", "export"], ["fanmill", "keygen"],
            ["fanmill-ventilator"], ["fanmill-worker"], ["fanmill-sink"])
SCRIPTS = ("bench", "check", "demo", "fuzz", "install-deps", "lan-ssh", "local-ipc", "soak", "test")
# Of other programs that the documents show: cmake, GNU parallel, xargs, git, pkg-config, sqlite3, Redis, bench/embedded.
FOREIGN = {"--preset", "--build", "--install", "--prefix", "--target", "--pipe", "--sshloginfile", "--cflags", "--libs",
           "--self-test", "--rerun-failed", "--version", "--help", "--help-all", "--appendfsync", "--pipepart", "--uid", "--size",
           "--count"}
OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]*[a-z]")


def known_options():
    words = [[BIN / program[0], *program[1:], "--help-all"] for program in PROGRAMS]
    words += [[ROOT / "scripts" / script, "--help"] for script in SCRIPTS]
    known = set(FOREIGN)
    for command in words:
        said = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=LIMIT, text=True)
        known |= set(OPTION.findall(said.stdout))
    return known


class Documents(PipelineTest):
    def test_links_lead_to_files_and_headings(self):
        def anchors(path):
            headings = re.findall(r"^#+ (.*)$", path.read_text(), re.MULTILINE)
            return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}

        for document in DOCUMENTS:
            for target in re.findall(r"\]\(([^)\s]+)\)", document.read_text()):
                if re.match(r"https?:", target):
                    continue
                path, _, anchor = target.partition("#")
                there = (document.parent / path).resolve() if path else document
                with self.subTest(document=document.name, link=target):
                    self.assertTrue(there.exists())
                    if anchor:
                        self.assertIn(anchor, anchors(there))

    def test_options_exist(self):
        known = known_options()
        self.assertIn("--lane-ports", known)
        for document in DOCUMENTS:
            if "decisions" in document.parts:
                continue  # what was tried may be gone
            with self.subTest(document=str(document.relative_to(ROOT))):
                self.assertEqual(set(OPTION.findall(document.read_text())) - known, set())

    def test_every_document_can_be_found_from_the_readme(self):
        found, to_read = set(), [ROOT / "README.md"]
        while to_read:
            document = to_read.pop()
            if document in found or document.suffix != ".md" or not document.exists():
                continue
            found.add(document)
            for target in re.findall(r"\]\(([^)#\s]+)", document.read_text()):
                to_read.append((document.parent / target).resolve())
        self.assertEqual([str(d.relative_to(ROOT)) for d in DOCUMENTS if d.resolve() not in found], [])

    def test_the_five_minute_start_does_what_it_shows(self):
        """Its console blocks, one after the other in one directory: commands, and below each what it writes."""
        blocks = re.findall(r"```console\n(.*?)```", (ROOT / "docs/start.md").read_text(), re.DOTALL)
        self.assertGreater(len(blocks), 3)
        environment = {**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}", "FANMILL_BIN": str(BIN)}
        for block in blocks:
            script = "\n".join(line[2:] for line in block.splitlines() if line.startswith("$ "))
            shown = [line for line in block.splitlines() if not line.startswith("$ ")]
            with self.subTest(script=script):
                said = subprocess.run(["bash", "-c", script], cwd=self.scratch, env=environment, timeout=LIMIT, text=True,
                                      stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
                self.assertEqual(said.stdout.splitlines(), shown, said.stderr)


if __name__ == "__main__":
    assert pathlib.Path(ROOT, "docs").is_dir()
    unittest.main()
