#!/usr/bin/env python3
"""Times one online step of a GRU with SnAp-1 for one sequence: filigree bench online beside the
same step written in PyTorch with its usual operations, in place, one after the other in every
round. Needs Debian's python3-torch.

    python3 bench/online.py --filigree ./filigree --out bench/results/NAME.tsv
"""
import argparse
import json
import statistics
import subprocess

import torch

from peers import median_ms


class SnAp1:
    """GRU whose reset gate acts after the product, gates r, z, n as in PyTorch, and its influence."""

    def __init__(self, inputs, units):
        torch.manual_seed(1)
        h, c = units, inputs
        self.w, self.u = torch.randn(3 * h, c) * c**-0.5, torch.randn(3 * h, h) * h**-0.5
        self.b, self.bn = torch.zeros(3 * h), torch.zeros(h)
        self.h = torch.zeros(h)
        self.ew, self.eu, self.eb, self.en = (torch.zeros_like(x) for x in (self.w, self.u, self.b, self.bn))
        self.gw, self.gu, self.gb, self.gn = (torch.zeros_like(x) for x in (self.w, self.u, self.b, self.bn))
        self.x, self.d = torch.randn(c), torch.randn(h)
        self.diag = [self.u[i * h:(i + 1) * h].diagonal() for i in range(3)]

    @torch.no_grad()
    def step(self):
        n, x, old = len(self.h), self.x, self.h
        a, q = torch.addmv(self.b, self.w, x), self.u @ old
        r, z = torch.sigmoid(a[:2 * n] + q[:2 * n]).split(n)
        p = q[2 * n:] + self.bn
        c = torch.tanh(a[2 * n:] + r * p)
        self.h = (1 - z) * c + z * old
        # One state's derivatives by its gates, and by itself a step before.
        gc = (1 - z) * (1 - c * c)
        gz, gr, gn = (old - c) * z * (1 - z), gc * p * r * (1 - r), gc * r
        leak = z + self.diag[0] * gr + self.diag[1] * gz + self.diag[2] * gn
        phi, d = leak.repeat(3), self.d.repeat(3)
        ci, cr = torch.cat((gr, gz, gc)), torch.cat((gr, gz, gn))
        for e, g, coef, v in ((self.ew, self.gw, ci, x), (self.eu, self.gu, cr, old)):
            e.mul_(phi[:, None]).addr_(coef, v)
            g.addcmul_(e, d[:, None])
        self.eb.mul_(phi).add_(ci)
        self.gb.addcmul_(self.eb, d)
        self.en.mul_(leak).add_(gn)
        self.gn.addcmul_(self.en, self.d)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--filigree", default="./filigree", help="the binary")
    p.add_argument("--units", type=int, nargs="*", default=[128, 256, 512, 1024])
    p.add_argument("--rounds", type=int, default=5)
    p.add_argument("--seconds", type=float, default=0.2, help="time of each measurement")
    p.add_argument("--out", help="TSV file")
    o = p.parse_args()
    torch.set_num_threads(1)
    def bench(units, period, length):
        return json.loads(subprocess.run(
            [o.filigree, "bench", "online", "--units", str(units), "--inputs", str(units // 4), "--period", str(period), "--length", str(length),
             "--time", f"{o.seconds}s", "--json"], check=True, capture_output=True, text=True).stdout)

    lines = ["units\tinputs\tperiod\tfiligree_us\tpytorch_us\tpytorch_over_filigree\tlowest\thighest\tfiligree_over_bptt\tlowest\thighest\tbytes\tbptt_bytes"]
    for units in o.units:
        peer = SnAp1(units // 4, units)
        for period in (1, 16):
            rounds, own = [], []
            for _ in range(o.rounds):
                theirs = 1e3 * median_ms(peer.step, o.seconds)
                rounds.append((bench(units, period, 16)["us_per_step"], theirs))  # short sequences: their times are of the step alone on a busy machine too
                long = bench(units, period, 128)
                own.append(long["us_per_step"] / long["bptt_us_per_step"])
            ratios = [t / u for u, t in rounds]
            us, torch_us = (statistics.median(col) for col in zip(*rounds))
            figures = [statistics.median(ratios), min(ratios), max(ratios), statistics.median(own), min(own), max(own)]
            lines.append(f"{units}\t{units // 4}\t{period}\t{us:.1f}\t{torch_us:.1f}\t" + "\t".join(f"{v:.2f}" for v in figures) + f"\t{long['bytes']}\t{long['bptt_bytes']}")
            print(lines[-1], flush=True)
    if o.out:
        with open(o.out, "w") as f:
            version = subprocess.run([o.filigree, "version"], capture_output=True, text=True).stdout.split("\n")
            f.write("# " + "; ".join(" ".join(line.split()) for line in version if line) + f"; torch {torch.__version__}\n" + "\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
