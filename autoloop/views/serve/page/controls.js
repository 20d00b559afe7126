// Buttons and forms: each says words to the study, as `autoloop tell` does, and shows the answer.
import { say } from "./net.js";

const FORMS = [
  ["Add a variant", [["edits", "Edits", "lr@mul=0.5"], ["name", "Name", ""], ["of", "Child of job", "baseline"]], (f) => [
    "add",
    ...f.edits.split(/\s+/).filter(Boolean),
    ...(f.name ? [`name=${f.name}`] : []),
    ...(f.of && f.of !== "baseline" ? [`of=${f.of}`] : []),
  ]],
  ["Set a limit", [["name", "rounds, max_jobs, max_hours, n_jobs", "rounds"], ["value", "Value", "none"]], (f) => [
    `${f.name}=${f.value || "none"}`,
  ]],
  ["Ban a knob", [["path", "Path", "optimizer.lr"]], (f) => ["ban", f.path]],
  ["Free a knob", [["path", "Path", "optimizer.lr"]], (f) => ["free", f.path]],
  ["Bound a knob", [["path", "Path", "optimizer.lr"], ["low", "Low", "none"], ["high", "High", "none"]], (f) => [
    "bounds",
    f.path,
    f.low || "none",
    f.high || "none",
  ]],
];

export class Controls {
  constructor(buttons, forms, answer) {
    Object.assign(this, { buttons, answer });
    this.made = {};
    this.button("approve", "Let the waiting round run", ["approve"]);
    this.button("pause", "Pause", ["pause"]);
    this.button("continue", "Go on", ["continue"]);
    this.button("finish", "Finish after what runs", ["finish"]);
    this.button("end", "Stop all and end now", ["end"], "Stop every running job and end the study?");
    for (const [title, fields, words] of FORMS) forms.append(this.form(title, fields, words));
  }

  button(key, title, words, question) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = title;
    if (question) button.className = "danger";
    button.addEventListener("click", () => {
      if (!question || button.dataset.sure) {
        delete button.dataset.sure;
        button.textContent = title;
        this.say(words);
      } else {
        button.dataset.sure = "1";
        button.textContent = `${question} Press again`;
        setTimeout(() => {
          delete button.dataset.sure;
          button.textContent = title;
        }, 6000);
      }
    });
    this.buttons.append(button);
    this.made[key] = button;
  }

  form(title, fields, words) {
    const form = document.createElement("form");
    form.setAttribute("aria-label", title);
    for (const [name, label, hint] of fields) {
      const holder = document.createElement("label");
      const input = document.createElement("input");
      Object.assign(input, { name, placeholder: hint, autocomplete: "off" });
      holder.append(label, input);
      form.append(holder);
    }
    const button = document.createElement("button");
    button.textContent = title;
    form.append(button);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const said = Object.fromEntries([...new FormData(form)].map(([key, value]) => [key, value.trim()]));
      this.say(words(said));
    });
    return form;
  }

  async say(words) {
    this.answer.className = "";
    this.answer.textContent = `${words.join(" ")} …`;
    const { taken, outcome } = await say(words);
    this.answer.className = taken ? "" : "no";
    this.answer.textContent = `${words.join(" ")}: ${taken ? "" : "refused: "}${outcome}`;
  }

  show(summary) {
    const runs = !summary.over && !summary.left;
    this.made.approve.hidden = !summary.waiting.length;
    this.made.approve.textContent = `Let round ${summary.waiting[0]} run`;
    this.made.pause.disabled = !runs || summary.paused;
    this.made.continue.disabled = !runs || !(summary.paused || summary.ending);
    this.made.finish.disabled = !runs || Boolean(summary.ending);
    this.made.end.disabled = !runs;
  }
}
