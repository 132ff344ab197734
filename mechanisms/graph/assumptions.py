"""What must hold beyond the graph, in sentences about these variables.

The lists follow VanderWeele (2015, ch. 2, 5) and, for interventional effects, VanderWeele, Vansteelandt & Robins (2014).
"""

from collections.abc import Iterable
from itertools import combinations

from mechanisms.errors import listed
from mechanisms.graph.expansion.cuts import Cut
from mechanisms.graph.graph import Graph, ancestors, children, descendants, occasion_of, variable_of
from mechanisms.graph.placing import Placed
from mechanisms.graph.question import Aim, hold
from mechanisms.graph.verdicts import Laid
from mechanisms.spec.theory import Theory


def list_assumptions(theory: Theory, placed: Placed, laid: Laid, cuts: Iterable[Cut] = ()) -> tuple[str, ...]:
    """The assumptions of one question, the exposure's first; a cut (R13) is one of them."""
    aimed, sort = laid.aim, laid.sort
    of, on = str(placed.question.of), str(placed.question.on)
    mediators, held = _words(laid.mediators, aimed), _words(aimed.held, aimed)
    natural, interventional = sort == "natural", sort == "interventional"
    between = laid.mediators if natural or interventional else aimed.held
    but = _drawn(theory, laid.graph, aimed.of, (*between, aimed.on))
    sentences = [_of_exposure(theory, placed, on, _words(between, aimed), but)]
    but = _drawn(theory, laid.graph, between, (aimed.on,))
    if natural:
        sentences += _natural(of, on, mediators, but)
    elif interventional:
        sentences += _interventional(of, on, mediators, but)
    if aimed.held:
        sentences += _held(theory, laid.graph, aimed, of, on, held)
    if placed.over_time:
        sentences += _over_time(placed, aimed)
    sentences += _cut(tuple(cuts))
    sentences.append(
        f"Consistency: there is one version of each value of {of}, the {on} seen under it is the one that setting it "
        f"would bring about, and no unit's {of} reaches another unit's {on}."
    )
    sentences += _measured(theory, laid.graph, aimed)
    sentences.append("Functional form: shapes, products, families and links are as the theory draws them.")
    return tuple(sentences)


def _words(nodes: Iterable[str], aimed: Aim) -> tuple[str, ...]:
    """Nodes as a reader says them: each variable once, its course apart, the question's own at other occasions."""
    ends = {variable_of(node): "later" for node in aimed.of} | {variable_of(aimed.on): "earlier"}
    found: dict[str, None] = {}
    for node in nodes:
        name, timed = variable_of(node), occasion_of(node) is not None
        found[(f"{ends[name]} {name}" if name in ends else name) if timed else node] = None
    return tuple(found)


def _drawn(theory: Theory, graph: Graph, nodes: Iterable[str], others: Iterable[str]) -> str:
    """Words that leave the common causes apart which the author drew between some variables and others."""
    ones, ends = ({variable_of(node) for node in each} for each in (nodes, others))
    joined = [(pair.one.name, pair.other.name) for pair in theory.hidden]
    for node in graph.unmeasured:
        joined += combinations(dict.fromkeys(map(variable_of, children(graph, node))), 2)
    found = any(
        one != other and ((one in ones and other in ends) or (other in ones and one in ends)) for one, other in joined
    )
    return " other than those drawn" if found else ""


def _cut(cuts: tuple[Cut, ...]) -> list[str]:
    """What the cuts (R13) leave out, in one sentence."""
    if len(cuts) < 2:
        return [f"{cut}: that way counts as nothing; to let it carry, draw {cut.remedy}." for cut in cuts]
    names = listed(dict.fromkeys(cut.variable for cut in cuts))
    remedies = listed((cut.remedy for cut in cuts), joint="or")
    what = f"{cuts[0].of} moves the course of {names}, but no course carries that on everywhere"
    return [f"{what}: those ways count as nothing; to let one carry, draw {remedies}."]


