// The playground: holds the state, asks the session, and has the rest drawn.
import { onTheme, bytesOf, floatsOf } from "./colours.js";
import { connect } from "./carrier.js";
import { Controls, refused } from "./controls.js";
import { Curves } from "./curves.js";
import { figure } from "./format.js";
import { Gradient } from "./gradient.js";
import { fromHash, toHash } from "./link.js";
import { Network } from "./network.js";
import { Plane } from "./plane.js";
import { Race } from "./race.js";
import { Restarts } from "./restarts.js";
import { Steps } from "./steps.js";
import { UnitPanel, Weights } from "./weights.js";

const $ = (id) => document.getElementById(id);
const SLOW = 90; // milliseconds between two writings of the figures while it plays
const calm = matchMedia("(prefers-reduced-motion: reduce)");

class App {
  showTest = false;
  sharp = false;
  playing = false;
  busy = Promise.resolve();
  said = 0;
  wrote = 0;
  className = [];
  frames = { since: 0, session: [], draw: [] };
  generation = 0;

  async begin() {
    enable(false);
    this.ask = await connect({ ended: (text) => this.fail(text, true), told: (text) => this.tell(text) });
    this.options = await this.ask({ do: "options" });
    this.usual = this.options.settings;
    this.settings = this.usual;
    this.tell("");
    enable(true);
    $("where").textContent = ` on ${this.options.backend}`;
    this.curves = new Curves($("curves"));
    this.plane = new Plane($("plane"), $("scale"), this);
    this.network = new Network($("network"), this);
    this.controls = new Controls(this);
    this.gradient = new Gradient(document.querySelector("#gradient"), this);
    this.unitPanel = new UnitPanel($("unit"), this);
    this.panels = { steps: new Steps($("panel-steps"), this), restarts: new Restarts($("panel-restarts"), this), race: new Race($("panel-race"), this), weights: new Weights($("panel-weights"), this) };
    this.wire();
    await this.fromAddress(true);
    onTheme(() => { this.plane.known = null; this.controls.repaint(); this.redraw(); });
    addEventListener("resize", () => this.redraw());
    addEventListener("hashchange", () => { if (location.hash.slice(1) !== this.hash) this.fromAddress(false); });
    document.documentElement.dataset.ready = "true";
  }

  async fromAddress(first) {
    const { settings, steps } = fromHash(location.hash, this.usual);
    const table = this.options.table;
    if (first && table && !Object.keys(settings).length) {
      await this.useTable(table);
      return;
    }
    if (!await this.change({ ...this.usual, ...settings })) {
      const why = $("message").textContent;
      if (!this.state) await this.change(this.usual);
      this.fail(`this address cannot be opened: ${why}`);
      return;
    }
    const part = Math.max(20, Math.min(1000, Math.ceil(steps / 60))); // so that the curves have points
    while (this.shown && this.shown.step < steps) {
      if (!await this.train({ do: "run", steps: Math.min(part, steps - this.shown.step) })) break;
    }
  }

