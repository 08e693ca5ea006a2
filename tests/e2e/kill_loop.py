#!/usr/bin/env python3
"""Kills a campaign at random moments and lets it go on: nothing that was finished is computed again, and the results are
those of a run that nobody disturbed.

kill_loop.py FSLENS FOLDER ROUNDS [SEED]"""
import os
import pathlib
import shutil
import signal
import sys
import time

import journal
from harness import HOLDS, Marked, Report, data_of, has_data, run_command, run_to_end, seeded

RANKS = 3
VICTIMS = ("mpirun", "master", "worker", "alone")
ENDS = "every campaign goes on to its end"
ONCE = "no finished job is computed again, and none is lost"
SAME = "the results have the same bytes as those of an undisturbed run"
CLEAN = "no process is left, and nothing beside the journal and the results"


def find_victim(run, victim, rng):
    """Its process; None when the run is over before it begins."""
    rank = 0 if victim == "master" else rng.randrange(1, RANKS)
    while victim in ("master", "worker") and run.log.poll() is None:
        pid = run.rank(rank)
        if pid is not None:
            return pid
        time.sleep(0.01)
    return run.pid if run.log.poll() is None else None


def kill(pid):
    try:
        os.kill(pid, signal.SIGKILL)
        return True
    except ProcessLookupError:
        return False


class Loop:
    def __init__(self, fslens, folder, rng):
        self.fslens, self.rng = fslens, rng
        self.spec = pathlib.Path(__file__).with_name("kills.yaml")
        self.folder = pathlib.Path(folder)
        self.report = Report(ENDS, ONCE, SAME, CLEAN)
        self.kills = self.refused = self.twice = 0
        self.seconds = {}

    def undisturbed(self):
        """What is expected; and how long it takes alone and under mpirun."""
        for ranks in (1, RANKS):
            out = self.folder / f"undisturbed-{ranks}" / "out.h5"
            out.parent.mkdir()
            began = time.monotonic()
            status, said = run_to_end(run_command(self.fslens, self.spec, out, ranks))
            self.seconds[ranks] = time.monotonic() - began
            if status != 0:
                sys.exit(f"not ok - the undisturbed run ends with {status}: {said}")
        self.expected = data_of(out)
        self.jobs = journal.read(out.with_suffix(".journal")).done()

    def start(self, out, victim):
        ranks = 1 if victim == "alone" else RANKS
        group = [] if ranks == 1 else self.rng.choice(([], ["--group", "1"], ["--group", "2"]))
        return Marked(run_command(self.fslens, self.spec, out, ranks, *group)), self.seconds[ranks]

    def disturb(self, run, victim, seconds):
        """Kills it at a random moment of its life, or lets it finish when it is faster."""
        time.sleep(self.rng.uniform(0, seconds))
        pid = find_victim(run, victim, self.rng)
        self.kills += pid is not None and kill(pid)

    def finished(self, out):
        """The jobs whose results are whole in the journal now."""
        path = out.with_suffix(".journal")
        return set(journal.read(path).done()) if path.exists() else set()

    def go_on(self, out, victim, name):
        """Until the campaign is done. A run that was killed may hold its journal a little longer than the next waits."""
        kill_again = self.rng.random() < 0.3
        before, runs = set(), []
        for _ in range(6):
            run, seconds = self.start(out, victim)
            runs.append(run)
            if kill_again:
                self.twice += 1
                self.disturb(run, victim, seconds)
                before |= self.finished(out)
            else:
                status, said = run.wait()
                if status == 0:
                    break
                held = status == 75 and HOLDS in said
                self.refused += held
                self.report.expect(ENDS, held, f"{name}: the resume ends with {status}: {said[-300:]}")
            kill_again = False
        else:
            self.report.expect(ENDS, False, f"{name}: never done")
        return before, runs

    def check(self, out, before, name):
        if not out.exists():
            return self.report.expect(SAME, False, f"{name}: no results")
        now = journal.read(out.with_suffix(".journal"))
        again = [job for job, n in now.done().items() if n > 1]
        self.report.expect(ONCE, not again, f"{name}: {len(again)} jobs have two results")
        self.report.expect(ONCE, before <= set(now.done()), f"{name}: results are gone")
        self.report.expect(ONCE, set(now.done()) == set(self.jobs), f"{name}: other jobs than undisturbed")
        self.report.expect(ONCE, now.damaged + now.torn == 0, f"{name}: {now.damaged} bytes damaged, {now.torn} torn")
        self.report.expect(SAME, has_data(out, self.expected), f"{name}: other bytes")
        left = {path.name for path in out.parent.iterdir()} - {out.name, out.stem + ".journal"}
        self.report.expect(CLEAN, not left, f"{name}: left behind: {sorted(left)}")

    def round(self, number):
        victim = VICTIMS[number % len(VICTIMS)]
        name = f"round {number} ({victim})"
        out = self.folder / f"round-{number}" / "out.h5"
        out.parent.mkdir()
        run, seconds = self.start(out, victim)
        self.disturb(run, victim, seconds)
        before = self.finished(out)
        more, runs = self.go_on(out, victim, name)
        for one in [run, *runs]:
            self.report.expect(CLEAN, one.gone(), f"{name}: a process is left")
            one.wait()
        self.check(out, before | more, name)
        shutil.rmtree(out.parent)


def main(fslens, folder, rounds, seed=None):
    rng, seed = seeded(seed)
    loop = Loop(fslens, folder, rng)
    loop.undisturbed()
    for number in range(int(rounds)):
        loop.round(number)
    loop.report.print(f"seed {seed}")
    print(f"{loop.kills} kills in {rounds} rounds, {loop.twice} of them a second time in a round; "
          f"{loop.refused} resumes did not outwait a run that was dying; seed {seed}")
    return 1 if loop.report.bad else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
