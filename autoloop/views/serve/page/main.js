// The page: an index of studies, or one study that keeps itself current.
import { Controls } from "./controls.js";
import { json, listen, place, text } from "./net.js";
import { Parallel } from "./parallel.js";
import { fill, update, watch } from "./parts.js";
import { Table } from "./table.js";

const at = (id) => document.getElementById(id);
const LEAST_MS = 1500; // between two fetches of the jobs

function shelf(studies) {
  at("studies").hidden = false;
  for (const study of studies) {
    const row = at("shelf").insertRow();
    const link = document.createElement("a");
    link.href = `?${new URLSearchParams({ dir: study.dir || "." })}`;
    link.textContent = study.name;
    row.insertCell().append(link);
    row.insertCell().textContent = study.task;
    row.insertCell().textContent = study.changed_at ? new Date(study.changed_at * 1000).toLocaleString() : "";
    row.insertCell().textContent = study.over ? `over: ${study.over}` : "not over";
  }
}

function links() {
  for (const part of document.querySelectorAll("[data-title]")) {
    const link = document.createElement("a");
    link.href = `#${part.id}`;
    link.textContent = part.dataset.title;
    const item = document.createElement("li");
    item.append(link);
    at("links").append(item);
  }
}

function one() {
  at("study").hidden = false;
  links();
  const controls = new Controls(at("buttons"), at("forms"), at("answer"));
  const parallel = new Parallel(at("lines"), at("under"));
  let opened = null;
  let ticked = [];
  let told = "";

  async function open(job) {
    opened = job;
    const [story, log] = await Promise.all([text(`job/${job}`), text(`log/${job}`)]);
    fill(at("job"), story);
    if (at("log").textContent !== log) {
      at("log").textContent = log;
      at("log").scrollTop = at("log").scrollHeight;
    }
    at("story").hidden = false;
  }

  async function compare() {
    fill(at("compared"), await text("compare", { jobs: ticked.join(",") }));
  }

  const table = new Table(at("rows"), {
    onTick: (jobs) => {
      ticked = jobs;
      compare();
    },
    onOpen: (job) => open(job).then(() => at("story").scrollIntoView({ block: "nearest" })),
    onSay: (words) => controls.say(words),
  });
  table.onCount = (found, all) => (at("count").textContent = `${found} of ${all} jobs`);
  const filter = () => {
    table.filter(at("search").value, at("which").value);
    parallel.show(table.data, new Set(table.found().map((job) => job.job)));
  };
  at("search").addEventListener("input", filter);
  at("which").addEventListener("change", filter);
  at("shut").addEventListener("click", () => {
    opened = null;
    at("story").hidden = true;
  });
  document.addEventListener("click", (event) => {
    const link = event.target.closest?.('a[href^="#job-"]');
    if (link && !event.defaultPrevented) {
      event.preventDefault();
      open(Number(link.hash.slice(5))).then(() => at("story").scrollIntoView({ block: "nearest" }));
    }
  });

  function head(summary) {
    document.title = `${summary.title} · autoloop`;
    at("title").textContent = summary.title;
    at("place").textContent = summary.place;
    const holds = Object.entries(summary.limits).map(([name, value]) => `${name}=${value ?? "none"}`);
    const said = [
      summary.paused ? "paused" : "",
      summary.ending,
      summary.waiting.length ? `round ${summary.waiting[0]} waits for approval` : "",
      summary.banned.length ? `banned: ${summary.banned.join(", ")}` : "",
      holds.length ? `changed: ${holds.join(", ")}` : "",
    ].filter(Boolean);
    if (at("state").textContent !== said.join(" · ")) at("state").textContent = said.join(" · ");
    controls.show(summary);
  }

  function states(jobs) {
    const known = [...at("which").options].map((option) => option.value);
    for (const state of new Set(jobs.map((job) => job.state))) {
      if (!known.includes(state)) at("which").append(new Option(state.toLowerCase(), state));
    }
  }

  let due = 0;
  let waiting = null;
  async function refresh() {
    waiting = null;
    due = Date.now() + LEAST_MS;
    const [summary, data] = await Promise.all([json("summary"), json("jobs")]);
    const began = performance.now();
    head(summary);
    for (const job of data.jobs) job.steps = summary.progress[job.job] ?? job.steps;
    states(data.jobs);
    table.show(data);
    parallel.show(data, new Set(table.found().map((job) => job.job)));
    document.documentElement.dataset.redrawMs = Math.round(performance.now() - began);
    if (opened !== null) open(opened);
    if (ticked.length) compare();
    document.documentElement.dataset.shown = told;
  }

  compare();
  watch();
  listen(
    (events, beat) => {
      told = `${events} ${beat}`;
      at("state").classList.remove("worse");
      update(told);
      if (waiting === null) waiting = setTimeout(() => refresh().catch(lost), Math.max(0, due - Date.now()));
    },
    (why) => lost(new Error(why)),
  );
  function lost(error) {
    at("state").className = "worse";
    at("state").textContent = error.message;
  }
}

const { studies } = await json("studies");
if (place || (studies.length === 1 && studies[0].dir === "")) one();
else shelf(studies);
