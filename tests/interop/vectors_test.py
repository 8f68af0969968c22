"""docs/protocol-vectors by msgpack's own Python library: the bytes are what the fields say, for another language too."""

import json
import unittest

from peers import ROOT  # first: it says what is missing

import msgpack

FILES = sorted((ROOT / "docs/protocol-vectors").glob("*.json"))


def plain(value):
    """A field as msgpack has it: an object is an array with names, {"bin": HEX} is bytes."""
    if isinstance(value, dict):
        if list(value) == ["bin"]:
            return bytes.fromhex(value["bin"])
        return [plain(item) for item in value.values()]
    return [plain(item) for item in value] if isinstance(value, list) else value


def is_neighbours(entry):
    return isinstance(entry, list) and len(entry) == 2


def one_by_one(message, more):
    """A frame of tasks or results with each of its neighbours as an entry of its own; the frames behind it have the bytes
    that are not in it."""
    kind, entries, more = message[1], [], iter(more)
    for entry in message[-1]:
        if is_neighbours(entry):
            bytes_of_all, (number, attempt, between, *sizes) = entry
            if bytes_of_all is None:
                bytes_of_all = next(more)
            at = 0
            for i, size in enumerate(sizes):
                entries.append([number + i, attempt, *([0] if kind == 17 else []), bytes_of_all[at:at + size]])
                at += size + between
        else:
            entries.append(entry)
    return [*message[:-1], entries]


def as_bytes(value):
    """Where a frame has str in place of bin, the two mean the same."""
    if isinstance(value, list):
        return [as_bytes(item) for item in value]
    return value.encode() if isinstance(value, str) else value


class Vectors(unittest.TestCase):
    def test_each_frame_is_the_array_of_its_fields(self):
        self.assertGreater(len(FILES), 20)
        for file in FILES:
            message = json.loads(file.read_text())
            for vector in message["vectors"]:
                with self.subTest(message=message["message"], vector=vector["name"]):
                    unpacked = msgpack.unpackb(bytes.fromhex(vector["hex"]))
                    if message["message"] in ("TASKS", "RESULTS"):
                        unpacked = one_by_one(unpacked, [bytes.fromhex(frame) for frame in vector.get("more", [])])
                    wanted = [1, message["type"], *plain(vector["fields"])]
                    if vector.get("canonical", True):
                        self.assertEqual(unpacked, wanted)
                    else:
                        self.assertEqual(as_bytes(unpacked), as_bytes(wanted))


if __name__ == "__main__":
    unittest.main()
