"""What jobs take against what the cost model says, in CPU seconds.

    check_costs.py COSTS short|full|EXPERIMENT [FACTOR]

short: a grid of small jobs. Every row over the median of all, so that the machine's speed does not matter, within
FACTOR (4). full: a larger grid of dimensions, training sets, measurements, methods and precisions, and the experiments
shortened; every row within FACTOR (1.5) of the plan times one speed for the whole machine. Wants a quiet machine.
EXPERIMENT: one of them, by the plan's own seconds."""

import collections
import itertools
import statistics
import subprocess
import sys
import tempfile

LEAST = 2e-3  # seconds: shorter jobs are all set-up
LINEAR = "[fsr, fsr-direct, fsr-ancestral, sigma-dps, zeta-dps, dps, pigdm, dmps, tmpd, moment-matched]"
NONLINEAR = "[fsr, sigma-dps, dps, moment-matched]"
Row = collections.namedtuple("Row", "where planned taken type method prior model n_train")


def spec(d, model, approximation, n_train, particles=128, steps=20, metrics="[mean_error]", more="", k=25):
    prior = f"{{kind: gmm-grid, dimension: {d}}}" if d > 1 else "{kind: gmm, means: [[-8], [0], [8]], covariances: [1, 1, 1]}"
    return f"""name: costs
seed: 1
grid:
  prior: [{prior}]
  forward_model: [{model}]
  noise_level: [2]
  approximation: {approximation}
  n_train: {n_train}
sampler: {{steps: {steps}, time_grid: log-snr, particles: {particles}}}
times: [0.3, 0.2]
metrics: {metrics}
{more}
"""


def projection(rows):
    return f"{{kind: random-projection, rows: {rows}, seed: 1}}"


def short_grid():
    yield "d 1", spec(1, "identity", LINEAR, "[64, 512, 4096, .inf]", particles=512, steps=50)
    yield "d 2", spec(2, projection(1), LINEAR, "[512, 4096, .inf]", steps=50)
    yield "d 8", spec(8, projection(4), LINEAR, "[512, 4096, .inf]")
    yield "d 8 nonlinear", spec(8, "abs", NONLINEAR, "[512, 4096]", metrics="[path_kl]")
    yield "d 8 single", spec(8, projection(4), LINEAR, "[4096]", more="precision: single")
    yield "d 64", spec(64, projection(16), LINEAR, "[512, 2048, .inf]", particles=64)
    yield "d 64 single", spec(64, "identity", LINEAR, "[1024]", particles=32, steps=10, more="precision: single")
    yield "d 200, all measured", spec(200, "identity", "[pigdm, tmpd]", "[128]", particles=16, steps=10)
    yield "every metric", spec(2, "identity", LINEAR, "[1024]", steps=20, metrics="default", more="budget: {}")


def full_grid():
    yield from short_grid()
    for d, n in itertools.product((1, 2, 3, 8, 16, 64, 256), (256, 2048, 16384)):
        for precision in ("double", "single"):
            yield f"d {d} {precision}", spec(
                d, projection(max(1, d // 4)), LINEAR, f"[{n}]", particles=64, steps=20 if d * n < 1e6 else 5,
                more=f"precision: {precision}",
            )
    for rows in (1, 64, 392, 784):
        yield f"d 784 m {rows}", spec(784, projection(rows), LINEAR, "[512, .inf]", particles=32, steps=5)
    yield "d 784 identity", spec(784, "identity", LINEAR, "[512]", particles=32, steps=5)
    for d, metrics in itertools.product((1, 2, 8), ("default",)):
        yield f"d {d} every metric", spec(d, projection(1), "[fsr, pigdm]", "[64, 4096, 65536]", particles=1024, metrics=metrics)
    yield "heun", spec(8, projection(2), "[fsr, sigma-dps]", "[4096]", more="").replace("{steps", "{kind: ode-heun, steps")


# Every experiment under a minute: what scales with steps alone is cut.
EXPERIMENTS = {
    "convergence": ["sampler.steps=20"],
    "digits": ["sampler.steps=50", "sampler.particles=256", "grid.n_train=[256, .inf]", "times=[0.2]"],
    "early-stopping": ["sampler.steps=100"],
    "gmm-grid": ["sampler.steps=100", "sampler.time_grid=log-snr", "sampler.particles=256", "grid.n_train=[1024, .inf]", "budget={refine: 2}"],
    "linear-multimodal": ["sampler.steps=100", "sampler.particles=512", "grid.n_train=[64, 1024, .inf]"],
    "nonlinear": ["sampler.steps=50", "sampler.particles=256", "times=[0.2]"],
    "zeta-sweep": [],
}


def rows_of(costs, where, file, sets=()):
    done = subprocess.run([costs, file, *sets], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{where}: {done.stderr}")
    if done.stderr:
        print(f"# {where}: {done.stderr.strip()}")
    for line in done.stdout.splitlines():
        planned, taken, *names = line.split()
        yield Row(where, float(planned), float(taken), *names)


def rows_of_grid(costs, grid):
    for where, text in grid:
        with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
            file.write(text)
            file.flush()
            yield from rows_of(costs, where, file.name)


def say(row, speed):
    print(
        f"# {row.taken / row.planned / speed:5.2f} times the plan: planned {row.planned * speed:.3g} s, took"
        f" {row.taken:.3g} s: {row.where}: {row.type} {row.method} n_train {row.n_train} {row.prior} {row.model}"
    )


def judge(rows, factor, what):
    """Rows beyond the factor, at the speed at which the median row is right."""
    seen = [r for r in rows if r.taken > LEAST or r.planned > LEAST]
    if len(seen) < 20:
        sys.exit(f"{what}: only {len(seen)} rows")
    speed = statistics.median(r.taken / r.planned for r in seen)
    off = [r for r in seen if not 1 / factor <= r.taken / r.planned / speed <= factor]
    for row in off:
        say(row, speed)
    print(f"{'ok' if not off else 'not ok'} - {what}: {len(off)} of {len(seen)} rows beyond a factor {factor:g} (speed {speed:.2f})")
    return speed, not off


def judge_experiments(costs, factor, speed, names=EXPERIMENTS):
    good = True
    for name in names:
        sets = EXPERIMENTS[name]
        rows = list(rows_of(costs, name, f"experiments/{name}.yaml", sets))
        planned, taken = sum(r.planned for r in rows) * speed, sum(r.taken for r in rows)
        fits = 1 / factor <= taken / planned <= factor
        good = good and fits
        print(f"{'ok' if fits else 'not ok'} - {name}: planned {planned:.3g} s, took {taken:.3g} s ({taken / planned:.2f})")
    return good


def main():
    costs, mode = sys.argv[1:3]
    full = mode == "full"
    factor = float(sys.argv[3]) if len(sys.argv) > 3 else 1.5 if full else 4
    if mode in EXPERIMENTS:
        sys.exit(0 if judge_experiments(costs, 1.5 if len(sys.argv) < 4 else factor, 1, [mode]) else 1)
    grid = full_grid() if full else short_grid()
    speed, good = judge(list(rows_of_grid(costs, grid)), factor, "the plan of the grid")
    if full:
        good = judge_experiments(costs, factor, speed) and good
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
