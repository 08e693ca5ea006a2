#!/usr/bin/env python3
"""Kills whoever writes a results file at random moments: the file is the old one or the new one, whole, and what was
left beside it does not pile up.

gather_kills.py FSLENS FOLDER ROUNDS [SEED]"""
import os
import pathlib
import shutil
import signal
import sys
import time

from harness import NOT_WHOLE, Marked, Report, data_of, has_data, run_command, run_to_end, seeded

WHOLE = "results are the old file or the new one, whole, whenever their writer is killed"
CLEAN = "what killed writers left is removed by the next"
BOTH = "writers of one file at once do not harm each other"


class Loop:
    def __init__(self, fslens, folder, rng):
        self.fslens, self.rng, self.folder = fslens, rng, pathlib.Path(folder)
        self.spec = pathlib.Path(__file__).with_name("many.yaml")
        self.out, self.old = self.folder / "out.h5", self.folder / "old.h5"
        self.journal = self.out.with_suffix(".journal")
        self.report = Report(WHOLE, CLEAN, BOTH)
        self.saw = {"old": 0, "new": 0, "half": 0}

    def must(self, status, command):
        ended, said = run_to_end(command)
        if ended != status:
            sys.exit(f"not ok - {' '.join(command)} ends with {ended}: {said}")

    def prepare(self):
        """The old file: a small grid. The new one: a large grid with the few jobs that there are."""
        run = run_command(self.fslens, self.spec, self.out, 1)
        self.must(0, [*run, "--set", "replicates=1", "--set", "observations.count=1"])
        shutil.move(self.out, self.old)
        # Jobs that can never end in time make the status 3; there are some to do, and none may start.
        self.writers = {"gather": [self.fslens, "gather", str(self.out), str(self.journal)],
                        "run": [*run, "--deadline", "0s"]}
        self.must(3, self.writers["run"])
        began = time.monotonic()
        self.must(0, self.writers["gather"])
        self.seconds = time.monotonic() - began
        self.states = {"old": data_of(self.old), "new": data_of(self.out)}

    def beside(self):
        return sorted(path.name for path in self.folder.iterdir() if ".tmp-" in path.name)

    def state(self, name):
        try:
            data = data_of(self.out)
        except NOT_WHOLE as error:
            return self.report.expect(WHOLE, False, f"{name}: not whole: {error}")
        found = [state for state, wanted in self.states.items() if data == wanted]
        self.report.expect(WHOLE, found, f"{name}: neither the old file nor the new one")
        for state in found:
            self.saw[state] += 1

    def kill_one(self, writer, name):
        shutil.copy(self.old, self.out)
        before = self.beside()
        run = Marked(self.writers[writer])
        time.sleep(self.rng.uniform(0.1 * self.seconds, 1.3 * self.seconds))
        os.kill(run.pid, signal.SIGKILL)
        run.wait()
        after = self.beside()
        self.saw["half"] += bool(after)
        self.report.expect(CLEAN, len(after) <= 1 or set(after) < set(before), f"{name}: {after}")
        self.state(name)

    def at_once(self, writers, name):
        """Several at once, and a reader: every one ends well, and the file is whole all the time."""
        shutil.copy(self.old, self.out)
        runs = [Marked(self.writers["gather"]) for _ in range(writers)]
        while any(run.log.poll() is None for run in runs):
            self.state(f"{name}, meanwhile")
        for run in runs:
            status, said = run.wait()
            self.report.expect(BOTH, status == 0, f"{name}: a gather ends with {status}: {said[-300:]}")
        self.report.expect(BOTH, has_data(self.out, self.states["new"]), f"{name}: not the new file")
        self.report.expect(CLEAN, not self.beside(), f"{name}: left behind: {self.beside()}")


def main(fslens, folder, rounds, seed=None):
    rng, seed = seeded(seed)
    loop = Loop(fslens, folder, rng)
    loop.prepare()
    for number in range(int(rounds)):
        for writer in loop.writers:
            loop.kill_one(writer, f"round {number} ({writer})")
    loop.at_once(2, "two at once")
    loop.report.expect(WHOLE, loop.saw["half"] > 0, "no writer was killed while it wrote: the moments are wrong")
    loop.report.print(f"seed {seed}")
    print(f"{rounds} rounds of {', '.join(loop.writers)}: {loop.saw['half']} kills left a half file beside; seed {seed}")
    return 1 if loop.report.bad else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
