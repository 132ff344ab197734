"""Words of other programs, and what the language has instead (language 1.13)."""

import re
from collections.abc import Iterable

NOT_OURS = "not part of the language"
SUMS = (
    "only sums and differences. Log of a cause is shape: log, of an effect family: lognormal; a product is moderated_by; "
    "else make the column"
)
DERIVED = (
    "a prior goes on an arrow, x -> y; `mx.simulate` shows what your priors imply for an indirect effect, a total one or "
    "any other derived number"
)
DEFINED = (
    f"':=' is {NOT_OURS}: only sums and differences of variables, {{is: a - b}}; an effect is asked for, "
    "questions: [{of: x, on: y, kind: indirect}]"
)
FORMULAS = "docs/from-other-tools.md has lavaan's and brms's lines beside ours: y ~ x is x -> y"
_FORMULA = re.compile(r"^[^#\n]*(=~|~~|(?<![<>=!])~)", re.MULTILINE)
_BOUNDS = "a constraint; write fixed, same_as, above or below in a prior"
KEYS = {
    "weights": "weights of rows", "weight": "weights of rows", "sampling_weights": "weights of rows",
    "se": "known variances of rows", "known_variance": "known variances of rows",
    "mixture": "a mixture; declare the classes as a variable", "classes": "a mixture; declare the classes as a variable",
    "states": "a hidden state; declare the state as a categorical variable, with state(t-1) as its moderator",
    "transitions": "a list of forbidden moves; write family: categorical with state(t-1) as its moderator",
    "censored": "a censored normal; write family: ordered_beta, or event: for times",
    "group": "groups; write moderated_by", "groups": "groups; write moderated_by",
    "interval": "continuous time; write a grid of occasions",
    **dict.fromkeys(("constraints", "equal", "greater", "less"), _BOUNDS),
}  # fmt: skip
_CONSTRAINTS = re.compile(
    r"(less|greater|smaller|larger|more)(_than|_equal)?|min(imum)?|max(imum)?|lower|upper|[lu]b|[gl][te]|(==|[<>]=?).*"
)
_STATES = "a grid of occasions, and the state as a categorical variable with state(t-1) as its moderator"
_FAMILIES = {
    **dict.fromkeys(("gaussian", "continuous", "linear"), "family: normal"),
    **dict.fromkeys(("binary", "dichotomous", "logistic", "logit", "boolean", "0/1"), "family: bernoulli"),
    "probit": "family: bernoulli, link: probit",
    **dict.fromkeys(("count", "counts"), "family: poisson or family: negative_binomial"),
    **dict.fromkeys(("negbinomial", "negbin", "nbinom"), "family: negative_binomial"),
    **dict.fromkeys(("cumulative", "ordered", "likert"), "family: ordinal"),
    **dict.fromkeys(("multinomial", "nominal"), "family: categorical"),
    **dict.fromkeys(("survival", "cox"), "family: hazard, a row per occasion, or weibull with event"),
    **dict.fromkeys(("tobit", "censored", "censored_normal", "beta_binomial"),
                    "a scale with many at its ends is family: ordered_beta"),
    **dict.fromkeys(("mixture", "latent_class", "lca"), "declare the classes as a variable, family: categorical"),
    **dict.fromkeys(("hmm", "hidden_markov", "markov", "multistate", "multi_state"), _STATES),
    **dict.fromkeys(("continuous_time", "ou", "ornstein_uhlenbeck"), "a grid of occasions"),
}  # fmt: skip
_FUNCTIONS = frozenset(
    [
        "log",
        "ln",
        "log10",
        "log2",
        "log1p",
        "exp",
        "sqrt",
        "abs",
        "square",
        "poly",
        "scale",
        "factor",
        "lag",
        "I",
        "s",
        "ns",
        "bs",
    ]
)
_QUANTITIES = re.compile(r"(total|direct|indirect|effect|mediated|nie|nde|te|ate|contrast)(_effect)?(\s*\([^()]*\))?")
_LAGGED = re.compile(
    r"(?P<name>.+?)(?:[_.]?lag_?|[_.]prev(?:ious)?|[_.]l)(?P<steps>[0-9]{0,3})|(?:lag[_.]?|prev[_.])(?P<other>.+)"
)


def is_formula(text: str) -> bool:
    """Whether a text is in the formulas of other programs, `y ~ x`."""
    return _FORMULA.search(text) is not None


def instead_of_key(word: str) -> str:
    """What a key of another program would be here; nothing where it is none."""
    if word in KEYS:
        return KEYS[word]
    return _BOUNDS if _CONSTRAINTS.fullmatch(word.strip()) else ""


def instead_of_family(word: str) -> str:
    """What a family of another program would be here; nothing where it is none."""
    said = _FAMILIES.get(word.casefold().replace("-", "_").replace(" ", "_"), "")
    return f"write {said}" if said.startswith("family: ") else said


def is_function(name: str) -> bool:
    """Whether a name before a bracket is a function of other programs."""
    return name in _FUNCTIONS


def is_derived(text: str) -> bool:
    """Whether a text names an effect and no parameter: `total`, `indirect(x -> y)`."""
    return _QUANTITIES.fullmatch(text.strip()) is not None


def suggest_lag(name: str, known: Iterable[str]) -> str:
    """`" A lag is written 'a(t-1)'."` (with its leading space) for `a_lag1` where `a` is known, else `""`."""
    match = _LAGGED.fullmatch(name)
    base = (match["name"] or match["other"]) if match else None
    return f" A lag is written {base}(t-{int(match['steps'] or 1)})." if match and base in set(known) else ""
