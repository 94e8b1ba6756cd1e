#!/usr/bin/env bash
# Makes the pieces that bench/gpu.sh takes to a machine without a Go toolchain: the program
# with GPU support, a corpus of games, and what runs there. Needs Go and a C compiler.
#
#   bench/gpu-build.sh OUT [GAMES]
#
# OUT is a new directory; GAMES (default 200000) are played by the simulated players. The
# program needs a C library (glibc) as new as the one here. Everything together is kept below
# LIMIT_MIB (default 60).
set -euo pipefail
[ $# -ge 1 ] || { sed -n '2,10s/^# \{0,1\}//p' "$0"; exit 2; }
out=$1 games=${2:-200000} limit=${LIMIT_MIB:-60}
cd "$(dirname "$0")/.."
[ ! -e "$out" ] || { echo "gpu-build: $out is there already: name a new directory" >&2; exit 1; }
mkdir -p "$out"
out=$(cd "$out" && pwd)
echo "gpu-build: chesstrain with -tags xla"
CGO_ENABLED=1 go build -tags xla -ldflags '-s -w' -o "$out/chesstrain" ./cmd/chesstrain
echo "gpu-build: a corpus of $games games"
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
"$out/chesstrain" league --games "$games" --pool "${POOL:-ladder}" --seed "${SEED:-1}" --out "$tmp/games.pgn.zst" -q
"$out/chesstrain" prepare --pgn "$tmp/games.pgn.zst" --max-elo "${MAX_ELO:-1000}" --out "$out/corpus.parquet" -q
if command -v zstd >/dev/null; then
  zstd -q -19 --rm -o "$out/chesstrain.zst" "$out/chesstrain"
else
  gzip -9 "$out/chesstrain"
fi
cp bench/gpu.sh bench/gpu-torch.py bench/gpu-join.sh "$out/"
size=$(du -sm "$out" | cut -f1)
echo "gpu-build: $out, $size MiB"
[ "$size" -le "$limit" ] || { echo "gpu-build: that is over $limit MiB: ask for fewer games" >&2; exit 1; }
