"""A fit as one page of HTML that needs nothing else: no script, no font, no request; every text is escaped."""

import base64
import platform
from collections.abc import Iterable, Sequence
from html import escape
from importlib.metadata import version

from mechanisms.effects.diagnosis import Diagnosis, diagnose
from mechanisms.effects.effects import MASS, Effects, summarise
from mechanisms.effects.estimability import find_inestimable
from mechanisms.errors import expect
from mechanisms.graph.wording import name_effect
from mechanisms.infer.explanation import Block
from mechanisms.infer.posterior import Fit
from mechanisms.model.plan import Plan
from mechanisms.model.prior_words import print_priors
from mechanisms.report.answers import find_answers
from mechanisms.report.doubts import find_doubts
from mechanisms.report.listing import describe_arrow, describe_variable
from mechanisms.report.numbers import count, decimals_for, show
from mechanisms.report.parameters import HEAD, tabulate
from mechanisms.report.plots import diagram, forest, to_svg
from mechanisms.report.style import CSS
from mechanisms.spec.theory import Citation, Theory

MANY = 24  # rows of a table that are shown at once
LEFT_OUT = "left out, not answered: "
COLUMNS = ("mean", "sd", "median", "lower", "upper")


def page(fit: Fit, effects: Effects | Sequence[Effects] | None = None, diagnosis: Diagnosis | None = None) -> str:
    """The page of a fit: theory, path diagram, effects with what they mean, plan, priors, diagnostics, versions.

    Parameters
    ----------
    effects
        What `decompose` or `estimate` found with this fit, one or several; by default the answers to the theory's own
        questions, without those that it does not identify.
    diagnosis
        What `diagnose` found of this fit; by default it is made here.

    Returns
    -------
    str
        HTML to be written to a file as UTF-8.
    """
    expect(fit, Fit, "the fit of a page", "mx.fit or mx.sample makes one: mx.page(fit, effects)")
    found = (effects,) if isinstance(effects, Effects) else find_answers(fit)[0] if effects is None else effects
    expect(found, Sequence, "a page's effects", "mx.decompose or mx.estimate makes them: mx.page(fit, effects)")
    for each in found:
        expect(each, Effects, "each of a page's effects", "mx.decompose or mx.estimate makes them")
    diagnosis = diagnose(fit) if diagnosis is None else diagnosis
    expect(diagnosis, Diagnosis, "a page's diagnosis", "mx.diagnose(fit) makes it")
    theory = fit.plan.theory
    title = theory.title or theory.name or "A theory"
    picture = to_svg(diagram(theory, fit, of=[each.of for each in found]))
    sections = [
        _verdict(fit, diagnosis),
        _header(theory, title),
        *_doubts(fit, diagnosis),
        _section("Path diagram", _image(picture, f"Path diagram of {title}")),
        *(_section(each.title.removesuffix(f": {theory.title}"), _effects(each)) for each in found),
        _section("The theory in words", _words(fit.plan)),
        _section("Inference plan", _plan(fit)),
        _section("Priors, in data units", _priors(fit)),
        _section("Diagnostics", _diagnostics(diagnosis)),
        _section("Parameters, in data units", _parameters(fit)),
        _section("Data and versions", _versions(fit)),
    ]
    return _document(title, "\n".join(sections))


def _document(title: str, body: str) -> str:
    head = f'<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{escape(title)}</title>'
    return f'<!doctype html>\n<html lang="en">\n<head>{head}<style>{CSS}</style></head>\n<body>\n{body}\n</body>\n</html>\n'


def _section(heading: str, body: str) -> str:
    return f"<section>\n<h2>{escape(heading)}</h2>\n{body}\n</section>"


def _image(svg: str, words: str) -> str:
    data = base64.b64encode(svg.encode()).decode()
    return f'<img alt="{escape(words)}" src="data:image/svg+xml;base64,{data}">'


