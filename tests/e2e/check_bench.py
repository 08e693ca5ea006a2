"""Whether the benchmark's JSON has all its rows. Arguments: the file; `numpy` where all sections ran beside NumPy."""
import json
import math
import pathlib
import sys

ROW = {"name", "what", "goal", "at_most", "figure", "unit", "reached", "medians", "spread"}
ALWAYS = {"step-sigma-dps", "step-tmpd", "slope-n", "slope-b", "slope-d", "exp-d1", "exp-d2", "exp-d8", "peak-d64",
          "peak-d784"}
WITH_NUMPY = {"job", "job-all-metrics", "ranks-two", "group-two", "group-memory", "tiny-ranks", "tiny-alone", "master-share",
              "schedule-d1-n1e4-numpy", "schedule-d1-n1e6-numpy", "schedule-d2-n1e4-numpy", "schedule-d2-n1e6-numpy",
              "tree-1e-08", "tree-1e-10", "skip-digits", "skip-clusters"} | {
    f"means-{precision}d{d}-numpy" for d in (1, 2, 8, 64, 784) for precision in ("", "single-")}

found = json.loads(pathlib.Path(sys.argv[1]).read_text())
rows = {row["name"]: row for row in found["rows"]}
left_out = {row["name"] for row in found["left_out"]}
problems = [f"no row {name}" for name in ALWAYS | (WITH_NUMPY if "numpy" in sys.argv else set())
            if name not in rows and name not in left_out]
if len(rows) != len(found["rows"]):
    problems.append("two rows have the same name")
for name in ("processor", "instruction_set", "openblas_core", "bounds"):
    if name not in found["machine"]:
        problems.append(f"the machine has no {name}")
if not found["versions"]["compiler"]:
    problems.append("no compiler is named")
for name, row in rows.items():
    if not ROW <= set(row):
        problems.append(f"{name} lacks {ROW - set(row)}")
    figures = [row["figure"], *row["medians"].values()]
    # What is left of a wall-clock time after the computing is taken off can be anything on small sizes.
    if not all(math.isfinite(value) and (value > 0 or row["unit"] == "us a job") for value in figures):
        problems.append(f"{name}: {figures}")
    if not all(math.isfinite(value) and value >= 0 for value in row["spread"].values() if row["unit"] != "us a job"):
        problems.append(f"{name}: spread {row['spread']}")
    if row["goal"] is not None and row["reached"] != (
            row["figure"] <= row["goal"] if row["at_most"] else row["figure"] >= row["goal"]):
        problems.append(f"{name}: {row['figure']} against {row['goal']} is said to be {row['reached']}")
    if row.get("difference", 0) > (1e-3 if "single" in name else 1e-9):
        problems.append(f"{name}: the plain program's means differ by {row['difference']}")
print("\n".join(problems))
sys.exit(bool(problems))
