"""Figures of many processes, from real campaigns under mpirun: wall-clock times, so they want a machine without others."""
import os
import pathlib
import re
import statistics
import subprocess
import tempfile
import time

from measure import ENVIRONMENT, spread

MPIRUN = ["mpirun", "--map-by", ":OVERSUBSCRIBE"]

SPEC = """\
name: {name}
seed: 1
grid:
  prior: {prior}
  forward_model: [{{kind: inpainting, keep: [0]}}]
  noise_level: [0.3]
  approximation: {approximation}
  n_train: {n_train}
replicates: {replicates}
observations: {{kind: simulated, count: 1}}
sampler: {{steps: {steps}, particles: {particles}, start: exact}}
times: [0.2]
metrics: [mean_error]
budget: none
"""
MIXED_PRIORS = "[{kind: gmm-grid, dimension: 2, name: plane}, {kind: gmm-grid, dimension: 8, name: eight}]"
TINY_PRIOR = "[{name: tri, kind: discrete, atoms: [[-1.8], [0.2], [2.2]]}]"


def running(mark):
    """Rank -> process folder of the fslens processes of one command."""
    found = {}
    for folder in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            environment = (folder / "environ").read_bytes().decode(errors="replace").split("\0")
            if mark in environment and (folder / "comm").read_text().strip() == "fslens":
                rank = [word.split("=")[1] for word in environment if word.startswith("OMPI_COMM_WORLD_RANK=")]
                found[int(rank[0]) if rank else 0] = folder
        except OSError:
            continue
    return found


def cpu_seconds(process):
    return int((process / "schedstat").read_text().split()[0]) * 1e-9


def peak_memory(process):
    return int(re.search(r"VmHWM:\s*(\d+)", (process / "status").read_text()).group(1)) * 1024


