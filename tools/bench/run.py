"""`make bench`: runs every measurement, prints a table of goals and what was reached, writes BUILD/bench.json.
Arguments: the build folder; `full` (the default, minutes) or `short` (seconds, on small sizes, into bench-short.json: a
test of the bench itself); sections by name."""
import json
import os
import pathlib
import shutil
import sys
import time

import campaigns
import compute
import machine
import table
from measure import Results, load

SECTIONS = {"means": compute.means, "schedules": compute.schedules, "skipping": compute.skipping, "scores": compute.scores,
            "jobs": compute.jobs, "growth": compute.growth, "campaigns": None}


def keep_others(path, results):
    """What an earlier run found in other sections stays."""
    with open(path) as file:
        old = json.load(file)
    new = {row["name"]: row for row in results.rows}
    results.rows = [new.pop(row["name"], row) for row in old["rows"]] + list(new.values())
    results.left_out = results.left_out or old["left_out"]
    results.curves = results.curves or old["schedules"]


def main():
    build = pathlib.Path(sys.argv[1])
    short = "short" in sys.argv[2:]
    wanted = [name for name in sys.argv[2:] if name in SECTIONS] or list(SECTIONS)
    start = time.monotonic()
    results = Results()
    about, versions = machine.describe(build / "bench")
    plain = [name for name in ("numpy", "torch") if versions[name] is not None]
    bench = compute.Bench(build / "bench", short, plain, results)
    bench.python = sys.executable
    for name in ("numpy", "torch"):
        if name not in plain:
            results.leave_out(f"all-{name}", f"every comparison with {name}", f"{name} is not installed")
    try:
        compute.instruction_sets(bench, about)
        for name in wanted:
            print(name, file=sys.stderr, flush=True)
            if name != "campaigns":
                SECTIONS[name](bench)
            elif machine.has("h5py"):
                campaigns.campaigns(bench, os.path.abspath(build / "fslens"))
            else:
                results.leave_out("campaigns", "campaigns under mpirun", "h5py is not installed")
    finally:
        shutil.rmtree(bench.folder, ignore_errors=True)
    path = build / ("bench-short.json" if short else "bench.json")
    if len(wanted) < len(SECTIONS) and path.exists():
        keep_others(path, results)
    about["load_after"] = load()
    found = {"machine": about, "versions": versions, "short": short, "seconds": round(time.monotonic() - start, 1),
             "date": time.strftime("%Y-%m-%d"), "rows": results.rows, "left_out": results.left_out,
             "schedules": results.curves}
    with open(path, "w") as file:
        json.dump(found, file, indent=1)
        file.write("\n")
    print(table.full(found))


main()