def _of_exposure(theory: Theory, placed: Placed, on: str, mediators: tuple[str, ...], but: str) -> str:
    of, responses = placed.question.of, listed([*mediators, on], joint="or")
    if any(variable.name == of.name and variable.assigned for variable in theory.variables):
        return f"{of} was randomised: nothing else moves both {of} and {responses}."
    return f"No unmeasured common cause of {of} and {responses}{but}."


def _measured(theory: Theory, graph: Graph, aimed: Aim) -> list[str]:
    """What is taken for granted of the latent variables behind the outcome, and of the outcome if it is one."""
    behind = {variable_of(node) for node in (*ancestors(graph, aimed.on), aimed.on, *aimed.made_of)}
    return [
        f"Measurement: nobody observed {each.name}. It is taken to be what {listed(each.measured_by, most=9)} share, with loadings "
        "and errors as the theory draws them."
        for each in theory.variables
        if each.measured_by and each.name in behind
    ]


def _over_time(placed: Placed, aimed: Aim) -> list[str]:
    """Which part of a repeated variable is moved, and what the model has to get right about parts and time."""
    name, first = variable_of(aimed.of[0]), occasion_of(aimed.of[0])
    level = aimed.of[0].partition("(")[2].removesuffix(")")
    if first is not None:
        said = f"Within: {name} departs from its course at "
        said += f"occasion {first}" if len(aimed.of) == 1 else f"occasions {first} to {occasion_of(aimed.of[-1])}"
        sentences = [f"{said}; the course is as it was."]
    elif level:
        sentences = [f"Between: the course of {name} is other than it was, at every occasion of the {level}."]
    else:
        sentences = []
    parted = any(occasion_of(node) is not None for node in placed.graph.nodes)
    if parted:
        sentences.append(
            "Courses and departures are told apart by the model: levels, lags and occasions are as the theory draws "
            "them, and coefficients are the same at every occasion unless it says otherwise."
        )
    return sentences


def _natural(of: str, on: str, mediators: tuple[str, ...], but: str) -> list[str]:
    who = listed(mediators)
    verb = "would be" if len(mediators) == 1 else "would each be"
    return [
        f"No unmeasured common cause of {listed(mediators, joint='or')} and {on}{but}.",
        f"No common cause of {who} and {on} that {of} itself moves, other than variables already among the mediators.",
        f"Cross-world independence: {on} under one value of {of} with {who} as it {verb} under another is never seen "
        f"in any unit. Given the measured causes, what {on} would be at each value of {who} is taken to be independent "
        f"of what {who} {verb} under another value of {of}; no experiment can check it.",
    ]


def _interventional(of: str, on: str, mediators: tuple[str, ...], but: str) -> list[str]:
    who = listed(mediators)
    return [
        f"No unmeasured common cause of {listed(mediators, joint='or')} and {on}{but}; measured ones may respond to "
        f"{of}.",
        f"Interventional: {who} is a random draw from its distribution, not a unit's own value, so no cross-world "
        "assumption is needed, and direct and indirect parts need not sum to the total effect.",
    ]


def _held(theory: Theory, graph: Graph, aimed: Aim, of: str, on: str, held: tuple[str, ...]) -> list[str]:
    but = _drawn(theory, graph, aimed.held, (aimed.on,))
    said = [f"No unmeasured common cause of {listed(held, joint='or')} and {on}{but}."]
    moved = descendants(graph, *aimed.of) - {aimed.on, *aimed.made_of, *aimed.held}
    after = hold(graph, aimed.held)
    shared = [
        node for node in graph.nodes
        if node in moved and set(aimed.held) & set(children(graph, node)) and aimed.on in descendants(after, node)
    ]  # fmt: skip
    if shared:
        who = listed(_words(shared, aimed))
        said.append(f"{who} may respond to {of} and move both {listed(held)} and {on}, as long as measured.")
    return said
