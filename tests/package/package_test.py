"""A project outside of Fanmill, built with the installed tree (CMake, pkg-config), with the sources, and the .deb."""

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

    def test_add_subdirectory_and_fetch_content(self):
        # Whether it compiles there is asked, and not how fast it is.
        self.build("within", f"-DFANMILL_SOURCE={ROOT}", "-DCMAKE_CXX_FLAGS=-O0")
        self.assertFalse((self.scratch / "within/bin").exists(), "programs were built")
        # In the same place, so that the library need not be compiled again.
        self.build("within", "-DFANMILL_FETCHED=ON")

    def test_a_users_file_needs_no_other_library_s_headers(self):
        read = call("c++", "-std=c++20", "-I", self.prefix / "include", "-M", OUTSIDE / "main.cpp")
        self.assertIn("fanmill/pipeline.hpp", read)
        for header in ("zmq", "sqlite", "msgpack", "/fmt/", "sodium", "spdlog"):
            self.assertNotIn(header, read)

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

    def test_the_version_that_is_asked_for(self):
        for version, is_found in (("0.1", True), ("0.2", False), ("1", False)):
            folder = self.scratch / f"version {version}"
            folder.mkdir()
            (folder / "CMakeLists.txt").write_text(
                "cmake_minimum_required(VERSION 3.22)\nproject(asks LANGUAGES CXX)\n"
                f"find_package(fanmill {version} REQUIRED)\n")
            done = subprocess.run(["cmake", "-S", folder, "-B", folder / "build",
                                   f"-DCMAKE_PREFIX_PATH={self.prefix}"], capture_output=True, check=False)
            self.assertEqual(done.returncode == 0, is_found, done.stderr)

    @unittest.skipIf(shutil.which("dpkg-shlibdeps") is None, "there is no dpkg-dev here")
    def test_the_debian_package(self):
        call("cpack", "--config", BUILD / "CPackConfig.cmake", "-B", self.scratch / "packed")
        packages = list((self.scratch / "packed").glob("*.deb"))
        self.assertEqual(len(packages), 1)
        fields = call("dpkg-deb", "--field", packages[0])
        for needed in ("Package: fanmill\n", "Version: 0.1", "libzmq5", "libsqlite3-0", "libsodium23", "libc6",
                       "Maintainer: the Fanmill authors"):
            self.assertIn(needed, fields)
        for development in ("libzmq3-dev", "libfmt-dev", "libsqlite3-dev", "libsodium-dev", "cppzmq-dev"):
            self.assertRegex(fields, rf"(?m)^Recommends:.*{development}")
        root = self.scratch / "unpacked"
        call("dpkg-deb", "-x", packages[0], root)
        done = subprocess.run([root / "usr/bin/fanmill", "run", "--quiet", "--function", "echo", ":::", "x"],
                              stdout=subprocess.PIPE, check=True)
        self.assertEqual(done.stdout, b"x\n")
        self.assertTrue((root / "usr/share/doc/fanmill/copyright").exists())
        self.assertEqual(len(list(root.glob("usr/lib/**/fanmill-config.cmake"))), 1)


if __name__ == "__main__":
    unittest.main()
