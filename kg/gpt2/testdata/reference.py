#!/usr/bin/env python3
"""Writes a random GPT-2 as Hugging Face lays it out, and what PyTorch computes with it.

  reference.py DIR     needs python3-torch; transformers is not used

The forward pass is written from the description of GPT-2 (Conv1D: x @ weight + bias, weight
being inputs by outputs; pre-LayerNorm, tanh GELU, tied output) in float64. Names have no
"transformer." prefix, and there are attention masks among the tensors, as in the
published file. Byte-pair encoding is written from its definition, for ASCII text.
"""

import json
import math
import re
import struct
import sys

import torch
from torch.nn import functional as F

LAYERS, HEADS, WIDTH, CONTEXT = 2, 2, 12, 32


def alphabet():
    """GPT-2's bytes_to_unicode."""
    printable = list(range(33, 127)) + list(range(161, 173)) + list(range(174, 256))
    table, n = {}, 0
    for b in range(256):
        if b in printable:
            table[b] = chr(b)
        else:
            table[b] = chr(256 + n)
            n += 1
    return table


BYTES = alphabet()
SPACE = BYTES[32]
MERGES = [(SPACE, "t"), (SPACE + "t", "he"), ("h", "e"), (SPACE + "t", "h"), ("a", "r"), ("i", "s"), (SPACE, "is"),
          ("n", "e"), ("ne", "w"), (SPACE, "o"), (SPACE + "o", "f"), ("o", "r"), ("er", "s"), ("e", "r")]
PIECES = re.compile(r"'s|'t|'re|'ve|'m|'ll|'d| ?[A-Za-z]+| ?[0-9]+| ?[^\sA-Za-z0-9]+|\s+(?!\S)|\s+")


def vocabulary():
    tokens = [BYTES[b] for b in range(256)]
    for a, b in MERGES:
        if a + b not in tokens:
            tokens.append(a + b)
    tokens.append("<|endoftext|>")
    return {t: i for i, t in enumerate(tokens)}


def encode(vocab, text):
    ids = []
    for piece in PIECES.findall(text):
        parts = [BYTES[b] for b in piece.encode()]
        while True:
            ranked = [(MERGES.index(p), p) for p in zip(parts, parts[1:]) if p in MERGES]
            if not ranked:
                break
            _, (a, b) = min(ranked)
            i, out = 0, []
            while i < len(parts):
                if i + 1 < len(parts) and parts[i] == a and parts[i + 1] == b:
                    out.append(a + b)
                    i += 2
                else:
                    out.append(parts[i])
                    i += 1
            parts = out
        ids += [vocab[p] for p in parts]
    return ids


def weights(vocab):
    torch.manual_seed(5)
    w = {}

    def add(name, *shape, around=0.0):
        w[name] = (around + 0.4 * torch.randn(*shape)).float()

    add("wte.weight", vocab, WIDTH)
    add("wpe.weight", CONTEXT, WIDTH)
    for i in range(LAYERS):
        h = f"h.{i}."
        for ln in ("ln_1", "ln_2"):
            add(h + ln + ".weight", WIDTH, around=1.0)
            add(h + ln + ".bias", WIDTH)
        for name, n, m in (("attn.c_attn", WIDTH, 3 * WIDTH), ("attn.c_proj", WIDTH, WIDTH),
                           ("mlp.c_fc", WIDTH, 4 * WIDTH), ("mlp.c_proj", 4 * WIDTH, WIDTH)):
            add(h + name + ".weight", n, m)
            add(h + name + ".bias", m)
        w[h + "attn.bias"] = torch.tril(torch.ones(CONTEXT, CONTEXT)).view(1, 1, CONTEXT, CONTEXT)
    add("ln_f.weight", WIDTH, around=1.0)
    add("ln_f.bias", WIDTH)
    return w


