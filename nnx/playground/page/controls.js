// The settings as fields: what may be chosen comes from the session.
import { CLASSES } from "./colours.js";
import { thumbnail } from "./plane.js";

const words = (name) => name.replaceAll("_", " ");
const make = (tag, given = {}, ...children) => {
  const element = Object.assign(document.createElement(tag), given);
  element.append(...children);
  return element;
};

// Mark a field whose value was refused, for a moment.
export function refused(input) {
  input.classList.add("refused");
  setTimeout(() => input.classList.remove("refused"), 3000);
  return input;
}

export class Controls {
  constructor(app) {
    this.app = app;
    this.fields = {};
    const { options } = app;
    this.datasets(options);
    const data = document.getElementById("data-fields");
    this.number(data, "rows", "Points", { min: 10, max: options.limits.rows, step: 10 });
    this.range(data, "noise", "Noise", { min: 0, max: 1, step: 0.05 }, (v) => v.toFixed(2));
    this.range(data, "test", "Test share", { min: 0, max: 0.9, step: 0.05 }, (v) => `${Math.round(100 * v)} %`);
    this.number(data, "seed", "Seed", { min: 0, max: 4294967295, step: 1 });
    this.number(data, "batch_size", "Batch size", { min: 1, max: options.limits.rows, step: 1 });
    const network = document.getElementById("network-fields");
    this.text(network, "hidden", "Hidden units", "8, 8");
    this.select(network, "activation", "Activation", Object.keys(options.activations));
    this.select(network, "norm", "Norm", Object.keys(options.norms));
    this.number(network, "dropout", "Dropout", { min: 0, max: 0.9, step: 0.05 });
    const training = document.getElementById("training-fields");
    this.select(training, "loss", "Loss", Object.keys(options.losses));
    this.select(training, "optimizer", "Optimizer", Object.keys(options.optimizers));
    this.number(training, "rate", "Rate", { min: 0, max: 100, step: "any" });
    this.select(training, "schedule", "Schedule", Object.keys(options.schedules));
    this.number(training, "epochs", "Its epochs", { min: 1, max: 100000, step: 10 });
    this.number(training, "weight_decay", "Weight decay", { min: 0, step: "any" });
    this.inputs(options);
    this.pens();
    document.getElementById("layer-less").addEventListener("click", () => app.change({ hidden: app.settings.hidden.slice(0, -1) }));
    document.getElementById("layer-more").addEventListener("click", () => app.change({ hidden: [...app.settings.hidden, app.settings.hidden.at(-1)] }));
  }

  add(parent, name, title, input, read) {
    input.id = `set-${name}`;
    parent.append(make("label", { htmlFor: input.id }, title, input));
    this.fields[name] = input;
    const change = () => this.app.change({ [name]: read(input.value) }, input);
    input.addEventListener("change", change);
    return input;
  }

  number(parent, name, title, limits) {
    const input = make("input", { type: "number", inputMode: "decimal" });
    for (const [key, value] of Object.entries(limits)) input.setAttribute(key, value);
    this.add(parent, name, title, input, (text) => (text.trim() === "" ? null : Number(text)));
  }

  range(parent, name, title, limits, shown) {
    const input = make("input", { type: "range" });
    for (const [key, value] of Object.entries(limits)) input.setAttribute(key, value);
    const output = make("output");
    this.add(parent, name, title, input, Number);
    input.before(output);
    input.shows = () => { output.textContent = shown(Number(input.value)); };
    input.addEventListener("input", input.shows);
  }

  text(parent, name, title, hint) {
    const input = make("input", { type: "text", placeholder: hint, inputMode: "numeric" });
    this.add(parent, name, title, input, (text) => text.split(/[^0-9.]+/).filter(Boolean).map(Number));
  }

  select(parent, name, title, values) {
    const input = make("select", {}, ...values.map((value) => make("option", { value }, words(value))));
    this.add(parent, name, title, input, (value) => value);
    input.addEventListener("focus", () => this.app.formula(name));
  }

