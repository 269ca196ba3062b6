// Scores of pairs of models over the runs of a study, with their bands, and what moved them.

const HISTORY = DATA.history;
const MOST_LINES = 6;
const DASHES = ["solid", "dash", "dot", "dashdot"];
const past = { metric: 0, pair: "" };

// Runs may be seconds or months apart: they stand at even steps, under their dates, or the time where all are of one day.
function runLabel(run) {
  const day = HISTORY.runs[0].created.slice(0, 10) === HISTORY.runs[HISTORY.runs.length - 1].created.slice(0, 10);
  return day ? run.created.slice(11, 16) : run.created.slice(0, 10);
}

function pairName(pair) {
  return `${pair.a} ${HISTORY.joined} ${pair.b}`.trim();
}

// Those that moved first, then those that changed most over all.
function shownPairs(metric) {
  if (past.pair !== "") return [metric.pairs[Number(past.pair)]];
  const spread = (pair) => Math.max(...pair.score) - Math.min(...pair.score);
  return [...metric.pairs].filter((pair) => pair.at.length)
    .sort((u, v) => v.moved.length - u.moved.length || spread(v) - spread(u)).slice(0, MOST_LINES);
}

function historyText(pair, k) {
  const moved = pair.moved.find((m) => m.run === pair.at[k]);
  const why = moved ? `<br>moved by ${fixed(moved.change, 3)}: ${moved.why.map(escaped).join("; ")}` : "";
  return `${escaped(pair.layers[0])}<br>${escaped(pair.layers[1])}<br><b>${fixed(pair.score[k], 3)}</b>`
    + ` (95 % interval ${fixed(pair.low[k] ?? NaN, 3)} to ${fixed(pair.high[k] ?? NaN, 3)})`
    + `<br>${escaped(HISTORY.runs[pair.at[k]].created.replace("T", " "))}${why}`;
}

function historyTraces(pair, i) {
  const colour = ink(`kind-${i % 6}`);
  const banded = pair.at.map((_, k) => k).filter((k) => pair.low[k] !== null);
  const x = banded.map((k) => pair.at[k]);
  const moved = pair.at.map((run, k) => [run, k]).filter(([run]) => pair.moved.some((m) => m.run === run));
  return [
    {
      x: [...x, ...[...x].reverse()], fill: "toself", fillcolor: `${colour}26`, mode: "lines", line: { width: 0 }, hoverinfo: "skip",
      y: [...banded.map((k) => pair.high[k]), ...banded.map((k) => pair.low[k]).reverse()], showlegend: false,
    },
    {
      x: pair.at, y: pair.score, mode: "lines+markers", name: escaped(pairName(pair)), text: pair.at.map((_, k) => historyText(pair, k)),
      hovertemplate: "%{text}<extra></extra>", line: { color: colour, width: 2, dash: DASHES[Math.floor(i / 6) % 4] },
      marker: { color: colour, size: 6 },
    },
    {
      x: moved.map(([run]) => run), y: moved.map(([, k]) => pair.score[k]), mode: "markers", hoverinfo: "skip", showlegend: false,
      marker: { symbol: "circle-open", size: 15, color: ink("warm"), line: { width: 2.5 } },
    },
  ];
}

const SCORES = HISTORY.kind === "brains" ? "scores" : "pairs of models";

function drawHistory() {
  const element = document.getElementById("history-figure");
  if (!element) return;
  const metric = HISTORY.metrics[past.metric];
  const pairs = shownPairs(metric);
  const changed = HISTORY.runs.map((run, k) => [run, k]).filter(([run]) => run.changes.length);
  const step = Math.max(1, Math.ceil(HISTORY.runs.length / (narrow(element) ? 4 : 10)));
  const shown = HISTORY.runs.map((_, k) => k).filter((k) => k % step === 0);
  Plotly.react(element, pairs.flatMap(historyTraces), layout(element, 380 + 18 * pairs.length, {
    margin: { l: 8, r: 14, t: 12, b: 30 },
    hovermode: "closest",
    showlegend: true,
    legend: { orientation: "v", x: 0, y: -0.14, yanchor: "top" },
    shapes: changed.map(([, k]) => ({
      type: "line", x0: k, x1: k, y0: 0, y1: 1, yref: "paper", layer: "below", line: { color: ink("rule"), width: 1, dash: "dot" },
    })),
    xaxis: axis({
      tickvals: shown, ticktext: shown.map((k) => runLabel(HISTORY.runs[k])), showgrid: false, zeroline: false,
      range: [-0.3, HISTORY.runs.length - 0.7], automargin: true,
    }),
    yaxis: axis({ automargin: true, zeroline: false, nticks: 6 }),
  }), CONFIG);
  const moved = metric.pairs.filter((pair) => pair.moved.length).length;
  document.getElementById("history-note").textContent =
    `${moved} of ${metric.pairs.length} ${SCORES} moved. ` + (past.pair === "" && metric.pairs.length > MOST_LINES
      ? `Shown are the ${MOST_LINES} that moved most; the selector above shows any.` : "");
  document.documentElement.dataset.history = `${past.metric}|${past.pair}`;
}

function offerPairs() {
  const pairs = HISTORY.metrics[past.metric].pairs.map((pair, k) => `<option value="${k}">${escaped(pairName(pair))}</option>`);
  document.getElementById("history-pair").innerHTML = `<option value="">those that moved most</option>${pairs.join("")}`;
  past.pair = "";
}

function bindHistory() {
  if (!document.getElementById("history-figure")) return;
  offerPairs();
  document.getElementById("history-metric").addEventListener("change", (e) => {
    past.metric = Number(e.target.value);
    offerPairs();
    drawHistory();
  });
  document.getElementById("history-pair").addEventListener("change", (e) => { past.pair = e.target.value; drawHistory(); });
}
