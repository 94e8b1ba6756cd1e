#!/usr/bin/env python3
"""Training throughput of chesstrain and of gpt2.py, in turn, and the ratios.

  go build -o chesstrain ./cmd/chesstrain
  bench/peers/compare.py --chesstrain ./chesstrain --rounds 3 --seconds 5

The peer runs as the best of what was tried for it (docs/results/cpu-engine.md):
memory is kept by malloc instead of going back to the system at every step, and
OpenBLAS, where that is the BLAS, is told the CPU, which its version 0.3.21
takes for a Prescott if it is newer. --plain leaves the environment alone.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys

TUNED = {
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": "100000000000",
    "MALLOC_TOP_PAD_": "268435456",
    "OPENBLAS_CORETYPE": "SKYLAKEX",
}


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--chesstrain", default="./chesstrain")
    p.add_argument("--python", default=sys.executable)
    p.add_argument("--shape", action="append", help="layers,heads,width,context,vocab,batch; may be repeated")
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--seconds", type=float, default=5)
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--plain", action="store_true", help="the peer as it is, nothing tuned")
    p.add_argument("--json", action="store_true")
    args = p.parse_args()
    shapes = args.shape or ["4,4,128,128,2048,64", "8,8,256,128,2048,32", "8,8,512,256,2048,16"]
    env = dict(os.environ, OMP_NUM_THREADS=str(args.threads))
    if not args.plain:
        env.update(TUNED)
    peer = [args.python, os.path.join(os.path.dirname(os.path.abspath(__file__)), "gpt2.py"), "throughput"]

    def run(command):
        common = ["--threads", str(args.threads), "--seconds", str(args.seconds), "--json"]
        out = subprocess.run(command + common, env=env, stdout=subprocess.PIPE, check=True).stdout
        return json.loads(out)["train_tok_per_s"]

    rows = []
    for shape in shapes:
        rates = {}
        for _ in range(args.rounds):
            for precision in ("bf16", "f32"):
                for name, command in (
                    ("ours", [args.chesstrain, "bench", "--shape", shape, "--precision", precision]),
                    ("peer", peer + ["--shape", shape, "--dtype", precision]),
                ):
                    rates.setdefault((name, precision), []).append(run(command))
        median = {k: statistics.median(v) for k, v in rates.items()}
        best = {n: max(median[n, "bf16"], median[n, "f32"]) for n in ("ours", "peer")}
        rows.append({
            "shape": shape,
            **{f"{n}_{d}_tok_per_s": r for (n, d), r in median.items()},
            "ratio_best": best["ours"] / best["peer"],
            "ratio_f32": median["ours", "f32"] / median["peer", "f32"],
        })
        if not args.json:
            r = rows[-1]
            print(f"{shape:22} bf16 {median['ours', 'bf16']:9,.0f} / {median['peer', 'bf16']:9,.0f}   "
                  f"f32 {median['ours', 'f32']:9,.0f} / {median['peer', 'f32']:9,.0f}   "
                  f"best {r['ratio_best']:.2f}x   f32 {r['ratio_f32']:.2f}x", flush=True)
    if args.json:
        print(json.dumps(rows))


main()
