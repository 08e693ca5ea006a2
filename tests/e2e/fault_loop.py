#!/usr/bin/env python3
"""Lets one call after the other fail, in fslens-faults: no crash, no hang, the right exit status, and nothing lost.

fault_loop.py FSLENS FSLENS-FAULTS FOLDER MOST MOST_RANKS [SEED]

MOST, MOST_RANKS: about how many points are tried in each series, alone and under mpirun; 0: all of them."""
import concurrent.futures
import pathlib
import shutil
import sys

import journal
from harness import Report, data_of, has_data, run_command, run_to_end, seeded

SPEC = pathlib.Path(__file__).with_name("faults.yaml")
MEMORY = ("memory", "arena")
WRITES = ("writev", "fdatasync", "fsync", "rename")  # of the journal and the results: never forgiven
OTHERS = ("pwrite", "ftruncate", "open", "close", "read", "pread", "fcntl")
HANGS = 60  # seconds

CRASH = "no call that fails makes it crash, hang or end without a word"
STATUS = "it ends with 75 where the system failed, 3 where a job lacked memory, 1 where the rest did, 0 where nothing is missing"
LOST = "no result is lost or computed again: the run that follows ends with 0 and the undisturbed bytes"
CLEAN = "nothing is left beside the journal and the results"


class Scenario:
    """What lies in the folder before, the command, and what the fault is limited to."""

    def __init__(self, name, command, files=(), ranks=1, rank=None, options=()):
        self.name, self.command, self.files, self.ranks, self.rank = name, command, files, ranks, rank
        self.options = list(options)

    def lay_out(self, folder):
        folder.mkdir()
        for source, name in self.files:
            shutil.copy(source, folder / name)

    def line(self, program, out):
        if self.command == "gather":
            return [program, "gather", str(out), str(out.with_suffix(".journal"))]
        return run_command(program, SPEC, out, self.ranks, *self.options)


def faults_of(folder, function, at, mode, rank):
    fault = {"FSL_FAULT": f"{function}:{at}{':' + mode if mode else ''}", "FSL_FAULT_SAID": str(folder / "said")}
    if rank is not None:
        fault["FSL_FAULT_RANK"] = str(rank)
    return fault


def what_was_said(folder):
    """Whether the fault fired, and the numbers of calls (none where the process had no time to say)."""
    path = folder / "said"
    lines = [line.split() for line in path.read_text().split("\n")] if path.exists() else []
    path.unlink(missing_ok=True)
    return ["fired"] in lines, {line[1]: int(line[2]) for line in lines if line[:1] == ["calls"]}


def done_in(folder):
    """Results that are done in any journal of the folder, the ones set aside included, and how many failed."""
    done, failed = set(), 0
    for path in folder.glob("*.journal*"):
        if path.name.endswith((".lock", ".owner")):
            continue
        now = journal.read(path)
        done |= set(now.done())
        failed += len(set(now.failed()) - set(now.done()))
    return done, failed


