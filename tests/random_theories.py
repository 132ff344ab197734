"""Random theories of one level, with data for them: what the tests of several rooms walk over."""

import numpy as np
import pandas as pd

import mechanisms as mx

HEADER = """variables:
  x, w:
  z:
  g: {family: categorical, values: [a, b, c]}
"""
FAMILIES = ("{}", "{}", "{family: bernoulli}", "{family: bernoulli, link: probit}")
MODERATORS = ("w", "z", "g", "w, z", "w, g", "w * z", "g * z", "w * g")


def random_text(rng: np.random.Generator, *, normal: bool = False, denials: bool = True) -> str:
    """A theory x -> m -> y, x -> y in which arrows bend and are moderated at random."""
    families = ["{}", "{}"] if normal else list(rng.choice(FAMILIES, 2))
    lines = [HEADER + f"  m: {families[0]}\n  y: {families[1]}\narrows:"]
    moderated: list[str] = []
    for arrow in ("x -> m", "x -> y", "m -> y"):
        options = []
        if rng.random() < 0.4 and not (arrow == "m -> y" and "bernoulli" in families[0]):
            options.append("shape: quadratic")
        if rng.random() < 0.6:
            moderators = rng.choice(MODERATORS)
            options.append(f"moderated_by: [{moderators}]")
            moderated += [f"{word.strip(', ')} -> {arrow[-1]}" for word in moderators.replace("*", "").split()]
        lines.append(f"  {arrow}: {{{', '.join(options)}}}" if options else f"  {arrow}:")
    if rng.random() < 0.5:
        lines.append("  g -> m:" if rng.random() < 0.5 else "  z -> m: ")
    drawn = "\n".join(lines)
    if denials and moderated and rng.random() < 0.5:
        left_out = str(rng.choice(sorted(set(moderated))))
        if f"  {left_out}:" not in drawn:
            lines.append(f"without: [{left_out}]")
    return "\n".join(lines) + "\n"


def random_frame(rng: np.random.Generator, theory: mx.Theory, n: int = 80) -> pd.DataFrame:
    """Data for `random_text`: means far from 0, sds far from 1."""
    frame = pd.DataFrame(
        {
            "x": rng.normal(3, 2, n),
            "w": rng.normal(50, 10, n),
            "z": np.arange(n) % 2,
            "g": np.array(["a", "b", "c", "a", "b"])[np.arange(n) % 5],
        }
    )
    push = (frame.x - 3) / 2 + 0.5 * frame.z
    for name in ("m", "y"):
        value = 0.5 * push + rng.normal(size=n)
        frame[name] = (value > 0.2).astype(int) if theory.variable(name).family == "bernoulli" else 7 + 4 * value
        push = push + value
    return frame
