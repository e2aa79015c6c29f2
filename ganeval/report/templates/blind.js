"use strict";
// Shows two versions at a time, in an order and on sides that are drawn here, and keeps the answers until they are saved.

const SMALL = 320; // pictures up to this many pixels are shown enlarged, pixel by pixel
const tasks = JSON.parse(document.getElementById("tasks").textContent);
const element = (id) => document.getElementById(id);

function below(count) {
  const limit = 2 ** 32 - (2 ** 32 % count); // above it, some numbers would come more often
  const drawn = new Uint32Array(1);
  do crypto.getRandomValues(drawn); while (drawn[0] >= limit);
  return drawn[0] % count;
}

function shuffled(list) {
  const order = [...list];
  for (let last = order.length - 1; last > 0; last -= 1) {
    const other = below(last + 1);
    [order[last], order[other]] = [order[other], order[last]];
  }
  return order;
}

function questions() {
  const all = [];
  for (const task of tasks) {
    task.versions.forEach((a, place) => {
      for (const b of task.versions.slice(place + 1)) {
        const [left, right] = below(2) ? [a, b] : [b, a];
        all.push({ image: task.image, original: task.original, left, right });
      }
    });
  }
  return shuffled(all);
}

const asked = questions();
const answers = [];
let since = performance.now();
let saved = true;

function put(image, uri) {
  image.onload = () => image.classList.toggle("small", Math.max(image.naturalWidth, image.naturalHeight) <= SMALL);
  image.src = uri;
}

function show() {
  const question = asked[answers.length];
  element("save").disabled = answers.length === 0;
  element("task").hidden = question === undefined;
  element("done").hidden = question !== undefined;
  if (question === undefined) {
    element("summary").textContent = `${answers.length} of ${asked.length} answered. Save them: closing the window drops them.`;
    element("save").focus();
    return;
  }
  element("progress").textContent = `${answers.length + 1} of ${asked.length}`;
  put(element("left"), question.left.picture);
  put(element("right"), question.right.picture);
  if (question.original) put(element("original"), question.original);
  since = performance.now();
}

function answer(given) {
  if (given === "undo") {
    answers.pop();
  } else {
    const question = asked[answers.length];
    if (question === undefined) return;
    const seconds = ((performance.now() - since) / 1000).toFixed(2);
    const preferred = given === "neither" ? "" : question[given].name;
    answers.push([question.image, question.left.name, question.right.name, given, preferred, seconds]);
  }
  saved = answers.length === 0;
  show();
}

function cell(value) {
  const text = /^[=+\-@\t\r]/.test(value) ? `'${value}` : String(value); // no text is taken for a formula
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

function save() {
  const head = ["number", "image", "left", "right", "answer", "preferred", "seconds"];
  const rows = answers.map((row, place) => [String(place + 1), ...row]);
  const text = [head, ...rows].map((row) => row.map(cell).join(",") + "\n").join("");
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
  link.download = "preferences.csv";
  link.click();
  URL.revokeObjectURL(link.href);
  saved = true;
}

const KEYS = { ArrowLeft: "left", ArrowRight: "right", ArrowDown: "neither", Backspace: "undo" };
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
  if (KEYS[event.key]) {
    event.preventDefault();
    answer(KEYS[event.key]);
  } else if (event.key === "s" || event.key === "S") {
    if (answers.length) save();
  }
});
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-answer]");
  if (button) answer(button.dataset.answer);
});
element("save").addEventListener("click", save);
window.addEventListener("beforeunload", (event) => { if (!saved) event.preventDefault(); });
show();
