"""`make bench-readme`: puts the table of BUILD/bench.json between the markers of README.md and draws the plot beside it.
Argument: the JSON."""
import json
import pathlib
import sys

import table

HERE = pathlib.Path(__file__).resolve().parent
README, PLOT = HERE.parent.parent / "README.md", HERE / "schedule.svg"
START, END = "<!-- figures of `make bench` -->\n", "<!-- end of the figures -->\n"


def main():
    found = json.loads(pathlib.Path(sys.argv[1]).read_text())
    if found["short"]:
        sys.exit("bench-readme: this was the short run, whose figures mean nothing: `make bench` first")
    try:
        import plot
    except ImportError:
        sys.exit("bench-readme: needs matplotlib in this Python: PYTHON=another one says which")
    text = README.read_text()
    before, rest = text.split(START)
    _, after = rest.split(END)
    plot.draw(found, PLOT)
    README.write_text(before + START + table.markdown(found) + END + after)


main()
