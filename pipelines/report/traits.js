// Figure 5: what each layer is by itself, a small chart a metric, a line a model over the depth of its layers.

const DASHES = ["solid", "dash", "dot", "dashdot"];

// Every model of the profile with its look: six colours, then the same with broken lines.
function traitModels() {
  const models = [...new Set(DATA.traits.flatMap((trait) => trait.lines.map((line) => line.model)))];
  return new Map(models.map((model, k) => [model, { colour: ink(`kind-${k % 6}`), dash: DASHES[Math.floor(k / 6) % 4] }]));
}

function drawTraits() {
  const looks = traitModels();
  drawKey(looks);
  DATA.traits.forEach((trait, m) => drawTrait(document.getElementById(`trait-${m}`), trait, looks));
}

function drawKey(looks) {
  const strokes = { solid: "", dash: "7 4", dot: "2 3", dashdot: "7 3 2 3" };
  const items = [...looks].map(([model, { colour, dash }]) =>
    `<li><svg width="22" height="3" aria-hidden="true"><line x1="0" x2="22" y1="1.5" y2="1.5" stroke="${colour}"
      stroke-width="3" stroke-dasharray="${strokes[dash]}"/></svg>${escaped(model)}</li>`);
  const key = document.getElementById("traits-key");
  if (key) key.innerHTML = items.join("");
}

// Lengths may differ a thousandfold between models; on a scale of equal steps the short ones would all look like 0.
function spansDecades(values) {
  return Math.min(...values) > 0 && Math.max(...values) > 50 * Math.min(...values);
}

function drawTrait(element, trait, looks) {
  const logarithmic = spansDecades(trait.lines.flatMap((line) => line.score));
  const traces = [
    ...trait.lines.map((line) => traitBand(line, trait.t ?? NaN, looks.get(line.model), logarithmic)),
    ...trait.lines.map((line) => traitLine(line, trait.t, looks.get(line.model))),
  ];
  document.getElementById(`${element.id}-scale`).textContent = logarithmic ? " · logarithmic" : "";
  const depth = { tickvals: [0, 0.5, 1], ticktext: ["first", "depth", "last"], showgrid: false, zeroline: false };
  Plotly.react(element, traces, layout(element, 230, {
    font: { family: DATA.font, size: 11, color: ink("ink") },
    margin: { l: 8, r: 14, t: 10, b: 26 },
    hovermode: "closest",
    xaxis: axis({ ...depth, range: [-0.04, 1.04] }),
    yaxis: axis({ automargin: true, zeroline: false, nticks: 5, ...(logarithmic && { type: "log", dtick: 1 }) }),
  }), { ...CONFIG, displayModeBar: false }); // it would cover a chart so small
}

function traitLine(line, factor, { colour, dash }) {
  return {
    x: line.depth, y: line.score, mode: "lines+markers", line: { width: 2, color: colour, dash }, marker: { size: 4, color: colour },
    text: line.layer.map((layer, k) => traitText(line, k, factor)), hovertemplate: "%{text}<extra></extra>",
  };
}

function traitText(line, k, factor) {
  const note = line.note[k] ? `<br>${escaped(line.note[k])}` : "";
  const kind = line.kind ? `<br>${escaped(line.kind)}` : "";
  return escaped(`${line.model}/${line.layer[k]}`) + kind + measured(line.score[k], line.se[k] ?? NaN, factor) + note;
}

function traitBand(line, factor, { colour }, logarithmic) {
  const at = line.score.map((_, k) => k).filter((k) => line.se[k] !== null && Number.isFinite(factor));
  // A logarithmic scale has no place for an end below 0.
  const low = at.map((k) => Math.max(line.score[k] - factor * line.se[k], logarithmic ? line.score[k] / 100 : -Infinity));
  const high = at.map((k) => line.score[k] + factor * line.se[k]);
  const x = at.map((k) => line.depth[k]);
  return {
    x: [...x, ...[...x].reverse()], y: [...low, ...high.reverse()], fill: "toself", fillcolor: `${colour}2e`,
    mode: "lines", line: { width: 0 }, hoverinfo: "skip",
  };
}
