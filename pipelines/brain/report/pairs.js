// Models in pairs: how far apart they are, and over what that is shown.

const MOST_PAIRS = 300; // rows, the largest differences first; all are in the table of the study
const LEVEL = Math.log10(0.05);

function fillPairs(id, { regions, pairs }) {
  const body = document.getElementById(id);
  if (body === null) return;
  const rows = regions.flatMap((region, r) => pairs[r].map((pair) => ({ region, ...pair })));
  const stimuli = rows.some((row) => "log10_difference_q_stimuli" in row);
  body.innerHTML = rows.slice(0, MOST_PAIRS).map((row) => {
    const over = [["subjects", row.log10_difference_q], ...(stimuli ? [["stimuli", row.log10_difference_q_stimuli]] : [])];
    const shown = over.filter(([, q]) => q !== null && q < LEVEL).map(([what]) => what);
    const q = over.map(([, value]) => `<td>${power(value ?? NaN).replace(/^= /, "")}</td>`).join("");
    return `<tr><td>${escaped(row.region)}</td><td>${row.models.map(escaped).join(" − ")}</td><td>${three(row.difference)}</td>`
      + `<td>${three(row.difference_low)} to ${three(row.difference_high)}</td>${q}<td>${shown.join(", ") || "not shown"}</td></tr>`;
  }).join("");
  const rest = document.getElementById(`${id}-rest`);
  rest.textContent = rows.length > MOST_PAIRS ? `${rows.length - MOST_PAIRS} more are in the table of the study.` : "";
}
