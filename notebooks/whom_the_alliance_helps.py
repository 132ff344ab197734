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
# # Whom the alliance helps
#
# *The same alliance does not do the same everywhere. For whom does it work, and how would we know?*
#
# Ryum, Stiles and Vogel (2009) asked whether the early alliance predicts outcome alike in depression and in anxiety. The idea: in
# depression, being met is itself part of the cure; in anxiety the alliance is needed so that feared things are faced, but heals
# little by itself. Their data are not public, so this notebook simulates a study of that size from the theory that
# comes with the package. The truth is then known, and we can see what an analysis makes of it.
#
# 1. two groups: compare the *difference*;
# 2. a moderator with many values: a curve, its bands, and where it excludes zero;
# 3. an indirect effect that is moderated, in one number;
# 4. what not to read from any of it.

# %%
# %matplotlib inline
import numpy as np
import pandas as pd
from IPython.display import display

import mechanisms as mx
from mechanisms.infer.simulation import simulate_theory

theory = mx.load("ryum_2009")
mx.diagram(theory)

# %% [markdown]
# The arrow from diagnosis ends on another arrow: it moderates it.
#
# ## 1. Two groups

# %%
people = simulate_theory("ryum_2009", seed=1)
fit = mx.fit(theory, people, seed=1)
question = mx.Question(of="alliance", on="outcome")
by_diagnosis = mx.moderate(fit, question, by="diagnosis")
display(by_diagnosis)

# %%
mx.forest(by_diagnosis.effects)

# %% [markdown]
# Four rows, and the last one is the answer. It says by how much the two diagnoses differ, with how sure that is. The row
# averaged over the sample describes nobody: it is too small for one group and too large for the other.
#
# ### The trap of two verdicts
# It is tempting to look at the first two rows, find that one interval holds zero and the other does not, and call that a
# difference. Let us see what this rule does where there is **no** difference: both diagnoses get the same middling effect,
# in many studies of the same size.

# %%
alike = {
    "1 -> alliance": 0, "diagnosis=depression -> alliance": 0.1, "severity -> alliance": -0.15, "sigma(alliance)": 0.98,
    "1 -> outcome": 0, "alliance -> outcome": 0.22, "alliance * diagnosis=depression -> outcome": 0,
    "diagnosis=depression -> outcome": -0.1, "severity -> outcome": -0.2, "sigma(outcome)": 0.95,
}  # fmt: skip
plan = mx.compile(theory)


def judge(seed):
    """Whether two verdicts differ, and whether the difference excludes zero, in one study without a difference."""
    study = mx.simulate(plan, people, alike, seed=seed)
    table = mx.moderate(mx.fit(theory, study, seed=1, draws=250), question, by="diagnosis").summary()
    excludes = (table["lower"] > 0) | (table["upper"] < 0)
    return {
        "one interval holds 0, the other not": excludes.iloc[0] != excludes.iloc[1],
        "the difference excludes 0": excludes.iloc[3],
    }


pd.DataFrame([judge(seed) for seed in range(100)]).mean().rename("share of 100 studies")

# %% [markdown]
# Two verdicts "differ" in every second or third of such studies, although nothing differs. The difference itself is
# wrong about as often as an interval of 95 % says.
#
# ## 2. A moderator with many values
# Clients also differ in what they expect. Say that the alliance lends hope, and that hope helps those more who expect to be
# helped (Joyce and colleagues (2003) asked about the alliance and expectation). Expectation is no group but a number, so the
# effect is a curve.

