#!/usr/bin/env python3
"""Are the data variables of two results files the same, byte for byte? All groups but /jobs and /provenance.

compare_results.py A.h5 B.h5"""
import sys

import h5py
import numpy as np

VOLATILE = ("jobs", "provenance")


def variables(file):
    found = {}
    file.visititems(lambda name, item: found.__setitem__(name, item) if isinstance(item, h5py.Dataset) else None)
    return {name: item for name, item in found.items() if name.split("/")[0] not in VOLATILE}


def bytes_of(dataset):
    if h5py.check_string_dtype(dataset.dtype):
        return [str(text) for text in np.ravel(dataset.asstr()[()])]
    return np.ascontiguousarray(dataset[()]).tobytes()


def differences(a, b):
    left, right = variables(a), variables(b)
    for name in sorted(set(left) ^ set(right)):
        yield f"{name} is in one file only"
    for name in sorted(set(left) & set(right)):
        x, y = left[name], right[name]
        if x.dtype != y.dtype or x.shape != y.shape:
            yield f"{name}: {x.dtype} {x.shape} against {y.dtype} {y.shape}"
        elif bytes_of(x) != bytes_of(y):
            yield f"{name} differs"
    if not left:
        yield "there are no variables"


def main(first, second):
    with h5py.File(first) as a, h5py.File(second) as b:
        found = list(differences(a, b))
        count = len(variables(a))
    for line in found[:20]:
        print(line)
    print(f"{count} variables, {len(found)} differences")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
