"""examples/python_worker with work that the tests can steer: `sleep SECONDS`, `fail WHY`; anything else is echoed."""

import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "examples/python_worker"))

import worker  # noqa: E402


def work(item):
    word, _, rest = item.partition(b" ")
    if word == b"sleep":
        time.sleep(float(rest))
    if word == b"fail":
        raise ValueError(rest.decode())
    return item


if __name__ == "__main__":
    worker.main(work)
