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
# # Sessions in clients in therapists
#
# *Does a better alliance come before less anxiety, within a client?*
#
# Clients with a good alliance do better than others: that is one of the best-known correlations in psychotherapy research.
# It is a statement about **clients**. The claim that therapists work by is another one: when the alliance in a session is
# better than *this client's usual one*, anxiety is lower before the next. A client may be friendly, hopeful and
# little burdened to begin with, and the first statement is true although the second is false.
#
# This notebook takes the second claim through five steps:
#
# 1. say what you believe, with its levels and its order in time;
# 2. ask whether such data could answer the question at all;
# 3. fit, and check that the computation can be trusted;
# 4. read the effects: next session, later sessions, in whom;
# 5. know what **not** to conclude.
#
# ## The data
#
# The design is that of the IMPLEMENT trial, cognitive behavioural therapy for generalised anxiety: 57 patients of 13
# therapists, 15 sessions, anxiety rated before each session and the alliance after it. Its data are published in the
# repository `PsychometricsMZ/dsem_tutorial`. If you have the file (columns `patient`, `therapist`, `t`, `wai1` to `wai9`,
# `bai1` to `bai3`), name it before this notebook is started:
#
#     export IMPLEMENT=/where/it/is/implement_wai_bai.csv
#
# Without it the notebook makes a **twin**: data of the same shape, simulated from the theory below with parameters that
# we choose. So we know what is true of the twin.

# %%
# %matplotlib inline
import os
import time

import numpy as np
import pandas as pd
from IPython.display import display

import mechanisms as mx

theory = mx.parse("""
name: sessions_in_clients
title: Alliance and anxiety from session to session
levels: [session, client, therapist]     # each lies in the next; each is a column of the data
time: session
variables:
  anxiety: {means: Anxiety before the session, assessed: start}
  alliance: {means: Working alliance after the session, assessed: end}
arrows:
  alliance(t-1) -> anxiety: {because: "The claim: after a better session than usual, less anxiety than usual"}
  anxiety(session) -> alliance: {because: Who comes less anxious than usual works better in this session}
  anxiety(t-1) -> alliance: {because: What was hard last time is still felt}
  anxiety(t-1) -> anxiety: {because: A bad week lingers}
  alliance(t-1) -> alliance: {because: A good session carries over}
  session -> anxiety, alliance: {varies_by: client, because: "Anxiety falls and alliance grows, at each client's own pace"}
questions:
  - {name: next session, of: alliance(t), on: anxiety(t+1)}
  - {name: the other way round, of: anxiety(t), on: alliance(t)}
""")
mx.diagram(theory)

# %% [markdown]
# How to read it. `alliance(t-1) -> anxiety` joins two *departures*: how far the alliance was from the client's own course in
# the last session, and how far anxiety is from its own now. Courses are what is usual for a client: a level and, because of
# `session -> …: {varies_by: client}`, a trend of the client's own. `mx.expand` lists what the arrows stand for:

# %%
print(mx.expand(theory))

# %% [markdown]
# **Why the trends?** Anxiety falls over therapy and the alliance grows. Any two things that change together correlate, and
# two trends are not a mechanism. With a trend for each client, only what departs from it counts.
#
# **Why is anxiety before the session a cause of the alliance in it?** Because it comes first, and because leaving it out
# would open a back door: less anxious before this session, better alliance after it, less anxious before the next, too.
#
# The twin next. Its parameters stand here as addresses, the names that priors and draws have. Among them is the truth about
# the claim: within a client the alliance does **nothing** to the next session's anxiety.

# %%
truth = {
    "1 -> anxiety": 0.0, "session -> anxiety": -0.04, "anxiety(t-1) -> anxiety": 0.35, "alliance(t-1) -> anxiety": 0.0,
    "sigma(anxiety)": 0.26, "sigma(anxiety | first)": 0.40,
    "1 -> alliance": 0.1, "session -> alliance": 0.03, "alliance(t-1) -> alliance": 0.15,
    "anxiety(session) -> alliance": -0.05, "anxiety(t-1) -> alliance": 0.0,
    "sigma(alliance)": 0.30, "sigma(alliance | first)": 0.60,
    "sd(1 -> anxiety | client)": 0.50, "sd(1 -> alliance | client)": 0.55,
    "sd(session -> anxiety | client)": 0.02, "sd(session -> alliance | client)": 0.02,
    "sd(1 -> anxiety | therapist)": 0.10, "sd(1 -> alliance | therapist)": 0.15,
    "cor(client)": {"1 -> anxiety <-> 1 -> alliance": -0.3}, "cor(therapist)": 0,
}  # fmt: skip


def read_trial(path):
    """The published data: mean scores of the nine items on the alliance and of the three parcels on anxiety."""
    frame = pd.read_csv(path)
    scores = {"alliance": frame.filter(like="wai").mean(axis=1), "anxiety": frame.filter(like="bai").mean(axis=1)}
    return frame.rename(columns={"patient": "client", "t": "session"})[["therapist", "client", "session"]].assign(
        **scores
    )


