#!/usr/bin/env python3
"""/truth of a results file against tests/golden/truth.h5: closed forms to 1e-10, quadrature to 1e-8.

check_truth.py FSLENS GOLDEN.h5 FOLDER"""
import json
import subprocess
import sys

import h5py
import numpy as np


def forward_model(name, case):
    if name.startswith("linear"):
        return {"kind": "linear", "matrix": case["A"][()].tolist(), "bias": case["b"][()].tolist()}
    return {"kind": {"square1d": "square", "prod2d": "product"}[name.split("_")[-1]]}


def noise(case):
    std = case["noise_std"][()]
    return float(std[0]) if len(std) == 1 else {"name": "noise", "std": std.tolist()}


def spec_of(name, case):
    prior = {"kind": "gmm", "weights": case["prior_weights"][()].tolist(), "means": case["prior_means"][()].tolist()}
    prior["covariances"] = case["prior_covs"][()].tolist()
    return {
        "name": "golden",
        "seed": 1,
        "grid": {
            "prior": [prior],
            "forward_model": [forward_model(name, case)],
            "noise_level": [noise(case)],
            "approximation": ["sigma-dps"],
            "n_train": [16],
        },
        "observations": {"kind": "fixed", "y": [case["y"][()].tolist()]},
        "sampler": {"steps": 2, "particles": 16},
        "times": [0.5],
        "metrics": ["mean_error"],
        "budget": "none",
    }


def error(got, wanted):
    wanted = np.asarray(wanted)
    return np.linalg.norm(np.ravel(got) - np.ravel(wanted)) / np.linalg.norm(np.ravel(wanted))


def run_case(fslens, name, case, folder):
    path = f"{folder}/{name}"
    with open(path + ".yaml", "w") as file:
        json.dump(spec_of(name, case), file)
    subprocess.run([fslens, "run", path + ".yaml", "-o", path + ".h5", "-q"], check=True)
    linear = name.startswith("linear")
    limit, method = (1e-10, "closed form") if linear else (1e-8, "quadrature")
    d = case["mean"].shape[0]
    with h5py.File(path + ".h5") as file:
        truth = file["truth"]
        errors = {
            "mean": error(truth["mean"][0, 0, 0, 0, :d], case["mean"][()]),
            "covariance": error(truth["covariance"][0, 0, 0, 0, :d, :d], case["cov"][()]),
            "log evidence": error(truth["log_evidence"][0, 0, 0, 0], case["log_evidence"][()]),
        }
        said = truth["method"].asstr()[0, 0, 0, 0]
    good = all(e < limit for e in errors.values()) and said.replace("-", " ").startswith(method.split()[0])
    figures = ", ".join(f"{key} {value:.1e}" for key, value in errors.items())
    print(f"{'ok' if good else 'not ok'} - {name} by {said}: {figures}")
    return good


def main(fslens, golden, folder):
    with h5py.File(golden) as file:
        results = [run_case(fslens, name, case, folder) for name, case in file.items()]
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
