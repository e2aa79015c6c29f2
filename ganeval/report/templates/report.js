"use strict";
// Sorting, filtering and sliding. Everything can be read without this.

const numeric = (cell) => (cell.dataset.value === undefined ? NaN : Number(cell.dataset.value));
const words = (cell) => cell.textContent.trim();

function compareCells(left, right, byNumber, sign) {
  if (!byNumber) return sign * words(left).localeCompare(words(right), undefined, { numeric: true });
  const [a, b] = [numeric(left), numeric(right)];
  if (Number.isNaN(a) || Number.isNaN(b)) return Number.isNaN(a) - Number.isNaN(b); // without a value: last, either way
  return sign * (a - b);
}

function sortBy(header) {
  const table = header.closest("table");
  const was = header.getAttribute("aria-sort");
  const descending = was ? was === "ascending" : header.dataset.first === "descending";
  for (const other of table.tHead.querySelectorAll("[aria-sort]")) other.removeAttribute("aria-sort");
  header.setAttribute("aria-sort", descending ? "descending" : "ascending");
  const column = header.cellIndex;
  const byNumber = header.dataset.kind === "number";
  const body = table.tBodies[0];
  const rows = [...body.rows];
  rows.sort((a, b) => compareCells(a.cells[column], b.cells[column], byNumber, descending ? -1 : 1));
  body.append(...rows);
}

function filterRows(input) {
  const table = document.getElementById(input.dataset.table);
  const wanted = input.value.trim().toLowerCase().split(/\s+/);
  const rows = [...table.tBodies[0].rows];
  for (const row of rows) {
    const text = row.textContent.toLowerCase();
    row.hidden = !wanted.every((word) => text.includes(word));
  }
  const shown = rows.filter((row) => !row.hidden).length;
  const status = input.closest(".tools").querySelector("[role=status]");
  status.textContent = input.value.trim() ? `${shown} of ${rows.length} rows` : "";
}

function slide(input) {
  input.parentElement.style.setProperty("--split", `${input.value}%`);
  input.setAttribute("aria-valuetext", `${input.value}% scored image, ${100 - input.value}% original`);
}

function showStep(input) {
  const figure = input.closest("figure");
  const images = figure.querySelectorAll(".stack > img");
  images.forEach((image, place) => { image.hidden = place !== Number(input.value); });
  const step = images[Number(input.value)].dataset.step;
  figure.querySelector("output").value = step;
  input.setAttribute("aria-valuetext", `step ${step}`);
}

function openTarget() {
  const target = location.hash.length > 1 && document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (!target) return;
  for (let node = target; node; node = node.parentElement) if (node.tagName === "DETAILS") node.open = true;
  target.scrollIntoView();
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("th button");
  if (button) sortBy(button.parentElement);
});
document.addEventListener("input", (event) => {
  const input = event.target;
  if (input.matches("[data-table]")) filterRows(input);
  else if (input.matches(".compare input")) slide(input);
  else if (input.matches(".steps input")) showStep(input);
});
window.addEventListener("hashchange", openTarget);
// A reload may restore the place of a slider; the pictures follow it.
document.querySelectorAll(".compare input").forEach(slide);
document.querySelectorAll(".steps input").forEach(showStep);
openTarget();
