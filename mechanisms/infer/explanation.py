"""Which engine fits which block, and why: the inference plan, to be read before a fit."""

from dataclasses import dataclass, replace
from importlib import import_module
from typing import Any, Literal, get_args

from mechanisms.data.dataset import Dataset
from mechanisms.errors import FitError, did_you_mean, expect, listed
from mechanisms.infer.costs import Cost, expect_cost
from mechanisms.infer.engines import contract
from mechanisms.infer.engines.nuts import was_compiled
from mechanisms.infer.samplers import NutsSampler, Sampler, check_sampler, choose_sampler
from mechanisms.infer.separation import find_separated
from mechanisms.infer.together import check_together
from mechanisms.model.blocks import find_blocks
from mechanisms.model.completing import complete_plan
from mechanisms.model.discrete import Mixture, describe_mixture, find_mixture
from mechanisms.model.equations import Equation
from mechanisms.model.plan import Plan
from mechanisms.model.prior_words import print_priors

Engine = Literal["auto", "exact", "collapsed", "laplace", "nuts"]
ENGINES = get_args(Engine)


@dataclass(frozen=True)
class Block:
    """Equations fitted together, by which engine, and why; where that is `nuts`, the library that samples."""

    equations: tuple[Equation, ...]
    engine: str
    reason: str
    sampler: Sampler | None = None

    @property
    def responses(self) -> tuple[str, ...]:
        """The modelled variables of the block."""
        return tuple(equation.response for equation in self.equations)


@dataclass(frozen=True)
class Explanation:
    """The inference plan: blocks with their engines and what they are expected to cost (None: on a GPU nothing was
    measured), and every prior in data units."""

    blocks: tuple[Block, ...]
    priors: tuple[tuple[str, str, str], ...]
    rows: int
    costs: tuple[Cost | None, ...]
    doubtful: tuple[str, ...] = ()
    observed: tuple[str, ...] = ()
    inert: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        lines = [f"Inference plan for {self.rows} rows"]
        for number, (block, cost) in enumerate(zip(self.blocks, self.costs, strict=True), start=1):
            lines.append(f"  block {number}: {', '.join(block.responses)} by {block.engine}: {block.reason}")
            if block.sampler:
                lines.append(f"    sampled by {block.sampler}")
            lines.append(f"    expected to take {cost or 'a time that was not measured on a GPU'}")
            lines += [f"    {equation}" for equation in block.equations]
        lines.append("Priors, in data units")
        address = max(len(prior[0]) for prior in self.priors)
        shown = max(len(prior[1]) for prior in self.priors)
        lines += [f"  {name:<{address}}  {prior:<{shown}}  {where}" for name, prior, where in self.priors]
        lines += [
            f"Note: {name} holds only 0 and 1 but is modelled as normal; family: bernoulli is for that"
            for name in self.doubtful
        ]
        lines += [
            f"Note: observed means stand for the courses of {name}: a between effect is drawn towards the within one, the more "
            "so the fewer occasions there are (Lüdtke et al. 2008)"
            for name in self.observed
        ]
        lines += [
            f"Note: the observed mean of {name} contains what it is to explain: the effect of its own past is drawn down, by about "
            "(1 + effect) / (occasions − 1) (Nickell 1981)"
            for name in self.inert
        ]
        lines += [f"Note: {sentence}" for sentence in self.notes]
        return "\n".join(lines)


def explain(plan: Plan, data: Dataset, engine: Engine = "auto", nuts_sampler: NutsSampler = "auto") -> Explanation:
    """The blocks of a plan on these data, the engine that each gets, the reason, and the priors in data units.

    Raises
    ------
    DataError
        The data were bound to another theory, or missing values have too many combinations to be summed over.
    FitError
        The engine or sampler asked for is unknown, cannot fit one of the blocks, or is not used.
    """
    expect(plan, Plan, "the plan", "mx.compile(theory) makes one")
    expect(data, Dataset, "the data", "mx.bind(theory, frame) makes them")
    plan = complete_plan(plan, data)
    check_together(plan, data)
    observed = tuple(each.name for each in plan.theory.variables if each.centre == "observed")
    inert = tuple(each.response for each in plan.equations if each.response in observed and _looks_back(each))
    doubtful = linear_probabilities(plan, data)
    blocks, priors = choose(plan, data, engine, nuts_sampler), print_priors(plan, data.reference)
    sampled = (each.equations for each in blocks if each.engine == "nuts")
    mixtures = {each: find_mixture(plan, data, each) for each in sampled}
    summed = (describe_mixture(each) for each in mixtures.values() if each.discrete)
    notes = (*find_separated(plan, data), *data.warnings, *summed)
    costs = tuple(_expect(plan, data, block, mixtures.get(block.equations)) for block in blocks)
    return Explanation(blocks, priors, data.n, costs, doubtful, observed, inert, notes)


