"""Both softmaxes and both weighted means in plain NumPy, as fast as it goes on one thread: blocks of states and atoms,
everything of a block in buffers that are made once, one exponential a pair. Logits come from one matrix product with
expanded squares (in one dimension from differences, where those are faster); the sums and the weighted sums of both
sides from a second one, with the atoms' likelihoods in its right-hand side. Maxima are online. Which blocks are fastest
is tried out first."""
import numpy as np

from step_server import serve, tune


class Step:
    def __init__(self, problem, precision):
        self.dtype = np.dtype("f8" if precision == "double" else "f4")
        self.centre = problem.atoms.mean(axis=0)
        atoms = problem.atoms - self.centre
        self.n, self.d = atoms.shape
        self.b = len(problem.samples[0].x)
        width = self.d + 1
        self.left = np.ones((self.b, width), self.dtype)           # 2 h z, 1
        self.right = np.empty((width, self.n), self.dtype)         # X^T over -h |X|^2
        self.right[:-1] = atoms.T
        self.squares = (atoms ** 2).sum(axis=1)
        likelihood = np.exp(problem.l - problem.l.max())
        self.payload = np.empty((self.n, 2 * width), self.dtype)   # X, 1, L X, L
        self.payload[:, :self.d] = atoms
        self.payload[:, self.d] = 1
        self.payload[:, width:] = self.payload[:, :width] * likelihood[:, None]
        self.line = np.empty(self.n, self.dtype)                   # d = 1: sqrt(h) X
        self.sums = np.empty((self.b, 2 * width), self.dtype)
        self.blocks = tune(self.trial(problem.samples[0]), self.candidates())
        self.buffers(*self.blocks)

    def candidates(self):
        sizes = [(64, 512), (128, 512), (256, 512), (128, 1024), (64, 2048), (256, 2048), (32, 4096), (128, 4096)]
        sizes = sorted({(min(rows, self.b), min(columns, self.n)) for rows, columns in sizes})
        return [size + (way,) for way in (("differences", "product") if self.d == 1 else ("product",)) for size in sizes]

    def trial(self, sample):
        """Times about four million pairs with given blocks."""
        def make(rows, columns, way):
            self.buffers(rows, columns, way)
            states = min(self.b, max(rows, 256))
            atoms = min(self.n, max(columns, 4_000_000 // states // columns * columns))
            return lambda: self.run(sample, states, atoms)
        return make

    def buffers(self, rows, columns, way):
        self.rows, self.columns, self.way = rows, columns, way
        self.logit = np.empty((rows, columns), self.dtype)
        self.product = np.empty((rows, self.payload.shape[1]), self.dtype)
        self.top = np.empty((rows, 1), self.dtype)
        self.most = np.empty((rows, 1), self.dtype)

    def prepare(self, sample):
        z = sample.x / sample.a - self.centre
        h = sample.a ** 2 / (2 * sample.v)
        if self.way == "differences":
            self.z = (z * h ** 0.5).astype(self.dtype)
            np.multiply(self.right[0], self.dtype.type(h ** 0.5), out=self.line)
        else:
            np.multiply(z, 2 * h, out=self.left[:, :self.d], casting="same_kind")
            np.multiply(self.squares, -h, out=self.right[-1], casting="same_kind")

    def weights(self, first, last, i, j, logit, most):
        """Logits of a block, less their row's maximum so far; `most` becomes that."""
        if self.way == "differences":
            np.subtract(self.z[first:last], self.line[i:j], out=logit)
            np.multiply(logit, logit, out=logit)
            np.min(logit, axis=1, keepdims=True, out=most)
            np.negative(most, out=most)
            np.maximum(most, self.top[:last - first], out=most)
            np.subtract(-most, logit, out=logit)
        else:
            np.matmul(self.left[first:last], self.right[:, i:j], out=logit)
            np.max(logit, axis=1, keepdims=True, out=most)
            np.maximum(most, self.top[:last - first], out=most)
            np.subtract(logit, most, out=logit)
        np.exp(logit, out=logit)

    def run(self, sample, states, atoms):
        self.prepare(sample)
        for first in range(0, states, self.rows):
            last = min(first + self.rows, states)
            count = last - first
            top, most, product, total = self.top[:count], self.most[:count], self.product[:count], self.sums[first:last]
            top.fill(np.finfo(self.dtype).min)
            total.fill(0)
            for i in range(0, atoms, self.columns):
                j = min(i + self.columns, atoms)
                logit = self.logit[:count, :j - i]
                self.weights(first, last, i, j, logit, most)
                np.matmul(logit, self.payload[i:j], out=product)
                np.subtract(top, most, out=top)
                np.exp(top, out=top)
                np.multiply(total, top, out=total)
                np.add(total, product, out=total)
                np.copyto(top, most)

    def step(self, sample):
        """m, m~ (b, d) at the sample's states."""
        self.run(sample, self.b, self.n)
        d = self.d
        return (self.sums[:, :d] / self.sums[:, d:d + 1] + self.centre,
                self.sums[:, d + 1:2 * d + 1] / self.sums[:, 2 * d + 1:] + self.centre)


if __name__ == "__main__":
    with np.errstate(under="ignore", over="ignore"):
        serve(Step)
