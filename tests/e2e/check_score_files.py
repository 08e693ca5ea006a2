#!/usr/bin/env python3
"""What `fslens score` reads: float32, a group of a file, trailing axes, offset and scale, rows that are not finite.

check_score_files.py FSLENS SPEC STATES.h5 FOLDER"""
import subprocess
import sys

import h5py
import numpy as np


def score(fslens, spec, states, out, *options):
    subprocess.run([fslens, "score", spec, "--states", states, "-o", out, *options], check=True)
    with h5py.File(out) as file:
        return {name: file[name][()] for name in ("prior_score", "posterior_score", "likelihood_score")}


def main(fslens, spec, states, folder):
    def run(name, *options):
        return score(fslens, spec, f"{folder}/{name}", f"{folder}/out.h5", *options)

    with h5py.File(states) as file:
        x, t = file["x"][()].astype(np.float32).astype(np.float64), file["t"][()]
    with h5py.File(f"{folder}/forms.h5", "w") as file:
        file["x"], file["t"] = x, t
        single = file.create_group("single")
        single["x"], single["t"] = x.astype(np.float32), t
        image = file.create_group("image")
        image["x"], image["t"] = x.reshape(len(x), 1, 1, -1), t
        scaled = file.create_group("scaled")
        scaled["x"], scaled["t"] = (x - 1) / 2, t
        scaled["x"].attrs["offset"], scaled["x"].attrs["scale"] = 1.0, 2.0
        broken = file.create_group("broken")
        broken["x"], broken["t"] = np.where(np.arange(len(x))[:, None] == 3, np.nan, x), t
    plain = run("forms.h5")
    for group in ("single", "image"):
        other = run(f"forms.h5:/{group}")
        assert all(np.array_equal(plain[v], other[v], equal_nan=True) for v in plain), group
    other = run("forms.h5:/scaled")
    assert all(np.allclose(plain[v], other[v], rtol=1e-6, atol=1e-9) for v in plain), "offset and scale"
    other = run("forms.h5:/broken")
    kept = np.delete(np.arange(len(x)), 3)
    for v in plain:
        found = other[v] if other[v].shape[-2] == len(kept) else other[v][..., kept, :]
        assert np.array_equal(plain[v][..., kept, :], found), "a row that is not finite"
    drawn = run("forms.h5", "--set", "grid.approximation=[dps,fsr-direct,fsr]")
    assert np.isnan(drawn["likelihood_score"][0, 0, 0, :2]).all(), "dps and draws have no score"
    assert np.isfinite(drawn["likelihood_score"][0, 0, 0, 2]).all()
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
