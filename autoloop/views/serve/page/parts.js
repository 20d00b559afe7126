// The parts that the server draws: fetched when they are in sight and there is something new.
import { text } from "./net.js";

const shown = new Map(); // element -> the state of the study that it shows
const drawn = new Map(); // element -> its markup
const inSight = new Set();
let now = "";
let busy = false;
let again = false;

// Text becomes markup in one place only, here: markup that the server made, in which names are text.
export function fill(element, markup) {
  const open = [...element.querySelectorAll("details")].map((one) => one.open);
  const left = [...element.querySelectorAll(".scroll")].map((one) => one.scrollLeft);
  const made = document.createElement("template");
  made.innerHTML = markup;
  for (const link of made.content.querySelectorAll('a[href^="../"]')) link.removeAttribute("href"); // files
  element.replaceChildren(made.content);
  const details = element.querySelectorAll("details");
  if (details.length === open.length) details.forEach((one, place) => (one.open = open[place]));
  element.querySelectorAll(".scroll").forEach((one, place) => (one.scrollLeft = left[place] || 0));
}

async function refresh() {
  if (busy) {
    again = true;
    return;
  }
  busy = true;
  for (const element of inSight) {
    if (shown.get(element) === now) continue;
    const state = now;
    try {
      const markup = await text(`piece/${element.dataset.piece}`);
      if (drawn.get(element) !== markup) fill(element, markup);
      drawn.set(element, markup);
      shown.set(element, state);
    } catch (error) {
      console.warn(element.dataset.piece, error.message);
    }
  }
  busy = false;
  if (again) {
    again = false;
    refresh();
  }
}

export function update(state) {
  now = state;
  refresh();
}

export function watch() {
  const eye = new IntersectionObserver(
    (entries) => {
      for (const entry of entries) {
        if (entry.isIntersecting) inSight.add(entry.target);
        else inSight.delete(entry.target);
      }
      refresh();
    },
    { rootMargin: "300px" },
  );
  document.querySelectorAll("[data-piece]").forEach((one) => eye.observe(one));
}