def make_twin(theory, truth, seed=1):
    """57 clients of 13 therapists, 15 sessions; a tenth of the values is missing, and a fifth of the clients leave early."""
    chance = np.random.default_rng(seed)
    client = np.repeat(np.arange(1, 58), 15)
    design = pd.DataFrame({"client": client, "therapist": 1 + client % 13, "session": np.tile(np.arange(1, 16), 57)})
    frame = mx.simulate(mx.compile(theory), design, truth, seed=seed)
    frame.loc[chance.random(len(frame)) < 0.1, "anxiety"] = np.nan
    frame.loc[chance.random(len(frame)) < 0.1, "alliance"] = np.nan
    last = np.where(chance.random(57) < 0.2, chance.integers(4, 15, 57), 15)
    return frame[frame["session"] <= last[frame["client"].astype(int) - 1]]


file = os.environ.get("IMPLEMENT")
frame = read_trial(file) if file else make_twin(theory, truth)
print("the published data" if file else "the simulated twin")
data = mx.bind(theory, frame)
display(data)

# %% [markdown]
# Nothing has to be done about missing values and about series of unequal length. A missing alliance is an unknown quantity
# of the model; so is a session that was missed between two others. Sessions after a client has left do not exist.
#
# A correlation of all values mixes everything: clients, trends, sessions. A first look therefore lies easily:

# %%
centred = frame.groupby("client")[["alliance", "anxiety"]].transform(lambda column: column - column.mean())
means = frame.groupby("client")[["alliance", "anxiety"]].mean()
pd.Series(
    {
        "all values": frame["alliance"].corr(frame["anxiety"]),
        "means of clients": means["alliance"].corr(means["anxiety"]),
        "within clients, trends left in": centred["alliance"].corr(centred["anxiety"]),
    }
).round(2)

# %% [markdown]
# The last line is the trap: within a client, the more alliance the less anxiety, and nothing in it says more than that
# both change over therapy.
#
# ## 2. Could such data answer the question?

# %%
question = mx.Question(of="alliance(t)", on="anxiety(t+1)")
mx.identify(theory, question)

# %% [markdown]
# The answer says what is moved: the alliance of *one session* departs from the client's course, and the course stays. It
# also says what has to be held: what came before. And it says what has to be believed, above all that no passing event moves both
# the alliance of a session and the anxiety of the week after it. A quarrel at home does. No lag and no level protects
# against it.
#
# What if we ask about clients instead?

# %%
try:
    print(mx.identify(theory, mx.Question(of="alliance(client)", on="anxiety")))
except mx.MechanismsError as refusal:
    print(refusal)

# %% [markdown]
# The theory draws no arrow between the courses, it only lets them correlate. Read strictly, it says that a client's usual
# alliance changes nothing. Whoever believes otherwise draws `alliance(client) -> anxiety`, and then has to say what else makes
# clients get on well with therapists and be little anxious.
#
# ## 3. Fit, and check

# %%
plan = mx.compile(theory)
start = time.perf_counter()
fit = mx.sample(plan, data, seed=1)
print(f"{time.perf_counter() - start:.0f} s")
print(*(f"{', '.join(block.responses)} by {block.engine}: {block.reason}" for block in fit.blocks), sep="\n")

# %%
mx.diagnose(fit)

# %%
mx.diagram(theory, fit)

# %% [markdown]
# Read the sds of the therapists in the table below: if their intervals begin at zero, thirteen therapists are too few to say
# whether therapists differ. That is a statement about these data, not about therapists.

# %%
display(fit)

# %% [markdown]
# ## 4. Read the effects
#
# One unit more of alliance in one session, against the session before the next:

# %%
display(mx.estimate(fit, question))

# %% [markdown]
# And how it goes on. Anxiety of one week carries over to the next, and so does the alliance; `mx.horizon` follows both.

# %%
later = mx.horizon(fit, of="alliance", on="anxiety", most=4)
mx.forest(later)

# %%
back = mx.horizon(fit, of="anxiety", on="alliance", most=4)
mx.forest(back)

# %% [markdown]
# In words, with the numbers taken from the fit. How large is large? A whole point of alliance is more than sessions depart from
# their course. Let an effect be too small to matter to anyone if an ordinary good session, one residual standard deviation
# above the course, moves anxiety by less than a tenth of its spread within clients:


# %%
def judge(effects, label, smallest):
    """One effect as a sentence, against the smallest one that would matter."""
    draws = effects[label].draws.ravel()
    low, high = np.quantile(draws, [0.025, 0.975])
    return (
        f"{label}: {draws.mean():+.3f} (95 % interval {low:+.3f} to {high:+.3f}); below zero with probability "
        f"{np.mean(draws < 0):.2f}; too small to matter with probability {np.mean(np.abs(draws) < smallest):.2f}"
    )


