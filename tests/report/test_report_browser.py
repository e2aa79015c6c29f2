"""The report in headless Chromium: no request, no console message, sorting, filtering, sliding, and axe's rules."""

import csv
import re
import shutil
from pathlib import Path

import pytest

from ganeval.options import ScoreOptions
from ganeval.progress import Silent
from ganeval.report import ReportOptions, write_report
from ganeval.report.blind import blind_page
from tests.report_inputs import HOSTILE, checkpoint_row, write_pairs, write_rows, write_run, write_values

playwright = pytest.importorskip("playwright.sync_api")
axe = pytest.importorskip("axe_playwright_python.base")
BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
ARGUMENTS = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
AXE_OPTIONS = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]}

pytestmark = [pytest.mark.browser, pytest.mark.skipif(BROWSER is None, reason="no Chromium on this machine")]


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """A page with every section, and with hostile names."""
    folder = tmp_path_factory.mktemp("report")
    for seed in range(2):
        write_run(folder / "runs" / str(seed))
    write_run(folder / "runs" / "hostile", name=HOSTILE[1])
    rows = [checkpoint_row(40.0 + 7 * (s % 4), seed=s) for s in range(12)]
    rows += [checkpoint_row(90.0, checkpoint="untrained", step=0, recipe=name) for name in ("toy.digits-cpu", *HOSTILE)]
    rows += [checkpoint_row(v, f"fd_per_class:{c}@efflite0") for c, v in (("0", 5.0), ("1", 9.0))]
    pairs = write_pairs(folder, ["p0", "p1", "p2"])
    blame = write_values(folder / "blame.csv", ["fd@efflite0"], [("p0", 2.0), ("p1", -1.0)])
    out = folder / "report.html"
    options = ReportOptions(
        out,
        results=write_rows(folder / "rows.jsonl", rows),
        runs=[folder / "runs"],
        pairs=[pairs],
        blame=[(blame, pairs[1])],
    )
    write_report(options, Silent())
    return out


def test_a_rating_page_takes_keys_and_saves_a_csv_and_asks_for_nothing(browser, tmp_path):
    pairs = [write_pairs(tmp_path / name, ["p0", "p1"]) for name in ("a", "b")]
    named = [(values, fake, pairs[0][2]) for values, fake, _ in pairs]
    page_file = tmp_path / "rate.html"
    page_file.write_bytes(blind_page(named, ScoreOptions(""), "Rating", []))
    context = browser.new_context(accept_downloads=True, viewport={"width": 390, "height": 844})
    page = context.new_page()
    heard = []
    page.on("console", lambda message: heard.append(message.text))
    page.on("request", lambda request: heard.append(request.url) if request.url.startswith("http") else None)
    page.goto(page_file.as_uri())

    assert page.locator("#progress").inner_text() == "1 of 2"
    for key in ("ArrowLeft", "Backspace", "ArrowRight", "ArrowDown"):
        page.keyboard.press(key)
    assert "2 of 2 answered" in page.locator("#summary").inner_text()
    with page.expect_download() as download:
        page.keyboard.press("s")
    rows = list(csv.DictReader(Path(download.value.path()).read_text().splitlines()))

    assert [row["answer"] for row in rows] == ["right", "neither"]
    assert [row["preferred"] for row in rows] == [rows[0]["right"], ""]
    assert {row["image"] for row in rows} == {"p0", "p1"}
    assert {rows[0]["left"], rows[0]["right"]} == {pairs[0][1], pairs[1][1]}
    assert heard == []
    context.close()


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=BROWSER, args=ARGUMENTS)
        yield chromium
        chromium.close()


@pytest.fixture
def opened(browser, report, request):
    """The page at a width and colour scheme; fails on any console message, error or request beyond the file itself."""
    width, scheme = getattr(request, "param", (1200, "light"))
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page = context.new_page()
    told, asked = [], []
    page.on("console", lambda message: told.append(message.text))
    page.on("pageerror", lambda error: told.append(str(error)))
    page.on("request", lambda one: None if one.url.startswith("data:") else asked.append(one.url))
    page.goto(report.as_uri())
    yield page
    context.close()
    assert told == []
    assert asked == [report.as_uri()]


