// The score table: names once, and per metric a block of float32 that is unpacked when it is first looked at.

const DATA = JSON.parse(document.getElementById("data").textContent);
const NA = DATA.a.layer.length;
const NB = DATA.b.layer.length;
const NAMES = { a: names("a"), b: names("b") };
const unpacked = new Map();

function names(side) {
  return DATA[side].layer.map((layer, i) => `${DATA.models[side][DATA[side].model[i]]}/${layer}`);
}

function modelOf(side, i) {
  return DATA.models[side][DATA[side].model[i]];
}

// One array of NA x NB per column, in the order a, b.
async function unpack(packed, columns) {
  const bytes = Uint8Array.from(atob(packed.block), (c) => c.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  const flat = new Float32Array(await new Response(stream).arrayBuffer());
  const each = flat.length / columns.length;
  return Object.fromEntries(
    columns.map((name, k) => {
      const part = flat.subarray(k * each, (k + 1) * each);
      return [name, packed.symmetric ? mirrored(part) : part];
    }),
  );
}

function mirrored(triangle) {
  const full = new Float32Array(NA * NA);
  let k = 0;
  for (let i = 0; i < NA; i++) {
    for (let j = i; j < NA; j++) full[i * NA + j] = full[j * NA + i] = triangle[k++];
  }
  return full;
}

// Everything about metric number `m`; unpacked once, and kept.
function table(m) {
  if (!unpacked.has(m)) {
    const metric = DATA.metrics[m];
    const both = Promise.all([
      unpack(metric, DATA.columns),
      unpack(metric.profile, ["score_select", "score_holdout", "se_holdout"]),
    ]);
    unpacked.set(m, both.then(([cells, halves]) => ({ ...metric, ...cells, ...halves })));
  }
  return unpacked.get(m);
}

// What is known of the pair of layers (i, j).
function cell(t, i, j) {
  const k = i * NB + j;
  const at = Object.fromEntries(DATA.columns.map((name) => [name, t[name][k]]));
  return { ...at, reason: DATA.reasons[at.why] };
}

// What pointing at a score shows. (numbers.py holds the same text for the notebook.)
function hover(t, i, j) {
  const c = cell(t, i, j);
  if (Number.isNaN(c.score)) return `${title(i, j)}<br>no score: ${escaped(c.reason)}`;
  const without = c.reason.startsWith("no z") ? `<br>${escaped(c.reason)}` : "";
  return `${title(i, j)}${measured(c.score, c.se, t.t)}<br>null ${short(c.null_mean)}, z ${short(c.z)}, p ${power(c.log10_p)}${without}`;
}

function title(i, j) {
  return `${escaped(NAMES.a[i])} × ${escaped(NAMES.b[j])}`;
}

// A score with its error and the interval of `factor` errors about it.
function measured(score, se, factor) {
  const digits = decimals(se);
  const half = (factor ?? NaN) * se;
  return (
    `<br><b>${fixed(score, digits)}</b> ± ${fixed(se, digits)}` +
    `<br>95 % interval ${fixed(score - half, digits)} to ${fixed(score + half, digits)}`
  );
}

// The layers of `model` (or of all models) that a metric was asked for.
function layersOf(t, side, model) {
  return t[side].filter((i) => model === "" || modelOf(side, i) === model);
}
