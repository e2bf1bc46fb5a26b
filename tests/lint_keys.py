#!/usr/bin/env python3
"""For tests/lint.sh: `KEY FILE` for each source, where KEY changes with all that can change what a checker says of the file: the
file, every header of this project it can include, directly or not, how it is compiled, and what stands in the arguments.

    lint_keys.py DATABASE-DIRECTORY WORDS-AND-FILES... <LIST-OF-SOURCES"""
import hashlib
import json
import os
import re
import sys

INCLUDE = re.compile(rb'^[ \t]*#[ \t]*include[ \t]*["<]([^">]+)[">]', re.MULTILINE)
database = sys.argv[1]
contents, found, made = {}, {}, {}


def content(path):
    if path not in contents:
        with open(path, "rb") as file:
            contents[path] = file.read()
    return contents[path]


# From the root, as the house wants it; beside the file; made by the build. Which of them the compiler would take is its
# affair: all count. What is none of them is a package's, and packages stand in the arguments.
def resolve(name, includer):
    beside = os.path.normpath(os.path.join(os.path.dirname(includer), name))
    return [path for path in {name, beside} if os.path.isfile(path)] + made.get(os.path.basename(name), [])


def includes(path):
    if path not in found:
        names = (match.group(1).decode() for match in INCLUDE.finditer(content(path)))
        found[path] = [header for name in names for header in resolve(name, path)]
    return found[path]


def closure(path):
    seen, left = set(), [path]
    while left:
        at = left.pop()
        if at not in seen:
            seen.add(at)
            left += includes(at)
    return sorted(seen)


for top, _, names in os.walk(database):
    for name in names:
        if name.endswith(".h"):
            made.setdefault(name, []).append(os.path.join(top, name))
with open(os.path.join(database, "compile_commands.json"), encoding="utf-8") as file:
    commands = {}
    for entry in json.load(file):
        commands.setdefault(os.path.relpath(entry["file"]), []).append(entry["command"])
common = b"\0".join(content(word) if os.path.isfile(word) else word.encode() for word in [*sys.argv[2:], __file__])
for source in sys.stdin.read().splitlines():
    key = hashlib.sha256(common + b"\0" + "\0".join([source, *commands.get(source, [])]).encode())
    for path in closure(source):
        key.update(path.encode() + b"\0" + hashlib.sha256(content(path)).digest())
    print(key.hexdigest()[:32], source)
