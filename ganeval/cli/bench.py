"""`ganeval bench`: timings that can be repeated, against other tools and against the machine's limits."""

import contextlib
import dataclasses
import json
import statistics
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ganeval.cli.bench_models import sampling, training
from ganeval.cli.bench_table import Table, show_table
from ganeval.cli.options import FILE, FOLDER, check_writable, one_of, whole
from ganeval.errors import UsageError

if TYPE_CHECKING:
    from ganeval.bench.peers import Job
    from ganeval.bench.scoring import Comparison, Spread
    from ganeval.bench.stages import Limits, Stage

PICTURES = ("png", "svg", "pdf")
MATERIALS_TIMEOUT = 3600.0


def parse_counts(text: str) -> list[int]:
    """Reads "200" or "100,200,400".

    Raises:
        UsageError: no numbers, or one below 10, which the ten splits of the Inception Score need.
    """
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isdecimal() and len(part) < 10 and int(part) >= 10 for part in parts):
        raise UsageError(f"--images takes counts from 10 on, as in 200 or 100,200,400; got {text!r}.")
    return sorted({int(part) for part in parts})


@click.group("bench", short_help="Timings against other tools and against the machine.")
def command() -> None:
    """Time ganeval: scores beside other tools, stages beside the machine's limits, training, sampling."""


@command.command("scoring", short_help="Time FID and IS of two folders, beside other tools.")
@click.option(
    "--vs", multiple=True, metavar="PEER", help="Other tool: torch-fidelity, pytorch-fid or torchmetrics; repeatable."
)
@click.option("--images", default="200", show_default=True, metavar="N,N", help="Images per set; several for the plot.")
@click.option("--size", type=whole(32), default=256, show_default=True, help="Width and height of the images.")
@click.option("--repeats", type=whole(1), default=3, show_default=True, help="Number of rounds.")
@click.option("--batch-size", type=whole(1), default=32, show_default=True, help="Images per batch, for every tool.")
@click.option("--folder", type=FOLDER, help="Folder that keeps the images and weights.")
@click.option("--plot", type=FILE, help="Plot to write: .png, .svg or .pdf.")
@click.option("--markdown", type=FILE, help="Markdown file to write the table to.")
@click.option(
    "--append",
    type=FILE,
    help="JSONL file to append timing rows to, for a leaderboard.",
)
@click.option("--json", "json_target", metavar="-|FILE", help="All measurements as JSON, to stdout (-) or a file.")
def scoring(
    vs: tuple[str, ...],
    images: str,
    size: int,
    repeats: int,
    batch_size: int,
    folder: Path | None,
    plot: Path | None,
    markdown: Path | None,
    append: Path | None,
    json_target: str | None,
) -> None:
    """Time FID and IS of two folders by ganeval and by other tools, each as a whole process, in turn.

    All get the same PNGs, cut from the photos that come with the installation, and the same random weights in the
    layout of the published ones. Times are of this machine in this run; read the ratios.

    \b
    ganeval bench scoring --vs torch-fidelity
    ganeval bench scoring --vs torch-fidelity --vs pytorch-fid --images 50,100,200 --plot speed.png
    """
    json_file = None if json_target in (None, "-") else Path(str(json_target))
    check_writable(plot, markdown, append, json_file)
    if plot is not None and plot.suffix.removeprefix(".") not in PICTURES:
        raise UsageError(f"--plot takes {', '.join('.' + kind for kind in PICTURES)}; got {plot.name}.")
    from ganeval.bench.peers import entrants
    from ganeval.bench.scoring import compare, timing_rows, to_dict
    from ganeval.cli.progress import RichReporter
    from ganeval.files.read_write import write_output
    from ganeval.leaderboard.timings import append_timings

    counts, chosen, reporter = parse_counts(images), entrants(vs), RichReporter()
    with contextlib.ExitStack() as stack:
        home = folder or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ganeval-bench-")))
        jobs = _materials(home, counts, size, batch_size, stack, reporter.message)
        with reporter.stage("processes", len(counts) * repeats * len(chosen)) as advance:
            what = f"FID + IS of PNGs of {size} px"
            before = _network_seconds(home)
            compared = compare(chosen, jobs, repeats, what, reporter.message, advance)
        after = _network_seconds(home)
        network = (before[0] + after[0]) / 2, (before[1] + after[1]) / 2
        compared = dataclasses.replace(compared, network=network)
    if append is not None:
        append_timings(append, timing_rows(compared))
    if markdown is not None:
        write_output(markdown, scoring_markdown(compared).encode())
    if plot is not None:
        from ganeval.bench.plots import draw

        write_output(plot, draw(compared, plot.suffix.removeprefix(".")))
    text = json.dumps(to_dict(compared), indent=2)
    if json_file is not None:
        write_output(json_file, f"{text}\n".encode())
    if json_target == "-":
        click.echo(text)
        return
    show_table(*_scoring_table(compared))


