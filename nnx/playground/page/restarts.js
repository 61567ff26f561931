// Sixteen networks that differ in their seed alone, trained as one population.
import { bytesOf, diverging, paint, several, sized } from "./colours.js";
import { figure } from "./format.js";
import { make } from "./controls.js";

export class Restarts {
  constructor(box, app) {
    Object.assign(this, { box, app, playing: false });
    this.button = make("button", { type: "button", className: "main", id: "restarts-play" }, "Play");
    this.button.addEventListener("click", () => this.play());
    this.again = make("button", { type: "button" }, "Begin anew");
    this.again.addEventListener("click", () => this.run(true));
    this.copy = make("button", { type: "button", id: "restarts-python", disabled: true }, "Copy as Python");
    this.copy.addEventListener("click", () => this.python());
    this.told = make("span", { className: "hint" });
    this.told.setAttribute("role", "status");
    this.tiles = make("div", { className: "tiles", id: "tiles" });
    box.append(make("p", { className: "hint" }, "The same settings from sixteen seeds, as one population: nnx.fit(..., members=16). A press on one takes its seed."),
      make("div", { className: "row" }, this.button, this.again, this.copy, this.told), make("p"), this.tiles);
  }

  clear() {
    if (this.playing) this.play();
    this.tiles.replaceChildren();
    this.told.textContent = "";
    this.answer = null;
    this.copy.disabled = true;
  }

  show() {
    if (this.box.hidden && this.playing) this.play();
    if (!this.box.hidden && this.answer) this.draw();
  }

  async play() {
    this.playing = !this.playing;
    this.button.textContent = this.playing ? "Pause" : "Play";
    if (this.playing && this.app.playing) this.app.play();
    while (this.playing && !document.hidden) {
      if (!await this.run(false)) break;
      await new Promise((next) => requestAnimationFrame(next));
    }
    if (this.playing) this.play();
  }

  async run(again) {
    const answer = await this.app.send({ do: "restarts", epochs: again ? 1 : 2, again, ms: 300 }, null, !again);
    if (!answer) return false;
    this.answer = answer.restarts;
    this.copy.disabled = false;
    if (this.box.hidden) return false;
    this.draw();
    return true;
  }

  // The script that prints the losses which are shown.
  async python() {
    if (this.playing) await this.play();
    await this.app.busy;
    await this.app.python(true, this.answer.members.map((m) => m.loss).join(", "));
  }

  draw() {
    const { members, maps, map_side: side, epoch } = this.answer;
    const bytes = bytesOf(maps);
    const losses = members.map((m) => m.loss ?? Infinity);
    const best = losses.indexOf(Math.min(...losses));
    if (!this.tiles.childElementCount) {
      this.tiles.append(...members.map(({ seed }) => {
        const button = make("button", { type: "button" }, make("canvas"), make("span"));
        button.addEventListener("click", () => this.app.change({ seed }));
        return button;
      }));
    }
    const table = this.app.state.classes > 2 ? several() : diverging();
    members.forEach(({ seed, loss, accuracy }, k) => {
      const tile = this.tiles.children[k];
      const [context, width, height] = sized(tile.firstChild);
      paint(context, bytes.subarray(k * side * side, (k + 1) * side * side), side, table, 0, 0, width, height);
      tile.lastChild.textContent = `${figure(loss)}${accuracy === null ? "" : ` \u00b7 ${(100 * accuracy).toFixed(0)} %`}`;
      tile.setAttribute("aria-label", `${tile.lastChild.textContent}: the loss of seed ${seed}, take it`);
      tile.title = `seed ${seed}`;
      tile.classList.toggle("best", k === best);
    });
    this.told.textContent = `epoch ${epoch}, lowest loss ${figure(losses[best])} with seed ${members[best].seed}`;
  }
}
