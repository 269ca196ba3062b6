// What all figures share: ink from the style sheet, the colour scale, axes that adapt to the width.

const DARK = matchMedia("(prefers-color-scheme: dark)");
const CONFIG = {
  responsive: false,
  displaylogo: false,
  modeBarButtons: [["toImage"]],
  toImageButtonOptions: { format: "svg", filename: "consilience" },
};
const MOST_TICKS = 24;
const TILT = 40;

function ink(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

// The end of the scale that is furthest from the page always means "more alike".
function colours(t) {
  const forward = (t.direction !== "distance") !== DARK.matches;
  const list = forward ? DATA.scale : [...DATA.scale].reverse();
  return list.map((colour, i) => [i / (list.length - 1), colour]);
}

function colourAt(depth) {
  const list = DARK.matches ? [...DATA.scale].reverse() : DATA.scale;
  return list[2 + Math.round(depth * (list.length - 4))];
}

function narrow(element) {
  return element.clientWidth < 560;
}

// Names of one family differ at their end: what is left out on a small screen is the middle.
function clipped(text, element, most = 13) {
  if (!narrow(element) || text.length <= most) return text;
  return `${text.slice(0, 5)}…${text.slice(6 - most)}`;
}

const brush = document.createElement("canvas").getContext("2d");

// Pixels that the longest of these labels takes.
function labelWidth(element, labels) {
  brush.font = `${narrow(element) ? 11 : 12.5}px ${DATA.font}`;
  return Math.max(0, ...labels.map((label) => brush.measureText(label).width));
}

// Margins that hold the labels of a matrix exactly, so that its left end stands where the text does, and the side of a
// cell: as large as fits, up to `most` pixels, with `beside` pixels kept free at the right.
function fitted(element, rowLabels, columnLabels, most, beside = 4) {
  const left = Math.ceil(labelWidth(element, rowLabels)) + 8;
  const down = Math.ceil(labelWidth(element, columnLabels) * Math.sin((TILT * Math.PI) / 180)) + 22;
  return (rows, columns) => {
    const side = Math.min((element.clientWidth - left - beside) / columns, most);
    const height = Math.min(Math.max(side * rows, 90), 900);
    const right = element.clientWidth - left - side * columns;
    // Without `autoexpand: false` the colour bar would push the cells from where they are counted to be.
    const margin = { l: left, r: Math.max(beside, right), t: 62, b: down, autoexpand: false };
    return { margin, height: height + 62 + down, side };
  };
}

function layout(element, height, extra = {}) {
  return {
    width: element.clientWidth,
    height,
    font: { family: DATA.font, size: narrow(element) ? 11 : 12.5, color: ink("ink") },
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: ink("page"), // plotly draws this one, which the style sheet hatches, only where the two differ
    hoverlabel: {
      align: "left", bgcolor: ink("panel"), bordercolor: ink("rule"),
      font: { family: DATA.font, color: ink("ink"), size: 13 },
    },
    showlegend: false,
    dragmode: false,
    ...extra,
  };
}

function axis(extra) {
  return {
    gridcolor: ink("rule"), linecolor: ink("rule"), zerolinecolor: ink("rule"), tickcolor: ink("rule"), fixedrange: true,
    ...extra,
  };
}

// The axis of a matrix: nothing but its labels, a little apart from the cells.
function bareAxis(extra) {
  return axis({
    showgrid: false, zeroline: false, showline: false, ticks: "outside", ticklen: 4, ...extra, tickcolor: "rgba(0,0,0,0)",
  });
}

// Names of layers for one model; names of models under their blocks of layers for all.
function ticks(side, at, model, element) {
  if (model !== "") {
    const step = Math.max(1, Math.ceil(at.length / (narrow(element) ? MOST_TICKS / 2 : MOST_TICKS)));
    const shown = at.map((_, k) => k).filter((k) => k % step === 0);
    return { tickvals: shown, ticktext: shown.map((k) => escaped(clipped(DATA[side].layer[at[k]], element))) };
  }
  const blocks = new Map();
  at.forEach((i, k) => blocks.set(modelOf(side, i), [...(blocks.get(modelOf(side, i)) ?? []), k]));
  return {
    tickvals: [...blocks.values()].map((ks) => (ks[0] + ks[ks.length - 1]) / 2),
    ticktext: [...blocks.keys()].map((name) => escaped(clipped(name, element))),
  };
}

// Lines between the blocks of two models, in the colour of the page.
function seams(side, at) {
  const line = { color: ink("page"), width: 1.5 };
  const between = at.slice(1).map((i, k) => [k + 0.5, modelOf(side, i) !== modelOf(side, at[k])]);
  return between.filter(([, seam]) => seam).map(([v]) =>
    side === "b"
      ? { type: "line", x0: v, x1: v, y0: 0, y1: 1, yref: "paper", line }
      : { type: "line", y0: v, y1: v, x0: 0, x1: 1, xref: "paper", line },
  );
}

function colourbar(title) {
  return {
    title: { text: title, side: "top", font: { size: 12 } }, orientation: "h", thickness: 9, len: 0.45, x: 1,
    xanchor: "right", xpad: 0, y: 1, ypad: 6, yanchor: "bottom", outlinewidth: 0, nticks: 5,
  };
}

function alike(t) {
  return t.direction === "distance" ? "smaller is more alike" : "larger is more alike";
}
