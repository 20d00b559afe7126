// Parallel coordinates on a canvas: thousands of lines cost a few milliseconds there.
import { number } from "./table.js";

const AT_ONCE = 25; // lines of one stroke: where they cross each other they do not add up
const PITCH = 130;
const HEIGHT = 320;
const TOP = 34;
const BOTTOM = 26;

function scale(values) {
  const numbers = values.filter((value) => typeof value === "number");
  if (numbers.length === values.length && numbers.length) {
    let low = Infinity;
    let high = -Infinity;
    for (const value of numbers) {
      low = Math.min(low, value);
      high = Math.max(high, value);
    }
    const log = low > 0 && high / low > 8;
    const at = log ? Math.log : (value) => value;
    const span = at(high) - at(low) || 1;
    return { place: (value) => (at(value) - at(low)) / span, low: number(low), high: number(high), names: [] };
  }
  const names = [...new Set(values.map(String))];
  const step = 1 / Math.max(names.length - 1, 1);
  return { place: (value) => names.indexOf(String(value)) * step, low: "", high: "", names };
}

export class Parallel {
  constructor(canvas, under) {
    this.canvas = canvas;
    this.under = under;
    this.lines = [];
    this.inSight = false;
    new IntersectionObserver(([entry]) => {
      this.inSight = entry.isIntersecting;
      if (this.inSight) this.draw();
    }).observe(canvas);
    canvas.addEventListener("pointermove", (event) => this.point(event));
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw());
  }

  show(data, wanted) {
    const done = data.jobs.filter((job) => job.state === "COMPLETE" && job.objective !== null);
    if (!this.axes) this.canvas.style.height = `${HEIGHT}px`;
    this.data = data;
    this.jobs = wanted ? done.filter((job) => wanted.has(job.job)) : done;
    this.axes = data.paths.map((path, place) => [path, scale(done.map((job) => job.knobs[place]))]);
    this.axes.push([data.metric, scale(done.map((job) => job.objective))]);
    this.draw();
  }

  draw() {
    if (!this.axes || !this.inSight) return; // it is drawn when it comes into sight
    const width = 60 + PITCH * (this.axes.length - 1) + 70;
    const sharp = window.devicePixelRatio || 1;
    Object.assign(this.canvas, { width: width * sharp, height: HEIGHT * sharp });
    Object.assign(this.canvas.style, { width: `${width}px`, height: `${HEIGHT}px` });
    const pen = this.canvas.getContext("2d");
    pen.scale(sharp, sharp);
    const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
    const [ink, soft, grid, blue] = ["--ink", "--soft", "--gray", "--blue"].map(colour);
    const high = HEIGHT - TOP - BOTTOM;
    this.lines = this.jobs.map((job) => {
      const values = [...job.knobs, job.objective];
      return [job, values.map((value, place) => TOP + high * (1 - this.axes[place][1].place(value)))];
    });
    const trace = (several) => {
      pen.beginPath();
      for (const heights of several) {
        heights.forEach((y, place) => pen[place ? "lineTo" : "moveTo"](60 + PITCH * place, y));
      }
      pen.stroke();
    };
    pen.strokeStyle = grid;
    pen.globalAlpha = Math.max(0.12, Math.min(0.8, 40 / (this.lines.length || 1)));
    const all = this.lines.map(([, heights]) => heights);
    for (let first = 0; first < all.length; first += AT_ONCE) trace(all.slice(first, first + AT_ONCE));
    pen.globalAlpha = 1;
    pen.strokeStyle = blue;
    pen.lineWidth = 2.4;
    for (const [job, heights] of this.lines) if (job.job === this.data.best) trace([heights]);
    pen.lineWidth = 1;
    pen.font = "12px system-ui, sans-serif";
    pen.textAlign = "center";
    this.axes.forEach(([name, axis], place) => {
      const x = 60 + PITCH * place;
      pen.strokeStyle = ink;
      pen.beginPath();
      pen.moveTo(x, TOP);
      pen.lineTo(x, HEIGHT - BOTTOM);
      pen.stroke();
      pen.fillStyle = ink;
      pen.fillText(name.length > 20 ? `…${name.slice(-19)}` : name, x, 14);
      pen.fillStyle = soft;
      pen.fillText(axis.high, x, TOP - 6);
      pen.fillText(axis.low, x, HEIGHT - BOTTOM + 16);
      axis.names.slice(0, 8).forEach((one) => pen.fillText(one.slice(0, 14), x, TOP + high * (1 - axis.place(one)) - 3));
    });
    this.canvas.setAttribute("aria-label", `Parallel coordinates of ${this.lines.length} jobs`);
  }

  point(event) {
    const at = event.offsetX - 60;
    const place = Math.max(0, Math.min(this.axes.length - 2, Math.floor(at / PITCH)));
    const share = at / PITCH - place;
    let nearest = null;
    let least = 8;
    for (const [job, y] of this.lines) {
      const away = Math.abs(y[place] + (y[place + 1] - y[place]) * share - event.offsetY);
      if (away < least) [least, nearest] = [away, job];
    }
    this.under.textContent = nearest ? `${nearest.job} ${nearest.name}: ${number(nearest.objective)} ${nearest.edits}` : "";
  }
}