def forward(w, ids):
    """Logits after each token."""
    p = {k: v.double() for k, v in w.items()}
    t = len(ids)
    x = p["wte.weight"][ids] + p["wpe.weight"][:t]
    norm = lambda x, name: F.layer_norm(x, (WIDTH,), p[name + ".weight"], p[name + ".bias"], 1e-5)
    conv = lambda x, name: x @ p[name + ".weight"] + p[name + ".bias"]
    for i in range(LAYERS):
        h = f"h.{i}."
        q, k, v = conv(norm(x, h + "ln_1"), h + "attn.c_attn").split(WIDTH, dim=1)
        heads = lambda y: y.view(t, HEADS, WIDTH // HEADS).transpose(0, 1)
        score = heads(q) @ heads(k).transpose(1, 2) / math.sqrt(WIDTH // HEADS)
        score = score.masked_fill(p[h + "attn.bias"][0, 0, :t, :t] == 0, -math.inf)
        a = (F.softmax(score, dim=2) @ heads(v)).transpose(0, 1).reshape(t, WIDTH)
        x = x + conv(a, h + "attn.c_proj")
        x = x + conv(F.gelu(conv(norm(x, h + "ln_2"), h + "mlp.c_fc"), approximate="tanh"), h + "mlp.c_proj")
    return norm(x, "ln_f") @ p["wte.weight"].T


def main(out):
    vocab = vocabulary()
    w = weights(len(vocab))
    config = {"activation_function": "gelu_new", "architectures": ["GPT2LMHeadModel"], "attn_pdrop": 0.1,
              "bos_token_id": len(vocab) - 1, "embd_pdrop": 0.1, "eos_token_id": len(vocab) - 1, "initializer_range": 0.02,
              "layer_norm_epsilon": 1e-05, "model_type": "gpt2", "n_ctx": CONTEXT, "n_embd": WIDTH, "n_head": HEADS,
              "n_layer": LAYERS, "n_positions": CONTEXT, "resid_pdrop": 0.1, "summary_activation": None,
              "summary_first_dropout": 0.1, "summary_proj_to_labels": True, "summary_type": "cls_index",
              "summary_use_proj": True, "task_specific_params": {"text-generation": {"do_sample": True, "max_length": 50}},
              "vocab_size": len(vocab)}
    header, data, at = {"__metadata__": {"format": "pt"}}, b"", 0
    for name, x in w.items():
        b = struct.pack(f"<{x.numel()}f", *x.flatten().tolist())
        header[name] = {"dtype": "F32", "shape": list(x.shape), "data_offsets": [at, at + len(b)]}
        data, at = data + b, at + len(b)
    head = json.dumps(header).encode()
    head += b" " * (-len(head) % 8)
    with open(f"{out}/model.safetensors", "wb") as f:
        f.write(struct.pack("<Q", len(head)) + head + data)
    with open(f"{out}/config.json", "w") as f:
        json.dump(config, f, indent=2)
    with open(f"{out}/vocab.json", "w") as f:
        json.dump(vocab, f)
    with open(f"{out}/merges.txt", "w") as f:
        f.write("#version: 0.2\n" + "".join(f"{a} {b}\n" for a, b in MERGES))

    questions = []
    for prompt, answer in (("The news of the", " car is new."), ("It's of", " the other's."), ("newer 17 is", " theirs; of."), ("a", " b.")):
        ids, right = encode(vocab, prompt), encode(vocab, answer)
        logits = forward(w, ids + right)[len(ids) - 1:-1]
        p = lambda t: F.log_softmax(logits / t, dim=1)[range(len(right)), right].sum().exp().item()
        greedy = list(ids)
        for _ in range(4):
            greedy.append(forward(w, greedy)[-1].argmax().item())
        questions.append({"prompt": prompt, "answer": answer, "ids": ids, "right": right, "greedy": greedy[len(ids):],
                          "probability": {str(t): p(t) for t in (0.5, 1.0, 1.5)}, "logits": forward(w, ids)[-1].tolist()})
    with open(f"{out}/reference.json", "w") as f:
        json.dump(questions, f)


main(sys.argv[1])
