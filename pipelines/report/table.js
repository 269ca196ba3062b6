// The ranked table: best pairs of layers first, every pair behind a choice; drawn by page.

const PAGE = 25;
const COLUMNS = [
  ["a", "A"], ["b", "B"], ["metric", "Metric"], ["score", "Score"], ["interval", "95 % interval"], ["null_mean", "Null"],
  ["z", "z"], ["log10_p", "p"], ["log10_q", "q"], ["calibrated", "Calibrated"],
];
const ranked = { rows: [], page: 0, key: "score", descending: true, touched: false };

function bestRows(t) {
  return t.best
    .filter((pair) => !t.symmetric || pair.a <= pair.b)
    .map((pair) => ({
      t, i: pair.a, j: pair.b, score: pair.score, se: pair.se, half: (t.t_holdout ?? NaN) * pair.se, z: pair.z ?? NaN,
      log10_p: pair.log10_p ?? NaN, null_mean: NaN, log10_q: NaN, calibrated: NaN,
    }));
}

function allRows(t, others) {
  const rows = [];
  for (const i of t.a) {
    for (const j of t.b) {
      if ((t.symmetric && j < i) || (others && modelOf("a", i) === modelOf("b", j))) continue;
      const k = i * NB + j;
      if (Number.isNaN(t.score[k])) continue;
      rows.push({
        t, i, j, score: t.score[k], se: t.se[k], half: (t.t ?? NaN) * t.se[k], null_mean: t.null_mean[k], z: t.z[k],
        log10_p: t.log10_p[k], log10_q: t.log10_q[k], calibrated: t.calibrated[k],
      });
    }
  }
  return rows;
}

async function fillTable(state) {
  const scope = document.getElementById("scope").value;
  const every = document.getElementById("every-metric").checked;
  const others = document.getElementById("others").checked;
  const tables = await Promise.all((every ? DATA.metrics.map((_, m) => m) : [state.metric]).map(table));
  Object.assign(document.getElementById("ranked").dataset, { scope, metrics: every ? "every" : "one" });
  document.getElementById("others").disabled = scope === "best";
  if (!ranked.touched) ranked.descending = tables[0].direction !== "distance";
  const words = document.getElementById("search").value.toLowerCase().split(/\s+/).filter(Boolean);
  const rows = tables.flatMap((t) => (scope === "best" ? bestRows(t) : allRows(t, others)));
  ranked.rows = words.length ? rows.filter((row) => matches(row, words)) : rows;
  ranked.page = 0;
  sortTable();
}

function matches(row, words) {
  const text = `${NAMES.a[row.i]} ${NAMES.b[row.j]} ${row.t.id}`.toLowerCase();
  return words.every((word) => text.includes(word));
}

// The place of each name among all in reading order (layer 2 before layer 10), so that a long list sorts by numbers.
function ranks(list) {
  const { compare } = new Intl.Collator("en", { numeric: true });
  const places = new Int32Array(list.length);
  list.map((_, i) => i).sort((i, j) => compare(list[i], list[j])).forEach((i, place) => (places[i] = place));
  return places;
}

const RANKS = { a: ranks(NAMES.a), b: ranks(NAMES.b) };
const KEYS = {
  a: (row) => RANKS.a[row.i],
  b: (row) => RANKS.b[row.j],
  metric: (row) => DATA.metrics.findIndex((metric) => metric.id === row.t.id),
  interval: (row) => row.score - row.half,
};

function sortTable() {
  const key = KEYS[ranked.key] ?? ((row) => row[ranked.key]);
  const sign = ranked.descending ? -1 : 1;
  const keyed = ranked.rows.map((row) => [key(row), row]);
  const nan = (v) => Number.isNaN(v); // what has no value goes last, whichever way the rest is sorted
  keyed.sort(([u], [v]) => (nan(u) || nan(v) ? nan(u) - nan(v) : sign * (u - v)));
  ranked.rows = keyed.map(([, row]) => row);
  drawTable();
}

function drawTable() {
  const { rows } = ranked;
  const last = Math.max(0, Math.ceil(rows.length / PAGE) - 1);
  ranked.page = Math.min(last, Math.max(0, ranked.page));
  const from = ranked.page * PAGE;
  const shown = rows.slice(from, from + PAGE);
  document.querySelector("#ranked tbody").innerHTML =
    shown.map(rowHtml).join("") || `<tr><td class="none" colspan="${COLUMNS.length}">No pair fits.</td></tr>`;
  const thin = (n) => n.toLocaleString("en").replace(/,/g, "\u202f");
  document.getElementById("count").textContent = rows.length
    ? `${thin(from + 1)} to ${thin(from + shown.length)} of ${thin(rows.length)}`
    : "0";
  document.getElementById("previous").disabled = ranked.page === 0;
  document.getElementById("next").disabled = ranked.page === last;
  document.querySelectorAll("#ranked th").forEach((th) => {
    const on = th.dataset.key === ranked.key;
    th.setAttribute("aria-sort", on ? (ranked.descending ? "descending" : "ascending") : "none");
  });
}

function name(side, i) {
  return `<span class="model">${escaped(modelOf(side, i))}</span> <span class="layer">${escaped(DATA[side].layer[i])}</span>`;
}

function rowHtml(row) {
  const digits = decimals(row.se);
  const cells = {
    a: name("a", row.i),
    b: name("b", row.j),
    metric: `<code>${escaped(row.t.id)}</code>`,
    score: `<b>${fixed(row.score, digits)}</b> <span class="se">± ${fixed(row.se, digits)}</span>`,
    interval: `${fixed(row.score - row.half, digits)} to ${fixed(row.score + row.half, digits)}`,
    null_mean: short(row.null_mean),
    z: short(row.z),
    log10_p: probability(row.log10_p),
    log10_q: probability(row.log10_q),
    calibrated: fixed(row.calibrated, digits),
  };
  const html = COLUMNS.map(([key, head]) => `<td class="${key}" data-title="${head}">${cells[key]}</td>`);
  return `<tr>${html.join("")}</tr>`;
}

function sortBy(key) {
  const text = key === "a" || key === "b" || key === "metric";
  ranked.descending = ranked.key === key ? !ranked.descending : !text && key !== "log10_p" && key !== "log10_q";
  ranked.key = key;
  ranked.touched = true;
  ranked.page = 0;
  sortTable();
}
