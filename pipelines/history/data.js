// What the figures are drawn from.

const DATA = JSON.parse(document.getElementById("data").textContent);
