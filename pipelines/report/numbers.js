// Numbers as a reader wants them. The same rules as numbers.py; a test compares the two.

const MISSING = "–";

function decimals(error) {
  if (!Number.isFinite(error) || error < 1e-9) return 3;
  return Math.min(6, Math.max(0, 1 - Math.floor(Math.log10(error))));
}

function fixed(value, digits) {
  if (!Number.isFinite(value)) return MISSING;
  const text = value.toFixed(digits);
  return Number(text) === 0 && text[0] === "-" ? text.slice(1) : text.replace("-", "−");
}

function rounded(value, error) {
  return fixed(value, decimals(error));
}

function short(value) {
  if (!Number.isFinite(value)) return MISSING;
  const size = value === 0 ? 0 : Math.floor(Math.log10(Math.abs(value)));
  return fixed(value, Math.min(4, Math.max(0, 2 - size)));
}

function superscript(whole) {
  return String(whole).replace(/[-0-9]/g, (c) => "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"["-0123456789".indexOf(c)]);
}

// A p-value with its sign of relation, from its decimal logarithm.
function power(log10p) {
  if (log10p === null || Number.isNaN(log10p)) return "= " + MISSING;
  if (log10p < -300) return "< 10⁻³⁰⁰";
  if (log10p >= -3) {
    const p = 10 ** log10p;
    return "= " + fixed(p, p >= 0.0995 ? 2 : p >= 0.00995 ? 3 : 4);
  }
  let exponent = Math.floor(log10p);
  let mantissa = (10 ** (log10p - exponent)).toFixed(1);
  if (mantissa === "10.0") [mantissa, exponent] = ["1.0", exponent + 1];
  return `= ${mantissa} × 10${superscript(exponent)}`;
}

// For a table cell, where "=" goes without saying.
function probability(log10p) {
  return power(log10p).replace("= ", "");
}

function escaped(text) {
  return text.replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);
}
