"""Programs that take turns: each is started once, sets its problem up, and times one piece of work when it is told to."""
import json
import os
import statistics
import subprocess
import sys
import time

ENVIRONMENT = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1",
               "OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}
HERE = os.path.dirname(os.path.abspath(__file__))


def load():
    """Processes that ran in the last minute, on average."""
    return round(os.getloadavg()[0], 2)


class Program:
    """One that speaks as tools/bench/bench.h says. `about` is what it said when it was ready."""

    def __init__(self, *command):
        self.process = subprocess.Popen([str(word) for word in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True, env=ENVIRONMENT)
        line = self.process.stdout.readline()
        if not line.startswith("ready "):
            raise RuntimeError(f"{' '.join(map(str, command))}: {line or 'it ended'}")
        self.about = json.loads(line[len("ready "):])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait()

    def run(self, index=0, count=1):
        """CPU seconds for one piece of work, and what the program says of it."""
        print(index, count, file=self.process.stdin, flush=True)
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"{' '.join(self.process.args)}: it ended")
        seconds, said = line.split()
        return float(seconds), float(said)

    def at(self, index):
        return lambda count: self.run(index, count)

    def over(self, indices):
        """The mean over several pieces of work."""
        def run(count):
            taken = [self.run(index, count) for index in range(indices)]
            return statistics.mean(seconds for seconds, _ in taken), statistics.mean(said for _, said in taken)
        return run


class Turns:
    """Times of programs that took turns: name -> seconds (and what they said), one a repeat."""

    def __init__(self):
        self.seconds, self.said = {}, {}

    def median(self, name):
        return statistics.median(self.seconds[name])

    def ratio(self, name, to):
        """How many times `name` takes as long as `to`."""
        return self.median(name) / self.median(to)

    def medians(self):
        return {name: statistics.median(values) for name, values in self.seconds.items()}

    def spread(self):
        """Half the distance between the quartiles, over the median."""
        return {name: spread(values) for name, values in self.seconds.items()}


def spread(values):
    if len(values) < 3:
        return (max(values) - min(values)) / 2 / statistics.median(values)
    low, _, high = statistics.quantiles(values, n=4, method="inclusive")
    return (high - low) / 2 / statistics.median(values)


def take_turns(works, repeats, seconds, least=0.03, rounds=3):
    """Name -> work (see Program.at). One unmeasured round, then rounds in which each has its turn, a turn long enough to be
    timed, until there are `repeats` or, after `rounds`, `seconds` have gone by. least 0: the work is long, and the first
    round is measured like the others."""
    turns, count = Turns(), dict.fromkeys(works, 1)
    start = time.monotonic()
    for name, work in works.items():
        turns.seconds[name], turns.said[name] = [], []
        if least > 0:
            count[name] = max(1, min(1000, round(least / max(work(1)[0], 1e-7))))
    for repeat in range(repeats):
        if repeat >= rounds and time.monotonic() - start > seconds:
            break
        for name, work in works.items():
            taken, said = work(count[name])
            turns.seconds[name].append(taken)
            turns.said[name].append(said)
    return turns


class Results:
    """Rows of figures, and what was left out and why."""

    def __init__(self):
        self.rows, self.left_out, self.curves = [], [], []

    def add(self, name, what, figure, unit, turns=None, goal=None, at_most=False, **more):
        reached = None if goal is None else bool(figure <= goal if at_most else figure >= goal)
        row = {"name": name, "what": what, "goal": goal, "at_most": at_most, "figure": figure, "unit": unit,
               "reached": reached, "medians": turns.medians() if turns else {},
               "spread": turns.spread() if turns else {}, "load": load(), **more}
        self.rows.append(row)
        note = "" if goal is None else f"  (goal: {'at most ' if at_most else ''}{goal:g})"
        print(f"  {name}: {figure:.4g} {unit}{note}", file=sys.stderr, flush=True)

    def leave_out(self, name, what, why):
        self.left_out.append({"name": name, "what": what, "why": why})
        print(f"  {name}: left out: {why}", file=sys.stderr, flush=True)
