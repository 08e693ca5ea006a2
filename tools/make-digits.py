#!/usr/bin/env python3
"""Makes experiments/data/digits.h5 from the UCI Optical Recognition of Handwritten Digits test set.

Input: digits.csv.gz, one image a line: 64 pixels 0..16 and the label. The file stores the pixels as they are, with the attributes
`offset` and `scale` that map them to [-1, 1]: x = offset + scale * stored.

    tools/make-digits.py digits.csv.gz experiments/data/digits.h5
"""
import sys

import h5py
import numpy as np


def main(source, target):
    table = np.loadtxt(source, delimiter=",", dtype=np.uint8)
    pixels, labels = table[:, :64], table[:, 64]
    assert pixels.shape[1] == 64 and pixels.max() <= 16 and labels.max() <= 9
    with h5py.File(target, "w", track_order=True) as file:
        file.attrs["title"] = "Optical Recognition of Handwritten Digits, test set, 8x8"
        file.attrs["source"] = "E. Alpaydin and C. Kaynak, UCI Machine Learning Repository, 1998; CC BY 4.0"
        x = file.create_dataset("x", data=pixels, compression="gzip", shuffle=True, chunks=(256, 64))
        x.attrs["offset"], x.attrs["scale"] = -1.0, 0.125
        file.create_dataset("label", data=labels)


if __name__ == "__main__":
    main(*sys.argv[1:])
