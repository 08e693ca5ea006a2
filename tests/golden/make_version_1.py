#!/usr/bin/env python3
"""Makes version-1.journal from the comments in src/store/journal.h and src/job/record.c alone: two runs, the first of
which died, with a finished, a failed and a timed-out record. Usage: make_version_1.py FILE"""
import struct
import sys

MAGIC = bytes([0x89, 0x66, 0x73, 0x6C, 0x4A, 0x0D, 0x0A, 0x1A])
CAMPAIGN, SPEC, RESULT, RUN, START, END = range(1, 7)
DONE, FAILED, TIMED_OUT = range(3)


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def text(string):
    data = string.encode()
    return struct.pack("<I", len(data)) + data


def block(kind, payload):
    frame = MAGIC + struct.pack("<HHIQI", 1, kind, 0, len(payload), crc32c(payload))
    return frame + struct.pack("<I", crc32c(frame)) + payload


def field(name, shape, values):
    return text(name) + struct.pack(f"<I{len(shape)}Q{len(values)}d", len(shape), *shape, *values)


def record(job, status, fields, error, host, seconds, ranks, attempts):
    data = struct.pack("<QQII", *job, status, len(fields)) + b"".join(fields)
    rest = text(error) + text(host) + struct.pack("<dII", seconds, ranks, attempts)
    return struct.pack("<I", 1) + struct.pack("<Q", len(data)) + data + struct.pack("<Q", len(rest)) + rest


def run(time, ranks, shard, shards, host, signature, command, slurm):
    numbers = struct.pack("<QIII", time, ranks, shard, shards)
    return block(RUN, numbers + text(host) + text(signature) + text(command) + text(slurm))


def start(job, attempt, alone):
    return block(START, struct.pack("<QQII", *job, attempt, alone))


A, B, C = (0x0123456789ABCDEF, 0xFEDCBA9876543210), (1, 2), (2**64 - 1, 2**63)
FIELDS = [
    field("mean_error", [2], [0.125, 1e-300]),
    field("mode_weight", [2, 3], [0.5, 0.25, 0.25, float("nan"), float("inf"), -0.0]),
    field("ess", [], [400.0]),
    field("nothing", [0, 5], []),
]
BLOCKS = [
    block(CAMPAIGN, struct.pack("<IQ", 1, 0x0102030405060708) + text("tri-modal")),
    block(SPEC, struct.pack("<Q", 1780142400000000000) + text("/home/me/tri.yaml") + text("name: tri-modal\nseed: 7\n")),
    run(1780142400000000001, 5, 1, 1, "node1", "x86-64-v3 gcc", "fslens run tri.yaml", ""),
    start(A, 1, 0),
    start(B, 1, 0),
    block(RESULT, record(A, DONE, FIELDS, "", "node1", 1.5, 4, 1)),
    run(1780142460000000000, 3, 2, 3, "node2", "x86-64-v4 gcc", "fslens run tri.yaml --array 2/3", "SLURM_JOB_ID=7"),
    start(B, 2, 1),
    block(RESULT, record(B, FAILED, [], "no finite score at t = .1 (σ² → 0)", "node2", 0.25, 1, 2)),
    start(C, 1, 0),
    block(RESULT, record(C, TIMED_OUT, [], "it ran past its limit", "node2", 60.0, 2, 1)),
    block(END, struct.pack("<QI", 1780142520000000000, 3)),
]

with open(sys.argv[1], "wb") as out:
    out.write(b"".join(BLOCKS))