class Campaign:
    """`fslens run`, alone or under mpirun."""

    def __init__(self, fslens, spec, out, ranks, *options):
        self.mark = f"FSL_BENCH={os.getpid()}-{id(self)}"
        name, value = self.mark.split("=")
        command = (MPIRUN + ["-n", str(ranks)] if ranks > 1 else []) + [fslens, "run", spec, "-o", out, "-q", *options]
        self.ranks, self.start = ranks, time.monotonic()
        self.process = subprocess.Popen(command, env={**ENVIRONMENT, name: value}, stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.memory, self.cpu = {}, {}  # of each rank: bytes; (time, CPU seconds) at every look

    def watch(self):
        """Looks at the ranks until they end."""
        ranks = {}
        while self.process.poll() is None:
            if len(ranks) < self.ranks:
                ranks = running(self.mark)
            for rank, folder in ranks.items() if len(ranks) == self.ranks else ():
                try:
                    self.memory[rank] = peak_memory(folder)
                    self.cpu.setdefault(rank, []).append((time.monotonic(), cpu_seconds(folder)))
                except (OSError, AttributeError, ValueError):
                    pass
            time.sleep(0.05)
        return self

    def end(self):
        """Wall seconds."""
        said, _ = self.process.communicate()
        seconds = time.monotonic() - self.start
        if self.process.returncode != 0:
            raise RuntimeError(f"fslens run ended with {self.process.returncode}: {said.strip()[-400:]}")
        return seconds

    def share(self, rank):
        """CPU by time in the middle half, away from the start and from the writing of results."""
        looks = self.cpu[rank]
        (first, before), (last, after) = looks[len(looks) // 4], looks[-1 - len(looks) // 4]
        return (after - before) / max(last - first, 1e-9)


class Runner:
    def __init__(self, fslens, bench):
        self.fslens, self.bench, self.results = str(fslens), bench, bench.results
        folder = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
        self.folder = tempfile.mkdtemp(prefix="fslens-bench-", dir=folder)
        self.names = 0

    def spec(self, **values):
        path = os.path.join(self.folder, values["name"] + ".yaml")
        with open(path, "w") as file:
            file.write(SPEC.format(**values))
        return path

    def out(self):
        self.names += 1
        return os.path.join(self.folder, f"{self.names}.h5")

    def campaigns(self, spec, ranks, copies=1):
        """Wall seconds of `copies` of a campaign at once. What it takes to start, to read a journal and to write the
        results is left out: the same command again, with nothing left to do, is taken off. Also (type of job, its seconds)
        of each job."""
        outs = [self.out() for _ in range(copies)]
        taken = []
        for _ in range(2):
            started = [Campaign(self.fslens, spec, out, ranks) for out in outs]
            taken.append(max(campaign.end() for campaign in started))
        return taken[0] - taken[1], self.job_seconds(outs[0])

    def job_seconds(self, out):
        """(type of job, seconds) of each, from the results file."""
        code = ("import h5py, sys; jobs = h5py.File(sys.argv[1])['jobs']\n"
                "for kind, seconds in zip(jobs['type'][:], jobs['seconds'][:]): print(kind.decode(), seconds)")
        said = subprocess.run([self.bench.python, "-c", code, out], capture_output=True, text=True, check=True).stdout
        return [(kind, float(seconds)) for kind, seconds in (line.split() for line in said.splitlines())]


class Walls:
    """Wall seconds, in the form that rows take."""

    def __init__(self, **seconds):
        self.seconds = seconds

    def medians(self):
        return {name: statistics.median(values) for name, values in self.seconds.items()}

    def spread(self):
        return {name: spread(values) for name, values in self.seconds.items()}


def two_ranks(runner):
    """The same grid by a master and two workers, and twice at once by two processes that know nothing of each other."""
    short = runner.bench.short
    spec = runner.spec(name="mixed", prior=MIXED_PRIORS, approximation="[fsr, sigma-dps, zeta-dps, pigdm, tmpd]",
                       n_train="[64, 128]" if short else "[512, 1024, 2048, 4096]", replicates=1 if short else 4,
                       steps=5 if short else 50, particles=32 if short else 256)
    walls = Walls(**{"2 ranks": [], "two processes": [], "one process": []})
    for repeat in range(1 if short else 3):
        for name, ranks, copies in (("2 ranks", 3, 1), ("two processes", 1, 2), ("one process", 1, 1))[:2 if repeat else 3]:
            wall, jobs = runner.campaigns(spec, ranks, copies)
            least = sum(taken for _, taken in jobs) / (2 if ranks > 1 else 1)  # what the jobs themselves took, if all is noise
            walls.seconds[name].append(wall if not short else max(wall, least))
    medians = walls.medians()
    runner.results.add("ranks-two", f"{len(jobs)} mixed jobs on 2 computing ranks, share of the speed of "
                       "two processes on their own", 100 * medians["two processes"] / 2 / medians["2 ranks"], "%", walls, 93.0)


def group(runner):
    """One job with a large training set on one computing rank and on a group of two. The array's part is that job."""
    short = runner.bench.short
    n, particles = (20000, 32) if short else (4000000, 256)
    spec = runner.spec(name="group", prior="[{kind: gmm-grid, dimension: 8}]", approximation="[fsr]", n_train=f"[{n}]",
                       replicates=1, steps=8, particles=particles)
    part = part_of_run(runner, spec)
    walls, memory = Walls(**{"1 ranks": [], "2 ranks": []}), {}
    for ranks in (1, 2) if short else (1, 2, 2, 1, 1, 2):
        out = runner.out()
        campaign = Campaign(runner.fslens, spec, out, ranks + 1, "--array", f"{part}/3", "--group", str(ranks)).watch()
        campaign.end()
        subprocess.run([runner.fslens, "gather", out, *pathlib.Path(runner.folder).glob(pathlib.Path(out).stem + ".*journal")],
                       check=True, capture_output=True)
        walls.seconds[f"{ranks} ranks"] += [seconds for kind, seconds in runner.job_seconds(out) if kind == "run"]
        memory[ranks] = max(size for rank, size in campaign.memory.items() if rank > 0)
    medians = walls.medians()
    what = f"one fsr job, N {n:g}, d 8, on a group of 2 ranks against 1"
    runner.results.add("group-two", what, medians["1 ranks"] / medians["2 ranks"], "times as fast", walls, 1.8)
    runner.results.add("group-memory", f"{what}: memory of a rank", memory[2] / memory[1], "of one rank's", None, 0.55,
                       at_most=True, bytes=memory)


def part_of_run(runner, spec):
    """An array of three tasks gives each one of this spec's three jobs, the costliest first."""
    said = subprocess.run([runner.fslens, "plan", spec], capture_output=True, text=True, check=True).stdout
    found = re.findall(r"^  (truth|reference|run) +1 +([0-9.e+-]+) (\S+)", said.split("\n\n")[1], re.M)
    unit = {"s": 1, "min": 60, "h": 3600, "days": 86400}
    order = sorted(found, key=lambda job: -float(job[1]) * unit[job[2]])
    return [kind for kind, _, _ in order].index("run") + 1


def tiny_jobs(runner):
    """What a job costs beyond its computing: (wall x workers - seconds inside jobs)/jobs."""
    spec = runner.spec(name="tiny", prior=TINY_PRIOR, approximation="[fsr, sigma-dps, zeta-dps, dps]", n_train="[8]",
                       replicates=100 if runner.bench.short else 4000, steps=2, particles=8)
    for name, ranks, workers in (("tiny-ranks", 3, 2), ("tiny-alone", 1, 1)):
        overhead, walls = [], []
        for _ in range(1 if runner.bench.short else 3):
            seconds, jobs = runner.campaigns(spec, ranks)
            walls.append(seconds)
            overhead.append(1e6 * (seconds * workers - sum(taken for _, taken in jobs)) / len(jobs))
        where = f"a master and {workers} workers" if ranks > 1 else "one process"
        what = f"{len(jobs)} tiny jobs, {where}: time beside the computing (start and results file left out)"
        runner.results.add(name, what, statistics.median(overhead), "us a job", Walls(wall=walls), 60.0, at_most=True)


def master(runner):
    """CPU of the master while two workers compute."""
    short = runner.bench.short
    spec = runner.spec(name="master", prior="[{kind: gmm-grid, dimension: 8}]", approximation="[fsr]",
                       n_train="[512]" if short else "[8192]", replicates=2 if short else 16, steps=20 if short else 100,
                       particles=128 if short else 512)
    campaign = Campaign(runner.fslens, spec, runner.out(), 3).watch()
    seconds = campaign.end()
    runner.results.add("master-share", "a master's share of a core while others compute", 100 * campaign.share(0), "%",
                       Walls(wall=[seconds]), 2.0, at_most=True)


def campaigns(bench, fslens):
    runner = Runner(fslens, bench)
    try:
        for section in (two_ranks, group, tiny_jobs, master):
            section(runner)
    finally:
        subprocess.run(["rm", "-rf", runner.folder], check=False)
