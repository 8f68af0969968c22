"""The examples, run as their readers would run them, from another directory."""

import hashlib
import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]


class Examples(unittest.TestCase):
    def setUp(self):
        self.scratch = pathlib.Path(tempfile.mkdtemp(prefix="fanmill-test-"))
        self.addCleanup(shutil.rmtree, self.scratch, ignore_errors=True)

    def run_example(self, name, *arguments, stdin=b"", status=0):
        run = subprocess.run([ROOT / "examples" / name / "run", *arguments], input=stdin, cwd=self.scratch,
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120)
        self.assertEqual(run.returncode, status, run.stderr.decode(errors="replace"))
        return run

    def test_word_count(self):
        folder = self.scratch / "some words"
        folder.mkdir()
        (folder / "two\nlines.md").write_text("one two three\n")
        (folder / "$HOME.md").write_text("four five\n")
        (folder / "other.txt").write_text("not counted\n")
        self.assertEqual(self.run_example("word-count", folder).stdout, b"5 words in 2 files\n")

    def test_checksums(self):
        folder = self.scratch / "files"
        folder.mkdir()
        for number in range(120):
            (folder / f"file {number:03}").write_bytes(b"%d" % number)
        expected = "".join(f"{hashlib.sha256(b'%d' % number).hexdigest()}  ./file {number:03}\n"
                           for number in range(120))
        self.assertEqual(self.run_example("checksums", folder).stdout.decode(), expected)

    def test_retries(self):
        log = self.scratch / "log"
        said = self.run_example("retries", log).stdout.decode().splitlines()
        self.assertEqual(said, [f"{n} done, attempt {0 if n % 3 else 2}" for n in range(1, 10)])
        self.assertEqual(len(log.read_text().splitlines()), 10)

    def test_csv_rows(self):
        rows = b"name,town\nAnn,Oslo\nO'Neil $HOME,\"x\"\n"
        self.assertEqual(self.run_example("csv-rows", stdin=rows).stdout,
                         b"Ann lives in Oslo\nO'Neil $HOME lives in \"x\"\n")

    def test_thumbnails(self):
        if shutil.which("pamscale") is None:
            self.skipTest("netpbm is not installed")
        pictures, small = self.scratch / "pic tures", self.scratch / "small"
        pictures.mkdir()
        for number in range(3):
            gray = subprocess.run(["pgmmake", "0.5", "300", "200"], check=True, stdout=subprocess.PIPE).stdout
            png = subprocess.run(["pnmtopng", "-quiet"], input=gray, check=True, stdout=subprocess.PIPE).stdout
            (pictures / f"a 'picture' {number}.png").write_bytes(png)
        (pictures / "broken.png").write_text("no picture\n")
        run = self.run_example("thumbnails", pictures, small, "30", status=1)
        self.assertIn(b"broken.png", run.stderr)
        self.assertEqual(sorted(os.listdir(small)), [f"a 'picture' {number}.png" for number in range(3)])
        for picture in small.iterdir():
            self.assertEqual(picture.read_bytes()[16:24], (30).to_bytes(4, "big") + (20).to_bytes(4, "big"))


if __name__ == "__main__":
    unittest.main()
