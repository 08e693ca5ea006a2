"""What the loops of kills and faults share: commands with a mark by which all their processes are found, results files as
bytes, and lines "ok - what" and "not ok - what"."""
import os
import pathlib
import random
import subprocess
import time
import uuid

import compare_results
import h5py

MPIRUN = os.environ.get("FSLENS_MPIRUN", "mpirun").split() + ["--map-by", ":OVERSUBSCRIBE"]
MOST_SHOWN = 8
HOLDS = "another run is using it"


class Report:
    """Collects what went wrong under each promise; prints one line for each."""

    def __init__(self, *promises):
        self.problems = {promise: [] for promise in promises}

    def expect(self, promise, good, problem):
        if not good:
            self.problems[promise].append(problem)

    def print(self, note="", title=""):
        for promise, problems in self.problems.items():
            print(f"{'not ok' if problems else 'ok'} - {title}{promise}", flush=True)
            for problem in problems[:MOST_SHOWN]:
                print(f"  {problem}")
        if self.bad:
            print(f"  {note}", flush=True)

    @property
    def bad(self):
        return any(self.problems.values())


def seeded(seed):
    """A random generator and the seed to name when something fails."""
    seed = int(seed) if seed else int.from_bytes(os.urandom(4), "little")
    return random.Random(seed), seed


def run_command(fslens, spec, out, ranks, *options):
    launch = MPIRUN + ["-n", str(ranks)] if ranks > 1 else []
    return launch + [fslens, "run", str(spec), "-o", str(out), "--progress", "none", *options]


class Marked:
    """A command that is started. Its processes inherit a mark in their environment."""

    def __init__(self, command, **environment):
        self.mark = f"FSL_TEST_MARK={uuid.uuid4().hex}"
        name, value = self.mark.split("=")
        environment = {**os.environ, **environment, name: value}
        self.log = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                    stderr=subprocess.STDOUT, text=True, errors="replace")
        self.pid = self.log.pid

    def wait(self, limit=120):
        """Exit status (None: it hangs) and what it said."""
        try:
            said, _ = self.log.communicate(timeout=limit)
            return self.log.returncode, said
        except subprocess.TimeoutExpired:
            self.end()
            return None, self.log.communicate()[0]

    def processes(self):
        """Process id -> environment, of those that are not over."""
        found = {}
        for folder in pathlib.Path("/proc").glob("[0-9]*"):
            try:
                environment = (folder / "environ").read_bytes().decode(errors="replace").split("\0")
            except OSError:
                continue
            if self.mark in environment:
                found[int(folder.name)] = dict(line.split("=", 1) for line in environment if "=" in line)
        return found

    def rank(self, rank):
        """The process of a rank, or None."""
        for pid, environment in self.processes().items():
            if str(rank) in (environment.get("OMPI_COMM_WORLD_RANK"), environment.get("PMI_RANK")):
                return pid
        return None

    def end(self):
        for pid in self.processes():
            try:
                os.kill(pid, 9)
            except ProcessLookupError:
                pass

    def gone(self, limit=10):
        """Whether every process is over in time; what is left is ended."""
        until = time.monotonic() + limit
        while self.processes():
            if time.monotonic() > until:
                self.end()
                return False
            time.sleep(0.02)
        return True


def run_to_end(command, limit=120, **environment):
    return Marked(command, **environment).wait(limit)


NOT_WHOLE = (OSError, KeyError, RuntimeError)


def data_of(path):
    """The data variables' bytes. Every other dataset is read too: a file that is not whole raises NOT_WHOLE."""
    with h5py.File(path) as file:
        file.visititems(lambda _, item: item[()] if isinstance(item, h5py.Dataset) else None)
        return {name: compare_results.bytes_of(item) for name, item in compare_results.variables(file).items()}


def has_data(path, expected):
    """Whether the file is whole and has these data."""
    try:
        return data_of(path) == expected
    except NOT_WHOLE:
        return False
