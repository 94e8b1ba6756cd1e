#!/usr/bin/env python3
"""Throughput of chesstrain and of gpt2.py, in turn, and the ratios.

  go build -o chesstrain ./cmd/chesstrain
  bench/peers/compare.py --chesstrain ./chesstrain --rounds 3 --seconds 5
  bench/peers/compare.py decode --chesstrain ./chesstrain --rounds 3 --seconds 5

decode has games side by side, one token each in a pass with KV caches, and one
game alone; training is the default.

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
    p.add_argument("mode", nargs="?", choices=["train", "decode"], default="train")
    p.add_argument("--chesstrain", default="./chesstrain")
    p.add_argument("--python", default=sys.executable)
    p.add_argument("--shape", action="append", help="layers,heads,width,context,vocab,batch (decode: games); may be repeated")
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--seconds", type=float, default=5)
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--plain", action="store_true", help="the peer as it is, nothing tuned")
    p.add_argument("--json", action="store_true")
    args = p.parse_args()
    env = dict(os.environ, OMP_NUM_THREADS=str(args.threads))
    if not args.plain:
        env.update(TUNED)
    peer = [args.python, os.path.join(os.path.dirname(os.path.abspath(__file__)), "gpt2.py")]

    def run(command):
        common = ["--threads", str(args.threads), "--seconds", str(args.seconds), "--json"]
        out = subprocess.run(command + common, env=env, stdout=subprocess.PIPE, check=True).stdout
        return json.loads(out)

    rows = []
    for shape in args.shape or SHAPES[args.mode]:
        rates = {}
        for _ in range(args.rounds):
            for key, rate in MODES[args.mode](args.chesstrain, peer, shape, run):
                rates.setdefault(key, []).append(rate)
        median = {k: statistics.median(v) for k, v in rates.items()}
        rows.append(SHOW[args.mode](shape, median, args.json))
    if args.json:
        print(json.dumps(rows))


def train(ours, peer, shape, run):
    """One round, as ((name, precision), tokens a second)."""
    for precision in ("bf16", "f32"):
        r = run([ours, "bench", "--only", "train", "--shape", shape, "--precision", precision])
        yield ("ours", precision), r["train_tok_per_s"]
        r = run(peer + ["throughput", "--shape", shape, "--dtype", precision])
        yield ("peer", precision), r["train_tok_per_s"]


def show_train(shape, median, quiet):
    best = {n: max(median[n, "bf16"], median[n, "f32"]) for n in ("ours", "peer")}
    r = {
        "shape": shape,
        **{f"{n}_{d}_tok_per_s": r for (n, d), r in median.items()},
        "ratio_best": best["ours"] / best["peer"],
        "ratio_f32": median["ours", "f32"] / median["peer", "f32"],
    }
    if not quiet:
        print(f"{shape:22} bf16 {median['ours', 'bf16']:9,.0f} / {median['peer', 'bf16']:9,.0f}   "
              f"f32 {median['ours', 'f32']:9,.0f} / {median['peer', 'f32']:9,.0f}   "
              f"best {r['ratio_best']:.2f}x   f32 {r['ratio_f32']:.2f}x", flush=True)
    return r


def decode(ours, peer, shape, run):
    """One round, as ((name, format, "all" or "one" game), tokens a second)."""
    alone = shape.rsplit(",", 1)[0] + ",1"
    for weights in ("bf16", "f32", "int8"):
        r = run([ours, "bench", "--only", "decode", "--decode", shape, "--weights", weights])["decode"][0]
        yield ("ours", weights, "all"), r["tok_per_s"]
        yield ("ours", weights, "one"), r["one_game_tok_per_s"]
        if weights == "int8":
            continue  # PyTorch 1.13 has no such products that keep a cache
        for games, s in (("all", shape), ("one", alone)):
            r = run(peer + ["decode", "--shape", s, "--dtype", weights])
            yield ("peer", weights, games), r["decode_tok_per_s"]


def show_decode(shape, median, quiet):
    def best(name, games):
        return max(r for (n, _, g), r in median.items() if (n, g) == (name, games))

    r = {
        "shape": shape,
        **{f"{n}_{w}_{g}_tok_per_s": r for (n, w, g), r in median.items()},
        "ratio_all": best("ours", "all") / best("peer", "all"),
        "ratio_one": best("ours", "one") / best("peer", "one"),
        **{f"{n}_{w}_all_to_one": median[n, w, "all"] / median[n, w, "one"] for (n, w, g) in median if g == "all"},
    }
    if not quiet:
        print(f"{shape}: best of ours to best of peer {r['ratio_all']:.2f}x, one game {r['ratio_one']:.2f}x")
        for n, w, g in median:
            if g == "all":
                print(f"  {n} {w:5} all games {median[n, w, 'all']:9,.0f} tok/s   one game {median[n, w, 'one']:9,.0f}   "
                      f"{median[n, w, 'all'] / median[n, w, 'one']:5.1f}x", flush=True)
    return r


SHAPES = {
    "train": ["4,4,128,128,2048,64", "8,8,256,128,2048,32", "8,8,512,256,2048,16"],
    "decode": ["8,8,256,128,2048,64"],
}
MODES = {"train": train, "decode": decode}
SHOW = {"train": show_train, "decode": show_decode}

main()
