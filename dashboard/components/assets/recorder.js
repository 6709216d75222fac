// The recorder: counts what a technologist does in the page and sends it as events, surely and once.
// It runs in the page itself, so one capture-phase listener on `window` sees every trusted event of every Streamlit widget.
// Its state lives on globalThis: Streamlit reruns and page changes neither restart nor stop it.

const DRAG_PIXELS = 5;
const WINDOW_MS = 2000; // inputs of one kind in one area within this time become one event with a count and a span
const SEND_EVERY_MS = 3000;
const HEARTBEAT_MS = 20000;
const ROUTE = "/record";
const tasks = (globalThis.__gilbrethRecorders ??= new Map());

// ---- what waits to be sent, kept on disk so that a closed tab or a cut network loses nothing -------------------------------

function openStore() {
  return new Promise((resolve) => {
    const request = indexedDB.open("gilbreth-recorder", 1);
    request.onupgradeneeded = () => request.result.createObjectStore("events", { keyPath: "key" });
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => resolve(null); // private windows: memory only
  });
}
const store = (globalThis.__gilbrethStore ??= openStore());

async function keep(rows) {
  const database = await store;
  if (!database) return;
  const change = database.transaction("events", "readwrite");
  for (const row of rows) change.objectStore("events").put(row);
}

async function forget(keys) {
  const database = await store;
  if (!database) return;
  const change = database.transaction("events", "readwrite");
  for (const key of keys) change.objectStore("events").delete(key);
}

async function kept() {
  const database = await store;
  if (!database) return [];
  return new Promise((resolve) => {
    const request = database.transaction("events").objectStore("events").getAll();
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => resolve([]);
  });
}

// ---- where an event happened -------------------------------------------------------------------------------------------------

function area(event) {
  for (const node of event.composedPath()) {
    if (!(node instanceof Element)) continue;
    const named = node.getAttribute("data-rec-area");
    if (named) return named.slice(0, 60);
    const part = node.getAttribute("data-testid");
    if (part && /^st(Button|FormSubmitButton|Radio|ButtonGroup|Slider|Selectbox|TextArea|FileUploader|Sidebar|Checkbox|DataFrame|Image|BidiComponent)/.test(part)) return part.slice(0, 60);
  }
  return "page";
}

const ignored = (event) => event.composedPath().some((node) => node.dataset?.recIgnore === "1");

// ---- one task -----------------------------------------------------------------------------------------------------------------

function recorder(data) {
  const r = {
    task: data.task, holder: data.holder, client: "b-" + crypto.randomUUID().slice(0, 18), sequence: 0, origin: performance.now(),
    state: data.state, open: new Map(), queue: [], sending: false, down: null, lost: false, ended: false, show: () => {},
  };
  const offset = (at = performance.now()) => Math.max(0, (at - r.origin) / 1000);
  const running = () => r.state === "open" && !r.ended;

  r.push = (kind, fields = {}) => {
    const event = { key: `${r.client}-${r.sequence++}`, kind, client: r.client, client_offset_seconds: +offset().toFixed(4), ...fields };
    r.queue.push(event);
    keep([{ key: event.key, task: r.task, holder: r.holder, event }]);
    return event;
  };

  // Inputs are gathered for two seconds per kind and area: counts stay exact, the traffic stays small.
  r.input = (input, where, at) => {
    if (!running()) return;
    const name = `${input}|${where}`;
    const gathered = r.open.get(name);
    if (gathered && at - gathered.first < WINDOW_MS) { gathered.count++; gathered.last = at; return; }
    r.flushInputs(name);
    r.open.set(name, { input, where, first: at, last: at, count: 1 });
  };
  r.flushInputs = (only) => {
    for (const [name, g] of [...r.open]) {
      if (only && name !== only) continue;
      r.open.delete(name);
      r.push("input", {
        input: g.input, area: g.where, count: g.count, span_seconds: +((g.last - g.first) / 1000).toFixed(4),
        client_offset_seconds: +offset(g.last).toFixed(4),
      });
    }
  };

  r.mark = (kind, fields) => { r.flushInputs(); const event = r.push(kind, fields); r.send(); return event; };
  r.pause = (reason) => { if (running()) { r.mark("pause", { reason }); r.state = "paused"; r.show(); } };
  r.resume = () => { if (r.state === "paused" || r.state === "interrupted") { r.mark("resume"); r.state = "open"; r.show(); } };
  r.finish = async () => {
    if (r.state === "paused") r.resume();
    r.mark("finish"); r.ended = true; r.state = "finishing"; r.show();
    return r.drain();
  };
  r.abort = async (reason) => { r.mark("abort", { reason }); r.ended = true; r.state = "finishing"; r.show(); return r.drain(); };

  r.drain = async () => { // until everything is stored; tried again as long as the tab lives
    while (r.queue.length) { await r.send(); if (r.queue.length) await new Promise((done) => setTimeout(done, 500)); }
  };

  r.send = async () => {
    if (r.sending || !r.queue.length) return;
    r.sending = true;
    const batch = r.queue.slice(0, 200);
    try {
      const answer = await fetch(ROUTE, {
        method: "POST", credentials: "same-origin", headers: { "Content-Type": "application/json" },
        body: JSON.stringify({ task: r.task, holder: r.holder, events: batch }),
      });
      if (answer.ok) {
        r.queue.splice(0, batch.length);
        forget(batch.map((event) => event.key));
        r.lost = false;
      } else if (answer.status === 401 || answer.status >= 500 || answer.status === 429) {
        r.lost = true; // signed out or overloaded: keep it and try again
      } else { // refused for good (locked, another tab): say so and stop counting
        r.refused = (await answer.json().catch(() => ({}))).reason || `refused (${answer.status})`;
        r.queue.splice(0, batch.length);
        forget(batch.map((event) => event.key));
        r.ended = true; r.state = "refused";
      }
    } catch { r.lost = true; }
    r.sending = false;
    r.show();
  };

  const live = (event) => event.isTrusted && running() && !ignored(event);
  const on = {
    pointerdown: (e) => { if (live(e)) { r.down = [e.clientX, e.clientY, e.button]; r.dragged = false; } },
    pointerup: (e) => {
      if (!live(e) || !r.down) return;
      const far = Math.hypot(e.clientX - r.down[0], e.clientY - r.down[1]) > DRAG_PIXELS;
      r.dragged = far;
      if (far) r.input("drag", area(e), e.timeStamp);
      else if (r.down[2] !== 0) r.input("other_button", area(e), e.timeStamp);
      r.down = null;
    },
    click: (e) => {
      if (!live(e) || e.detail === 0) return; // detail 0: made by the browser from a label or the keyboard
      if (r.dragged) { r.dragged = false; return; } // the end of a drag is no click
      r.input("click", area(e), e.timeStamp);
    },
    dblclick: (e) => { if (live(e)) r.input("double_click", area(e), e.timeStamp); },
    keydown: (e) => { if (live(e) && !e.repeat) r.input("key", area(e), e.timeStamp); }, // that a key was pressed, never which
    wheel: (e) => { if (live(e)) r.input("wheel", area(e), e.timeStamp); },
  };
  for (const [name, act] of Object.entries(on)) window.addEventListener(name, act, { capture: true, passive: true });
  document.addEventListener("visibilitychange", () => { if (running()) r.mark(document.hidden ? "hidden" : "visible"); });
  window.addEventListener("pagehide", () => { // last words of a closed tab
    if (r.ended) return;
    r.flushInputs();
    if (r.queue.length) navigator.sendBeacon(ROUTE, JSON.stringify({ task: r.task, holder: r.holder, events: r.queue.slice(0, 200) }));
  });
  r.timer = setInterval(() => {
    const now = performance.now();
    for (const [name, g] of [...r.open]) if (now - g.first >= WINDOW_MS) r.flushInputs(name);
    r.send();
  }, SEND_EVERY_MS);
  r.beat = setInterval(() => {
    if (!r.ended) fetch(ROUTE, { method: "POST", credentials: "same-origin", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ task: r.task, holder: r.holder, events: [] }) }).catch(() => {});
  }, HEARTBEAT_MS);
  return r;
}

