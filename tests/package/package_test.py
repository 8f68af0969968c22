"""A project outside of Fanmill, built with the installed tree (CMake, pkg-config) and with the sources."""

import os
import pathlib
import shlex
import shutil
import subprocess
import tempfile
import unittest

BUILD = pathlib.Path(os.environ["FANMILL_BUILD"])
ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
OUTSIDE = pathlib.Path(__file__).resolve().parent / "outside"
HEADERS = {"fanmill.hpp", "codec.hpp", "error.hpp", "handler.hpp", "keys.hpp", "map.hpp", "msgpack.hpp", "pipeline.hpp",
           "processors.hpp", "result.hpp", "sink.hpp", "ventilator.hpp", "worker.hpp",
           "base/error.hpp", "base/ids.hpp", "base/notice.hpp", "base/time.hpp"}


def call(*command, **options):
    done = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          check=False, **options)
    if done.returncode:
        raise AssertionError(f"{command}: {done.returncode}\n{done.stdout.decode(errors='replace')[-4000:]}")
    return done.stdout.decode()


class Package(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.scratch = pathlib.Path(tempfile.mkdtemp(prefix="fanmill-package-"))
        cls.addClassCleanup(shutil.rmtree, cls.scratch, ignore_errors=True)
        first = cls.scratch / "first place"
        call("cmake", "--install", BUILD, "--prefix", first)
        # Nothing in the tree may know where it was installed.
        cls.prefix = cls.scratch / "another place"
        first.rename(cls.prefix)

    def check(self, program):
        self.assertEqual(call(program).strip(), "1 4 9 whole")

    def build(self, name, *options):
        folder = self.scratch / name
        call("cmake", "-G", "Ninja", "-S", OUTSIDE, "-B", folder, *options)
        call("cmake", "--build", folder, "--target", "outside")
        self.check(folder / "outside")

    def test_find_package(self):
        self.build("found", f"-DCMAKE_PREFIX_PATH={self.prefix}")

    def test_add_subdirectory(self):
        self.build("within", f"-DFANMILL_SOURCE={ROOT}")
        self.assertFalse((self.scratch / "within/bin").exists(), "programs were built")

    def test_pkg_config(self):
        folders = list(self.prefix.glob("**/pkgconfig"))
        self.assertEqual(len(folders), 1)
        path = ":".join([str(folders[0]), os.environ.get("PKG_CONFIG_PATH", "")])
        flags = call("pkg-config", "--cflags", "--libs", "fanmill", env={**os.environ, "PKG_CONFIG_PATH": path})
        program = self.scratch / "by pkg-config"
        call("c++", "-std=c++20", OUTSIDE / "main.cpp", "-o", program, *shlex.split(flags))
        self.check(program)

    def test_the_public_face_alone_is_installed(self):
        folder = self.prefix / "include/fanmill"
        self.assertEqual({header.relative_to(folder).as_posix() for header in folder.rglob("*.hpp")}, HEADERS)

    def test_plugins_are_built_with_one_header(self):
        alone = self.scratch / "alone"
        (alone / "fanmill").mkdir(parents=True)
        shutil.copy(self.prefix / "include/fanmill/plugin.h", alone / "fanmill")
        strict = ["-Wall", "-Wextra", "-Werror", "-pedantic-errors", "-shared", "-fPIC", "-I", alone, "-o", alone / "x.so"]
        for standard in "c99", "c17":
            call("cc", f"-std={standard}", *strict, ROOT / "examples/plugin/reverse.c")
        for standard in "c++17", "c++20":
            call("c++", f"-std={standard}", *strict, ROOT / "examples/plugin/factors.cpp")
        call("c++", "-std=c++98", "-x", "c++", *strict[:4], "-fsyntax-only", alone / "fanmill/plugin.h")
        said = call(self.prefix / "bin/fanmill", "run", "-q", "--plugin", alone / "x.so", ":::", "12")
        self.assertEqual(said, "12: 2 2 3\n")

    def test_the_programs_are_installed(self):
        for name in ("fanmill", "fanmill-ventilator", "fanmill-worker", "fanmill-sink"):
            self.assertIn("0.1", call(self.prefix / "bin" / name, "--version"))


if __name__ == "__main__":
    unittest.main()
