"""Figures of one process: the library's step beside plain NumPy and PyTorch, what the machine can do at most, whole
schedules, single steps of methods, a whole job, and how cost grows."""
import contextlib
import math
import os
import pathlib
import statistics
import sys
import tempfile

from measure import HERE, Program, take_turns

STEPS, STATES = 500, 1024
POSTERIOR = pathlib.Path(HERE, "../../src/posterior")


class Bench:
    """Where programs are, how much to do, which plain programs there are, and the results."""

    def __init__(self, programs, short, plain, results):
        self.programs, self.short, self.plain, self.results = programs, short, plain, results
        self.repeats = 3 if short else 9
        self.folder = tempfile.mkdtemp(prefix="fslens-bench-")

    def seconds(self, full):
        return 0 if self.short else full

    def size(self, full, short):
        return short if self.short else full

    def program(self, name, **setting):
        return Program(self.programs / name, *(f"{key}={value}" for key, value in setting.items()))

    def written(self, **setting):
        """The library's own program for these settings, and the file it leaves to the plain ones."""
        path = os.path.join(self.folder, "problem")
        return self.program("moments", file=path, **setting), path

    def plain_program(self, name, path, precision="double"):
        return Program(sys.executable, os.path.join(HERE, f"{name}_step.py"), path, precision)


# ---- both means against NumPy and PyTorch, and against what the machine can do --------------------------------------

CASES = (  # d, N, B, goal in fp64
    (1, 1000, 256, 5.0), (2, 10000, 1024, 5.0), (8, 10000, 1024, 2.4), (64, 10000, 1024, 1.6), (784, 10000, 256, None))
PEAK_GOALS, EXP_GOALS = {64: 65.0, 784: 70.0}, {1: 55.0, 2: 55.0}


def means(bench):
    bounds = bench.program("bounds")
    with bounds:
        for d, n, b, goal in CASES:
            n, b = bench.size(n, 1000), bench.size(b, 64)
            both_means(bench, bounds, d, n, b, goal, "double")
        for d, n, b, _ in CASES:
            both_means(bench, bounds, d, bench.size(n, 1000), bench.size(b, 64), None, "single")


def both_means(bench, bounds, d, n, b, goal, precision):
    single = precision == "single"
    name = f"means-single-d{d}" if single else f"means-d{d}"
    what = f"both means, {'fp32' if single else 'fp64'}, d {d}, N {n}, B {b}"
    with contextlib.ExitStack() as stack:
        clusters = 1 if d >= 64 else 8  # in one cluster every atom counts: nothing to leave out
        ours, path = bench.written(d=d, n=n, b=b, t=0.5, clusters=clusters, single=int(single))
        stack.enter_context(ours)
        others = {name: stack.enter_context(bench.plain_program(name, path, precision)) for name in bench.plain}
        works = {"fslens": ours.at(0), **{name: other.at(0) for name, other in others.items()}}
        bound = "multiply-adds" if d >= 64 else "exponentials"
        if not single or d >= 64:
            works[bound] = bounds.at(2 if d < 64 else 1 if single else 0)
        turns = take_turns(works, bench.repeats, bench.seconds(8))
        for other, program in others.items():
            bench.results.add(f"{name}-{other}", what, turns.ratio(other, "fslens"), f"times {LABELS[other]}", turns,
                              goal if other == "numpy" else None, difference=program.about["difference"],
                              blocks=program.about["blocks"])
    if bound in works:
        rate = statistics.median(turns.said[bound]) / turns.median(bound)
        if d >= 64:
            share, of = 6.0 * b * n * d / rate / turns.median("fslens"), "of the peak of multiply-adds"
        else:
            share, of = 1.0 * b * n / rate / turns.median("fslens"), "of the speed of bare exponentials"
        goals = {} if single else PEAK_GOALS if d >= 64 else EXP_GOALS
        kind = "peak" if d >= 64 else "exp"
        bench.results.add(f"{kind}-{'single-' if single else ''}d{d}", f"{what}: share {of}", 100 * share, "%", turns,
                          goals.get(d), bound=rate)


LABELS = {"numpy": "NumPy's speed", "torch": "PyTorch's speed"}


def instruction_sets(bench, machine):
    """Peaks of every instruction set, for the record."""
    machine["bounds"] = {}
    for isa in machine["instruction_sets"]:
        with bench.program("bounds", isa=isa) as bounds:
            turns = take_turns({"double": bounds.at(0), "single": bounds.at(1), "exp": bounds.at(2)}, 3, 0)
            rates = {name: statistics.median(turns.said[name]) / turns.median(name) for name in turns.said}
        machine["bounds"][isa] = {"flops": rates["double"], "flops_single": rates["single"], "exponentials": rates["exp"]}