def _materials(
    home: Path, counts: list[int], size: int, batch: int, stack: contextlib.ExitStack, told: Callable[[str], None]
) -> "dict[int, Job]":
    """Makes folders and weights in a process of its own: this one stays small."""
    from ganeval.bench.materials_names import FAKE, REAL
    from ganeval.bench.peers import Job
    from ganeval.bench.process import run_process

    jobs = {}
    for n in counts:
        where = home / f"{n}x{size}"
        told(f"making {n} + {n} images of {size} px and random weights in {home}")
        make = [sys.executable, "-m", "ganeval.bench.materials"]
        given = [str(where), "--images", str(n), "--size", str(size)]
        run_process("making images", [*make, *given], {}, MATERIALS_TIMEOUT)
        run_process("making weights", [*make, str(home), "--weights"], {}, MATERIALS_TIMEOUT)
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ganeval-bench-")))
        jobs[n] = Job(where / FAKE, where / REAL, home, scratch, batch)
    return jobs


def _network_seconds(home: Path) -> tuple[float, float]:
    """Seconds an image of the network by itself, wall and processor, timed in a process of its own."""
    from ganeval.bench.materials_names import PICKLED
    from ganeval.bench.process import run_process

    timing = [sys.executable, "-m", "ganeval.bench.network_time", str(home / PICKLED)]
    wall, processor = run_process("timing the network", timing, {}, MATERIALS_TIMEOUT).output.split()
    return float(wall), float(processor)


def _roofline_note(compared: "Comparison", n: int, network: tuple[float, float]) -> str:
    from ganeval.bench.scoring import BESIDE, START, roofline

    one = compared.at(n)[0]
    told = []
    for what, taken, seconds in (("", one.wall, network[0]), (" of processor time", one.processor, network[1])):
        if taken:
            roof, reached = roofline(n, seconds), statistics.median(taken)
            told.append(
                f"{2 * n} x {seconds:.4f} s{what} of the network alone x {BESIDE} + {START} s = {roof:.1f} s; ganeval "
                f"takes {reached:.1f} s and reaches {roof / reached:.0%} of it"
            )
    return f"roofline at {n} + {n}: {'; '.join(told)}"


def _scoring_table(compared: "Comparison") -> Table:
    from ganeval.bench.scoring import difference, times

    head = ["n", "tool", "wall s", "x wall", "cpu s", "x cpu", "MiB", "x MiB", "FID off", "IS off"]
    lines, notes = [], []
    for n in compared.counts:
        base = compared.at(n)[0]
        for one in compared.at(n):
            ratios = [times(one, base, kind) for kind in ("wall", "processor", "memory")]
            lines.append(
                [
                    str(n),
                    one.name,
                    f"{statistics.median(one.wall):.1f}",
                    _times(ratios[0], spread=True),
                    f"{statistics.median(one.processor):.1f}" if one.processor else "",
                    _times(ratios[1]),
                    f"{statistics.median(one.memory):.0f}" if one.memory else "",
                    _times(ratios[2]),
                    *(_off(difference(one, base, key)) if one is not base else "" for key in ("fid", "is")),
                ]
            )
            error = one.numbers.get("feature error")
            remark = "; ".join(filter(None, [one.remark, f"features off by {error:.1e}" if error is not None else ""]))
            if remark and f"{one.name}: {remark}" not in notes:
                notes.append(f"{one.name}: {remark}")
    rounds = len(compared.measured[0].wall)
    notes.append(
        f"{compared.what}; whole processes, {rounds} round{'s' if rounds > 1 else ''} in turn, medians; x: times "
        "ganeval's cost in the same round, median [range]; off: relative difference of the number from ganeval's"
    )
    if compared.network is not None:
        notes += [_roofline_note(compared, n, compared.network) for n in compared.counts]
    notes += [failure.partition(" Run it by hand")[0] for failure in compared.failures]
    notes.append(compared.machine)
    if compared.load is not None:
        notes.append(f"load of the machine: {compared.load[0]:.1f} before, {compared.load[1]:.1f} after")
    versions = dict.fromkeys(f"{one.name.partition(' ')[0].rstrip(',')} {one.version}" for one in compared.measured)
    notes.append(", ".join(versions))
    return head, lines, notes


