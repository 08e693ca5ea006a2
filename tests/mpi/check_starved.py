#!/usr/bin/env python3
"""A group of four of which one rank after the other was out of memory: every such job failed with its rank's reason,
every other job is done, and has the same bytes as a lone process gives.

check_starved.py GROUP.h5 ALONE.h5"""
import sys

import h5py
import numpy as np

CELL = ("prior", "forward_model", "noise_level", "approximation", "n_train", "replicate", "observation")


def texts(dataset):
    return [str(text) for text in np.ravel(dataset.asstr()[()])]


def problems(group, alone):
    jobs = group["jobs"]
    status, error = texts(jobs["status"]), texts(jobs["error"])
    failed = sorted(text for state, text in zip(status, error) if state == "failed")
    wanted = sorted(f"rank {rank} of the group: out of memory: test-starve on rank {rank}" for rank in range(4) for _ in "12")
    if failed != wanted:
        yield f"the failed jobs say {failed}"
    if set(status) != {"done", "failed"}:
        yield f"the jobs' states are {status}"
    names = [texts(file["approximation"]) for file in (group, alone)]
    compared = 0
    for name, variable in group.items():
        if "DIMENSION_LIST" not in variable.attrs or tuple(dim[0].name[1:] for dim in variable.dims)[:7] != CELL:
            continue
        if name == "job_index":
            continue
        compared += 1
        for method in names[1]:
            rows = [np.take(file[name][()], own.index(method), 3) for file, own in zip((group, alone), names)]
            if rows[0].tobytes() != rows[1].tobytes():
                yield f"{name} of {method} differs"
    if compared < 10:
        yield f"only {compared} variables were compared"


with h5py.File(sys.argv[1]) as first, h5py.File(sys.argv[2]) as second:
    found = list(problems(first, second))
print("\n".join(found))
sys.exit(bool(found))