# ---- whole schedules in low dimension ---------------------------------------------------------------------------------

GOALS = {(2, 10**4): 15.0, (2, 10**6): 300.0, (1, 10**4): 30.0, (1, 10**6): 1000.0}
TREE_GOALS = {1e-8: 60.0, 1e-10: None}


def brute_schedule(bench, d, n, plain=(), b=None, samples=5, **setting):
    """Seconds of a whole schedule of B = 1024 by direct sums, from a sample of its steps (and states, whose number the
    cost is proportional to): ours and plain."""
    b = b or STATES
    with contextlib.ExitStack() as stack:
        ours, path = bench.written(d=d, n=n, b=b, samples=samples, **setting)
        stack.enter_context(ours)
        works = {"fslens": ours.over(samples)}
        for name in plain:
            works[name] = stack.enter_context(bench.plain_program(name, path)).over(samples)
        turns = take_turns(works, 3, bench.seconds(15), least=0, rounds=2)
    return {name: bench.size(STEPS * STATES, 20 * 64) / b * seconds for name, seconds in turns.medians().items()}, turns


def whole_schedule(bench, repeats=3, seconds=8, **setting):
    """Seconds of whole runs, from the training set on."""
    size = {"b": bench.size(STATES, 64), "steps": bench.size(STEPS, 20)}
    with bench.program("schedule", **size, **setting) as schedule:
        return take_turns({"fslens, whole": schedule.at(0)}, repeats, bench.seconds(seconds), least=0, rounds=1)


