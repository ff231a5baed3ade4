"""commits-libgit2.py STORE COUNT: what commits.mjs does, with libgit2."""

import json
import sys
from time import perf_counter

import pygit2

path, count = sys.argv[1], int(sys.argv[2])
repo = pygit2.init_repository(path, bare=True, initial_head="main")
who = pygit2.Signature("bench", "bench@localhost")
FILE, TREE = pygit2.GIT_FILEMODE_BLOB, pygit2.GIT_FILEMODE_TREE
REF = "refs/heads/main"

root = repo.TreeBuilder()
for directory in range(10):
    builder = repo.TreeBuilder()
    for number in range(directory, 100, 10):
        builder.insert(f"file{number}", repo.create_blob(b"before\n"), FILE)
    root.insert(f"dir{directory}", builder.write(), TREE)
base = tip = repo.create_commit(REF, who, who, "before", root.write(), [])

start = perf_counter()
for i in range(count):
    directory = f"dir{i % 10}"
    blob = repo.create_blob(b"value %d\n" % i)
    tree = repo[tip].tree
    builder = repo.TreeBuilder(tree[directory])
    builder.insert(f"file{i % 100}", blob, FILE)
    root = repo.TreeBuilder(tree)
    root.insert(directory, builder.write(), TREE)
    tip = repo.create_commit(REF, who, who, f"~ {directory}", root.write(), [tip])
seconds = perf_counter() - start

print(json.dumps({"seconds": seconds, "base": str(base)}))
