"""The Python worker and sink of examples/, as programs beside Fanmill's own."""

import pathlib
import sys

sys.path[1:1] = [str(pathlib.Path(__file__).resolve().parent.parent / folder) for folder in ("integration", "faults")]

try:
    import msgpack  # noqa: F401
    import zmq  # noqa: F401
except ImportError as error:
    sys.exit(f"tests/interop: {sys.executable} has no module {error.name}: scripts/install-deps installs python3-zmq and "
             "python3-msgpack for Debian's /usr/bin/python3")

from programs import ROOT  # noqa: E402

EXAMPLE = ROOT / "examples/python_worker"
SCRIPTED = ROOT / "tests/interop/scripted_worker.py"
SINK = EXAMPLE / "sink.py"


def python(script, *arguments):
    """Words that PipelineTest.start takes."""
    return sys.executable, "-B", script, *arguments
