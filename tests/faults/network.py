"""A network of a test's own: a namespace with nothing but a loopback device, whose packets can be lost and delayed."""

import os
import subprocess
import sys

SKIPPED = 77  # for ctest
INSIDE = "FANMILL_TEST_NAMESPACE"


def enter_namespace():
    """Goes on in a namespace; where there can be none the test is skipped, and says so."""
    if INSIDE in os.environ:
        return
    setup = "ip link set lo up && nft list tables && exec \"$@\""
    for options in (["--net"], ["--net", "--map-root-user"]):
        unshare = ["unshare", *options, "sh", "-c", setup, "sh"]
        if subprocess.run([*unshare, "true"], capture_output=True).returncode == 0:
            os.environ[INSIDE] = "1"
            os.execvp(unshare[0], [*unshare, sys.executable, "-B", *sys.argv])
    print("SKIPPED: it needs a network namespace (unshare, as root or as a user that may) with ip and nft",
          file=sys.stderr)
    sys.exit(SKIPPED)


def nft(rules):
    subprocess.run(["nft", "-f", "-"], input=rules, text=True, check=True)