ordinary = float(fit.draws["sigma(alliance)"].mean())
smallest = 0.1 * float(centred["anxiety"].std()) / ordinary
print(f"too small to matter: less than {smallest:.3f} for a point of alliance")
print(*(judge(later, label, smallest) for label in ("t+1", "t+2")), sep="\n")

# %% [markdown]
# The claim was that the effect is below zero. Neither the twin, in which we know that there is none, nor the published data
# show it: the interval holds zero. Look at the two probabilities together. The first alone would only say "not
# significant"; the second says how far we may go in the other direction, "if there is an effect, it is probably small".
#
# ### In whom?
#
# An average of zero could hide clients whom the alliance helps and others whom it hurts. In the fit above the effect is the
# same for every client, by assumption: a row for each client would show the same number again and again. To ask, the effect
# has to be the client's own. One arrow is replaced, the rest of the theory stays:

# %%
in_whom = mx.parse(
    mx.write(theory).replace("alliance(t-1) -> anxiety:\n", "alliance(t-1) -> anxiety:\n    varies_by: client\n")
)
own_plan = mx.compile(in_whom)
print(
    *(f"{', '.join(block.responses)} by {block.engine}: {block.reason}" for block in mx.explain(own_plan, data).blocks)
)

# %% [markdown]
# A client's own effect is multiplied with how far the alliance was from the client's own course, and both are unknown. Only one
# of two such factors can be integrated out: the other, and the missing values that the effect is multiplied with, are sampled.
# That takes a minute or so where the first fit took seconds.

# %%
own_fit = mx.sample(own_plan, data, seed=1)
print(own_fit.blocks[0].reason)
print(mx.diagnose(own_fit))
each = mx.estimate(own_fit, mx.Question(of="alliance(t)", on="anxiety(t+1)", population={"each": "client"}))
spread = own_fit.draws["sd(alliance(t-1) -> anxiety | client)"].values
print(f"sd among clients: 95 % interval from {np.quantile(spread, 0.025):.3f} to {np.quantile(spread, 0.975):.3f}")
mx.forest(each)

# %% [markdown]
# A row for each client is sorted by its mean, and someone always comes first. Whether clients differ at all is what the sd
# among clients says. If its interval begins at zero, the rows are the average with noise, and the first of them is not
# "a client for whom the alliance works".
#
# ## 5. What not to conclude
#
# ### "The alliance does not matter"
#
# What was asked is whether a session that is better than usual is followed by less anxiety *a week later*, in a treatment
# with a manual, in clients whose alliance was rather good from the start. A good alliance may be what lets the treatment
# happen at all, at every session alike. Then it hardly departs from its course, and there is nothing to see. An effect
# between clients was not asked for: this theory draws none.
#
# ### "The correlation within clients shows the mechanism"
#
# The correlation within clients that was printed in section 1 is clearly negative, and in the twin the claim is false. To
# see what carries it, take the trends out of the theory and fit it again:

# %%
without_trends = mx.parse("""
levels: [session, client, therapist]
time: session
variables: {anxiety: {assessed: start}, alliance: {assessed: end}}
arrows:
  alliance(t-1) -> anxiety:
  anxiety(session) -> alliance:
  anxiety(t-1) -> anxiety, alliance:
  alliance(t-1) -> alliance:
""")
flat = mx.fit(without_trends, frame, seed=1)
print(mx.diagnose(flat))
pd.DataFrame(
    {
        name: each.draws["alliance(t-1) -> anxiety"].values.ravel()
        for name, each in {"with trends": fit, "without": flat}.items()
    }
).describe(percentiles=[0.025, 0.975]).loc[["mean", "2.5%", "97.5%"]].round(3)

# %% [markdown]
# Without the trends the same arrow moves in the direction of the claim. Nothing about the alliance has changed between the
# two columns, only what we were willing to call "usual for the client".
#
# ### "The trend explains it away"
#
# The other error. If the alliance worked slowly and steadily, its effect would *be* part of the trend, and this theory
# would not see it. A line for each client is a choice. Trends that level off, or none but a common one, are other choices;
# state them before looking at the data.
#
# ### So what may be said?
#
# That after a session with a better alliance than usual, anxiety before the next session is about where it would have been,
# **if** the trends are the clients' own, the order of the ratings is as drawn, and no passing event moves both.
# And that an effect large enough to matter, as we defined it, is improbable: that is what the second probability is for. With
# another definition it is another number, so the definition has to come first.
#
# *Data:* Flückiger, C., Forrer, L., Schnider, B., Bättig, I., Bodenmann, G., & Zinbarg, R. E. (2016). A single-blinded,
# randomized clinical trial of how to implement an evidence-based treatment for generalized anxiety disorder [IMPLEMENT].
# *EBioMedicine*, 3, 163–171. The theory is in the catalogue, `mx.load("implement")`, and so
# it is with latent variables instead of mean scores: `mx.load("implement_items")`.
