#!/usr/bin/env python3
"""Doxygen's input filter: our headers' plain comments, as Doxygen wants them.

A comment before a declaration is of that, and of those that follow without a blank line and without one of their
own; one behind a declaration is of that; the one at a file's head is the file's, and that of the class which the file is
named after. Defaulted friends and the specialisations of Codec, which its file's head lists, are left out.
"""

import pathlib
import re
import sys

TRAILING = re.compile(r"^(?P<code>\s*\S.*?[;,{})]\s*)// (?P<text>.*)$")
WHOLE = re.compile(r"^(?P<indent>\s*)//(?P<text>.*)$")
DECLARATION = re.compile(
    r"^\s*(?!#|//|public:|private:|return\b|namespace\b|\})(template <.*>|\S.*[;{,}])\s*(//.*)?$")


def written(block, indent):
    """A comment's lines; what is indented in it is code."""
    inside = False
    for text in block:
        is_code = text.startswith("   ") and bool(text.strip())
        if is_code != inside and (is_code or text.strip()):
            yield f"{indent}/// \\{'code{.unparsed}' if is_code else 'endcode'}"
            inside = is_code
        yield f"{indent}///{text}"
    if inside:
        yield f"{indent}/// \\endcode"


def convert(name, lines):
    head, block, shared, hidden = [], [], [], False
    subject = "".join(part.capitalize() for part in name.split("_"))
    at = 0
    while at < len(lines):
        line = lines[at]
        at += 1
        if re.match(r"(struct|requires.*)? ?Codec<|struct Codec<", line):
            hidden = True
        if hidden or "NOLINT" in line or re.search(r"friend .*= default;", line):
            hidden = hidden and line != "};"
            continue
        if whole := WHOLE.match(line):
            block.append(whole["text"])
            continue
        if block and not head and not shared and at - 1 - len(block) == lines.index("#pragma once") + 1:
            head, block = block, []
            yield from written([" \\file", *head], "")
        if not line.strip():
            yield from (f"// {text}" for text in block)
            block, shared = [], []
            yield line
            continue
        indent = line[:len(line) - len(line.lstrip())]
        if trailing := TRAILING.match(line):
            block = [" " + trailing["text"]]
            column = len(trailing["code"])
            line = trailing["code"]
            while at < len(lines) and (more := WHOLE.match(lines[at])) and len(more["indent"]) == column:
                block.append(more["text"])
                at += 1
        if re.match(rf"(class|struct) {subject}\b", line) and not block:
            block = head
        own = block or (shared if DECLARATION.match(line) else [])
        yield from written(own, indent)
        shared, block = own, []
        yield line


path = pathlib.Path(sys.argv[1])
print(*convert(path.stem, path.read_text(encoding="utf-8").splitlines()), sep="\n")
