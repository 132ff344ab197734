"""Which arrows carry the change of a question to each outcome that it looks at."""

from dataclasses import dataclass, replace

from mechanisms.effects.questions.posing import Ways
from mechanisms.errors import ZeroEffectError
from mechanisms.graph.graph import Edge, Graph, between
from mechanisms.graph.placing import Placed, place
from mechanisms.graph.question import Aim, hold, list_arrows, own_arrows
from mechanisms.spec.theory import Question, Theory


@dataclass(frozen=True)
class Routes:
    """Of one question: the arrows it chooses, those of the total effect, and the exposure's own into the outcome.

    `own` includes what an outcome is made of, so that it carries all the way; `chosen` leaves out what an indirect effect
    does not take.
    """

    placed: Placed
    chosen: Ways
    total: Ways
    own: Ways

    @property
    def rest(self) -> Ways:
        """The total effect's arrows without the exposure's own."""
        pairs = zip(self.placed.aims, self.total.arrows, strict=True)
        return Ways(tuple(total - own_arrows(aim, total) for aim, total in pairs))


def find_routes(theory: Theory, question: Question) -> Routes:
    """The arrows of a question, for each outcome; none for an occasion that nothing moved can reach."""
    placed = place(theory, question)
    graph = placed.graph
    chosen = Ways(tuple(_list(graph, aim) for aim in placed.aims))
    plain = [replace(aim, kind="total", through=(), path=()) for aim in placed.aims]
    total = Ways(tuple(_list(graph, aim) for aim in plain))
    own = Ways(tuple(_own(aim, arrows) for aim, arrows in zip(plain, total.arrows, strict=True)))
    return Routes(placed, chosen, total, own)


def _list(graph: Graph, aim: Aim) -> frozenset[Edge]:
    reached = between(hold(graph, aim.fixed), aim.of, aim.on)
    try:
        return list_arrows(graph, aim) if reached else frozenset()
    except ZeroEffectError:
        return frozenset()  # of one occasion among several: `identify` refuses what is zero at all


def _own(aim: Aim, total: frozenset[Edge]) -> frozenset[Edge]:
    """The exposure's own arrows, with those from what an outcome is made of into it."""
    own = own_arrows(aim, total)
    ends = {*aim.made_of, aim.on}
    return own | frozenset(arrow for arrow in total if own and ends.issuperset(arrow))


def mediates(routes: Routes) -> bool:
    """Whether the change reaches an outcome otherwise than by the exposure's own arrow."""
    return any(
        total - own_arrows(aim, total) - frozenset(arrow for arrow in total if {*aim.made_of, aim.on}.issuperset(arrow))
        for aim, total in zip(routes.placed.aims, routes.total.arrows, strict=True)
    )
