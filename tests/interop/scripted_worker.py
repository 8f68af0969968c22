"""examples/python_worker with work that the tests can steer: `sleep SECONDS`, `fail WHY`; anything else is echoed,
after FANMILL_TEST_PACE seconds."""

import os
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "examples/python_worker"))

import worker  # noqa: E402

PACE = float(os.environ.get("FANMILL_TEST_PACE", "0"))


def work(item):
    word, _, rest = item.partition(b" ")
    if word == b"sleep":
        time.sleep(float(rest))
    elif word == b"fail":
        raise ValueError(rest.decode())
    else:
        time.sleep(PACE)
    return item


if __name__ == "__main__":
    worker.main(work)