def _times(ratio: "Spread | None", *, spread: bool = False) -> str:
    if ratio is None:
        return ""
    ends = "" if ratio.least == ratio.most or not spread else f" [{ratio.least:.2f}, {ratio.most:.2f}]"
    return f"{ratio.median:.2f}{ends}"


def _off(value: float | None) -> str:
    return "" if value is None else f"{value:.0e}"


def scoring_markdown(compared: "Comparison") -> str:
    """The table for a README."""
    head, lines, notes = _scoring_table(compared)
    rows = ["| " + " | ".join(line) + " |" for line in (head, ["---"] * len(head), *lines)]
    return "\n".join([*rows, "", *(f"{note}.  " for note in notes)]) + "\n"


@command.command("stages", short_help="Time each stage, beside the machine's limit.")
@click.option("--backbone", "name", default="efflite0", show_default=True, metavar="NAME", help="Backbone to time.")
@click.option("--images", type=whole(2), default=64, show_default=True, help="Images per repeat.")
@click.option("--size", type=whole(32), default=256, show_default=True, help="Width and height of the images.")
@click.option("--repeats", type=whole(1), default=3, show_default=True, help="Repeats of each stage.")
@click.option(
    "--engine",
    type=one_of(["auto", "torch", "openvino"]),
    default="auto",
    show_default=True,
    help="Engine of the network on a CPU.",
)
@click.option(
    "--precision",
    type=one_of(["exact", "fast"]),
    default="exact",
    show_default=True,
    help="Precision of the network: float32 or bfloat16.",
)
@click.option("--json", "json_target", metavar="-|FILE", help="All measurements as JSON, to stdout (-) or a file.")
def stages(
    name: str, images: int, size: int, repeats: int, engine: str, precision: str, json_target: str | None
) -> None:
    """Time decode, resize, network, all three at once, reduction and solve, each beside the limit that bounds it.

    The limits are measured in the same run: rates of float32 and float64 matrix products, and of copying memory.
    Inception runs with random weights of its layout; others need theirs.

    \b
    ganeval bench stages
    ganeval bench stages --backbone inception --images 32
    """
    json_file = None if json_target in (None, "-") else Path(str(json_target))
    check_writable(json_file)
    from ganeval.bench.run_stages import run_stages
    from ganeval.files.read_write import write_output

    found, limits = run_stages(name, images, size, repeats, engine, precision)
    record = {
        "schema": 1,
        "limits": dataclasses.asdict(limits),
        "stages": [dataclasses.asdict(stage) for stage in found],
    }
    text = json.dumps(record, indent=2)
    if json_file is not None:
        write_output(json_file, f"{text}\n".encode())
    if json_target == "-":
        click.echo(text)
        return
    show_table(*_stage_table(name, found, limits))


def _share(found: "list[Stage]") -> float:
    """Rate of the whole pass over that of the network alone: what reading and resizing leave of it."""
    from ganeval.bench.stages import NETWORK, WHOLE

    medians = {stage.name: stage.median for stage in found}
    return medians[NETWORK] / medians[WHOLE]


def _stage_table(name: str, found: "list[Stage]", limits: "Limits") -> Table:
    head = ["stage", "ms", "images/s", "bound by", "reached"]
    words = {"float32": "float32 products", "float64": "float64 products", "memory": "memory"}
    lines = [
        [
            stage.name,
            f"{1000 * stage.median:.1f}",
            "" if stage.rate is None else f"{stage.rate:.1f}",
            words[stage.limit],
            "" if stage.reached is None else f"{100 * stage.reached:.0f}%",
        ]
        for stage in found
    ]
    notes = [
        f"{name}; limits: {limits.float32 / 1e9:.0f} GFLOP/s float32, {limits.float64 / 1e9:.0f} float64, "
        f"{limits.memory / 1e9:.1f} GB/s; medians of {len(found[0].seconds)}",
        f"whole pass, from files to features: {100 * _share(found):.0f}% of the network's rate by itself",
    ]
    return head, lines, notes


command.add_command(training)
command.add_command(sampling)
