# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Too little and too much
#
# *A weak alliance holds nobody, and a perfect one may spare everything that has to be worked on. What if a middling one is best?*
#
# Then the alliance has an effect at every level and none on average. A straight line finds nothing. This notebook
# makes such a study, finds what the line missed, and then shows how easily the same tool finds a peak that is not there.

# %%
# %matplotlib inline
import numpy as np
import pandas as pd
from IPython.display import display

import mechanisms as mx

rng = np.random.default_rng(3)
n = 250
best = 4.5
alliance = rng.normal(4.5, 1, n).clip(1, 7)
study = pd.DataFrame({"alliance": alliance, "outcome": 3 - 0.4 * (alliance - best) ** 2 + rng.normal(0, 1, n)})

# %% [markdown]
# ## 1. A straight line finds nothing

# %%
straight = mx.fit(mx.parse("arrows: [alliance -> outcome]"), study, seed=1)
mx.estimate(straight, mx.Question(of="alliance", on="outcome"))

# %% [markdown]
# "The alliance has no effect": the interval holds zero and is narrow. It is narrow around the wrong question.
#
# ## 2. Let the arrow bend

# %%
bending = mx.parse("""
arrows:
  alliance -> outcome: {shape: quadratic}
""")
bent = mx.fit(bending, study, seed=1)
turn = mx.turning_point(bent, of="alliance", on="outcome")
display(turn)

# %%
mx.curve(turn)

# %% [markdown]
# Each draw of the posterior is one curve, and each curve says whether it turns inside the data, and where. The histogram at the
# foot is where they do. `highest` is the same question without the condition that there be a turn: at which alliance is the mean
# outcome greatest? The lines about rising and falling are there because an inverted U has *two* sides.
#
# ## 3. A peak that is not there
# A parabola can do nothing but turn. Suppose that more alliance is always better, only less and less so. The truth below rises
# everywhere.

# %%
rising = pd.DataFrame({"alliance": alliance, "outcome": -6 * np.exp(-0.8 * (alliance - 1)) + rng.normal(0, 0.5, n)})
level = mx.turning_point(mx.fit(bending, rising, seed=1), of="alliance", on="outcome")
print(level)
mx.curve(level)

# %% [markdown]
# The parabola is all but sure of an inverted U, and even of how far the outcome falls. It has to bend that much to follow the
# steep part on the left, and then cannot help coming down on the right. This is why a squared term that "is significant" is no
# test of a U (Simonsohn 2018). What helps is to ask the right side by itself: does the outcome go down among those whose alliance
# is better than the peak?


# %%
def two_lines(frame, at):
    """Slopes of outcome on alliance on both sides of a place, with their standard errors (Simonsohn 2018)."""
    found = {}
    for side, part in (("below", frame[frame["alliance"] <= at]), ("above", frame[frame["alliance"] > at])):
        fit = mx.fit(mx.parse("arrows: [alliance -> outcome]"), part, seed=1)
        found[side] = (
            mx.estimate(fit, mx.Question(of="alliance", on="outcome")).summary().iloc[0][["mean", "lower", "upper"]]
        )
    return pd.DataFrame(found).T.round(2)


pd.concat({
    "inverted U": two_lines(study, turn.summary()["peak"].iloc[0]),
    "levels off": two_lines(rising, level.summary()["peak"].iloc[0]),
})  # fmt: skip

# %% [markdown]
# In the first study both sides are steep, in opposite directions. In the second the right side is not shown to fall at all.
#
# ## 4. A curve along a path
# Mostly the alliance works through something. Say that it raises self-efficacy up to a point, and self-efficacy the outcome:

# %%
path = mx.parse("""
name: path
arrows:
  alliance -> self_efficacy: {shape: quadratic}
  self_efficacy -> outcome:
  alliance -> outcome:
""")
truth = {
    "1 -> self_efficacy": -5.6, "alliance -> self_efficacy": 2.7, "alliance^2 -> self_efficacy": -0.3,
    "sigma(self_efficacy)": 0.8, "1 -> outcome": 0, "self_efficacy -> outcome": 0.6, "alliance -> outcome": 0.1,
    "sigma(outcome)": 0.9,
}  # fmt: skip
clients = mx.simulate(mx.compile(path), study[["alliance"]], truth, seed=4)
path_fit = mx.fit(path, clients, seed=1)
points = [3, 4.5, 6]
slopes = mx.differentiate(path_fit, of="alliance", on="outcome", through="self_efficacy", at=points)
display(slopes)

# %% [markdown]
# This is the *instantaneous* indirect effect (Hayes & Preacher 2010): how steeply the outcome rises with the alliance, through
# self-efficacy, for a client at this point. It is positive where the alliance is weak, about nothing in the middle, and
# negative where it is strong. One coefficient multiplied with another would have given a single number for all three.
#
# A slope is not a step. What moving everybody from one alliance to another does is the finite effect, and it has its own verb:

# %%
steps = [(2, 3), (4, 5), (6, 7)]
indirect = [
    mx.estimate(
        path_fit, mx.Question(of="alliance", on="outcome", kind="indirect", through="self_efficacy", contrast=step)
    )
    for step in steps
]
found = [each.summary().iloc[0][["mean", "lower", "upper"]] for each in indirect]
pd.DataFrame(found, index=[f"alliance from {low} to {high}" for low, high in steps]).round(2)

# %% [markdown]
# ## What not to read from it
# - **A peak outside the data.** A draw without a turn in the range counts as none, wherever its parabola turns later. Ask with
#   `within=("5%", "95%")` if few clients are at the ends: there a curve is drawn by its shape, not by anybody.
# - **"The best alliance for everybody."** It is where the *mean* is highest. `at={"diagnosis": "each"}` asks for groups.
# - **Cause.** Nobody randomised the alliance. Clients who get worse may also make therapists try harder, and that bends a curve too.
#
# *Literature.* Hayes, A. F., & Preacher, K. J. (2010). Quantifying and testing indirect effects in simple mediation models when the
# constituent paths are nonlinear. *Multivariate Behavioral Research*, 45, 627–660. Simonsohn, U. (2018). Two lines: a valid
# alternative to the invalid testing of U-shaped relationships with quadratic regressions. *Advances in Methods and Practices in
# Psychological Science*, 1, 538–555.