class Loop:
    def __init__(self, fslens, faulty, folder, most, rng, at_once=2):
        self.fslens, self.faulty, self.most, self.rng = fslens, faulty, most, rng
        self.folder = pathlib.Path(folder)
        self.report = Report(CRASH, STATUS, LOST, CLEAN)
        self.pool = concurrent.futures.ThreadPoolExecutor(at_once)
        self.points = 0

    def prepare(self):
        """The undisturbed campaign, and from it a journal that was torn half way."""
        whole = self.folder / "whole" / "out.h5"
        whole.parent.mkdir()
        status, said = run_to_end(run_command(self.fslens, SPEC, whole, 1))
        if status != 0:
            sys.exit(f"not ok - the undisturbed run ends with {status}: {said}")
        self.expected = data_of(whole)
        path = whole.with_suffix(".journal")
        self.jobs = set(journal.read(path).done())
        data, ends = path.read_bytes(), journal.read(path).ends
        torn = self.folder / "torn.journal"
        torn.write_bytes(data[: ends[len(ends) // 2] + 50])
        everything = [(path, "out.journal"), (whole, "out.h5")]
        mpi = {"ranks": 3, "options": ["--group", "1"]}
        shared = {"ranks": 3, "options": ["--group", "2"]}
        self.scenarios = {
            "new": Scenario("a new campaign", "run"),
            "resume": Scenario("a torn journal", "run", [(torn, "out.journal"), (torn, "out.1-of-2.journal"), (whole, "out.h5")]),
            "fresh": Scenario("a fresh start", "run", everything, options=["--fresh"]),
            "array": Scenario("a task of an array", "run", options=["--array", "1/2"]),
            "gather": Scenario("a gather", "gather", everything[:1]),
            "master": Scenario("the master", "run", rank=0, **mpi),
            "worker": Scenario("a worker", "run", rank=1, **mpi),
            "first": Scenario("the first of a group", "run", rank=1, **shared),
            "second": Scenario("the second of a group", "run", rank=2, **shared),
        }

    # ---- one point --------------------------------------------------------------------------------------------------

    def status_problem(self, scenario, function, status, complete, failed):
        if status == 0:
            must_fail = function in WRITES and scenario.command == "run"
            return "status 0 though a write failed" if must_fail else None if complete else "status 0 with something missing"
        if function in MEMORY:
            good = status in (1, 75) or status == 3 and failed > 0
        else:
            good = status == (1 if scenario.command == "gather" else 75)
        return None if good else f"status {status}"

    def check_fault(self, scenario, function, name, out, status, said):
        crashed = status is None or status < 0 or status >= 128 or "Sanitizer" in said or "runtime error" in said
        self.report.expect(CRASH, not crashed, f"{name}: status {status}: {said[-800:]}")
        self.report.expect(CRASH, crashed or status == 0 or said.strip(), f"{name}: status {status} without a word")
        done, failed = done_in(out.parent)
        complete = not failed and (self.complete(out) if scenario.name != "a task of an array" else True)
        problem = self.status_problem(scenario, function, status, complete, failed)
        self.report.expect(STATUS, crashed or problem is None, f"{name}: {problem}: {said[-300:]}")
        return done

    def complete(self, out):
        return has_data(out, self.expected)

    def check_next(self, name, out, before):
        """The run that follows has the same folder, and no fault."""
        status, said = run_to_end(run_command(self.fslens, SPEC, out, 1, "--retry-failed"), HANGS)
        self.report.expect(LOST, status == 0, f"{name}: the next run ends with {status}: {said[-300:]}")
        if status != 0:
            return
        self.report.expect(LOST, self.complete(out), f"{name}: other bytes")
        total = {}
        for path in [out.with_suffix(".journal"), *out.parent.glob("out.*-of-*.journal")]:
            now = journal.read(path)
            self.report.expect(LOST, now.damaged == 0, f"{name}: {now.damaged} bytes damaged in {path.name}")
            for job, n in now.done().items():
                total[job] = max(n, total.get(job, 0))
        again = [job for job, n in total.items() if n > 1]
        self.report.expect(LOST, not again, f"{name}: {len(again)} jobs have two results")
        self.report.expect(LOST, before <= done_in(out.parent)[0], f"{name}: results are gone")
        self.report.expect(LOST, set(total) == self.jobs, f"{name}: {len(total)} jobs of {len(self.jobs)}")
        left = {path.name for path in out.parent.iterdir() if ".tmp-" in path.name or path.suffix in (".lock", ".owner")}
        self.report.expect(CLEAN, not left, f"{name}: left behind: {sorted(left)}")

    def point(self, scenario, function, at, mode):
        """Lets one call fail. Whether it was made, and how many calls there were."""
        name = f"{scenario.name}, {function}:{at}{':' + mode if mode else ''}"
        folder = self.folder / name.replace(" ", "-").replace(",", "").replace(":", "-")
        scenario.lay_out(folder)
        out = folder / "out.h5"
        status, said = run_to_end(scenario.line(self.faulty, out), HANGS,
                                  **faults_of(folder, function, at, mode, scenario.rank))
        fired, calls = what_was_said(folder)
        if fired:
            before = self.check_fault(scenario, function, name, out, status, said)
            self.check_next(name, out, before)
        elif status != 0:
            self.report.expect(STATUS, False, f"{name}: status {status} without a fault: {said[-300:]}")
        shutil.rmtree(folder)
        return fired, calls

    # ---- series of points -------------------------------------------------------------------------------------------

    def points_of(self, calls, mode, share):
        """Every call that there is, or as many of them as `share` of the most, in even steps from a random one. Of all,
        one behind the last too: it must not be there. What fails and goes on failing differs little from call to call."""
        most = self.most * share if self.most else 500 if mode == "on" else calls
        step = max(1, -(-calls // max(1, round(most))))
        behind = [] if self.most else [calls + calls // 2 + 20]
        return [*range(1 + self.rng.randrange(min(step, calls)), calls + 1, step), *behind]

    def series(self, scenario, functions):
        _, calls = self.point(scenario, "memory", 0, "")
        points = [(function, at, mode) for function, mode, share in functions if calls[function] > 0
                  for at in self.points_of(calls[function], mode, share)]
        tried = self.pool.map(lambda p: self.point(scenario, *p), points)
        before = self.points
        for (function, at, mode), (fired, _) in zip(points, tried):
            # How many there are depends on time: there is an fdatasync every so often, and the workers share the jobs.
            surely = calls[function] // 2 if scenario.ranks == 1 else 1
            missed = not fired and at <= max(1, surely)
            self.report.expect(CRASH, not missed, f"{scenario.name}, {function}:{at} of {calls[function]} was not reached")
            behind = scenario.ranks == 1 and at > calls[function] + 19
            self.report.expect(CRASH, not (behind and fired), f"{scenario.name}, {function}:{at} is behind the last call")
            self.points += fired
        self.report.expect(CRASH, self.points > before, f"{scenario.name}: no call failed")

    def run(self, which):
        for key, functions in which:
            self.series(self.scenarios[key], functions)


ALONE = [("writev", "", 1), ("writev", "short", 1), ("fdatasync", "", 1), ("fsync", "", 1), ("rename", "", 1)]
ALONE += [(function, "", 1) for function in OTHERS] + [("memory", "", 2), ("memory", "on", 0.5)]
SERIES = [
    ("new", [*ALONE, ("arena", "", 4), ("arena", "on", 1)]),
    ("resume", [*ALONE, ("arena", "", 2), ("arena", "on", 0.5)]),
    ("fresh", [("rename", "", 1), ("open", "", 1), ("memory", "", 0.5)]),
    ("array", [("writev", "", 0.5), ("memory", "", 0.5)]),
    ("gather", [("rename", "", 1), ("fsync", "", 1), ("open", "", 1), ("close", "", 1), ("pread", "", 1), ("memory", "", 1), ("arena", "", 1)]),
]
RANKS = [
    ("master", [("writev", "", 0.3), ("writev", "short", 0.1), ("fdatasync", "", 0.1), ("rename", "", 0.1), ("memory", "", 0.3), ("memory", "on", 0.3), ("arena", "", 0.4), ("arena", "on", 0.2)]),
    ("worker", [("memory", "", 0.3), ("memory", "on", 0.3), ("arena", "", 0.4), ("arena", "on", 0.2)]),
    ("first", [("memory", "", 0.2), ("arena", "", 0.3)]),
    ("second", [("memory", "", 0.3), ("memory", "on", 0.2), ("arena", "", 0.3), ("arena", "on", 0.2)]),
]


def main(fslens, faulty, folder, most_alone, most_ranks, seed=None):
    rng, seed = seeded(seed)
    bad = False
    # mpirun spends most of its time waiting.
    for title, which, most, at_once in (("one process: ", SERIES, most_alone, 2), ("under mpirun: ", RANKS, most_ranks, 4)):
        place = pathlib.Path(folder) / title.split(":")[0].replace(" ", "-")
        place.mkdir()
        loop = Loop(fslens, faulty, place, int(most), rng, at_once)
        loop.prepare()
        loop.run(which)
        loop.report.print(f"seed {seed}", title)
        print(f"{title}{loop.points} calls failed; seed {seed}", flush=True)
        bad = bad or loop.report.bad
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
