"""What numpy_step.py and torch_step.py share: reading the file that build/bench/moments writes, and answering the driver
as the C programs do (tools/bench/bench.h). A step is a class that is made of (problem, dtype) and has step(sample)."""
import json
import sys
import time

import numpy as np


class Sample:
    """States x (b, d) at one time, and the library's own answers."""

    def __init__(self, a, v, x, mean, posterior_mean):
        self.a, self.v, self.x, self.mean, self.posterior_mean = a, v, x, mean, posterior_mean


class Problem:
    """Atoms (n, d), l = log p(y | x_i) (n), samples."""

    def __init__(self, path):
        values = np.fromfile(path)
        d, n, b, count = (int(value) for value in values[:4])
        self.atoms = values[4:4 + n * d].reshape(n, d)
        self.l = values[4 + n * d:4 + n * d + n]
        size = b * d
        rest = values[4 + n * d + n:].reshape(count, 2 + 3 * size)
        self.samples = [Sample(row[0], row[1], *(row[2 + i * size:2 + (i + 1) * size].reshape(b, d) for i in range(3)))
                        for row in rest]


def difference(step, problem):
    """Largest difference from the library's means, over the atoms' spread."""
    spread = problem.atoms.std()
    worst = 0.0
    for sample in problem.samples[:1] + problem.samples[-1:]:
        mean, posterior_mean = step.step(sample)
        for ours, theirs in ((sample.mean, mean), (sample.posterior_mean, posterior_mean)):
            worst = max(worst, float(np.abs(ours - np.asarray(theirs, dtype=float)).max() / spread))
    return worst


def tune(make, candidates):
    """The fastest of the candidates on a small share of the work."""
    best, fastest = candidates[0], float("inf")
    for candidate in candidates if len(candidates) > 1 else []:
        work = make(*candidate)
        work()
        times = []
        for _ in range(3):
            start = time.process_time()
            work()
            times.append(time.process_time() - start)
        if min(times) < fastest:
            best, fastest = candidate, min(times)
    return best


def serve(kind):
    """Arguments: the file, `double` or `single`."""
    problem = Problem(sys.argv[1])
    step = kind(problem, sys.argv[2])
    about = {"difference": difference(step, problem), "blocks": str(step.blocks)}
    print("ready", json.dumps(about), flush=True)
    for line in sys.stdin:
        index, count = (int(word) for word in line.split())
        sample = problem.samples[index % len(problem.samples)]
        start = time.process_time()
        for _ in range(count):
            step.step(sample)
        print((time.process_time() - start) / count, 0, flush=True)