def _table(head: Sequence[str], rows: Iterable[Sequence[str]], numbers: Iterable[int] = ()) -> str:
    """A table; `numbers` are the columns that stand to the right. Cells are escaped; an empty column is left out."""
    right = set(numbers)
    body = [list(row) for row in rows]
    kept = [at for at in range(len(head)) if at == 0 or any(row[at] for row in body)]
    head, body = [head[at] for at in kept], [[row[at] for at in kept] for row in body]
    right = {place for place, at in enumerate(kept) if at in right}
    kinds = [' class="number"' if at in right else "" for at in range(len(head))]
    top = "".join(f"<th{kind}>{escape(cell)}</th>" for cell, kind in zip(head, kinds, strict=True))
    lines = [
        "<tr>" + "".join(f"<td{kind}>{escape(cell)}</td>" for cell, kind in zip(row, kinds, strict=True)) + "</tr>"
        for row in body
    ]
    table = f"<table><thead><tr>{top}</tr></thead><tbody>\n{chr(10).join(lines)}\n</tbody></table>"
    return f'<div class="wide">{table}</div>'


def _folded(body: str, summary: str, *, fold: bool) -> str:
    """Something long behind a line to click on."""
    return f"<details><summary>{escape(summary)}</summary>{body}</details>" if fold else body


def _list(sentences: Iterable[str]) -> str:
    return f"<ul>{''.join(f'<li>{escape(sentence)}</li>' for sentence in sentences)}</ul>"


def _cite(source: Citation) -> str:
    """A citation, linked where it has a DOI or a web address (of no other kind)."""
    link = f"https://doi.org/{source.doi}" if source.doi else source.url or ""
    text = escape(source.text)
    if not link.lower().startswith(("https://", "http://")):
        return text + (f" ({escape(link)})" if link else "")
    return f'{text} <a href="{escape(link)}">{escape(source.doi or link)}</a>'


def _header(theory: Theory, title: str) -> str:
    name = f'<p class="name">{escape(theory.name)}</p>' if theory.name else ""
    because = f"<p>{escape(theory.because)}</p>" if theory.because else ""
    source = f'<p class="source">{_cite(theory.source)}</p>' if theory.source else ""
    return f"<header>{name}<h1>{escape(title)}</h1>{because}{source}</header>"


def _verdict(fit: Fit, diagnosis: Diagnosis) -> str:
    """The first line of the page."""
    chains, draws = fit.shape
    engines = " and ".join(dict.fromkeys(block.engine for block in fit.blocks))
    facts = (
        f"{count(fit.data.n, 'row')}, {count(chains, 'chain')} × {count(draws, 'draw')} by {engines}, seed {fit.seed}."
    )
    word = "The computation can be trusted" if diagnosis.ok else "Do not trust the computation yet"
    kind = "good" if diagnosis.ok else "bad"
    why = " ".join(f"{message[:1].upper()}{message[1:]}." for message in _split(fit, diagnosis)[0])
    about = '<br><span class="about">This is about the sampler, not about the theory.</span>'
    return f'<p class="verdict {kind}"><strong>{word}.</strong> {escape(facts)} {escape(why)}{about}</p>'


def _split(fit: Fit, diagnosis: Diagnosis) -> tuple[list[str], list[str]]:
    """What a diagnosis says of the sampler, and which questions it left out."""
    inestimable = {str(each) for each in find_inestimable(fit)}
    said = [message for message in diagnosis.messages if message not in inestimable]
    skipped = [message for message in said if message.startswith(LEFT_OUT)]
    return [message for message in said if message not in skipped], skipped


def _doubts(fit: Fit, diagnosis: Diagnosis) -> list[str]:
    """What the data hardly tell, and which of the theory's questions are not answered; nothing where there is neither."""
    sections = (
        ("What these data hardly tell", find_doubts(fit)),
        ("Questions without an answer", [message.removeprefix(LEFT_OUT) for message in _split(fit, diagnosis)[1]]),
    )
    return [_section(heading, _list(sentences)) for heading, sentences in sections if sentences]