def _expect(plan: Plan, data: Dataset, block: Block, mixture: Mixture | None) -> Cost | None:
    """What a block is expected to cost; NUTS by whether this process has compiled one like it for nutpie."""
    sampler = block.sampler
    if sampler and not sampler.device.is_cpu:
        return None
    compiled = sampler is not None and sampler.name == "nutpie" and was_compiled(plan, data, block.equations)
    versions = mixture.looked if mixture else 0
    return expect_cost(plan, data, block.equations, block.engine, compiled=compiled, versions=versions)


def _looks_back(equation: Equation) -> bool:
    """Whether a variable's own past departures act on it."""
    return any(each.variable == equation.response and each.part == "departure" for each in equation.readings)


def linear_probabilities(plan: Plan, data: Dataset) -> tuple[str, ...]:
    """Variables that hold only 0 and 1 in the data and are modelled as normal."""
    normal = [equation.response for equation in plan.equations if equation.family == "normal" and not equation.latent]
    return tuple(name for name in normal if data.numbers(name).binary)


def choose(plan: Plan, data: Dataset, engine: Engine = "auto", nuts_sampler: NutsSampler = "auto") -> tuple[Block, ...]:
    """Each block with its engine."""
    if engine not in ENGINES:
        near = did_you_mean(str(engine), ENGINES)
        raise FitError(f"there is no engine '{engine}'; there are {listed(ENGINES)}.{near}")
    check_sampler(nuts_sampler)
    chosen = _of_sums if data.sums is not None else _chosen
    blocks = tuple(chosen(plan, data, block, engine) for block in find_blocks(plan, data))
    fallible = engine == "nuts" or (engine == "auto" and any(each.engine != "exact" for each in blocks))
    if nuts_sampler != "auto" and not fallible:
        others = listed(dict.fromkeys(each.engine for each in blocks))
        raise FitError(
            f"nuts_sampler='{nuts_sampler}' is not used: the engine is {others}. engine='nuts' samples by it"
        )
    return tuple(take_sampler(plan, data, block, nuts_sampler) for block in blocks)


def take_sampler(plan: Plan, data: Dataset, block: Block, nuts_sampler: NutsSampler) -> Block:
    """A block with its sampler, where the engine is `nuts`."""
    if block.engine != "nuts":
        return block
    return replace(block, sampler=choose_sampler(plan, data, block.equations, nuts_sampler))


def load_engine(name: str) -> contract.Engine:
    """The module of an engine; imported when it is needed, since some bring large libraries."""
    found: Any = import_module(f"mechanisms.infer.engines.{name}")
    engine: contract.Engine = found
    return engine


def _of_sums(plan: Plan, data: Dataset, block: tuple[Equation, ...], engine: Engine) -> Block:
    """A block of data of which there are only sums: the exact engine, or nothing."""
    exact = load_engine("exact")
    against = exact.applies(plan, data, block)
    against = f"engine {engine} was asked for" if engine not in ("auto", "exact") else against
    if against is None:
        return Block(block, "exact", exact.WHY)
    raise FitError(
        f"the equation of {listed(equation.response for equation in block)} needs the rows, of which only sums are in "
        f"memory: {against}, and only the exact engine does without rows. Collect the source, if memory holds it, and bind "
        "that: mx.bind(theory, frame.collect())"
    )


def _chosen(plan: Plan, data: Dataset, block: tuple[Equation, ...], engine: Engine) -> Block:
    if engine == "nuts":
        return Block(block, "nuts", "asked for")
    if engine != "auto":
        asked = load_engine(engine)
        if against := asked.applies(plan, data, block):
            raise FitError(f"engine {engine} does not apply: {against}. engine='auto' or 'nuts' fits it")
        return Block(block, engine, asked.WHY)
    reasons: list[str] = []
    for name in ENGINES[1:]:
        against = load_engine(name).applies(plan, data, block)
        if against is None:
            refusals = [f"{other} does not apply ({why})" for other, why in zip(ENGINES[1:], reasons, strict=False)]
            return Block(block, name, "; ".join([*refusals, load_engine(name).WHY]))
        reasons.append(against)
    raise AssertionError("nuts takes every block")
