#!/usr/bin/env python3
"""Does a results file open in xarray as its contract says? With both of its HDF5 engines: the order of the dimensions,
.sel by the names of every axis at the root and in every group, n_train = inf, and the attributes of every variable.

check_results.py OUT.h5 [WORDS...]

WORDS: names of groups or variables that must be there, such as `budget` or `samples`."""
import re
import sys
import warnings

import h5py
import netCDF4  # noqa: F401  here, since distributions' builds warn of numpy as they load
import numpy as np
import xarray as xr

GROUPS = ("reference", "truth", "convergence")
CELL = ("prior", "forward_model", "noise_level", "approximation", "n_train", "replicate", "observation")
PROBLEM = ("prior", "forward_model", "noise_level", "observation")
SIZED = ("prior", "forward_model", "noise_level", "n_train", "replicate", "observation")
METRICS = (
    "mean_error spread_ratio spread_min spread_max within_mode_spread sliced_w1 max_sliced_w1 mmd2 mode_weight_tv "
    "prior_hallucination likelihood_hallucination escape stopping_error score_error score_error_abs path_kl "
    "nonfinite_fraction"
).split()
WITHOUT_FLOOR = ("score_error", "score_error_abs", "path_kl", "nonfinite_fraction")
SPREADS = ("spread_ratio", "spread_min", "spread_max", "within_mode_spread")
STATUS = "not_run done failed not_applicable excluded timed_out"

ROOT = {name: CELL + ("t",) for name in METRICS}
ROOT |= {f"{m}_floor{end}": PROBLEM + ("t",) for m in METRICS if m not in WITHOUT_FLOOR for end in ("", "_hi")}
ROOT |= {f"{m}_floor_lo": PROBLEM + ("t",) for m in SPREADS}
ROOT |= {f"{m}_reason": CELL + ("t",) for m in METRICS if m != "nonfinite_fraction"}
ROOT |= {
    "status": CELL,
    "job_index": CELL,
    "mode_weight": CELL + ("t", "mode"),
    "true_mode_weight": PROBLEM + ("t", "mode"),
    "y": PROBLEM + ("component",),
    "x_true": PROBLEM + ("component",),
}
RATES = ("prior", "forward_model", "noise_level", "method", "t_reference", "metric")
BUDGET = CELL[:5] + ("budget_replicate", "budget_observation")
EXPECTED = {
    "/": ROOT,
    "reference": {n: SIZED + ("t_reference",) for n in ("mean_error", "covariance_error", "sliced_w1", "effective_atoms")}
    | {n: SIZED for n in ("mode_weight_tv", "ess", "khat", "log_evidence_error")},
    "truth": {n: PROBLEM for n in ("log_evidence", "method", "stated_error", "ess", "truth_reason")}
    | {"mean": PROBLEM + ("component",), "covariance": PROBLEM + ("component", "component2")},
    "convergence": {n: RATES for n in ("rate", "rate_low", "rate_high", "floor", "points", "left_out", "rate_reason")},
    "budget": {
        "sliced_w1": BUDGET + ("t", "part"),
        "sliced_w1_floor": PROBLEM[:3] + ("budget_observation", "t", "part"),
        "mean": BUDGET + ("t", "part", "component"),
        "mode_weight": BUDGET + ("t", "part", "mode"),
    },
    "jobs": {
        n: ("job",)
        for n in ("type", "identity", "status", "seconds", "host", "attempts", "ranks", "error", "first_cell", "cells")
    },
}
PROVENANCE = "spec spec_hash fslens_version git_commit compiler flags hdf5_version cpu_instruction_set kernels signatures hosts".split()


def leave_out_metrics(path):
    """A file has the metrics that its spec asks for, and no others: the rest is expected to be absent."""
    with h5py.File(path) as file:
        asked = re.findall(r"^(?:# --set )?metrics[:=] *\[(.*)\]", file["provenance"].attrs["spec"], re.MULTILINE)
    wanted = [name.strip() for name in asked[-1].split(",")] if asked else METRICS
    absent = [m for m in METRICS if m not in wanted]
    names = [n for m in absent for n in (m, *(f"{m}_floor{end}" for end in ("", "_hi", "_lo")), f"{m}_reason") if n in ROOT]
    for name in names:
        del ROOT[name]
    return names


class Checks:
    def __init__(self):
        self.failed = 0
        self.done = 0

    def that(self, good, what):
        self.done += 1
        if not good:
            self.failed += 1
            print(f"wrong: {what}")


