"""The same step as numpy_step.py in plain PyTorch on one thread: blocks, one exponential a pair, two matrix products, online
maxima, results into buffers that are there already."""
import torch

from step_server import serve, tune


class Step:
    def __init__(self, problem, precision):
        self.dtype = torch.float64 if precision == "double" else torch.float32
        atoms = torch.as_tensor(problem.atoms.copy())
        self.centre = atoms.mean(dim=0)
        atoms = atoms - self.centre
        self.n, self.d = atoms.shape
        self.b = len(problem.samples[0].x)
        likelihood = torch.as_tensor(problem.l - problem.l.max()).exp()[:, None]
        sides = torch.cat([atoms, torch.ones(self.n, 1, dtype=torch.float64)], dim=1)
        self.payload = torch.cat([sides, sides * likelihood], dim=1).to(self.dtype).contiguous()  # X, 1, L X, L
        self.squares = (atoms ** 2).sum(dim=1)
        self.transposed = atoms.T.to(self.dtype).contiguous()
        self.sums = torch.empty(self.b, 2 * self.d + 2, dtype=self.dtype)
        self.blocks = tune(self.trial(problem.samples[0]), self.candidates())
        self.buffers(*self.blocks)

    def candidates(self):
        sizes = [(64, 512), (128, 512), (256, 512), (128, 1024), (64, 2048), (256, 2048), (128, 4096), (1024, 4096)]
        return sorted({(min(rows, self.b), min(columns, self.n)) for rows, columns in sizes})

    def trial(self, sample):
        def make(rows, columns):
            self.buffers(rows, columns)
            states = min(self.b, max(rows, 256))
            atoms = min(self.n, max(columns, 4_000_000 // states // columns * columns))
            return lambda: self.run(sample, states, atoms)
        return make

    def buffers(self, rows, columns):
        self.rows, self.columns = rows, columns
        self.logit = torch.empty(rows * columns, dtype=self.dtype)
        self.product = torch.empty(rows, 2 * self.d + 2, dtype=self.dtype)

    def run(self, sample, states, atoms):
        h = float(sample.a ** 2 / (2 * sample.v))
        z = ((torch.as_tensor(sample.x.copy()) / float(sample.a) - self.centre) * (2 * h)).to(self.dtype)
        bias = (self.squares * -h).to(self.dtype)
        for first in range(0, states, self.rows):
            last = min(first + self.rows, states)
            count = last - first
            total, product = self.sums[first:last], self.product[:count]
            total.zero_()
            top = torch.full((count, 1), torch.finfo(self.dtype).min, dtype=self.dtype)
            for i in range(0, atoms, self.columns):
                j = min(i + self.columns, atoms)
                logit = self.logit[:count * (j - i)].view(count, j - i)
                torch.addmm(bias[i:j], z[first:last], self.transposed[:, i:j], out=logit)
                most = torch.maximum(logit.amax(dim=1, keepdim=True), top)
                logit.sub_(most).exp_()
                torch.mm(logit, self.payload[i:j], out=product)
                total.mul_((top - most).exp_()).add_(product)
                top = most

    def step(self, sample):
        """m, m~ (b, d) at the sample's states."""
        self.run(sample, self.b, self.n)
        d, sums = self.d, self.sums.double()
        return sums[:, :d] / sums[:, d:d + 1] + self.centre, sums[:, d + 1:-1] / sums[:, -1:] + self.centre


if __name__ == "__main__":
    torch.set_num_threads(1)
    torch.set_grad_enabled(False)
    serve(Step)
