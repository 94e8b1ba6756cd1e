#!/usr/bin/env bash
# Joins the pieces of a checkpoint that bench/gpu.sh wrote, checks them, and unpacks it.
#
#   bench/gpu-join.sh PIECES INTO
#
# PIECES is a directory of NAME.tar.part-000 and so on with NAME.tar.sha256; several names
# are joined one after the other. INTO gets the checkpoints' directories.
set -euo pipefail
[ $# -eq 2 ] || { sed -n '2,7s/^# \{0,1\}//p' "$0"; exit 2; }
from=$1 into=$2
mkdir -p "$into"
found=
for sum in "$from"/*.tar.sha256; do
  [ -e "$sum" ] || break
  found=1
  tar=${sum%.sha256}
  name=$(basename "${tar%.tar}")
  [ ! -e "$into/$name" ] || { echo "gpu-join: $into/$name is there already" >&2; exit 1; }
  want=$(cut -d' ' -f1 <"$sum")
  got=$(cat "$tar".part-* | sha256sum | cut -d' ' -f1)
  [ "$want" = "$got" ] || { echo "gpu-join: $name: the pieces together have another SHA-256: one is missing or damaged" >&2; exit 1; }
  # Under another name first: what is there is whole.
  tmp=$(mktemp -d "$into/.joining-XXXXXX")
  cat "$tar".part-* | tar -x -C "$tmp"
  mv "$tmp/$name" "$into/$name"
  rmdir "$tmp"
  echo "gpu-join: $into/$name"
done
[ -n "$found" ] || { echo "gpu-join: no *.tar.sha256 in $from" >&2; exit 1; }
