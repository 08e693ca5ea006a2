#!/usr/bin/env python3
"""`fslens score` against scores computed with 60 digits: every case and every approximation of tests/golden/scores.h5.

check_scores.py FSLENS GOLDEN.h5 FOLDER"""
import json
import re
import subprocess
import sys

import h5py
import numpy as np

SMALL_T = 0.01  # below it the reference itself loses digits to cancellation: ten times the error is granted


def forward_model(case):
    kind = case.attrs["forward_model"]
    entry = {"kind": kind}
    if kind in ("linear", "tanh"):
        entry["matrix"], entry["bias"] = case["A"][()].tolist(), case["b"][()].tolist()
    if kind == "sin":
        entry["omega"] = float(case["omega"][0])
    return entry


def approximation(name):
    """'pigdm(r2=flat)' as an entry of a spec."""
    kind, parameters = re.fullmatch(r"([a-z-]+)(?:\((.*)\))?", name).groups()
    entry = {"name": name, "kind": kind}
    for pair in filter(None, (parameters or "").split(",")):
        key, value = pair.split("=")
        entry[key] = float(value) if re.match(r"[0-9.]", value) else value
    return entry


def spec_of(name, case):
    """JSON is YAML; .inf has no JSON form and is put in as text."""
    spec = {
        "name": "golden",
        "seed": 1,
        "grid": {
            "prior": [{"name": name, "kind": "discrete", "atoms": case["atoms"][()].tolist()}],
            "forward_model": [forward_model(case)],
            "noise_level": [float(case["noise_std"][0])],
            "approximation": [approximation(a) for a in case["score"] if a != "prior"],
            "n_train": ["INF"],
        },
        "observations": {"kind": "fixed", "y": [case["y"][()].tolist()]},
    }
    return json.dumps(spec).replace('"INF"', ".inf")


def worst_errors(got, wanted, t):
    """The largest relative errors over states, at t >= SMALL_T and below."""
    size = np.linalg.norm(wanted, axis=-1)
    error = np.linalg.norm(got - wanted, axis=-1)
    # A score of exactly zero has to be zero.
    relative = np.where(size > 0, error / np.where(size > 0, size, 1), np.where(error > 0, np.inf, 0))
    relative = np.where(np.isnan(error), np.inf, relative)
    return relative[t >= SMALL_T].max(), relative[t < SMALL_T].max()


def check(what, got, wanted, t):
    large, small = worst_errors(got, wanted, t)
    good = large < 1e-9 and small < 1e-8
    print(f"{'ok' if good else 'not ok'} - {what}: {large:.1e} at t >= {SMALL_T}, {small:.1e} below")
    return good


def run_case(fslens, name, case, folder):
    states = case["states"][()]
    n_times, n_states, d = states.shape
    t = np.repeat(case["times"][()], n_states)
    with open(f"{folder}/{name}.yaml", "w") as file:
        file.write(spec_of(name, case))
    with h5py.File(f"{folder}/{name}-states.h5", "w") as file:
        file["x"], file["t"] = states.reshape(-1, d), t
    out = f"{folder}/{name}-scores.h5"
    subprocess.run([fslens, "score", f"{folder}/{name}.yaml", "--states", f"{folder}/{name}-states.h5", "-o", out], check=True)
    good = True
    with h5py.File(out) as file:
        names = [str(a) for a in file["approximation"].asstr()[()]]
        for which in case["score"]:
            variable = "prior_score" if which == "prior" else "posterior_score"
            entry = 0 if which == "prior" else names.index(which)
            got = file[variable][0, 0, 0, entry, 0, 0, 0]
            good &= check(f"{name}, {which}", got, case["score"][which][()].reshape(-1, d), t)
        prior, likelihood, posterior = (file[f"{v}_score"][()] for v in ("prior", "likelihood", "posterior"))
        assert np.allclose(prior + likelihood, posterior, rtol=1e-12, atol=0), "the parts do not add up"
    return good


def main(fslens, golden, folder):
    with h5py.File(golden) as file:
        results = [run_case(fslens, name, case, folder) for name, case in file.items()]
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
