// Charts of what the tables say, and the mark that something new is there. Everything works without this script.
"use strict";

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const LINES = ["#2f5fd0", "#d9742b", "#1a9a6c", "#a855b5", "#c2403a", "#8a7a1c", "#3a9fc4", "#70757f"];

function draw(canvas) {
  const told = JSON.parse(canvas.dataset.chart);
  const suffix = { share: "%", duration: " days" }[told.unit] || "";
  Chart.getChart(canvas)?.destroy();
  new Chart(canvas, {
    type: "line",
    data: {
      labels: told.labels,
      datasets: told.lines.map((line, nth) => ({
        ...line, borderColor: LINES[nth % LINES.length], backgroundColor: LINES[nth % LINES.length], pointRadius: 2, borderWidth: 2,
      })),
    },
    options: {
      animation: false, maintainAspectRatio: false, interaction: { mode: "index", intersect: false },
      plugins: {
        legend: { display: told.lines.length > 1, labels: { color: colour("--muted"), boxWidth: 12 } },
        tooltip: { callbacks: { label: (at) => `${at.dataset.label}: ${at.parsed.y?.toLocaleString()}${suffix}` } },
      },
      scales: {
        x: { grid: { display: false }, ticks: { color: colour("--muted"), maxRotation: 0, autoSkipPadding: 16 } },
        y: { beginAtZero: true, grid: { color: colour("--line") }, ticks: { color: colour("--muted"), callback: (value) => value.toLocaleString() + suffix } },
      },
    },
  });
}

// A story's stages over time: a line that steps from one to the next.
function drawStages(canvas) {
  const told = JSON.parse(canvas.dataset.stages);
  const day = (at) => new Date(at).toISOString().slice(0, 10);
  Chart.getChart(canvas)?.destroy();
  new Chart(canvas, {
    type: "line",
    data: {
      labels: told.stages,
      datasets: [{
        data: told.points.map((point) => ({ x: Date.parse(point.at), y: point.stage })), stepped: "before", borderColor: LINES[2], borderWidth: 2, pointRadius: 3,
        segment: { borderDash: (at) => (at.p1.parsed.x > Date.parse(told.until) ? [4, 4] : undefined) },
      }],
    },
    options: {
      animation: false, maintainAspectRatio: false,
      plugins: { legend: { display: false }, tooltip: { callbacks: { title: (some) => day(some[0].parsed.x), label: (at) => at.raw.y } } },
      scales: {
        x: { type: "linear", grid: { display: false }, ticks: { color: colour("--muted"), maxTicksLimit: 8, callback: day } },
        y: { type: "category", labels: [...told.stages].reverse(), grid: { color: colour("--line") }, ticks: { color: colour("--muted") } },
      },
    },
  });
}

function drawAll(within) {
  within.querySelectorAll("canvas[data-chart]").forEach(draw);
  within.querySelectorAll("canvas[data-stages]").forEach(drawStages);
}
document.addEventListener("DOMContentLoaded", () => drawAll(document));
// In a narrow window the pages are in a line that scrolls: where one is has to be seen.
document.addEventListener("DOMContentLoaded", () => document.querySelector("nav a[aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" }));
document.addEventListener("htmx:afterSettle", (event) => drawAll(event.target));
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => drawAll(document));

// The slider of a story moves the instant that it is told as of.
document.addEventListener("input", (event) => {
  if (event.target.id !== "slider") return;
  document.getElementById("until").value = JSON.parse(event.target.dataset.instants)[event.target.value];
});
document.addEventListener("change", (event) => {
  if (event.target.id === "slider") event.target.form.requestSubmit();
});

// One tick for all that are shown; and a file that is chosen fills the field where it could be written.
document.addEventListener("change", (event) => {
  const box = event.target;
  if (box.dataset.ticks) box.form.querySelectorAll(`tbody input[name=${box.dataset.ticks}]`).forEach((one) => { one.checked = box.checked; });
  if (!box.dataset.fills || !box.files.length) return;
  box.files[0].text().then((text) => {
    document.getElementById(box.dataset.fills).value = text;
    document.getElementById(box.dataset.names).value = box.files[0].name;
  });
});

// Sections open and close all at once; one that an address names is open; and on paper all are.
function openAll(sections, open) {
  document.querySelectorAll(sections).forEach((one) => { one.open = open; });
}
document.querySelectorAll("button[data-opens]").forEach((button) => { button.hidden = false; });
document.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-opens]");
  if (!button) return;
  const open = button.textContent === "Open all";
  openAll(button.dataset.opens, open);
  button.textContent = open ? "Close all" : "Open all";
});
function openNamed() {
  const named = location.hash && document.getElementById(location.hash.slice(1))?.querySelector("details.section");
  if (!named || named.open) return;
  named.open = true;
  named.scrollIntoView();
}
window.addEventListener("hashchange", openNamed);
openNamed();
window.addEventListener("beforeprint", () => openAll("details.section", true));

// What a part of a page could not have is said in its place.
function failed(event, said) {
  const note = Object.assign(document.createElement("p"), { className: "note bad", textContent: said });
  note.setAttribute("role", "alert");
  const there = event.detail.target;
  const heading = there.querySelector("h2");
  if (there.hasAttribute("aria-live")) there.replaceChildren(...(heading ? [heading] : []), note);
  else there.replaceWith(note);
}
document.addEventListener("htmx:responseError", (event) => {
  let said = event.detail.xhr.statusText;
  try { said = JSON.parse(event.detail.xhr.responseText).detail; } catch { /* it is no document of ours */ }
  failed(event, `That can't be shown: ${said}.`);
});
document.addEventListener("htmx:sendError", (event) => failed(event, "The server can't be reached. Load the page again."));
document.addEventListener("htmx:timeout", (event) => failed(event, "The server did not answer in time. Ask again."));

// While the page is looked at, positions beyond its own are listened for: it says that there is something new, and does not change by itself.
let listening = null;

function listen() {
  const mark = document.getElementById("news");
  if (!mark || document.hidden || listening) return;
  listening = new EventSource(`/api/v1/transitions/stream?positions=true&after=${mark.dataset.position}`);
  listening.addEventListener("position", () => { mark.hidden = false; });
}

document.addEventListener("DOMContentLoaded", listen);
document.addEventListener("visibilitychange", () => {
  if (!document.hidden) return listen();
  listening?.close();
  listening = null;
});
