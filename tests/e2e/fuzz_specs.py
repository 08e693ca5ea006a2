#!/usr/bin/env python3
"""Damaged specs through `fslens plan`: it ends with 0 or 2 and never crashes or hangs. The seed of a failure is printed.

fuzz_specs.py FSLENS FOLDER SECONDS [SEED]"""
import glob
import os
import random
import subprocess
import sys
import time

TOKENS = """.inf -.inf .nan 0 -1 1e308 1e-320 99999999999999999999 true ~ "" [] {} [[]] [1 {a: &b 1} *b !!int --- ... : - ? | > %
name kind grid prior n_train approximation atoms means covariances weights matrix file seed replicates times exclude budget
data/digits.h5 data/digits.h5:/nothing /dev/null . .. \x00 \xff \t é # @ `""".split(" ")


def damage(rng, text):
    for _ in range(rng.choice((1, 1, 2, 3, 8))):
        i, j = sorted(rng.randrange(len(text) + 1) for _ in range(2))
        what = rng.randrange(7)
        if what == 0:
            text = text[:i] + text[min(j, i + rng.randrange(1, 40)) :]
        elif what == 1:
            text = text[:i] + rng.choice(TOKENS).encode() + text[i:]
        elif what == 2:
            text = text[:i] + bytes([rng.randrange(256)]) + text[i + 1 :]
        elif what == 3:
            text = text[:i] + text[i : min(j, i + 200)] * rng.choice((1, 2, 50)) + text[i:]
        elif what == 4:
            words = text.split(b" ")
            k = rng.randrange(len(words))
            words[k] = rng.choice(TOKENS).encode()
            text = b" ".join(words)
        elif what == 5:
            lines = text.split(b"\n")
            rng.shuffle(lines) if rng.random() < 0.1 else lines.pop(rng.randrange(len(lines)))
            text = b"\n".join(lines)
        else:
            text = text[:i] + rng.choice((b"[", b"{", b"- ", b"? ", b"'", b'"')) * rng.choice((1, 3, 300)) + text[i:]
        text = text or b" "
    return text


def main(fslens, folder, seconds, seed=None):
    seeds = [open(path, "rb").read() for path in sorted(glob.glob("experiments/*.yaml") + glob.glob("tests/*/*.yaml"))]
    if not os.path.exists(f"{folder}/data"):
        os.symlink(os.path.abspath("experiments/data"), f"{folder}/data")
    start, number, codes, bad = time.time(), int(seed or 0), {}, 0
    while time.time() - start < float(seconds):
        number += 1
        rng = random.Random(number)
        spec = f"{folder}/damaged.yaml"
        with open(spec, "wb") as file:
            file.write(damage(rng, rng.choice(seeds)))
        try:
            done = subprocess.run([fslens, "plan", spec], capture_output=True, timeout=30)
            code, said = done.returncode, done.stderr[-800:].decode(errors="replace")
        except subprocess.TimeoutExpired:
            code, said = "timeout", ""
        codes[code] = codes.get(code, 0) + 1
        if code not in (0, 2):
            bad += 1
            kept = f"{os.environ.get('TMPDIR', '/tmp')}/fslens-damaged-{number}.yaml"
            os.replace(spec, kept)
            print(f"status {code} with {kept} (seed {number}): {said}")
            if bad > 10:
                break
    print(f"{number - int(seed or 0)} specs, by status: {codes}")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
