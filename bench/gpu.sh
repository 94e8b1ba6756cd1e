#!/usr/bin/env bash
# Measures and trains on a GPU, on a machine with NVIDIA's driver, Python wheels of jax for
# CUDA 13 (whose PJRT plugin is used; no Python runs in training) and, to compare with,
# PyTorch. No Go toolchain. The pieces come from bench/gpu-build.sh and lie beside this file.
#
#   ./gpu.sh OUT [device] [pytorch] [train]     all three if none is named
#
# OUT gets parity, rates of training and of decoding beside the CPU's (device.json, of more
# formats decode-bf16.json), PyTorch's rates (torch.json), the training's log,
# and the checkpoint in pieces of at most 16 MiB, which gpu-join.sh joins. Settings:
#   DEVICE=cuda      PJRT=DIR_OR_SO (searched if not set)      SECONDS_EACH=10
#   SHAPES="8,8,256,256,1970,256 16,8,512,1023,32,64"   layers,heads,width,context,vocab,rows
#   DECODE="8,8,256,128,1970,1 16,8,512,128,1970,4096"   layers,heads,width,context,vocab,games
#   WEIGHTS="f32 bf16"   of decoding
#   MINUTES=5        PRESET=paper   TRAIN="more flags of chesstrain"   MATRIX=8192
#   PYTHON=python3
# Nothing is downloaded.
set -euo pipefail
[ $# -ge 1 ] || { sed -n '2,20s/^# \{0,1\}//p' "$0"; exit 2; }
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1"
out=$(cd "$1" && pwd)
shift
parts=${*:-device pytorch train}
device=${DEVICE:-cuda} seconds=${SECONDS_EACH:-10} python=${PYTHON:-python3} minutes=${MINUTES:-5}
read -ra shapes <<<"${SHAPES:-8,8,256,256,1970,256 16,8,512,1023,32,64}"
read -ra more <<<"${TRAIN:-}"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

bin=$here/chesstrain
if [ ! -x "$bin" ]; then
  bin=$work/chesstrain
  if [ -e "$here/chesstrain.zst" ] && command -v zstd >/dev/null; then
    zstd -q -d -o "$bin" "$here/chesstrain.zst"
  elif [ -e "$here/chesstrain.zst" ]; then
    "$python" -c 'import sys, zstandard; zstandard.ZstdDecompressor().copy_stream(open(sys.argv[1], "rb"), open(sys.argv[2], "wb"))' "$here/chesstrain.zst" "$bin"
  else
    gzip -dc "$here/chesstrain.gz" >"$bin"
  fi
  chmod +x "$bin"
fi

# The directory that wheels are in, for the plugin inside jax-cuda13-pjrt.
pjrt=${PJRT:-}
if [ -z "$pjrt" ] && [ "${device%%:*}" = cuda ]; then
  pjrt=$("$python" -c 'import jax_plugins, os; print(os.path.dirname(list(jax_plugins.__path__)[0]))' 2>/dev/null || true)
fi
flags=(--device "$device")
[ -z "$pjrt" ] || flags+=(--pjrt "$pjrt")
shape_flags=()
for s in "${shapes[@]}"; do shape_flags+=(--shape "$s"); done
read -ra decodes <<<"${DECODE:-8,8,256,128,1970,1 8,8,256,128,1970,64 8,8,256,128,1970,1024 8,8,256,128,1970,4096 16,8,512,128,1970,1 16,8,512,128,1970,64 16,8,512,128,1970,1024 16,8,512,128,1970,4096}"
decode_flags=()
for s in "${decodes[@]}"; do decode_flags+=(--decode "$s"); done
read -ra weights <<<"${WEIGHTS:-f32 bf16}"

for part in $parts; do
  echo "== $part"
  case $part in
  device)
    # Differences beyond the bounds end the script here.
    "$bin" device "${flags[@]}" "${shape_flags[@]}" "${decode_flags[@]}" --weights "${weights[0]}" --seconds "$seconds" --matrix "${MATRIX:-8192}" --json >"$out/device.json"
    cat "$out/device.json"
    for w in "${weights[@]:1}"; do
      "$bin" device "${flags[@]}" --only decode "${decode_flags[@]}" --weights "$w" --seconds "$seconds" --json >"$out/decode-$w.json"
      cat "$out/decode-$w.json"
    done
    ;;
  pytorch)
    if ! "$python" -c 'import torch; torch.nn.functional.scaled_dot_product_attention' 2>/dev/null; then
      echo "gpu.sh: $python has no PyTorch of version 2: it is left out"
      continue
    fi
    "$python" "$here/gpu-torch.py" "${shape_flags[@]}" --seconds "$seconds" --json >"$out/torch.json"
    [ ! -e "$out/device.json" ] || "$python" - "$out/device.json" "$out/torch.json" <<'PY' | tee "$out/compared.txt"
import json, sys
ours = json.load(open(sys.argv[1]))
theirs = {r["shape"]: r for r in json.load(open(sys.argv[2]))}
print(f"{ours['device']}; bf16 products {ours['peak_bf16_tflops']:.0f} TFLOP/s")
for r in ours["train"]:
    t = theirs[r["shape"]]
    print(f"{r['shape']} {r['precision']}: {r['tok_per_s']:.0f} tok/s, {100 * r['share']:.1f}% of the products' rate, "
          f"{r['tok_per_s'] / t['tok_per_s']:.2f} times PyTorch ({t['tok_per_s']:.0f} tok/s, {t['how']})")
PY
    ;;
  train)
    rm -rf "$work/run"
    "$bin" --corpus "$here/corpus.parquet" --preset "${PRESET:-paper}" --time "${minutes}m" --out "$work/run" \
      "${flags[@]}" --checkpoint-time 5m --keep-checkpoints 1 "${more[@]}" 2>&1 | tee "$out/train.log"
    cp "$work/run/metrics.jsonl" "$work/run/run.json" "$out/"
    for c in "$work"/run/checkpoint-*; do
      name=$(basename "$c")
      mkdir -p "$out/pieces"
      tar -c -C "$work/run" "$name" >"$work/$name.tar"
      (cd "$work" && sha256sum "$name.tar") >"$out/pieces/$name.tar.sha256"
      split -b $((16 * 1024 * 1024)) -d -a 3 "$work/$name.tar" "$out/pieces/$name.tar.part-"
      rm "$work/$name.tar"
    done
    ls -l "$out/pieces"
    ;;
  *)
    echo "gpu.sh: no part $part; device, pytorch, train" >&2
    exit 2
    ;;
  esac
done