// Whatever an earlier page load could not send goes first.
async function sendLeftovers() {
  const rows = await kept();
  const groups = new Map();
  for (const row of rows) {
    if ([...tasks.values()].some((r) => r.queue.some((event) => event.key === row.key))) continue;
    const name = `${row.task}|${row.holder}`;
    groups.set(name, [...(groups.get(name) ?? []), row]);
  }
  for (const group of groups.values()) {
    group.sort((a, b) => a.event.client_offset_seconds - b.event.client_offset_seconds);
    try {
      const answer = await fetch(ROUTE, {
        method: "POST", credentials: "same-origin", headers: { "Content-Type": "application/json" },
        body: JSON.stringify({ task: group[0].task, holder: group[0].holder, events: group.map((row) => row.event).slice(0, 500) }),
      });
      if (answer.ok || (answer.status >= 400 && answer.status < 500 && answer.status !== 401 && answer.status !== 429)) forget(group.map((row) => row.key));
    } catch { /* still no network: next time */ }
  }
}

// ---- the strip ------------------------------------------------------------------------------------------------------------------

export default function (component) {
  const data = component.data;
  if (!tasks.has(data.task)) { tasks.set(data.task, recorder(data)); sendLeftovers(); }
  const r = tasks.get(data.task);
  if (r.state === "finishing" && data.state === "open") { tasks.delete(data.task); }
  const root = component.parentElement;
  const $ = (name) => root.querySelector(name);
  const words = data.words;
  root.querySelector(".strip").dataset.recIgnore = "1";
  $(".case").textContent = data.case;
  $(".arm").textContent = data.arm;
  const reason = $(".reason");
  if (!reason.options.length) for (const text of data.reasons) reason.add(new Option(text, text));
  r.show = () => {
    const state = data.read_only ? "read_only" : r.lost ? "offline" : r.state;
    $(".light").className = `light ${state}`;
    $(".state").textContent = words[state] ?? state;
    $(".pause").textContent = r.state === "paused" || r.state === "interrupted" ? words.resume : words.pause;
    for (const name of [".pause", ".finish", ".abort"]) $(name).disabled = data.read_only || r.ended;
    reason.disabled = data.read_only || r.state !== "open";
    $(".note").textContent = r.refused ?? "";
  };
  $(".pause").onclick = () => (r.state === "paused" || r.state === "interrupted" ? r.resume() : r.pause(reason.value));
  $(".finish").onclick = async () => { await r.finish(); component.setTriggerValue("ended", { task: r.task, how: "finish" }); };
  $(".abort").onclick = async () => {
    if ($(".confirm").hidden) { $(".confirm").hidden = false; return; }
    $(".confirm").hidden = true;
  };
  const why = $(".why");
  if (!why.options.length) for (const text of data.abort_reasons) why.add(new Option(text, text));
  $(".sure").onclick = async () => { await r.abort(why.value); component.setTriggerValue("ended", { task: r.task, how: "abort" }); };
  globalThis.__gilbrethLap = (name) => { if (running(r)) r.mark("lap", { area: name }); };
  r.show();
}

const running = (r) => r.state === "open" && !r.ended;