LOOKS = [(1200, "light"), (1200, "dark"), (390, "light"), (390, "dark")]


@pytest.mark.parametrize("opened", LOOKS, indirect=True, ids=lambda look: f"{look[0]}-{look[1]}")
def test_axe_finds_no_violation(opened):
    script = Path(axe.__file__).with_name("axe.min.js").read_text(encoding="utf-8")
    opened.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    # The page's own policy forbids foreign scripts; the debugger's evaluation is not bound by it.
    opened.evaluate(script)

    found = opened.evaluate("(options) => axe.run(document, options)", AXE_OPTIONS)

    assert len(found["passes"]) > 20
    assert [(one["id"], one["impact"], one["nodes"][0]["html"][:200]) for one in found["violations"]] == []


@pytest.mark.parametrize("opened", LOOKS, indirect=True, ids=lambda look: f"{look[0]}-{look[1]}")
def test_the_page_is_no_wider_than_the_screen(opened):
    opened.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")

    assert opened.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") == 0


def values_of(table):
    return [
        float(cell.get_attribute("data-value")) for cell in table.locator("tbody tr:not([hidden]) td[data-value]").all()
    ]


def test_a_click_on_a_header_sorts_and_a_second_one_turns_round(opened):
    table = opened.locator("#scores-1")
    button = table.get_by_role("button", name="Value")

    button.click()
    up = values_of(table)
    button.click()
    down = values_of(table)

    assert len(up) > 12
    assert up == sorted(up)
    assert down == sorted(down, reverse=True)
    assert table.locator("th[aria-sort]").get_attribute("aria-sort") == "descending"


def test_sorting_works_by_keyboard(opened):
    table = opened.locator("#scores-1")
    table.get_by_role("button", name="Subject").focus()
    opened.keyboard.press("Enter")
    opened.keyboard.press("Space")

    assert table.locator("th[aria-sort]").get_attribute("aria-sort") == "descending"
    assert "seed 0" not in table.locator("tbody tr").first.inner_text()


def test_the_filter_leaves_matching_rows_and_says_how_many(opened):
    section = opened.locator("#scores details").first
    section.get_by_role("searchbox").fill("seed 11")

    assert section.locator("tbody tr:visible").count() == 1
    assert re.fullmatch(r"1 of \d+ rows", section.get_by_role("status").inner_text())
    section.get_by_role("searchbox").fill("")
    assert section.locator("tbody tr:visible").count() > 12


def test_the_slider_moves_the_cut_by_mouse_and_by_keyboard(opened):
    stack = opened.locator(".compare .stack").first
    stack.scroll_into_view_if_needed()
    box = stack.bounding_box()
    cut = "(node) => getComputedStyle(node.querySelectorAll('img')[1]).clipPath"
    middle = stack.evaluate(cut)

    opened.mouse.move(box["x"] + box["width"] / 2, box["y"] + 20)
    opened.mouse.down()
    opened.mouse.move(box["x"] + box["width"] / 4, box["y"] + 20, steps=4)
    opened.mouse.up()
    dragged = int(stack.locator("input").input_value())
    left = stack.evaluate(cut)
    opened.keyboard.press("ArrowRight")

    assert dragged == pytest.approx(25, abs=2)
    assert left != middle
    assert int(stack.locator("input").input_value()) == dragged + 1
    assert stack.locator("input").get_attribute("aria-valuetext").startswith(f"{dragged + 1}% scored image")


def test_the_step_slider_shows_the_grid_of_its_step(opened):
    figure = opened.locator(".steps").first
    shown = figure.locator(".stack img:visible")
    assert shown.get_attribute("data-step") == "200"

    figure.get_by_role("slider").focus()
    opened.keyboard.press("Home")

    assert shown.count() == 1
    assert shown.get_attribute("data-step") == "0"
    assert figure.locator("output").inner_text() == "0"


def test_a_fingerprint_leads_to_its_protocol(opened):
    opened.locator("#scores a").first.click()

    details = opened.locator("#protocols details[open]")
    assert details.count() == 1
    assert "efflite0" in details.inner_text()


def test_hostile_names_run_nothing(opened):
    assert opened.evaluate("window.owned") is None
    assert opened.locator("bdi", has_text=HOSTILE[0]).count() > 0