  wire() {
    const actions = { reset: () => this.reset(), play: () => this.play(), step: () => this.train({ do: "step" }), epoch: () => this.train({ do: "run", epoch: true }) };
    for (const [id, action] of Object.entries(actions)) $(id).addEventListener("click", action);
    $("show-test").addEventListener("change", (event) => { this.showTest = event.target.checked; this.redraw(); });
    $("sharp").addEventListener("change", (event) => { this.sharp = event.target.checked; this.redraw(); });
    $("log").addEventListener("change", () => this.redraw());
    $("undo").addEventListener("click", () => this.settings.data === "own" && this.setPoints(this.settings.points.slice(0, -1)));
    $("clear").addEventListener("click", () => {
      if (this.playing) this.play();
      this.className = [];
      this.setPoints([]);
    });
    $("csv-use").addEventListener("click", () => this.readTable($("csv").value));
    $("csv-file").addEventListener("change", async (event) => {
      const file = event.target.files[0];
      if (!file) return;
      if (file.size > 262144) return this.fail("the file is larger than 256 KiB: take fewer rows");
      $("csv").value = await file.text();
      this.readTable($("csv").value);
    });
    $("python").addEventListener("click", () => this.python());
    $("link").addEventListener("click", () => this.link());
    $("code-close").addEventListener("click", () => $("code").close());
    $("code-copy").addEventListener("click", () => this.copy($("code-text").value, (text) => { $("code-done").textContent = text; }));
    const tabs = [...document.querySelectorAll("[role=tab]")];
    const choose = (tab) => {
      for (const other of tabs) {
        const own = other === tab;
        other.setAttribute("aria-selected", String(own));
        other.tabIndex = own ? 0 : -1;
        $(other.getAttribute("aria-controls")).hidden = !own;
      }
      for (const panel of Object.values(this.panels)) panel.show?.();
    };
    for (const [i, tab] of tabs.entries()) {
      tab.addEventListener("click", () => choose(tab));
      tab.addEventListener("keydown", (event) => {
        const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
        if (!by) return;
        const next = tabs[(i + by + tabs.length) % tabs.length];
        choose(next);
        next.focus();
      });
    }
    this.openTab = (name) => choose($(`tab-${name}`));
    addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, select, textarea, dialog, summary, a")) return;
      const key = event.key.toLowerCase();
      if (key === " " && !event.target.closest("button, canvas[tabindex]")) this.play();
      else if (key === "s") this.train({ do: "step" });
      else if (key === "e") this.train({ do: "run", epoch: true });
      else if (key === "r") this.reset();
      else if (key === "n") this.panels.steps.next();
      else return;
      event.preventDefault();
    });
    document.addEventListener("visibilitychange", () => { if (document.hidden && this.playing) this.play(); });
  }

  // One message at a time: the answer, or null after an error has been told.
  send(message, input, quiet = false) {
    this.busy = this.busy.then(async () => {
      const late = setTimeout(() => { document.body.classList.add("busy"); this.say("Computing"); }, 700);
      try {
        const answer = await this.ask(message);
        if (input && input === this.wrong) this.note("");
        else if (!quiet) this.settle();
        return answer;
      } catch (error) {
        this.fail(error.message);
        if (input) this.wrong = refused(input);
        return null;
      } finally {
        clearTimeout(late);
        document.body.classList.remove("busy");
      }
    });
    return this.busy;
  }

  async change(changes, input) {
    const answer = await this.send({ do: "set", settings: changes }, input);
    if (!answer) {
      if (this.state) this.controls.show();
      return false;
    }
    this.pending = null;
    this.generation += 1;
    this.state = answer;
    this.settings = answer.settings;
    this.scaleOf = this.settings.data === "own" && this.settings.values ? Math.max(...this.settings.points.map((p) => Math.abs(p[2]))) || 1 : 1;
    this.curves.clear();
    this.take(answer);
    this.network.arrange();
    this.controls.show();
    this.address();
    this.formula(input?.id?.slice(4));
    this.gradient.close();
    for (const panel of Object.values(this.panels)) panel.clear?.();
    return true;
  }

  reset() {
    return this.change({});
  }

  address() {
    const text = toHash(this.settings, this.usual);
    this.hash = text ?? "";
    history.replaceState(null, "", text ? `#${text}` : location.pathname + location.search);
    if (text === null) this.note("These points are too many for a link: keep the table.");
  }

  // What the session told of the training now.
  take(answer, now = false) {
    this.shown = answer;
    this.map = bytesOf(answer.map);
    this.units = bytesOf(answer.units);
    const all = floatsOf(answer.params);
    this.params = {};
    let at = 0;
    for (const [name, shape] of Object.entries(this.state.shapes)) {
      const size = shape.reduce((a, b) => a * b, 1);
      this.params[name] = all.subarray(at, at + size);
      at += size;
    }
    this.curves.add(answer.step, answer.loss, answer.test);
    if (answer.loss === null) {
      if (this.playing) this.play();
      this.fail("the loss is not finite any more: choose a lower rate, then Reset");
    }
    if (!now) return this.redraw();
    const began = performance.now();
    this.draw();
    this.frames.draw.push(performance.now() - began);
  }

  param(name, ...at) {
    const shape = this.state.shapes[name];
    return this.params[name][at.reduce((sum, i, k) => sum * shape[k] + i, 0)];
  }

  // True, and said, if there are too few points of one's own to train on.
  few() {
    const few = Boolean(this.pending) && this.pending.length < 2;
    if (few) this.note("Own data begin with two points: add them in the output plane.");
    return few;
  }

  async train(message) {
    if (this.few()) return null;
    const answer = await this.send(message);
    if (answer) this.take(answer);
    return answer;
  }

  play() {
    if (!this.playing && this.few()) return;
    if (!this.playing) this.settle();
    this.playing = !this.playing;
    $("play").textContent = this.playing ? "Pause" : "Play";
    $("play").setAttribute("aria-pressed", String(this.playing));
    if (this.playing && !this.looping) {
      this.looping = true;
      this.frames = { since: performance.now(), session: [], draw: [] };
      this.loop();
    }
  }

  // While it plays: the session computes the next frame while this one is drawn.
  async loop() {
    const speed = $("speed");
    const messages = { step: { do: "step" }, epoch: { do: "run", epoch: true, ms: 200 }, most: { do: "run", ms: 6 } };
    const next = () => {
      const began = performance.now();
      const own = this.generation;
      return this.send(messages[speed.value], null, true).then((answer) => {
        this.frames.session.push(performance.now() - began);
        return own === this.generation ? answer : undefined; // an answer to settings that are gone is none
      });
    };
    let asked = next();
    while (this.playing) {
      const answer = await asked;
      if (answer === null) break;
      if (calm.matches) await new Promise((then) => setTimeout(then, 250));
      await new Promise((then) => requestAnimationFrame(then));
      if (this.playing) asked = next();
      else asked = null;
      if (answer) this.take(answer, true);
      if (performance.now() - this.said > 4000) this.say(this.summary());
    }
    const last = asked && await asked;
    if (last) this.take(last);
    this.looping = false;
    if (this.playing) this.play();
    this.redraw();
    this.say(this.summary());
  }

  redraw() {
    if (this.drawing) return;
    this.drawing = true;
    requestAnimationFrame(() => {
      this.drawing = false;
      this.draw();
    });
  }

  draw() {
    if (!this.shown || !this.network.places) return;
    this.network.draw();
    this.plane.draw();
    const now = performance.now();
    if (this.playing && now - this.wrote < SLOW) return; // nobody reads numbers sixty times a second
    this.wrote = now;
    this.write();
    this.curves.draw($("log").checked);
    this.unitPanel.update();
    this.panels.weights.update();
  }

  write() {
    const { shown } = this;
    const share = (v) => `${(100 * v).toFixed(1)} %`;
    const pair = shown.accuracy === null ? "" : share(shown.accuracy) + (shown.test_accuracy === null ? "" : `, ${share(shown.test_accuracy)}`);
    const texts = { "at-epoch": shown.epoch, "at-step": shown.step, loss: figure(shown.loss), "test-loss": figure(shown.test), accuracy: pair };
    for (const [id, text] of Object.entries(texts)) if ($(id).textContent !== String(text)) $(id).textContent = text;
    $("accuracies").hidden = shown.accuracy === null;
    if (this.playing) return;
    $("loss").title = String(shown.loss);
    $("test-loss").title = String(shown.test);
  }

  summary() {
    const { step, loss, test } = this.shown;
    return `Step ${step}: loss ${figure(loss)}${test === null ? "" : `, test loss ${figure(test)}`}`;
  }

  say(text) {
    this.said = performance.now();
    $("live").textContent = text;
  }

  note(text) {
    if (this.dead) return;
    clearTimeout(this.leaving);
    this.noted = performance.now();
    this.wrong = null;
    $("message").hidden = !text;
    $("message").textContent = text;
  }

  // The next action takes a message away. A field is left by a press elsewhere: what it told just then stays a while.
  settle() {
    clearTimeout(this.leaving);
    if (!this.wrong || performance.now() - this.noted > 1000) this.note("");
    else this.leaving = setTimeout(() => this.note(""), 4000);
  }

  tell(text) {
    this.note(text);
  }

  fail(text, dead = false) {
    if (dead && this.playing) this.play();
    this.note(text);
    this.dead ||= dead;
  }

  regression() {
    return this.options.data.values.includes(this.settings.data) || (this.settings.data === "own" && this.settings.values);
  }

  names(count) {
    return Array.from({ length: count }, (_, i) => this.className[i] && this.settings.data === "own" ? this.className[i] : `class ${i}`);
  }

  // The unit that is pointed at, shown large in the plane; null for the output.
  unit(unit) {
    if (!this.plane) return;
    this.plane.unit = unit ? unit.number : null;
    $("output-title").textContent = unit ? unit.name : "Output";
    this.unitPanel.set(unit);
    this.redraw();
  }

  formula(name) {
    const of = { activation: "activations", norm: "norms", loss: "losses", optimizer: "optimizers", schedule: "schedules" };
    const kind = of[name] ? name : "activation";
    const found = this.options[of[kind]][this.settings[kind]];
    const text = typeof found === "string" ? found : found.formula;
    $("formula").textContent = text ? `${this.settings[kind].replaceAll("_", " ")}: ${text}` : "";
  }

  // A gradient, shown at the element or at the point of the page from which it was asked for.
  async check(name, at, from) {
    const answer = await this.send({ do: "check", name, at });
    if (answer) this.gradient.show(answer.check, from);
  }

  // Points.
  copyPoints() {
    return this.setPoints(this.state.points.map(([a, b, t]) => [a, b, t]));
  }

  setPoints(points) {
    this.pending = points;
    const values = this.regression();
    const frame = this.state.frame;
    if (points.length < 2) {
      this.state.points = points.map((p) => [...p, 0]);
      this.redraw();
      this.few();
      return null;
    }
    return this.change(this.controls.fitting({ data: "own", points, values, frame }));
  }

  addPoint([a, b]) {
    const target = this.controls.pen();
    const now = this.pending || (this.settings.data === "own" ? this.settings.points : this.state.points.map((p) => p.slice(0, 3)));
    this.say(`Point at ${a}, ${b}: ${target}`);
    return this.setPoints([...now, [a, b, target]]);
  }

  removePoint([a, b]) {
    const now = this.settings.data === "own" ? this.settings.points : this.state.points.map((p) => p.slice(0, 3));
    const far = now.map(([x, y]) => (x - a) ** 2 + (y - b) ** 2);
    const i = far.indexOf(Math.min(...far));
    return this.setPoints(now.filter((_, k) => k !== i));
  }

  async readTable(text) {
    const answer = await this.send({ do: "read", text });
    if (answer) await this.useTable(answer.table);
  }

  async useTable(table) {
    const { points, values, frame, classes, names } = table;
    this.className = classes;
    if (await this.change(this.controls.fitting({ data: "own", points, values, frame }))) {
      this.say(`${points.length} points of ${names.join(", ")}`);
    }
  }

  // losses: what the script prints, as a text; that of the network, if left out.
  async python(restarts = false, losses = null) {
    const answer = await this.send({ do: "script", restarts });
    if (!answer) return;
    $("code-text").value = answer.script;
    $("code-loss").textContent = losses ?? `${this.shown.loss}${this.shown.test === null ? "" : `, ${this.shown.test}`}`;
    $("code-done").textContent = "";
    $("code-exact").textContent = this.options.exact ? "It prints these losses to the last digit:" : "It prints these losses; the last digits may be others:";
    $("code").showModal();
    $("code-text").setSelectionRange(0, 0);
    $("code-text").scrollTop = 0;
    this.copy(answer.script, (text) => { $("code-done").textContent = text; });
  }

  link() {
    const text = toHash(this.settings, this.usual, this.shown.step);
    if (text === null) return this.fail("these points are too many for a link: keep the table");
    const address = new URL(location.href);
    address.hash = text;
    return this.copy(address.href, (told) => { $("link").textContent = told; setTimeout(() => { $("link").textContent = "Copy link"; }, 1500); });
  }

  async copy(text, told) {
    try {
      await navigator.clipboard.writeText(text);
      told("Copied");
      this.say("Copied");
    } catch {
      told("Select it and copy");
    }
  }
}

// The parts of the page do nothing before there is a session.
function enable(on) {
  for (const part of document.querySelectorAll("button, select, input, textarea")) part.disabled = !on;
}

$("no-server").remove(); // it is for a page whose scripts were not loaded
const app = new App();
window.playground = app;
app.begin().catch((error) => app.fail(error.message, true));
