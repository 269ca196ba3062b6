// The mean score of one model with the others, over the runs, a line a metric.

function drawOwn() {
  const element = document.getElementById("own-figure");
  const lines = DATA.own.filter((one) => one.at.length);
  const days = [...new Set(lines.flatMap((one) => one.at))].sort();
  const one = days.length && days[0].slice(0, 10) === days[days.length - 1].slice(0, 10);
  const step = Math.max(1, Math.ceil(days.length / (narrow(element) ? 4 : 10)));
  const shown = days.map((_, k) => k).filter((k) => k % step === 0);
  const traces = lines.map((metric, k) => ({
    x: metric.at.map((when) => days.indexOf(when)), y: metric.score, name: escaped(metric.metric), mode: "lines+markers",
    text: metric.at.map((when) => when.replace("T", " ")), hovertemplate: "%{text}<br>%{y:.3f}<extra></extra>",
    line: { color: ink(`kind-${k % 6}`), width: 2 }, marker: { size: 7, symbol: MARKS[Math.floor(k / 6) % MARKS.length] },
  }));
  Plotly.react(element, traces, layout(element, 320 + 18 * lines.length, {
    margin: { l: 8, r: 14, t: 12, b: 30 }, hovermode: "closest", showlegend: true, legend: { orientation: "v", x: 0, y: -0.14, yanchor: "top" },
    xaxis: axis({
      tickvals: shown, ticktext: shown.map((k) => (one ? days[k].slice(11, 16) : days[k].slice(0, 10))), showgrid: false, zeroline: false,
      range: [-0.3, days.length - 0.7],
    }),
    yaxis: axis({ automargin: true, zeroline: false, nticks: 6 }),
  }), CONFIG);
  document.documentElement.dataset.ready = "true";
}

drawOwn();
DARK.addEventListener("change", drawOwn);
let width = innerWidth;
addEventListener("resize", () => { if (innerWidth !== width) { width = innerWidth; drawOwn(); } });
