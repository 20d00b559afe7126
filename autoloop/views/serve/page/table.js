// The table of jobs: search, filter, order, ticks; rows that did not change stay as they are.
const COLUMNS = [
  ["job", "Job"],
  ["name", "Name"],
  ["round", "Round"],
  ["rule", "Rule"],
  ["state", "State"],
  ["objective", "Result"],
  ["steps", "Steps"],
  ["verdict", "What came of it"],
];
const NUMBERS = new Set(["job", "round", "objective", "steps"]);
const FIRST = 100; // rows that are drawn at once

export function number(value) {
  if (value === null || value === undefined) return "–";
  return typeof value === "number" ? Number(value.toPrecision(4)).toString() : String(value);
}

export class Table {
  constructor(element, { onTick, onOpen, onSay }) {
    Object.assign(this, { element, onTick, onOpen, onSay });
    this.ticked = new Set();
    this.rows = new Map(); // number -> [what it shows, its row]
    this.order = ["job", -1];
    this.data = { jobs: [], best: null };
    this.words = "";
    this.state = "";
    const table = document.createElement("table");
    const head = table.createTHead().insertRow();
    head.append(document.createElement("th"));
    for (const [key, title] of COLUMNS) {
      const cell = document.createElement("th");
      cell.scope = "col";
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = title;
      button.addEventListener("click", () => {
        this.order = [key, this.order[0] === key ? -this.order[1] : 1];
        this.draw();
      });
      cell.append(button);
      head.append(cell);
    }
    head.append(document.createElement("th"));
    this.head = head;
    this.body = table.createTBody();
    element.replaceChildren(table);
  }

  show(data) {
    this.data = data;
    this.draw();
  }

  filter(words, state) {
    this.words = words.toLowerCase();
    this.state = state;
    this.draw();
  }

  found() {
    const words = this.words.split(/\s+/).filter(Boolean);
    const [key, sign] = this.order;
    const jobs = this.data.jobs.filter((job) => {
      if (this.state && job.state !== this.state) return false;
      const said = `${job.job} ${job.name} ${job.rule} ${job.state} ${job.edits} ${job.parent}`.toLowerCase();
      return words.every((word) => said.includes(word));
    });
    return jobs.sort((a, b) => {
      if (a[key] === null || b[key] === null) return (a[key] === null) - (b[key] === null);
      return sign * (NUMBERS.has(key) ? a[key] - b[key] : String(a[key]).localeCompare(String(b[key])));
    });
  }

  draw() {
    const found = this.found();
    COLUMNS.forEach(([key], place) => {
      const sorted = this.order[0] === key ? (this.order[1] > 0 ? "ascending" : "descending") : "none";
      this.head.cells[place + 1].setAttribute("aria-sort", sorted);
    });
    const rows = found.slice(0, this.all ? found.length : FIRST).map((job) => this.row(job));
    if (rows.length < found.length) rows.push(this.more(found.length));
    this.body.replaceChildren(...rows);
    this.onCount?.(found.length, this.data.jobs.length);
  }

  more(count) {
    const row = document.createElement("tr");
    const cell = row.insertCell();
    cell.colSpan = COLUMNS.length + 2;
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = `Show all ${count}`;
    button.addEventListener("click", () => {
      this.all = true;
      this.draw();
    });
    cell.append(button);
    return row;
  }

  row(job) {
    const key = JSON.stringify(job) + (job.job === this.data.best);
    const known = this.rows.get(job.job);
    if (known && known[0] === key) return known[1];
    const row = document.createElement("tr");
    row.dataset.job = job.job;
    const tick = document.createElement("input");
    tick.type = "checkbox";
    tick.checked = this.ticked.has(job.job);
    tick.setAttribute("aria-label", `compare ${job.name}`);
    tick.addEventListener("change", () => {
      if (tick.checked) this.ticked.add(job.job);
      else this.ticked.delete(job.job);
      this.onTick([...this.ticked]);
    });
    row.insertCell().append(tick);
    for (const [key_] of COLUMNS) {
      const cell = row.insertCell();
      if (key_ === "name") cell.append(this.opener(job));
      else cell.textContent = NUMBERS.has(key_) ? number(job[key_]) : job[key_];
      if (NUMBERS.has(key_)) cell.className = "num";
      if (key_ === "verdict" || key_ === "state") cell.classList.add(job.kind);
    }
    row.insertCell().append(...this.actions(job));
    this.rows.set(job.job, [key, row]);
    return row;
  }

  opener(job) {
    const link = document.createElement("a");
    link.href = `#job-${job.job}`;
    link.textContent = job.name + (job.job === this.data.best ? " ★" : "");
    link.addEventListener("click", (event) => {
      event.preventDefault();
      this.onOpen(job.job);
    });
    return link;
  }

  actions(job) {
    const words = { RUNNING: ["stop", "keep"], WAITING: ["refuse"] }[job.state] || [];
    return words.map((word) => {
      const button = document.createElement("button");
      button.type = "button";
      button.className = word === "keep" ? "small" : "small danger";
      button.textContent = word;
      button.setAttribute("aria-label", `${word} ${job.name}`);
      button.addEventListener("click", () => this.onSay([word, String(job.job)]));
      return button;
    });
  }
}
