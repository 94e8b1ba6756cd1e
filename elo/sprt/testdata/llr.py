# An independent implementation of the normalized LLR (fixed point of section 4.1
# of "Comments on Normalized Elo") for the cases in which all results are the same.
# python3 llr.py
import math


def constrained(probs, t):
    k = len(probs)
    a = [i / (k - 1) for i in range(k)]
    p = [1 / k] * k
    for _ in range(200):
        mu = sum(x * y for x, y in zip(a, p))
        s = math.sqrt(sum(y * (x - mu) ** 2 for x, y in zip(a, p)))
        phi = [x - 0.5 - 0.5 * t * s * (1 + ((x - mu) / s) ** 2) for x in a]
        lo, hi = -1 / max(phi), -1 / min(phi)
        for _ in range(200):
            mid = (lo + hi) / 2
            if sum(q * f / (1 + mid * f) for q, f in zip(probs, phi)) > 0:
                lo = mid
            else:
                hi = mid
        p = [q / (1 + lo * f) for q, f in zip(probs, phi)]
    return p


def llr(counts, elo0, elo1):
    counts = [c or 1e-3 for c in counts]
    total = sum(counts)
    probs = [c / total for c in counts]
    unit = 800 / math.log(10) / math.sqrt((len(counts) - 1) / 2)
    p0, p1 = constrained(probs, elo0 / unit), constrained(probs, elo1 / unit)
    return total * sum(q * math.log(b / a) for q, a, b in zip(probs, p0, p1))


print("%.4f %.4f" % (llr([0, 16700, 0], 0, 5), llr([0, 0, 0, 0, 104], 0, 5)))
