// Asks /health/ once a second while the page is visible, and draws who answered and how long it took.
const bars = document.querySelector(".bars");
const legend = document.querySelector(".legend");
const KEPT = 60;
const TALLEST_MS = 250;
const seen = new Map(); // "release, replica" to its row in the legend
let failures = 0;

async function ask() {
  const started = performance.now();
  try {
    const response = await fetch(bars.dataset.url, { cache: "no-store", signal: AbortSignal.timeout(5000) });
    const answer = await response.json();
    draw(performance.now() - started, response.ok && `${answer.release}, replica ${answer.replica}`);
  } catch {
    draw(performance.now() - started, false);
  }
}

function draw(elapsed, who) {
  const bar = document.createElement("li");
  bar.className = who ? `hue-${entry(who).hue}` : "failed";
  bar.title = `${who || "no answer"}: ${Math.round(elapsed)} ms`;
  // A logarithmic scale keeps 2 ms and 200 ms both visible.
  bar.style.height = `${Math.min(100, 12 + (88 * Math.log1p(elapsed)) / Math.log1p(TALLEST_MS))}%`;
  bars.append(bar);
  while (bars.children.length > KEPT) bars.firstChild.remove();
  if (who) entry(who).count(Math.round(elapsed));
  else entry("no answer").count(Math.round(elapsed));
}

function entry(who) {
  if (!seen.has(who)) {
    const row = document.createElement("li");
    const hue = who === "no answer" ? "failed" : seen.size % 6;
    row.className = who === "no answer" ? "failed" : `hue-${hue}`;
    let answers = 0;
    const count = (elapsed) => { row.textContent = `${who}: ${++answers}, last ${elapsed} ms`; };
    legend.append(row);
    seen.set(who, { hue, count });
  }
  return seen.get(who);
}

ask();
setInterval(() => document.hidden || ask(), 1000);
