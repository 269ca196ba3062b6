// What the figures are drawn from.

const DATA = JSON.parse(document.getElementById("data").textContent);
const ALIGNED = DATA.alignment;
const ENCODED = DATA.encoding;
const RELIABLE = DATA.reliability;
