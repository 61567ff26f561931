// A number for a person.
export const figure = (v) => {
  if (v === null || v === undefined) return "\u2013";
  const size = Math.abs(v);
  return Number.isInteger(v) && size < 1e4 ? String(v) : size >= 1e-3 && size < 1e4 ? v.toFixed(4) : v.toExponential(2);
};
