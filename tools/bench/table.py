"""Tables of what was found: for the terminal, and the short one of the README."""


def figure(value):
    return f"{value:.2f}" if value < 10 else f"{value:.1f}" if value < 100 else f"{value:.0f}"


def goal(row):
    if row["goal"] is None:
        return ""
    return f"{'<=' if row['at_most'] else '>='} {row['goal']:g}"


def verdict(row):
    return "" if row["reached"] is None else "yes" if row["reached"] else "NO"


def time_text(seconds):
    for unit, scale in (("s", 1), ("ms", 1e-3), ("us", 1e-6)):
        if seconds >= scale:
            return f"{seconds / scale:.3g} {unit}"
    return f"{seconds * 1e9:.3g} ns"


def medians(row):
    return ", ".join(f"{name} {time_text(seconds)}" for name, seconds in row["medians"].items())


def full(found):
    about, versions = found["machine"], found["versions"]
    lines = [f"{about['processor']}, {about['cores']} cores, kernels for {about['instruction_set']}; compiler "
             f"{versions['compiler']}; NumPy {versions['numpy']} on OpenBLAS for {about['openblas_core']}; PyTorch "
             f"{versions['torch']}; load {about['load_before']} before, {about['load_after']} after; "
             f"{found['seconds']:.0f} s" + ("; SHORT: small sizes, no figure means anything" if found["short"] else ""), ""]
    rows = [("what", "goal", "figure", "", "reached", "medians")]
    rows += [(row["what"], goal(row), figure(row["figure"]), row["unit"], verdict(row), medians(row))
             for row in found["rows"]]
    widths = [max(len(row[i]) for row in rows) for i in range(5)]
    for row in rows:
        lines.append("  ".join([row[0].ljust(widths[0]), row[1].rjust(widths[1]), row[2].rjust(widths[2]),
                                row[3].ljust(widths[3]), row[4].ljust(widths[4]), row[5]]).rstrip())
    for row in found["left_out"]:
        lines.append(f"left out: {row['what']}: {row['why']}")
    return "\n".join(lines)


# ---- for the README ----------------------------------------------------------------------------------------------

def times(row):
    return f"{figure(row['figure'])} times"


def percent(row):
    return f"{row['figure']:.0f} %"


README_ROWS = (  # name of a row, what it says
    ("means-d1-numpy", "both means, d 1, N 1e3, 256 states: speed against NumPy", times),
    ("means-d2-numpy", "both means, d 2, N 1e4, 1024 states: against NumPy", times),
    ("means-d8-numpy", "both means, d 8, N 1e4, 1024 states: against NumPy", times),
    ("means-d64-numpy", "both means, d 64, N 1e4, 1024 states: against NumPy", times),
    ("means-d784-numpy", "both means, d 784, N 1e4, 256 states: against NumPy", times),
    ("means-single-d8-numpy", "both means, d 8, both in single precision: against NumPy", times),
    ("exp-d2", "both means, d 2: share of the speed of bare exponentials", percent),
    ("peak-d64", "both means, d 64: share of the peak of multiply-adds", percent),
    ("peak-d784", "both means, d 784: share of the peak of multiply-adds", percent),
    ("schedule-d1-n1e4-numpy", "500 steps from the training set on, d 1, N 1e4: against NumPy", times),
    ("schedule-d1-n1e6-numpy", "500 steps from the training set on, d 1, N 1e6: against NumPy", times),
    ("schedule-d2-n1e4-numpy", "500 steps from the training set on, d 2, N 1e4: against NumPy", times),
    ("schedule-d2-n1e6-numpy", "500 steps from the training set on, d 2, N 1e6: against NumPy", times),
    ("tree-1e-08", "500 steps, d 2, N 1e6: tree certified at 1e-8 against our direct sums", times),
    ("tree-1e-10", "500 steps, d 2, N 1e6: tree certified at 1e-10 against our direct sums", times),
    ("skip-digits", "500 steps, digits, d 64: what leaving out negligible work gains", times),
    ("skip-clusters", "500 steps, d 64, N 1e5, 100 clusters: what leaving out negligible work gains", times),
    ("step-sigma-dps", "a step of sigma-dps takes, in steps of fsr, d 8, N 1e4", times),
    ("step-tmpd", "a step of tmpd takes, in steps of fsr, d 8, N 1e4, m 4", times),
    ("job", "a whole fsr job takes, in its own passes over the atoms, d 8, N 1e4", times),
    ("ranks-two", "speed of 2 ranks on a grid of mixed jobs, against 2 processes on their own", percent),
    ("group-two", "one job, N 4e6, d 8: speed of a group of 2 ranks against 1", times),
    ("tiny-ranks", "time of a tiny job beside its computing", lambda row: f"{row['figure']:.0f} us"),
    ("master-share", "share of a core that a master takes", lambda row: f"{row['figure']:.1f} %"),
)


def short_goal(row):
    unit = {"%": " %", "us a job": " us"}.get(row["unit"], "")
    return "" if row["goal"] is None else f"{'at most ' if row['at_most'] else ''}{row['goal']:g}{unit}"


def markdown(found):
    about, versions, rows = found["machine"], found["versions"], {row["name"]: row for row in found["rows"]}
    lines = ["| what, on one core unless said | goal | measured |", "|---|---|---|"]
    lines += [f"| {what} | {short_goal(rows[name])} | {say(rows[name])} |" for name, what, say in README_ROWS if name in rows]
    lines += ["", f"{about['processor']}, {about['cores']} cores, {instructions(about)}, {versions['compiler']}, "
              f"NumPy {versions['numpy']} on OpenBLAS for {about['openblas_core']}; commit {versions['fslens']}, "
              f"{found['date']}.", "",
              "![Seconds of a whole schedule against N: fslens, its direct sums, NumPy](tools/bench/schedule.svg)", ""]
    return "\n".join(lines)


def instructions(about):
    return {"v3": "AVX2", "v4": "AVX-512"}.get(about["instruction_set"], about["instruction_set"])