def select_each(check, where, dataset):
    """Every value of every coordinate finds itself by .sel, inf included, and the variables follow."""
    for name in dataset.dims:
        check.that(name in dataset.coords, f"{where}: dimension {name} has no coordinate")
        if name not in dataset.coords:
            continue
        values = dataset[name].values
        check.that(len(set(values.tolist())) == len(values), f"{where}: {name} repeats a value")
        for i, value in enumerate(values[:50]):
            found = dataset.sel({name: value})
            same = all(
                np.array_equal(
                    found[v].values, dataset[v].isel({name: i}).values, equal_nan=dataset[v].dtype.kind == "f"
                )
                for v in dataset.data_vars
                if name in dataset[v].dims
            )
            check.that(same, f"{where}: .sel({name}={value!r}) is not entry {i}")


def has_attributes(check, where, name, variable):
    check.that(bool(variable.attrs.get("long_name")), f"{where}/{name} has no long_name")
    numeric = variable.dtype.kind in "fiu"
    check.that(not numeric or "units" in variable.attrs, f"{where}/{name} has no units")


def check_group(check, engine, path, group):
    where = f"{engine}:{group}"
    with xr.open_dataset(path, engine=engine, group=None if group == "/" else group) as data:
        data = data.load()
    for name, axes in EXPECTED[group].items():
        check.that(name in data, f"{where}: there is no {name}")
        if name in data:
            check.that(data[name].dims == axes, f"{where}/{name}: dimensions {data[name].dims}, expected {axes}")
    for name, variable in data.variables.items():
        has_attributes(check, where, name, variable)
    select_each(check, where, data)
    if "noise_level" in data.dims:
        check.that("noise_name" in data.coords, f"{where}: noise_name is no coordinate")
    if "n_train" in data.dims:
        check.that(data["n_train"].dtype == np.float64, f"{where}: n_train is {data['n_train'].dtype}")
    for name in set(EXPECTED[group]) & set(data.variables):
        if group in ("/", "reference", "budget") and data[name].dtype.kind == "f":
            check.that(data[name].dtype == np.float64, f"{where}/{name} is {data[name].dtype}")
    return data


def check_reasons(check, where, data, values, reasons):
    """A value is NaN where its reason is not has_value, and there alone."""
    reason = data[reasons]
    check.that(reason.dtype == np.int8, f"{where}/{reasons} is {reason.dtype}")
    meanings = reason.attrs.get("flag_meanings", "").split()
    flags = np.ravel(reason.attrs.get("flag_values", []))
    check.that(meanings[:1] == ["has_value"] and np.array_equal(flags, range(len(meanings))), f"{where}/{reasons}: flags")
    check.that(bool((reason < len(meanings)).all()), f"{where}/{reasons} has values without a meaning")
    check.that(bool((data[values].isnull() == (reason != 0)).all()), f"{where}/{values}: a NaN without a reason, or one with")


def check_root(check, engine, data):
    for name in METRICS:
        if f"{name}_reason" in ROOT:
            check_reasons(check, engine, data, name, f"{name}_reason")
    first = [d for d in data["sliced_w1"].dims]
    check.that(first == list(CELL) + ["t"], f"{engine}: the axes are {first}")
    status = data["status"]
    check.that(status.dtype == np.int8, f"{engine}: status is {status.dtype}")
    check.that(status.attrs.get("flag_meanings") == STATUS, f"{engine}: flag_meanings")
    check.that(np.array_equal(np.ravel(status.attrs.get("flag_values", [])), range(6)), f"{engine}: flag_values")
    check.that(np.issubdtype(data["job_index"].dtype, np.integer), f"{engine}: job_index is {data['job_index'].dtype}")
    check.that((status.values != 0).any(), f"{engine}: no cell was run")
    finite = data["sliced_w1"].notnull().any("t")
    check.that(not bool((finite & (status != 1)).any()), f"{engine}: a cell that is not done has values")
    if np.isinf(data["n_train"].values).any():
        at_inf = data["sliced_w1"].sel(n_train=np.inf)
        check.that("n_train" not in at_inf.dims, f"{engine}: .sel(n_train=inf) keeps the axis")
    shares = data["mode_weight"].sum("mode", skipna=True).where(data["mode_weight"].notnull().any("mode"))
    check.that(bool((abs(shares - 1) < 1e-9).where(shares.notnull(), True).all()), f"{engine}: mode weights add to 1")


def check_groups(check, engine, found):
    check_reasons(check, engine, found["convergence"], "rate", "rate_reason")
    check_reasons(check, engine, found["truth"], "log_evidence", "truth_reason")
    reference = found["reference"]
    check.that(0.0 in reference["t_reference"].values, f"{engine}: /reference has no t = 0")
    at_inf = np.isinf(reference["n_train"].values)
    for name in EXPECTED["reference"]:
        values = reference[name].isel(n_train=np.flatnonzero(at_inf))
        check.that(not values.notnull().any(), f"{engine}: /reference/{name} has values at n_train = inf")
    check.that("reference" in found["convergence"]["method"].values, f"{engine}: /convergence: no reference")
    methods = set(np.ravel(found["truth"]["method"].values)) - {""}
    check.that(methods <= {"closed form", "quadrature", "sampled"}, f"{engine}: /truth/method has {methods}")


