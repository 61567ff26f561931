// The settings as the part of the address behind #, and back: those that are not the usual ones.
const MOST = 8000; // characters

const written = {
  hidden: (v) => v.join("-"),
  inputs: (v) => v.join(","),
  frame: (v) => v.join(","),
  points: (v) => v.map((p) => p.join(",")).join(";"),
};
const numbers = (text, mark) => text.split(mark).filter(Boolean).map(Number);
const read = {
  hidden: (t) => numbers(t, "-"),
  inputs: (t) => t.split(",").filter(Boolean),
  frame: (t) => numbers(t, ","),
  points: (t) => t.split(";").filter(Boolean).map((p) => numbers(p, ",")),
};

export function toHash(settings, usual, step = 0) {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(settings)) {
    if (JSON.stringify(value) === JSON.stringify(usual[name])) continue;
    if (settings.data !== "own" && ["points", "values", "frame"].includes(name)) continue;
    query.set(name, (written[name] || String)(value));
  }
  if (step) query.set("steps", step);
  const text = query.toString();
  return text.length > MOST ? null : text;
}

export function fromHash(hash, usual) {
  const settings = {};
  let steps = 0;
  for (const [name, text] of new URLSearchParams(hash.replace(/^#/, ""))) {
    if (name === "steps") steps = Math.max(0, Math.min(50000, Math.floor(Number(text)) || 0));
    else if (name in usual) {
      const kind = typeof usual[name];
      settings[name] = read[name] ? read[name](text) : kind === "number" ? Number(text) : kind === "boolean" ? text === "true" : text;
    }
  }
  return { settings, steps };
}
