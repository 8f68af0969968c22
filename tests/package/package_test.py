"""A project outside of Fanmill, built with the installed tree (CMake, pkg-config), with the sources, and the .deb."""

import os
import pathlib
import re
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


def documented(target, *documents):
    """The command that builds `target`, as the documents say it."""
    command = f"cmake --build build/release --target {target}"
    for document in documents:
        assert command in (ROOT / document).read_text(), f"{document}: {command}"
    return [BUILD if word == "build/release" else word for word in command.split()]


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
        shutil.rmtree(BUILD / "share")  # scripts/demo has not made it
        (BUILD / "share").mkdir()
        call(*documented("fanmill-installed", "README.md", "docs/embedding.md"))
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

    def test_the_program_of_the_document(self):
        text = (ROOT / "docs/embedding.md").read_text()
        folder = self.scratch / "document"
        folder.mkdir()
        for name, language in (("main.cpp", "cpp"), ("CMakeLists.txt", "cmake")):
            (folder / name).write_text(re.search(rf"`{name}`\n\n```{language}\n(.*?)```", text, re.DOTALL)[1])
        call("cmake", "-S", folder, "-B", folder / "build", f"-DCMAKE_PREFIX_PATH={self.prefix}")
        call("cmake", "--build", folder / "build")
        self.check(folder / "build/mine")

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
    def test_the_debian_packages(self):
        for old in (*BUILD.glob("*.deb"), *BUILD.glob("share/*")):
            old.unlink()
        call(*documented("fanmill-deb", "README.md", "docs/embedding.md", "docs/lan.md"))
        fields, root = {}, {}
        for name in ("fanmill", "fanmill-dev"):
            package, = BUILD.glob(f"{name}_*.deb")
            fields[name] = call("dpkg-deb", "--field", package)
            root[name] = self.scratch / "unpacked" / name
            root[name].mkdir(parents=True)
            call("dpkg-deb", "-x", package, root[name])
            self.assertRegex(fields[name], rf"(?m)^Package: {name}$")
            self.assertRegex(fields[name], r"(?m)^Version: 0\.1")
            for document in ("copyright", "changelog.gz"):
                self.assertTrue((root[name] / "usr/share/doc" / name / document).exists())
        for needed in ("libzmq5", "libsqlite3-0", "libsodium23", "libc6"):
            self.assertRegex(fields["fanmill"], rf"(?m)^Depends:.*{needed}")
        self.assertNotRegex(fields["fanmill"], "(?m)^(Depends|Recommends):.*-dev")
        for development in ("libzmq3-dev", "libfmt-dev", "libsqlite3-dev", "libsodium-dev", "cppzmq-dev"):
            self.assertRegex(fields["fanmill-dev"], rf"(?m)^Depends:.*{development}")
        done = subprocess.run([root["fanmill"] / "usr/bin/fanmill", "run", "--quiet", "--function", "echo", ":::", "x"],
                              stdout=subprocess.PIPE, check=True)
        self.assertEqual(done.stdout, b"x\n")
        for path in ("man/man1/fanmill.1.gz", "doc/fanmill/docs/start.md", "doc/fanmill/examples/python_worker/worker.py"):
            self.assertTrue((root["fanmill"] / "usr/share" / path).exists(), path)
        self.assertEqual(list(root["fanmill"].glob("usr/**/*.a")), [])
        self.assertEqual(len(list(root["fanmill-dev"].glob("usr/lib/**/fanmill-config.cmake"))), 1)
        archive, = root["fanmill-dev"].glob("usr/lib/**/libfanmill.a")
        self.assertNotIn(b".debug_info", archive.read_bytes())


if __name__ == "__main__":
    unittest.main()
