#!/usr/bin/env python3
"""Time steps of trainings that share their work: two processes under MPI against one on the
same batches, and a step of a population on two cores against the gradient steps one core
makes in the time.

    go build -tags mpi -o filigree ./cmd/filigree
    python3 bench/processes.py --binary ./filigree --data data --out bench/results/NAME.tsv

Runs alternate; the figure is the lowest over the rounds of each run's median step, data
fetching excluded: other work on a machine only slows. "ratio" is how many times faster the first of a pair is: processes over
one, or n/2 gradient steps over a step of n members.
"""
import argparse, json, os, subprocess, tempfile

PAIRS = {  # name: (task and settings, batch, steps)
    "lenet-300-100 dense, batch 512": ("mnist --method dense", 512, 150),
    "lenet-300-100 rigl 90 %, batch 512": ("mnist --method rigl --sparsity 0.9", 512, 300),
    "lenet-5 dense, batch 128": ("digits --arch lenet-5 --method dense --images 2000", 128, 60),
    "wrn-16-1 on 28x28 dense, batch 128": ("digits --arch wrn --width 1 --method dense --images 2000", 128, 15),
    "wrn-16-1 on 28x28 static 90 %, batch 128": ("digits --arch wrn --width 1 --method static --sparsity 0.9 --images 2000", 128, 15),
}
HYBRIDS = {  # and members, and steps of a generation
    "lenet-300-100 90 %, batch 128, 8 members, generations of 10": ("mnist --sparsity 0.9", 128, 200, 8, 10),
    "lenet-300-100 90 %, batch 512, 8 members, generations of 10": ("mnist --sparsity 0.9", 512, 80, 8, 10),
    "wrn-16-1 on 28x28 90 %, batch 64, 8 members, generations of 1": ("digits --arch wrn --width 1 --sparsity 0.9 --images 2000", 64, 8, 8, 1),
}


def step(binary, data, args, steps, ranks, threads):
    task = args.split()[0]
    with tempfile.TemporaryDirectory() as run:
        files = ["--data", os.path.join(data, task)] if task != "digits" else []
        cmd = [binary, "train", *args.split(), *files, "--steps", str(steps), "--threads", str(threads),
               "--run", os.path.join(run, "run"), "--json"]
        if ranks > 1:
            cmd = ["mpirun", "--bind-to", "core", "-n", str(ranks)] + cmd
        else:
            cmd = ["taskset", "-c", "0-1" if threads > 1 else "0"] + cmd
        env = dict(os.environ, OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1")
        out = subprocess.run(cmd, env=env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True, text=True).stdout
        result = json.loads(out.strip().splitlines()[-1])
        return result["step_ms"], result["machine"]


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--binary", default="./filigree")
    p.add_argument("--data", default="data")
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--only", default="", help="names that contain this")
    p.add_argument("--out")
    a = p.parse_args()
    rows = []
    for name, (args, batch, steps) in PAIRS.items():
        if a.only not in name and a.only != "mpi":
            continue
        two, one = [], []
        for _ in range(a.rounds):
            two.append(step(a.binary, a.data, f"{args} --batch {batch // 2}", steps, 2, 1)[0])
            ms, machine = step(a.binary, a.data, f"{args} --batch {batch}", steps, 1, 1)
            one.append(ms)
        rows.append(("2 processes", name, min(two), min(one), machine))
        print(rows[-1][:4], round(rows[-1][3] / rows[-1][2], 2), flush=True)
    for name, (args, batch, steps, n, generation) in HYBRIDS.items():
        if a.only not in name and a.only != "hybrid":
            continue
        hybrid, sgd = [], []
        for _ in range(a.rounds):
            hybrid.append(step(a.binary, a.data, f"{args} --batch {batch} --method evolution --population {n} --generation {generation} --until 1", steps, 1, 2)[0])
            ms, machine = step(a.binary, a.data, f"{args} --batch {batch} --method static", steps, 1, 1)
            sgd.append(ms * n / 2)
        rows.append((f"hybrid against {n // 2} steps", name, min(hybrid), min(sgd), machine))
        print(rows[-1][:4], round(rows[-1][3] / rows[-1][2], 2), flush=True)
    if a.out:
        new = not os.path.exists(a.out)
        with open(a.out, "a") as f:
            if new:
                f.write("what\tcase\tms\tagainst_ms\tratio\tcpu\tcores\tlevel\tgo\tcommit\trounds\n")
            for what, name, ms, other, m in rows:
                f.write(f"{what}\t{name}\t{ms:.3f}\t{other:.3f}\t{other / ms:.2f}\t{m['cpu']}\t{m['cores']}\t{m['level']}\t{m['go']}\t{m.get('commit', '')[:12]}\t{a.rounds}\n")


main()