  datasets(options) {
    const box = document.getElementById("datasets");
    const names = [...options.data.classes, ...options.data.values, "own"];
    for (const name of names) {
      const values = options.data.values.includes(name);
      const canvas = make("canvas");
      canvas.setAttribute("aria-hidden", "true");
      const input = make("input", { type: "radio", name: "data", value: name });
      const kind = name === "own" ? "own points" : values ? `${name}, values` : `${name}, classes`;
      input.setAttribute("aria-label", kind);
      input.addEventListener("change", () => this.choose(name));
      box.append(make("label", { title: kind }, input, canvas, name));
      if (name !== "own") this.thumb(canvas, options.previews[name], values);
      else this.own = canvas;
    }
  }

  thumb(canvas, points, values) {
    thumbnail(canvas, points, values);
    (this.thumbs ||= []).push(() => thumbnail(canvas, points, values));
  }

  repaint() {
    for (const paint of this.thumbs) paint();
  }

  choose(name) {
    if (name === "own" && this.app.settings.points.length < 2) this.app.copyPoints();
    else this.app.change(this.fitting({ data: name }));
  }

  // The loss that goes with other data: of classes or of values.
  fitting(changes) {
    const { options, settings } = this.app;
    const data = changes.data ?? settings.data;
    const values = options.data.values.includes(data) || (data === "own" && (changes.values ?? settings.values));
    const loss = settings.loss;
    if (values && (options.losses[loss].labels || loss === "binary_cross_entropy" || loss === "poisson")) changes.loss = "squared_error";
    if (!values && !options.losses[loss].labels && loss !== "binary_cross_entropy") changes.loss = "softmax_cross_entropy";
    return changes;
  }

  inputs(options) {
    const box = document.getElementById("inputs");
    this.chips = options.inputs.map((name) => {
      const input = make("input", { type: "checkbox", value: name });
      input.addEventListener("change", () => this.app.change({ inputs: this.chips.filter((c) => c.checked).map((c) => c.value) }));
      box.append(make("label", {}, input, name.replace("^2", "\u00b2").replace("x1", "x\u2081").replace("x2", "x\u2082")));
      return input;
    });
  }

  // What a click adds: a class, or a value.
  pens() {
    const box = document.getElementById("pens");
    const values = this.app.regression();
    const key = `${values}`;
    if (this.penKind === key) return;
    this.penKind = key;
    if (values) {
      const input = make("input", { type: "number", step: "any", value: "1", id: "pen-value" });
      box.replaceChildren(make("label", { className: "wide", htmlFor: "pen-value" }, "Value ", input));
      this.pen = () => Number(input.value);
      return;
    }
    const count = this.app.options.limits.classes;
    const chips = Array.from({ length: count }, (_, i) => {
      const input = make("input", { type: "radio", name: "pen", value: String(i), checked: i === 0 });
      const dot = make("span", { className: "dot" });
      dot.style.background = CLASSES[i];
      input.setAttribute("aria-label", `class ${i}`);
      return make("label", {}, input, dot, String(i));
    });
    box.replaceChildren(...chips);
    this.pen = () => Number(box.querySelector("input:checked").value);
  }

  show() {
    const { settings, options } = this.app;
    for (const [name, input] of Object.entries(this.fields)) {
      input.value = name === "hidden" ? settings.hidden.join(", ") : settings[name];
      input.shows?.();
    }
    for (const input of document.querySelectorAll("#datasets input")) input.checked = input.value === settings.data;
    for (const chip of this.chips) chip.checked = settings.inputs.includes(chip.value);
    const own = settings.data === "own";
    this.fields.rows.disabled = this.fields.noise.disabled = own;
    this.fields.epochs.disabled = settings.schedule === "none";
    const values = this.app.regression();
    for (const option of this.fields.loss.options) option.disabled = values && options.losses[option.value].labels;
    const n = settings.hidden.length;
    document.getElementById("layer-count").textContent = `${n} hidden layer${n === 1 ? "" : "s"}`;
    document.getElementById("layer-less").disabled = n <= 1;
    document.getElementById("layer-more").disabled = n >= options.limits.layers;
    this.pens();
    if (own) {
      this.own.parentElement.classList.add("filled");
      const [l, r, b, t] = settings.frame;
      const size = this.app.scaleOf;
      const points = settings.points.map(([x, y, v]) => [((x - l) / (r - l)) * 6 - 3, ((y - b) / (t - b)) * 6 - 3, values ? v / size : v]);
      thumbnail(this.own, points, values);
    }
  }
}
export { make, words };
