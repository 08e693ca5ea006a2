"""Draws the seconds of a whole schedule against N, from the JSON of a benchmark."""
import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt  # noqa: E402

LINES = (("numpy", "NumPy, direct sums", "#b5542c", "s"), ("fslens_brute", "fslens, direct sums", "#7a8ba3", "o"),
         ("fslens", "fslens", "#1f4e8c", "o"))


def draw(found, path):
    points = sorted((point for point in found["schedules"] if point["d"] == 2), key=lambda point: point["n"])
    plt.rcParams.update({"svg.hashsalt": "fslens", "font.size": 9, "svg.fonttype": "none"})
    figure, axes = plt.subplots(figsize=(5.2, 3.2))
    for name, label, colour, marker in LINES:
        known = [(point["n"], point[name]) for point in points if name in point]
        if known:
            axes.loglog(*zip(*known), color=colour, marker=marker, markersize=4, label=label)
    axes.set_xlabel("N, training samples")
    axes.set_ylabel("seconds, one core")
    axes.set_title("500 steps of the exact sampler, d = 2, 1024 particles", fontsize=9)
    axes.grid(True, which="major", color="#dddddd", linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    figure.tight_layout()
    figure.savefig(path, format="svg", metadata={"Date": None})
