// Asking the server: everything goes to where the page came from, with the cookie that its token left.

export const place = new URLSearchParams(location.search).get("dir") || "";

function address(path, query = {}) {
  const all = new URLSearchParams({ ...(place ? { dir: place } : {}), ...query }).toString();
  return `api/${path}${all ? `?${all}` : ""}`;
}

async function answered(path, query) {
  const answer = await fetch(address(path, query), { credentials: "same-origin" });
  if (!answer.ok) throw new Error((await answer.text()).trim() || `${answer.status}`);
  return answer;
}

export const json = async (path, query) => (await answered(path, query)).json();
export const text = async (path, query) => (await answered(path, query)).text();

export async function say(words) {
  const answer = await fetch(address("tell"), {
    method: "POST",
    credentials: "same-origin",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ words }),
  });
  return answer.ok ? answer.json() : { taken: false, outcome: (await answer.text()).trim() };
}

// Calls `news()` whenever there is something new to see, `lost(why)` when nobody says so any more.
export function listen(news, lost) {
  const stream = new EventSource(address("events"));
  stream.onmessage = (event) => news(...event.data.split(" ").map(Number));
  stream.addEventListener("gone", (event) => {
    stream.close();
    lost(event.data);
  });
  stream.onerror = () => lost("the server does not answer");
}
