// Optimizers that race from one point of a loss landscape.
import { SERIES, css, floatsOf, heights, paint, sized } from "./colours.js";
import { figure } from "./format.js";
import { make, refused, words } from "./controls.js";

const RATES = { sgd: 0.3, momentum: 0.05, nesterov: 0.05, rmsprop: 0.05, adagrad: 0.2, adam: 0.1, adamw: 0.1, lion: 0.03 };

// A field whose wrong value goes back to the one before.
function lastGood(app, input, name) {
  let good = input.value;
  input.addEventListener("change", () => {
    if (input.value !== "" && input.checkValidity()) {
      good = input.value;
      return;
    }
    const [kind, most] = [input.step === "1" ? "a whole number " : "", input.max ? `from ${input.min} to ${input.max}` : `at least ${input.min}`];
    app.fail(`race: ${name} must be ${kind}${most}`);
    input.value = good;
    refused(input);
  });
}

export class Race {
  constructor(box, app) {
    Object.assign(this, { box, app, answer: null });
    const field = (title, input) => make("label", {}, title, input);
    this.way = make("select", { id: "race-way" }, make("option", { value: "random" }, "two random directions"), make("option", { value: "weights" }, "two weights"));
    this.first = make("select");
    this.second = make("select");
    this.from = make("select", {}, make("option", { value: "begin" }, "the beginning"), make("option", { value: "now" }, "now"));
    this.radius = make("input", { type: "number", value: "2", min: "0.01", max: "100", step: "any" });
    this.count = make("input", { type: "number", value: "100", min: "1", max: "400", step: "1" });
    const fields = make("div", { className: "fields" }, field("Plane", this.way), field("First weight", this.first), field("Second weight", this.second), field("Weights of", this.from), field("Radius", this.radius), field("Steps", this.count));
    this.way.addEventListener("change", () => this.show());
    lastGood(app, this.radius, "radius");
    lastGood(app, this.count, "steps");
    this.run = make("button", { type: "button", className: "main", id: "race-run" }, "Race");
    this.run.addEventListener("click", () => this.race());
    this.table = make("tbody");
    this.rows = Object.keys(app.options.optimizers).map((name, i) => {
      const on = make("input", { type: "checkbox", checked: true });
      const rate = make("input", { type: "number", value: String(RATES[name] ?? 0.05), step: "any", min: "0" });
      lastGood(app, rate, `the rate of ${words(name)}`);
      on.setAttribute("aria-label", `${words(name)} races`);
      rate.setAttribute("aria-label", `rate of ${words(name)}`);
      const dot = make("span", { className: "dot" });
      dot.style.background = SERIES[i % SERIES.length];
      const loss = make("td", {}, "");
      this.table.append(make("tr", {}, make("td", {}, on), make("th", { scope: "row" }, dot, ` ${words(name)}`), make("td", {}, rate), loss));
      return { name, on, rate, loss, colour: SERIES[i % SERIES.length] };
    });
    this.canvas = make("canvas", { id: "landscape" });
    this.canvas.setAttribute("role", "img");
    this.canvas.setAttribute("aria-label", "The loss over two directions, and the paths of the optimizers; their losses are in the table");
    this.told = make("p", { className: "hint" });
    this.told.setAttribute("role", "status");
    const head = make("tr", {}, make("td"), make("th", { scope: "col" }, "optimizer"), make("th", { scope: "col" }, "rate"), make("th", { scope: "col" }, "last loss"));
    box.append(make("p", { className: "hint" }, "Two numbers are trained, all else of the network stands still; so each path lies on the surface that is drawn. Dark is a high loss. All begin at the cross in the middle."),
      make("div", { className: "race" }, make("div", {}, this.canvas, this.told), make("div", {}, fields, make("p", { className: "row" }, this.run), make("div", { className: "scroll" }, make("table", {}, make("thead", {}, head), this.table)))));
  }

  clear() {
    this.answer = null;
    for (const row of this.rows) row.loss.textContent = "";
    this.told.textContent = "";
    const places = Object.entries(this.app.state.shapes).filter(([name]) => /\.(W|b)$/.test(name)).flatMap(([name, shape]) => {
      const size = shape.reduce((a, b) => a * b, 1);
      return Array.from({ length: Math.min(size, 64) }, (_, i) => [name, shape.length === 1 ? [i] : [Math.floor(i / shape[1]), i % shape[1]]]);
    });
    for (const [select, chosen] of [[this.first, 0], [this.second, 1]]) {
      select.replaceChildren(...places.map((p) => make("option", { value: JSON.stringify(p) }, `${p[0]}[${p[1].join(", ")}]`)));
      select.selectedIndex = Math.min(chosen, places.length - 1);
    }
    this.show();
  }

  show() {
    this.first.disabled = this.second.disabled = this.way.value === "random";
    if (!this.box.hidden) this.draw(1);
  }

