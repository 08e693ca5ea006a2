#!/usr/bin/env python3
"""Trouble of the real kind: full disks, files that may not grow, folders that may not be written to, journals that
disappear, two runs at once, file systems without locks. The exit status is right, the message says what is wrong, and
the run that follows ends with 0 and the bytes of an undisturbed one.

fault_cases.py FSLENS FSLENS-FAULTS FOLDER"""
import concurrent.futures
import os
import pathlib
import signal
import subprocess
import sys
import time

import harness
import journal
from harness import HOLDS, Marked, data_of, has_data, run_to_end

HERE = pathlib.Path(__file__).parent
SHORT, LONG = (HERE / "faults.yaml",), (HERE / "kills.yaml", "--set", "replicates=1", "--set", "grid.noise_level=[0.3]")
NO_LOCKS = {"FSL_FAULT": "fcntl:1:on"}
LIMIT = """import os, resource, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), resource.RLIM_INFINITY))
os.execv(sys.argv[2], sys.argv[2:])"""


def run_command(program, campaign, out, ranks):
    """campaign: the spec and the options that go with it."""
    return harness.run_command(program, campaign[0], out, ranks, *campaign[1:])


class Cases:
    def __init__(self, fslens, faulty, folder):
        self.fslens, self.faulty, self.folder = fslens, faulty, pathlib.Path(folder)
        self.bad = False
        self.expected = {}
        for spec in (SHORT, LONG):
            out = self.folder / f"{spec[0].stem}-undisturbed.h5"
            status, said = run_to_end(run_command(fslens, spec, out, 1))
            if status != 0:
                sys.exit(f"not ok - the undisturbed run ends with {status}: {said}")
            self.expected[spec] = data_of(out)
        self.journal_bytes = (self.folder / f"{SHORT[0].stem}-undisturbed.journal").stat().st_size

    def report(self, what, problems):
        """problems: pairs of what is wrong and whether it is."""
        found = [problem for problem, wrong in problems if wrong]
        print(f"{'not ok' if found else 'ok'} - {what}", flush=True)
        for problem in found[:6]:
            print(f"  {problem}"[:600])
        self.bad = self.bad or bool(found)

    def place(self, name):
        out = self.folder / name / "out.h5"
        out.parent.mkdir()
        return out

    def next_run(self, out, spec=SHORT, once=True):
        """What is wrong with the run that follows, without the trouble."""
        status, said = run_to_end(run_command(self.fslens, spec, out, 1))
        if status != 0:
            return [(f"the next run ends with {status}: {said}", True)]
        now = journal.read(out.with_suffix(".journal"))
        left = sorted(path.name for path in out.parent.iterdir() if ".tmp-" in path.name or ".lock" in path.name
                      or ".owner" in path.name)
        return [("other bytes", not has_data(out, self.expected[spec])), (f"left behind: {left}", left),
                ("a job was computed twice", once and max(now.done().values()) > 1),
                ("the journal is damaged", now.damaged + now.torn > 0)]

    # ---- no room ----------------------------------------------------------------------------------------------------

    def full_disk(self):
        """A small disk is full somewhere between the first byte of the journal and the last of the results."""
        for ranks, sizes in ((1, (4, 8, 12, 16, 64, 200, 280)), (3, (8, 12, 128))):
            problems = []
            for kilobytes in sizes:
                out = self.place(f"disk-{ranks}-{kilobytes}")
                if subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "none", out.parent],
                                  capture_output=True).returncode != 0:
                    print("skipped - full disks: no right to mount one")
                    return
                status, said = run_to_end(run_command(self.fslens, SHORT, out, ranks))
                problems.append((f"{kilobytes} kB: status {status}: {said}", status != 75 or "fslens: " not in said))
                subprocess.run(["mount", "-o", "remount,size=16m", out.parent], check=True)
                problems += [(f"{kilobytes} kB: {what}", wrong) for what, wrong in self.next_run(out)]
                subprocess.run(["umount", out.parent], check=True)
            self.report(f"a full disk ends {'mpirun' if ranks > 1 else 'a run'} with 75, and room lets it go on", problems)

    def file_limit(self):
        """The same where files may not grow: every kind of place in the journal, some in the results."""
        problems, sizes = [], [*range(1, self.journal_bytes, 613), *range(20000, 300000, 60000)]

        def one(size):
            out = self.place(f"limit-{size}")
            status, said = run_to_end([sys.executable, "-c", LIMIT, str(size), *run_command(self.fslens, SHORT, out, 1)])
            return [(f"{size} bytes: status {status}: {said}", status != 75 or "fslens: " not in said),
                    *((f"{size} bytes: {what}", wrong) for what, wrong in self.next_run(out))]

        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            for found in pool.map(one, sizes):
                problems += found
        self.report("a file that may not grow ends a run with 75, and room lets it go on", problems)

    def read_only(self):
        """From the start."""
        out = self.place("read-only")
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "ro", "none", out.parent], capture_output=True).returncode == 0
        if not mounted:
            out.parent.chmod(0o555)
            if os.access(out.parent, os.W_OK):
                print("skipped - read-only folders: no right to mount one")
                return
        status, said = run_to_end(run_command(self.fslens, SHORT, out, 1))
        if mounted:
            subprocess.run(["mount", "-o", "remount,rw", out.parent], check=True)
        else:
            out.parent.chmod(0o755)
        problems = [(f"status {status}: {said}", status != 2 or str(out) not in said)]
        problems += self.next_run(out)
        if mounted:
            subprocess.run(["umount", out.parent], check=True)
        self.report("a folder that may not be written to ends with 2 and is named", problems)

    # ---- a journal that disappears ----------------------------------------------------------------------------------

    def paused(self, out, program=None, **environment):
        """A run of the long campaign that stands still after its first results."""
        run = Marked(run_command(program or self.fslens, LONG, out, 1), **environment)
        path = out.with_suffix(".journal")
        while run.log.poll() is None:
            if path.exists() and journal.read(path).done():
                os.kill(run.pid, signal.SIGSTOP)
                break
            time.sleep(0.01)
        return run

    def disappears(self):
        for how in ("moved", "removed", "replaced"):
            out = self.place(how)
            run = self.paused(out)
            path = out.with_suffix(".journal")
            kept = path.rename(out.parent / "kept.journal")
            before = set(journal.read(kept).done())
            if how == "removed":
                kept.unlink()
            if how == "replaced":
                path.write_bytes(kept.read_bytes())
            os.kill(run.pid, signal.SIGCONT)
            status, said = run.wait()
            problems = [(f"status {status}: {said}", status != 75),
                        (f"no word of it: {said}", "was moved or removed while it was written to" not in said)]
            if how == "moved":
                kept.rename(path)
            problems += self.next_run(out, LONG)
            done = set(journal.read(path).done())
            problems.append(("results are gone", how != "removed" and not before <= done))
            self.report(f"a journal that is {how} while a run goes on ends it with 75", problems)

    # ---- two at once ------------------------------------------------------------------------------------------------

    def two_at_once(self, name, program, options, environment):
        out = self.place(name.replace(" ", "-"))
        first = self.paused(out, program, **environment)
        before = out.with_suffix(".journal").read_bytes()
        began = time.monotonic()
        status, said = run_to_end([*run_command(program, LONG, out, 1), *options], **environment)
        waited = time.monotonic() - began
        named = f"{os.uname().nodename} process {first.pid}"
        path = out.with_suffix(".journal")
        same = path.exists() and path.read_bytes() == before
        os.kill(first.pid, signal.SIGCONT)
        first_status, first_said = first.wait()
        return [(f"the second ends with {status}: {said}", status != 75),
                (f"it does not say by whom: {said}", HOLDS not in said or named not in said),
                (f"it waited {waited:.1f} s", not 4.5 < waited < 20),
                ("it changed the journal", not same),
                (f"the first ends with {first_status}: {first_said}", first_status != 0),
                *self.next_run(out, LONG)]

    def all_two_at_once(self):
        cases = {"a second run": (self.fslens, [], {}),
                 "a second run that starts afresh": (self.fslens, ["--fresh"], {}),
                 "a second run without locks": (self.faulty, [], NO_LOCKS)}
        with concurrent.futures.ThreadPoolExecutor(len(cases)) as pool:
            found = pool.map(lambda case: self.two_at_once(case[0], *case[1]), cases.items())
            for name, problems in zip(cases, found):
                self.report(f"{name} on a journal is refused, and the first is undisturbed", problems)

    def owner_dies(self):
        """Without locks a file names the owner; it outlives one that is killed."""
        out = self.place("owner")
        owner = pathlib.Path(f"{out.with_suffix('.journal')}.owner")
        run = self.paused(out, self.faulty, **NO_LOCKS)
        was_there = owner.exists()
        run.end()
        run.wait()
        stays = owner.exists()
        status, said = run_to_end(run_command(self.faulty, LONG, out, 1), **NO_LOCKS)
        self.report("without locks, a run goes on from one that was killed",
                    [("there was no owner's file", not (was_there and stays)), (f"status {status}: {said}", status != 0),
                     *self.next_run(out, LONG)])
        owner.write_text("elsewhere process 1\n")
        status, said = run_to_end(run_command(self.faulty, LONG, out, 1), **NO_LOCKS)
        self.report("without locks, an owner on another host is left alone, and its file named",
                    [(f"status {status}: {said}", status != 75), (f"not named: {said}", f"remove {owner}" not in said),
                     ("the file is gone", not owner.exists())])


def main(fslens, faulty, folder):
    cases = Cases(fslens, faulty, folder)
    cases.full_disk()
    cases.file_limit()
    cases.read_only()
    cases.disappears()
    cases.all_two_at_once()
    cases.owner_dies()
    return 1 if cases.bad else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