def _effects(effects: Effects) -> str:
    rows = []
    for row in effects.rows:
        found = summarise(row.draws, neutral=effects.neutral)
        places = decimals_for(found["sd"], 3)
        numbers = [show(found[column], places) for column in COLUMNS]
        rows.append((row.label, *numbers, f"{found['p_positive']:.3f}", row.meaning))
    head = ("effect", *COLUMNS, f"P(> {effects.neutral:g})", "what it is")
    facts = (
        ("contrast", effects.contrast), ("population", effects.population), ("scale", effects.scale),
        ("interval", f"lower to upper, {MASS:.0%} of the posterior, equal tails"),
    )  # fmt: skip
    meaning = "".join(f"<dt>{escape(key)}</dt><dd>{escape(value)}</dd>" for key, value in facts)
    parts = [
        _image(to_svg(forest(effects)), f"Forest plot: {effects.title}"),
        _folded(_table(head, rows, range(1, 7)), f"All {len(rows)} rows", fold=len(rows) > MANY),
        f"<dl>{meaning}</dl>",
        f"<h3>Assuming</h3>{_list(effects.assumptions)}",
    ]
    if effects.notes:
        parts.append(f"<h3>Note</h3>{_list(effects.notes)}")
    return "\n".join(parts)


def _words(plan: Plan) -> str:
    """Variables, arrows with their reasons, and questions."""
    theory, variables = plan.theory, []
    for each in theory.variables:
        family = each.family or ("" if each.name in plan.exogenous else "normal")
        design = [family, *describe_variable(each)]
        source = each.source.text if each.source else ""
        variables.append((each.name, each.means or "", "; ".join(filter(None, design)), source))
    claims = []
    for arrow in theory.arrows:
        source = arrow.source.text if arrow.source else ""
        claims.append((str(arrow), describe_arrow(arrow), arrow.because or "", source))
    claims += [
        (str(c), "hidden common cause", c.because or "", c.source.text if c.source else "") for c in theory.hidden
    ]
    asked = [(each.name or "", name_effect(each), each.because or "") for each in theory.questions]
    return "\n".join(
        [
            _table(("variable", "means", "design", "source"), variables),
            _table(("arrow", "looks", "because", "source"), claims),
            _table(("question", "asks for", "because"), asked) if asked else "",
        ]
    )


def _plan(fit: Fit) -> str:
    rows = [(", ".join(block.responses), block.engine, _say_why(block)) for block in fit.blocks]
    equations = "\n".join(str(equation) for block in fit.blocks for equation in block.equations)
    given = f"<p>Conditioned on as observed: {escape(', '.join(fit.plan.exogenous))}.</p>" if fit.plan.exogenous else ""
    return f"{_table(('fitted together', 'engine', 'why'), rows)}\n<pre>{escape(equations)}</pre>{given}"


def _say_why(block: Block) -> str:
    return f"{block.reason}; sampled by {block.sampler}" if block.sampler else block.reason


def _priors(fit: Fit) -> str:
    reasons = dict(fit.plan.priors)
    rows = []
    for address, shown, where in print_priors(fit.plan, fit.data):
        own = reasons.get(address)
        said = [own.because or "", own.source.text if own.source else ""] if own else []
        rows.append((address, shown, "; ".join([where, *filter(None, said)])))
    return _table(("parameter", "prior", "where it comes from"), rows)


def _diagnostics(diagnosis: Diagnosis) -> str:
    frame = diagnosis.summary()
    rows = [
        (str(name), f"{row['r_hat']:.3f}", f"{row['ess_bulk']:.0f}", f"{row['ess_tail']:.0f}", f"{row['mcse']:.2g}")
        for name, row in frame.iterrows()
    ]
    table = _table(("parameter or effect", "R-hat", "ESS bulk", "ESS tail", "MCSE of the mean"), rows, range(1, 5))
    return f"{_list(diagnosis.messages)}\n{_folded(table, 'Every parameter and effect', fold=True)}"


def _parameters(fit: Fit) -> str:
    parts = []
    for table in tabulate(fit):
        parts.append(f"<h3>{escape(table.heading)}</h3>{_table(HEAD, table.rows, range(1, 5))}")
        parts += [f"<p>{escape(table.note)}</p>"] if table.note else []
    return "\n".join(parts)


def _versions(fit: Fit) -> str:
    samplers = dict.fromkeys(block.sampler.name for block in fit.blocks if block.sampler)
    used = [
        "mechanisms",
        "numpy",
        *samplers,
        *(["pymc"] if samplers else []),
        *(["jax"] if "numpyro" in samplers else []),
    ]
    rows = [("Python", platform.python_version()), *((name, version(name)) for name in used), ("seed", str(fit.seed))]
    return f"<pre>{escape(repr(fit.data))}</pre>\n{_table(('made with', 'version'), rows)}"