  async race() {
    if (this.app.playing) this.app.play();
    const rows = this.rows.filter((r) => r.on.checked);
    const message = { do: "race", optimizers: rows.map((r) => r.name), rates: Object.fromEntries(rows.map((r) => [r.name, Number(r.rate.value)])), steps: Number(this.count.value), radius: Number(this.radius.value), begin: this.from.value === "begin" };
    if (this.way.value === "weights") message.weights = [JSON.parse(this.first.value), JSON.parse(this.second.value)];
    const answer = await this.app.send(message, this.run);
    if (!answer) return;
    this.answer = answer.race;
    this.surface = this.shaded();
    for (const row of this.rows) {
      const racer = this.answer.racers.find((r) => r.optimizer === row.name);
      row.loss.textContent = racer ? figure(racer.path.at(-1)[2]) : "";
    }
    const last = (racer) => racer.path.at(-1)[2] ?? Infinity;
    const lowest = figure(Math.min(...this.answer.racers.map(last)));
    const best = this.answer.racers.filter((racer) => figure(last(racer)) === lowest).map((racer) => words(racer.optimizer));
    const equal = best.length > 1 ? ", equal in the digits shown" : "";
    this.told.textContent = `Loss from ${figure(this.answer.low)} (light) to ${figure(this.answer.high)} (dark). Of ${this.answer.rows} rows; lowest after ${this.answer.steps} steps${equal}: ${best.join(", ")}.`;
    const began = performance.now();
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    const drawn = () => {
      const share = still ? 1 : Math.min(1, (performance.now() - began) / 2500);
      this.draw(share);
      if (share < 1 && this.answer && !this.box.hidden) requestAnimationFrame(drawn);
    };
    drawn();
  }

  // The surface as bytes, on a scale that shows the low parts best, with contours.
  shaded() {
    const { surface, low, high } = this.answer;
    const f = (v) => Math.log1p((9 * (v - low)) / (high - low || 1)) / Math.log(10);
    return Uint8Array.from(floatsOf(surface), (v) => (Number.isFinite(v) ? Math.max(0, Math.min(255, Math.round(255 * f(v)))) : 255));
  }

  draw(share) {
    const [context, width, height] = sized(this.canvas);
    context.clearRect(0, 0, width, height);
    if (!this.answer) {
      context.fillStyle = css("--ground");
      context.fillRect(0, 0, width, height);
      context.fillStyle = css("--soft");
      context.font = "13px system-ui, sans-serif";
      context.textAlign = "center";
      context.fillText("Press Race", width / 2, height / 2);
      return;
    }
    const { side, radius, racers } = this.answer;
    paint(context, this.surface, side, heights(), 0, 0, width, height);
    this.contours(context, side, width, height);
    const cell = width / side;
    const x = (a) => cell / 2 + ((a / radius + 1) / 2) * (width - cell);
    const y = (b) => cell / 2 + ((1 - b / radius) / 2) * (height - cell);
    for (const { optimizer, path } of racers) {
      const row = this.rows.find((r) => r.name === optimizer);
      const upto = Math.max(1, Math.round(share * (path.length - 1)));
      const points = path.slice(0, upto + 1).filter((p) => p[0] !== null && p[1] !== null);
      for (const [wide, colour] of [[4.4, "#ffffff"], [2.2, row.colour]]) {
        context.strokeStyle = colour;
        context.lineWidth = wide;
        context.lineJoin = "round";
        context.beginPath();
        points.forEach(([a, b], i) => (i ? context.lineTo(x(a), y(b)) : context.moveTo(x(a), y(b))));
        context.stroke();
      }
      const [a, b] = points[points.length - 1] || [0, 0];
      context.fillStyle = row.colour;
      context.strokeStyle = "#ffffff";
      context.lineWidth = 1.5;
      context.beginPath();
      context.arc(x(a), y(b), 5, 0, 2 * Math.PI);
      context.fill();
      context.stroke();
    }
    context.strokeStyle = css("--ink");
    context.lineWidth = 1.5;
    context.beginPath();
    context.moveTo(x(0) - 6, y(0)); context.lineTo(x(0) + 6, y(0));
    context.moveTo(x(0), y(0) - 6); context.lineTo(x(0), y(0) + 6);
    context.stroke();
  }

  // Lines of one height, by marching over the squares between four points.
  contours(context, side, width, height) {
    const s = this.surface;
    const [dx, dy] = [width / side, height / side];
    context.strokeStyle = css("--ink");
    context.globalAlpha = 0.18;
    context.lineWidth = 1;
    context.beginPath();
    for (let level = 16; level < 256; level += 24) {
      for (let r = 0; r + 1 < side; r++) {
        for (let c = 0; c + 1 < side; c++) {
          const corner = [[r, c], [r, c + 1], [r + 1, c + 1], [r + 1, c]];
          const cuts = [];
          for (let k = 0; k < 4; k++) {
            const [a, b] = [corner[k], corner[(k + 1) % 4]];
            const [u, v] = [s[a[0] * side + a[1]], s[b[0] * side + b[1]]];
            if (u < level !== v < level) {
              const t = (level - u) / (v - u);
              cuts.push([(a[1] + (b[1] - a[1]) * t + 0.5) * dx, (a[0] + (b[0] - a[0]) * t + 0.5) * dy]);
            }
          }
          for (let k = 0; k + 1 < cuts.length; k += 2) {
            context.moveTo(...cuts[k]);
            context.lineTo(...cuts[k + 1]);
          }
        }
      }
    }
    context.stroke();
    context.globalAlpha = 1;
  }
}
