#!/usr/bin/env python3
"""Reads a journal, written from the description in src/store/journal.h and src/job/record.c alone.

journal.py FILE...           what is in each
journal.py --once FILE...    fails where a job has more than one result that is done"""
import collections
import struct
import sys

MAGIC = bytes.fromhex("8966736c4a0d0a1a")
FRAME = struct.Struct("<8sHHIQII")
CAMPAIGN, SPEC, RESULT, RUN, START, END = range(1, 7)
DONE, FAILED, TIMED_OUT = range(3)
MOST_PAYLOAD, MOST_TEXT = 1 << 32, 1 << 26
REASONS = ["died", "finished", "stopped", "deadline", "gave up", "failed"]

Block = collections.namedtuple("Block", "begin end type payload")
Result = collections.namedtuple("Result", "job status fields error host seconds ranks attempts")
Run = collections.namedtuple("Run", "time ranks shard shards host signature command slurm")
Start = collections.namedtuple("Start", "job attempt alone")
End = collections.namedtuple("End", "time reason")


class Bad(Exception):
    """These bytes are not what they should be."""


def crc_table():
    for n in range(256):
        for _ in range(8):
            n = n >> 1 ^ (0x82F63B78 if n & 1 else 0)
        yield n


TABLE = tuple(crc_table())


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = TABLE[(crc ^ byte) & 255] ^ crc >> 8
    return crc ^ 0xFFFFFFFF


# ---- blocks ---------------------------------------------------------------------------------------------------------


def block_at(data, at):
    """The whole block that begins here, or None."""
    if len(data) - at < FRAME.size:
        return None
    magic, version, kind, _, length, payload_crc, frame_crc = FRAME.unpack_from(data, at)
    if magic != MAGIC or frame_crc != crc32c(data[at : at + FRAME.size - 4]) or length > MOST_PAYLOAD:
        return None
    begin = at + FRAME.size
    payload = data[begin : begin + length]
    if len(payload) < length or crc32c(payload) != payload_crc:
        return None
    if version != 1 or not CAMPAIGN <= kind <= END:
        raise Bad(f"a block of version {version} and type {kind} at byte {at}")
    return Block(at, begin + length, kind, payload)


def blocks(data):
    at = 0
    while 0 <= at < len(data):
        block = block_at(data, at)
        if block is None:
            at = data.find(MAGIC, at + 1)
        else:
            yield block
            at = block.end


# ---- payloads -------------------------------------------------------------------------------------------------------


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def bytes(self, n):
        self.at += n
        if self.at > len(self.data):
            raise Bad("it ends too early")
        return self.data[self.at - n : self.at]

    def number(self, width):
        return int.from_bytes(self.bytes(width), "little")

    def real(self):
        return struct.unpack("<d", self.bytes(8))[0]

    def text(self):
        length = self.number(4)
        if length > MOST_TEXT:
            raise Bad("a text is too long")
        return self.bytes(length).decode(errors="surrogateescape")

    def part(self):
        return Reader(self.bytes(self.number(8)))

    def hash(self):
        return self.number(8), self.number(8)

    def end(self, value):
        if self.at != len(self.data):
            raise Bad("bytes are left over")
        return value


def field(r):
    name, shape = r.text(), [r.number(8) for _ in range(r.number(4))]
    size = 8
    for extent in shape:
        size *= extent
    return name, tuple(shape), r.bytes(size)


def result(r):
    if r.number(4) != 1:
        raise Bad("a record of an unknown version")
    data = r.part()
    rest = r.end(r.part())
    job, status = data.hash(), data.number(4)
    fields = data.end([field(data) for _ in range(data.number(4))])
    error, host, seconds = rest.text(), rest.text(), rest.real()
    return rest.end(Result(job, status, fields, error, host, seconds, rest.number(4), rest.number(4)))


def campaign(r):
    if r.number(4) != 1:
        raise Bad("a journal of an unknown version")
    return r.end((r.number(8), r.text()))


def spec(r):
    return r.end((r.number(8), r.text(), r.text()))


def run(r):
    return r.end(Run(r.number(8), r.number(4), r.number(4), r.number(4), r.text(), r.text(), r.text(), r.text()))


def start(r):
    return r.end(Start(r.hash(), r.number(4), r.number(4) != 0))


def end(r):
    return r.end(End(r.number(8), r.number(4)))


PARSERS = {CAMPAIGN: campaign, SPEC: spec, RESULT: result, RUN: run, START: start, END: end}


class Journal:
    """Lists in the order written. events: (type, what it says). damaged: bytes before the last whole block that are in
    none; torn: bytes behind it."""

    def __init__(self, data):
        found = list(blocks(data))
        self.events = [(b.type, PARSERS[b.type](Reader(b.payload))) for b in found]
        self.ends = [b.end for b in found]
        self.torn = len(data) - (found[-1].end if found else 0)
        self.damaged = len(data) - self.torn - sum(b.end - b.begin for b in found)

    def of(self, kind):
        return [what for type_, what in self.events if type_ == kind]

    @property
    def results(self):
        return self.of(RESULT)

    def done(self):
        """How many results that are done each job has."""
        return collections.Counter(r.job for r in self.results if r.status == DONE)

    def failed(self):
        return collections.Counter(r.job for r in self.results if r.status != DONE)


def read(path):
    with open(path, "rb") as file:
        return Journal(file.read())


def describe(path, journal):
    done, failed = journal.done(), journal.failed()
    runs = [f"{r.ranks} ranks" for r in journal.of(RUN)]
    ends = [REASONS[e.reason] for e in journal.of(END)]
    return (f"{path}: {len(journal.events)} blocks; {sum(done.values())} results of {len(done)} jobs, "
            f"{sum(failed.values())} failures of {len(failed)}; runs: {', '.join(runs) or 'none'}; "
            f"ends: {', '.join(ends) or 'none'}; {len(journal.of(START))} starts; "
            f"{journal.damaged} bytes damaged, {journal.torn} torn")


def main(arguments):
    once = arguments[:1] == ["--once"]
    twice = 0
    for path in arguments[once:]:
        journal = read(path)
        print(describe(path, journal))
        twice += sum(n > 1 for n in journal.done().values())
    if once and twice:
        print(f"{twice} jobs have more than one result")
    return 1 if once and twice else 0


if __name__ == "__main__":
    assert crc32c(b"123456789") == 0xE3069283
    sys.exit(main(sys.argv[1:]))
