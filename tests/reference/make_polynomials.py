"""Prints the polynomials of core/kernels/dmath.h and vmath.h that are of our own making: interpolations at Chebyshev nodes
in 60 digits, turned into powers, with the largest relative error. Needs mpmath."""
from mpmath import mp, mpf, cos, erf, erfc, exp, log, pi, atan, sqrt

mp.dps = 60


def fit(name, f, low, high, degree):
    n = degree + 1
    nodes = [cos(pi * (2 * k + 1) / (2 * n)) for k in range(n)]
    values = [f((low + high) / 2 + (high - low) / 2 * u) for u in nodes]
    chebyshev = [2 / mpf(n) * sum(values[k] * cos(j * pi * (2 * k + 1) / (2 * n)) for k in range(n)) for j in range(n)]
    chebyshev[0] /= 2
    before, now = [mpf(1)], [mpf(0), mpf(1)]  # T0, T1 as powers of u
    powers = [mpf(0)] * n
    for j, c in enumerate(chebyshev):
        t = before if j == 0 else now
        for i, a in enumerate(t):
            powers[i] += c * a
        if j:
            after = [mpf(0)] + [2 * a for a in now]
            for i, a in enumerate(before):
                after[i] -= a
            before, now = now, after
    # u = (x - middle) / half
    middle, half = (low + high) / 2, (high - low) / 2
    shifted = [mpf(0)]
    for c in reversed(powers):
        grown = [mpf(0)] * (len(shifted) + 1)
        for i, a in enumerate(shifted):
            grown[i + 1] += a / half
            grown[i] -= a * middle / half
        grown[0] += c
        shifted = grown
    shifted = shifted[:n]
    worst = mpf(0)
    for k in range(401):
        x = low + (high - low) * k / mpf(400)
        p = mpf(0)
        for c in reversed(shifted):
            p = p * x + c
        worst = max(worst, abs(p / f(x) - 1))
    print(f"{name}: degree {degree}, relative error {mp.nstr(worst, 3)}; from the highest power")
    print("  " + ",\n  ".join(float(c).hex() for c in reversed(shifted)))


def tail(c, d):
    """The upper tail of the normal distribution at z = c (1 + t)/(1 - t), times e^(z^2/2) (d + z)."""
    def f(t):
        if t >= 1:
            return 1 / sqrt(2 * pi)
        z = c * (1 + t) / (1 - t)
        if z > 1000:
            ratio = 1 / z * (1 - 1 / z**2 + 3 / z**4) / sqrt(2 * pi)
        else:
            ratio = erfc(z / sqrt(mpf(2))) / 2 * exp(z * z / 2)
        return ratio * (d + z)
    return f


def odd(f):
    """f(x)/x as a function of x^2."""
    return lambda s: f(sqrt(s)) / sqrt(s) if s > 0 else f(mpf(10) ** -25) * mpf(10) ** 25


def growth(r):
    return (exp(r) - 1) / r if abs(r) > mpf(10) ** -20 else 1 + r / 2


if __name__ == "__main__":
    fit("erf(x)/x of x^2 in [0, 1]", odd(erf), mpf(0), mpf(1), 12)
    fit("erf(x)/x, float, of x^2 in [0, 1]", odd(erf), mpf(0), mpf(1), 6)
    fit("tail, double, of (z - 5)/(z + 5)", tail(mpf(5), 1), mpf(-1), mpf(1), 25)
    fit("tail, float, of z/(z + 4) - 3/8", lambda u: tail(mpf(4), 4)(2 * u - mpf(1) / 4), mpf(-3) / 8, mpf(29) / 37 - mpf(3) / 8, 9)
    fit("(atan(x)/x - 1)/x^2 of x^2 in [0, tan(pi/8)^2]",
        lambda s: (atan(sqrt(s)) / sqrt(s) - 1) / s if s > mpf(10) ** -20 else -mpf(1) / 3 + s / 5, mpf(0),
        mpf("0.17157287525381"), 11)
    fit("(log(1 + f) - f + f^2/2)/f^3, float, of f in [-1/4, 1/2]",
        lambda f: (log(1 + f) - f + f * f / 2) / f**3 if abs(f) > mpf(10) ** -15 else mpf(1) / 3 - f / 4,
        mpf(-1) / 4, mpf(1) / 2, 8)
    fit("(exp(r) - 1)/r, float, of r in [-log(2)/2, log(2)/2]", growth, -log(mpf(2)) / 2, log(mpf(2)) / 2, 5)