def check_telescoping(check, engine, budget):
    """The parts of a vector add to its total; a distance's do not fall short of it by more than the floor's scatter."""
    for name in ("mean", "mode_weight"):
        parts = budget[name].sel(part=["finite_sample", "approximation", "integrator"]).sum("part", skipna=False)
        gap = abs(parts - budget[name].sel(part="total"))
        check.that(not bool((gap > 1e-9).any()), f"{engine}: /budget/{name} does not telescope: {float(gap.max())}")


def check_tree(check, path, groups):
    """A dimension of a group that the root has too is the same one: size and values. That is what open_datatree asks for,
    which is asked itself where this xarray has it."""
    with h5py.File(path) as file:
        for group in groups[1:]:
            shared = [name for name in file[group] if name in file and h5py.h5ds.is_scale(file[group][name].id)]
            check.that(group == "jobs" or len(shared) >= 3, f"/{group} shares only {shared} with the root")
            for name in shared:
                same = file[name].shape == file[group][name].shape and np.array_equal(
                    file[name][()], file[group][name][()], equal_nan=file[name].dtype.kind == "f"
                )
                check.that(same, f"/{group}/{name} is not the root's")
    if hasattr(xr, "open_datatree"):
        with xr.open_datatree(path, engine="h5netcdf") as tree:
            check.that(set(tree.children) >= set(groups[1:]), f"the tree's groups are {list(tree.children)}")
            check.that("t_reference" in tree["convergence"].dims, "the tree's /convergence has no t_reference")


def check_storage(check, path):
    """What xarray does not show: scales on every axis, filters, strings of variable length, the order of creation."""
    with h5py.File(path) as file:
        for group in (file["/"], *(item for item in file.values() if isinstance(item, h5py.Group))):
            order = group.id.get_create_plist().get_link_creation_order()
            check.that(order & h5py.h5p.CRT_ORDER_TRACKED, f"{group.name}: creation order is not tracked")

        def visit(name, item):
            if not isinstance(item, h5py.Dataset):
                return
            text = h5py.check_string_dtype(item.dtype)
            check.that(text is None or (text.encoding == "utf-8" and text.length is None), f"{name}: {text}")
            if h5py.h5ds.is_scale(item.id):
                return
            for i, axis in enumerate(item.dims):
                check.that(len(axis) == 1 and axis[0].shape[0] == item.shape[i], f"{name}: axis {i} has no scale")
                if len(axis) == 1:
                    check.that(axis[0].parent == item.parent, f"{name}: axis {i} belongs to another group")
            if text is None:
                check.that(item.shuffle and item.compression == "gzip" and item.fletcher32, f"{name}: filters")
                check.that(item.compression_opts == 4, f"{name}: gzip {item.compression_opts}")
                large = item.chunks and (np.prod(item.chunks) >= 1000 or item.chunks == item.shape)
                check.that(large, f"{name}: chunks {item.chunks} of {item.shape}")
                check.that(item.dtype.kind != "f" or np.isnan(item.fillvalue), f"{name}: fill value {item.fillvalue}")

        file.visititems(visit)
        for name in PROVENANCE:
            check.that(bool(file["provenance"].attrs.get(name)), f"/provenance has no {name}")


def main(path, *words):
    check = Checks()
    absent = leave_out_metrics(path)
    check_storage(check, path)
    with h5py.File(path) as file:
        for word in words:
            check.that(word in file, f"there is no {word}")
        for name in absent:
            check.that(name not in file, f"{name} is there unasked")
        groups = ["/", *GROUPS, "jobs"] + (["budget"] if "budget" in file else [])
        in_order = [name for name, item in file.items() if isinstance(item, h5py.Group)]
    check_tree(check, path, groups)
    check.that("jobs" in in_order and "provenance" in in_order, f"the groups are {in_order}")
    for engine in ("h5netcdf", "netcdf4"):
        found = {group: check_group(check, engine, path, group) for group in groups}
        check_root(check, engine, found["/"])
        check_groups(check, engine, found)
        if "budget" in found:
            check_telescoping(check, engine, found["budget"])
        if "samples" in found["/"]:
            check.that(found["/"]["samples"].dims[-2:] == ("particle", "component"), f"{engine}: axes of samples")
    print(f"{check.done} checks, {check.failed} wrong")
    return 1 if check.failed else 0


if __name__ == "__main__":
    warnings.simplefilter("error")
    sys.exit(main(*sys.argv[1:]))