# %%
hoping = mx.parse("""
name: hoping
title: Hope carries the alliance's effect, more so where help is expected
variables:
  expectation: {means: "Improvement that the client expects, in sd from the mean", unit: sd}
  alliance: {means: "Alliance early in therapy, in sd from the mean", unit: sd}
  hope:
  outcome: {means: "Improvement, higher is better"}
arrows:
  expectation -> alliance:
  alliance -> hope:
  expectation -> hope:
  hope -> outcome: {moderated_by: expectation}
  alliance -> outcome:
""")
truth = {
    "1 -> alliance": 0, "expectation -> alliance": 0.3, "sigma(alliance)": 0.95,
    "1 -> hope": 0, "alliance -> hope": 0.5, "expectation -> hope": 0.3, "sigma(hope)": 0.8,
    "1 -> outcome": 0, "hope -> outcome": 0.3, "hope * expectation -> outcome": 0.15, "expectation -> outcome": 0.1,
    "alliance -> outcome": 0.1, "sigma(outcome)": 0.9,
}  # fmt: skip
expecting = pd.DataFrame({"expectation": np.random.default_rng(2).normal(size=250)})
clients = mx.simulate(mx.compile(hoping), expecting, truth, seed=5)
hope_fit = mx.fit(hoping, clients, seed=1)
print(mx.diagnose(hope_fit))

# %%
step = mx.moderate(hope_fit, mx.Question(of="hope", on="outcome"), by="expectation")
mx.curve(step)

# %% [markdown]
# The line is the posterior mean of the effect of hope on outcome at each level of expectation. The dark band holds 95 % at each
# value *by itself*. The pale one holds 95 % of *whole curves*, and is the one to use for a sentence that begins "from here
# on": such a sentence was found by looking along the whole line. Ticks are clients.
#
# The shaded ground is where the dark band excludes zero (Johnson & Neyman 1936), for both bands with the share of clients there:

# %%
step.regions().round(2)

# %% [markdown]
# Outside the shaded ground nobody has shown that hope does nothing. We do not know, and that is all.
#
# ## 3. An indirect effect that is moderated
# The question was about the alliance. Its indirect effect through hope is moderated because its second step is.

# %%
indirect = mx.Question(of="alliance", on="outcome", kind="indirect", through="hope")
through_hope = mx.moderate(hope_fit, indirect, by="expectation")
display(through_hope)

# %%
mx.curve(through_hope)

# %% [markdown]
# The **index of moderated mediation** (Hayes 2015) is the slope of that line: by how much the indirect effect grows when
# expectation goes up by one sd. It exists because the line is straight. Let expectation moderate the first step as well and
# there is a curve and no index; the table then gives differences. The truth, for comparison:

# %%
product = truth["alliance -> hope"] * truth["hope * expectation -> outcome"]
row = through_hope.summary().loc["index of moderated mediation [expectation]"]
print(f"true index {product:+.3f}; found {row['mean']:+.3f}, 95 % interval {row['lower']:+.3f} to {row['upper']:+.3f}")

# %% [markdown]
# ## 4. What not to read from it
# - **"So let us raise expectations."** The curve compares clients who expect more with clients who expect less. It
#   *conditions*; it does not say what would happen if expectation were changed. That is a question with `set`, and it needs the
#   theory to have everything that makes people expect much and do well.
# - **"The effect is absent in anxiety."** That its interval holds zero is no evidence of absence. Ask how probable it is that the
#   effect is too small to matter:

# %%
anxiety = by_diagnosis["total [diagnosis=anxiety]"].draws.ravel()
print(f"P(|effect in anxiety| < 0.1 sd) = {np.mean(np.abs(anxiety) < 0.1):.2f}")

# %% [markdown]
# - **"At very low expectation the alliance does harm."** Look at the ticks: hardly anybody is there, and the line was drawn straight
#   because we drew it straight. A region is worth as much as the clients in it.
#
# *Literature.* Ryum, T., Stiles, T. C., & Vogel, P. A. (2009). The quality of the early alliance as a predictor of treatment effect
# in depression and anxiety. *Tidsskrift for Norsk Psykologforening*, 46(7), 651–657. Joyce, A. S., Ogrodniczuk, J. S., Piper, W. E., &
# McCallum, M. (2003). The alliance as mediator of expectancy effects in short-term individual therapy. *Journal of Consulting and
# Clinical Psychology*, 71(4), 672–679. Hayes, A. F. (2015). An index and test of linear moderated mediation. *Multivariate
# Behavioral Research*, 50, 1–22. Johnson, P. O., & Neyman, J. (1936). Tests of certain linear hypotheses and their application to
# some educational problems. *Statistical Research Memoirs*, 1, 57–93.
