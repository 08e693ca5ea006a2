#!/usr/bin/env python3
"""Memory that plan, gather and run (of a campaign whose jobs are all done) take per cell of the grid: the difference of
the peaks of two sizes, over the difference in cells, so that what any run takes does not count.

check_memory.py FSLENS FILL_JOURNAL FOLDER            two small grids: at most 500 bytes per cell
check_memory.py FSLENS FILL_JOURNAL FOLDER million    a million cells: at most 500 MB each, gather at most 15 s of CPU"""
import os
import pathlib
import subprocess
import sys

MOST_BYTES = 500  # per cell; 3400 where records are held in memory


def measure(*command):
    """Peak of the resident memory in bytes, and seconds of CPU."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status != 0:
        raise SystemExit(f"{command} ended with {status}")
    return 1024 * usage.ru_maxrss, usage.ru_utime


def measure_all(fslens, fill, folder, replicates):
    """Cells, and the peak and seconds of each command."""
    spec, journal = folder / f"{replicates}.yaml", folder / f"{replicates}.journal"
    text = (pathlib.Path(__file__).with_name("million.yaml")).read_text()
    spec.write_text(text.replace("replicates: 100\n", f"replicates: {replicates}\n"))
    said = subprocess.run([fill, spec, journal], check=True, capture_output=True, text=True).stdout
    found = {
        "plan": measure(fslens, "plan", spec),
        "gather": measure(fslens, "gather", folder / "gathered.h5", journal),
        "run": measure(fslens, "run", spec, "-o", folder / f"{replicates}.h5", "-q"),
    }
    for file in folder.glob("*.h5"):
        file.unlink()
    journal.unlink()
    return int(said.split()[0]), found


def check_small(*where):
    (n, first), (m, second) = measure_all(*where, 10), measure_all(*where, 20)  # large enough that buffers are full
    failed = 0
    for command in first:
        each = (second[command][0] - first[command][0]) / (m - n)
        print(f"{command}: {first[command][0] >> 20} MB of {n} cells, {second[command][0] >> 20} MB of {m}: {each:.0f} bytes per cell")
        failed += each > MOST_BYTES
    return failed


def check_million(*where):
    n, found = measure_all(*where, 100)
    for command, (size, seconds) in found.items():
        print(f"{command}: {size / 1e6:.0f} MB, {seconds:.1f} s of CPU for {n} cells")
    return sum(size > 500e6 for size, _ in found.values()) + (found["gather"][1] > 15) + (n < 1000000)


if __name__ == "__main__":
    where = sys.argv[1], sys.argv[2], pathlib.Path(sys.argv[3])
    sys.exit((check_million if sys.argv[4:] == ["million"] else check_small)(*where))