def schedules(bench):
    results = bench.results
    plain = [name for name in bench.plain if name == "numpy"]
    for d, sizes in ((2, (10**3, 10**4, 10**5, 10**6)), (1, (10**4, 10**6))):
        for n in sizes:
            actual = n if not bench.short else min(n // 10, 3000)
            rows = (64 if n >= 10**6 else 256 if n >= 10**5 else STATES) if not bench.short else 32
            brute, turns = brute_schedule(bench, d, actual, plain, rows, samples=5 if not bench.short else 2)
            curve = {"d": d, "n": actual, "fslens_brute": brute["fslens"], **{name: brute[name] for name in plain}}
            what = f"whole schedule, d {d}, N {actual:g}, {bench.size(STEPS, 20)} steps, B {bench.size(STATES, 64)}"
            whole = whole_schedule(bench, 3 if n < 10**6 else 1, d=d, n=actual, tolerance=1e-8)
            curve["fslens"] = whole.median("fslens, whole")
            turns.seconds.update(whole.seconds)
            turns.said.update(whole.said)
            results.curves.append(curve)
            add_schedule(bench, d, n, what, curve, brute, turns, plain)
            if d == 2 and n == 10**6:
                trees(bench, actual, what, curve, brute, turns)


def add_schedule(bench, d, n, what, curve, brute, turns, plain):
    for name in plain:
        row = f"schedule-d{d}-n1e{round(math.log10(n))}-{name}"
        if (d, n) not in GOALS:
            continue
        bench.results.add(row, f"{what}, all included; NumPy from a sample of steps",
                          brute[name] / curve["fslens"], "times NumPy's speed", turns, GOALS[d, n])


def trees(bench, n, what, curve, brute, turns):
    for tolerance, goal in TREE_GOALS.items():
        name, about = f"tree-{tolerance:g}", f"{what}: tree certified at {tolerance:g} against our own direct sums"
        seconds = curve["fslens"]
        if tolerance != 1e-8:
            whole = whole_schedule(bench, 1, d=2, n=n, tolerance=tolerance)
            seconds = whole.median("fslens, whole")
        bench.results.add(name, about, brute["fslens"] / seconds, "times as fast", turns, goal)


# ---- work left out in high dimension ------------------------------------------------------------------------------------

def skipping(bench):
    digits = POSTERIOR.parents[1] / "experiments/data/digits.h5"
    n = bench.size(10**5, 1000)
    for name, about, setting in (
            ("skip-digits", "the digits (d 64, N 1797)", {"rows": f"{digits}:/x", "b": bench.size(STATES, 64)}),
            ("skip-clusters", f"d 64, N {n:g}, 100 clusters", {"d": 64, "n": n, "clusters": 100, "b": bench.size(256, 64)})):
        what = f"whole schedule, {about}: nothing left out against what is below rounding left out"
        samples = bench.size(10, 2)
        setting.update(m=32, t_min=0.01, samples=samples)
        with bench.program("moments", **setting) as ours, bench.program("moments", whole=1, **setting) as whole:
            turns = take_turns({"fslens": ours.over(samples), "nothing left out": whole.over(samples)}, 3,
                               bench.seconds(15), least=0, rounds=2)
        bench.results.add(name, what, turns.ratio("nothing left out", "fslens"), "times as fast", turns, 1.5)


# ---- single steps of methods, and a whole job -----------------------------------------------------------------------------

def scores(bench):
    kinds = {"sigma-dps": 2.2, "tmpd": 2.5}
    with contextlib.ExitStack() as stack:
        setting = {"d": 8, "n": bench.size(10000, 1000), "b": bench.size(STATES, 64), "m": 4, "t": 0.5}
        works = {kind: stack.enter_context(bench.program("scores", kind=kind, **setting)).at(0)
                 for kind in ("fsr", *kinds)}
        turns = take_turns(works, bench.repeats, bench.seconds(8))
        for kind, goal in kinds.items():
            bench.results.add(f"step-{kind}", f"a {kind} step (m 4) against an fsr step, d 8, N {setting['n']}",
                              turns.ratio(kind, "fsr"), "times an fsr step", turns, goal, at_most=True)


JOB = """\
name: job
seed: 1
grid:
  prior: [{{kind: gmm-grid, dimension: 8}}]
  forward_model: [{{kind: inpainting, fraction: 0.5, seed: 1}}]
  noise_level: [0.3]
  approximation: [fsr]
  n_train: [{n}]
observations: {{kind: simulated, count: 1}}
sampler: {{steps: {steps}, particles: {particles}}}
times: [0.2, 0.1, 0.05]
metrics: {metrics}
budget: none
"""


def jobs(bench):
    for name, metrics, goal in (("job", "[mean_error, sliced_w1]", 1.15), ("job-all-metrics", "default", None)):
        path = os.path.join(bench.folder, f"{name}.yaml")
        size = {"n": bench.size(10000, 1000), "steps": bench.size(STEPS, 20), "particles": bench.size(STATES, 64)}
        with open(path, "w") as file:
            file.write(JOB.format(metrics=metrics, **size))
        with bench.program("job", spec=path) as job:
            job.run()  # makes what all jobs of a problem share
            turns = take_turns({"job": job.at(0)}, 3, 0, least=0, rounds=1)
        turns.seconds["moments"] = turns.said["job"]
        bench.results.add(name, f"a whole fsr job (d 8, N {size['n']}, {size['steps']} steps, metrics {metrics}) against its "
                          "passes over the atoms", turns.ratio("job", "moments"), "times its kernel time", turns, goal,
                          at_most=True)


# ---- how cost grows ---------------------------------------------------------------------------------------------------------

def slope(sizes, seconds):
    """Of log seconds against log size, by least squares."""
    x, y = [math.log(size) for size in sizes], [math.log(value) for value in seconds]
    mean_x, mean_y = statistics.mean(x), statistics.mean(y)
    return sum((a - mean_x) * (b - mean_y) for a, b in zip(x, y)) / sum((a - mean_x) ** 2 for a in x)


GROWTH = {"n": ({"d": 8, "b": 256}, (2500, 10000, 40000)), "b": ({"d": 8, "n": 10000}, (128, 512, 2048)),
          "d": ({"n": 4000, "b": 256}, (16, 64, 256, 1024))}


def growth(bench):
    for axis, (fixed, sizes) in GROWTH.items():
        if bench.short:
            fixed, sizes = {key: min(value, 300) for key, value in fixed.items()}, [size // 10 + 2 for size in sizes]
        with contextlib.ExitStack() as stack:
            works = {str(size): stack.enter_context(bench.program("moments", t=0.5, **{**fixed, axis: size})).at(0)
                     for size in sizes}
            turns = take_turns(works, 3, 0)
        rest = ", ".join(f"{key.upper() if key != 'd' else key} {value}" for key, value in fixed.items())
        bench.results.add(f"slope-{axis}", f"cost grows as {axis.upper() if axis != 'd' else 'd'} to this power, "
                          f"from {sizes[0]} to {sizes[-1]} ({rest})", slope(sizes, turns.medians().values()), "", turns)
