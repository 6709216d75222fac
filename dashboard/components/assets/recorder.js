// The recorder: counts what a technologist does in the page and sends it as events, surely and once.
// It runs in the page itself, so one capture-phase listener on `window` sees every trusted event of every Streamlit widget.
// Its state lives on globalThis: Streamlit reruns and page changes neither restart nor stop it.

const DRAG_PIXELS = 5;
const WINDOW_MS = 2000; // inputs of one kind in one area within this time become one event with a count and a span
const SEND_EVERY_MS = 3000;
const HEARTBEAT_MS = 20000;
const ROUTE = "/record";
const LAST_WORDS = ["input", "hidden", "visible"];
const ENDED = ["finished", "aborted", "undone"];
const LIVE = ["open", "paused", "interrupted"];
const TURNS = ["pause", "resume", "finish", "abort"]; // what changes a task's state
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

// ---- talking to the server ----------------------------------------------------------------------------------------------------

async function post(content) {
  try {
    const answer = await fetch(ROUTE, {
      method: "POST", credentials: "same-origin", headers: { "Content-Type": "application/json" }, body: JSON.stringify(content),
    });
    return { ok: answer.ok, status: answer.status, body: await answer.json().catch(() => ({})) };
  } catch { return { ok: false, status: 0, body: {} }; } // no network
}

// A batch is stored whole or not at all. When it was refused for one event's sake, the counts in it are sent without that event.
const salvage = (task, holder, events) => post({ task, holder, events: events.filter((event) => LAST_WORDS.includes(event.kind)) });

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
    state: data.state, held: !data.read_only, open: new Map(), queue: [], sending: false, down: null, lost: false, signedOut: false,
    ended: false, gone: false, told: "", turns: 0, show: () => {}, over: () => {}, took: () => {},
  };
  const offset = (at = performance.now()) => Math.max(0, (at - r.origin) / 1000);
  const running = () => r.state === "open" && r.held && !r.ended;

  r.push = (kind, fields = {}) => {
    const event = { key: `${r.client}-${r.sequence++}`, kind, client: r.client, client_offset_seconds: +offset().toFixed(4), ...fields };
    r.queue.push(event);
    if (TURNS.includes(kind)) r.turns++;
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
  // The first event ties this page's clock to the server's, so that events kept back by a cut network fall where they happened.
  r.begin = () => { r.push("tool", { area: "strip" }); r.send(); };
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
  r.resume = () => { if (r.state === "paused" || r.state === "interrupted") { r.told = ""; r.mark("resume"); r.state = "open"; r.show(); } };
  r.finish = async () => {
    if (r.ended || !r.held) return false;
    if (r.lost && r.needsImages) { r.told = r.needsImages; r.show(); return false; } // the server would say so, could it be asked
    if (r.state === "paused" || r.state === "interrupted") r.resume();
    r.mark("finish"); r.ended = true; r.state = "finishing"; r.told = ""; r.show();
    return r.drain();
  };
  r.abort = async (reason) => { r.mark("abort", { reason }); r.ended = true; r.state = "finishing"; r.show(); return r.drain(); };
  // The task goes away without an end of its own (wrong case, hand-over): everything counted so far is sent first.
  r.leave = async () => { r.flushInputs(); r.ended = true; r.state = "finishing"; r.show(); return r.drain(); };

  r.drain = async () => { // until everything is stored; tried again as long as the tab lives
    while (r.queue.length) { await r.send(); if (r.queue.length) await new Promise((done) => setTimeout(done, 500)); }
    if (!r.ended) return false; // a finish that came too early: the work goes on
    r.gone = true;
    r.stop();
    return !r.refused;
  };

  // A finish before the pictures, or a resume while another task runs, is taken back as if it had not been pressed.
  r.takeBack = (reason, kinds, state) => {
    const early = r.queue.filter((event) => kinds.includes(event.kind));
    r.queue = r.queue.filter((event) => !kinds.includes(event.kind));
    forget(early.map((event) => event.key));
    r.ended = false; r.state = state; r.told = reason;
    r.sending = false;
    r.show();
  };

  r.send = async () => {
    if (r.sending || !r.queue.length) return;
    r.sending = true;
    const batch = r.queue.slice(0, 200);
    const answer = await post({ task: r.task, holder: r.holder, events: batch });
    r.lost = answer.status === 0 || answer.status >= 500 || answer.status === 429;
    r.signedOut = answer.status === 401; // kept, and sent once somebody has signed in again in this browser
    if (!r.lost && !r.signedOut) {
      if (answer.body.missing) { r.takeBack(answer.body.reason, ["finish"], "open"); return; }
      if (answer.body.running) { r.takeBack(answer.body.reason, ["resume", "finish"], "paused"); return; }
      if (!answer.ok) { // refused for good (locked, another tab): keep the counts, say so and stop counting
        await salvage(r.task, r.holder, batch);
        r.refused = answer.body.reason || `refused (${answer.status})`;
        r.ended = true; r.gone = true; r.state = "refused";
      }
      r.queue.splice(0, batch.length);
      forget(batch.map((event) => event.key));
    }
    r.sending = false;
    r.show();
  };

  // The server's word on the state counts, unless something pressed here was on its way: an earlier page's pause may have come late,
  // and a task whose machine slept is interrupted.
  r.asking = () => (r.queue.some((event) => TURNS.includes(event.kind)) ? -1 : r.turns);
  r.agree = (state, asked) => { if (asked === r.asking() && asked >= 0 && !r.ended && LIVE.includes(state)) r.state = state; };

  // A heartbeat keeps the lease; a tab that only shows the task asks for the lease, and goes on once the other tab is gone.
  r.heartbeat = async () => {
    if (r.ended) return;
    const asked = r.asking();
    const answer = await post({ task: r.task, holder: r.holder, events: [], take: true });
    if (!answer.ok || r.ended) return;
    if (ENDED.includes(answer.body.state) && !r.queue.length) { r.ended = r.gone = true; r.stop(); r.over(answer.body.state === "finished" ? "finish" : "abort"); return; }
    if (!r.held && answer.body.held) { r.held = true; r.state = answer.body.state; r.begin(); sendLeftovers(r); r.took(); }
    else if (!r.held) r.state = answer.body.state;
    else r.agree(answer.body.state, asked);
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
  const listening = new AbortController();
  for (const [name, act] of Object.entries(on)) window.addEventListener(name, act, { capture: true, passive: true, signal: listening.signal });
  document.addEventListener("visibilitychange", () => { if (running()) r.mark(document.hidden ? "hidden" : "visible"); }, { signal: listening.signal });
  window.addEventListener("pagehide", () => { // last words of a closed tab; the lease goes back, so that a reload can go on at once
    if (r.ended && !r.queue.length) return;
    r.flushInputs();
    const events = r.queue.slice(0, 200);
    if (events.length || r.held) navigator.sendBeacon(ROUTE, JSON.stringify({ task: r.task, holder: r.holder, events, release: true }));
    r.held = false; // should the page come back from the browser's cache, it asks for the lease again
  }, { signal: listening.signal });
  const sending = setInterval(() => {
    const now = performance.now();
    for (const [name, g] of [...r.open]) if (now - g.first >= WINDOW_MS) r.flushInputs(name);
    if (!r.held) r.heartbeat();
    r.send();
  }, SEND_EVERY_MS);
  const beating = setInterval(() => { if (r.held) r.heartbeat(); }, HEARTBEAT_MS);
  r.stop = () => { clearInterval(sending); clearInterval(beating); listening.abort(); };
  return r;
}

// Whatever an earlier page load could not send goes first; for the task on the screen in the name of this tab, which holds it now.
async function sendLeftovers(r) {
  const groups = new Map();
  for (const row of await kept()) {
    if ([...tasks.values()].some((other) => other.queue.some((event) => event.key === row.key))) continue;
    const name = `${row.task}|${row.event.client}`;
    groups.set(name, [...(groups.get(name) ?? []), row]);
  }
  for (const group of groups.values()) {
    group.sort((a, b) => a.event.client_offset_seconds - b.event.client_offset_seconds);
    const task = group[0].task, holder = task === r.task && r.held ? r.holder : group[0].holder;
    for (let from = 0; from < group.length; from += 500) {
      const part = group.slice(from, from + 500), events = part.map((row) => row.event), asked = r.asking();
      const answer = await post({ task, holder, events });
      if (answer.status === 0 || answer.status === 401 || answer.status === 429 || answer.status >= 500) return; // next time
      if (!answer.ok) await salvage(task, holder, events);
      else if (task === r.task) { r.agree(answer.body.state, asked); r.show(); }
      forget(part.map((row) => row.key));
    }
  }
  r.heartbeat();
}

// ---- the strip ------------------------------------------------------------------------------------------------------------------

export default function (component) {
  const data = component.data;
  const fresh = !tasks.has(data.task) || tasks.get(data.task).gone; // a task may come back, as after a hand-over
  if (fresh) tasks.set(data.task, recorder(data));
  const r = tasks.get(data.task);
  const root = component.parentElement;
  const $ = (name) => root.querySelector(name);
  const words = data.words;
  r.needsImages = data.needs_images ? words.needs_images : "";
  $(".case").textContent = data.case;
  $(".arm").textContent = data.arm;
  fill($(".reason"), data.reasons.map((text) => [text, text]));
  r.show = () => {
    const state = !r.held && !r.ended ? "read_only" : r.signedOut ? "signed_out" : r.lost ? "offline" : r.state;
    $(".light").className = `light ${state}`;
    $(".state").textContent = words[state] ?? state;
    const stopped = r.state === "paused" || r.state === "interrupted";
    $(".pause").textContent = stopped ? words.resume : words.pause;
    for (const name of [".pause", ".finish", ".more"]) $(name).disabled = !r.held || r.ended;
    if (!r.held || r.ended) $(".leave").hidden = true;
    $(".reason").hidden = stopped;
    $(".reason").disabled = !r.held || r.ended;
    $(".note").textContent = r.refused ?? r.told;
  };
  r.took = () => component.setTriggerValue("took", r.task); // so that the page's own buttons wake up too
  r.over = (how, what = "") => component.setTriggerValue("ended", { task: r.task, how, what });
  $(".pause").onclick = () => (r.state === "paused" || r.state === "interrupted" ? r.resume() : r.pause($(".reason").value));
  $(".finish").onclick = async () => { if (await r.finish()) r.over("finish"); };
  leaving($, r, data);
  globalThis.__gilbrethLap = (name) => { if (r.state === "open" && r.held && !r.ended) r.mark("lap", { area: name }); };
  globalThis.__gilbrethFinish = async () => { if (await r.finish()) r.over("finish"); };
  if (fresh && r.held) { r.begin(); sendLeftovers(r); }
  // After a reload the page before this one lets go a moment later: ask again soon, so that no click is missed meanwhile.
  if (fresh && !r.held) for (const ms of [150, 400, 900, 1800]) setTimeout(() => { if (!r.held) r.heartbeat(); }, ms);
  if (data.finish && data.finish !== r.asked) { r.asked = data.finish; globalThis.__gilbrethFinish(); } // confirmed on the page
  r.show();
}

// Ways out other than a finish: giving up and a wrong case with a reason, a hand-over to a colleague.
function leaving($, r, data) {
  const ways = [["abort", data.words.abort], ["undo", data.words.undo]];
  if (data.colleagues.length) ways.push(["hand_over", data.words.hand_over]);
  const choices = { abort: data.abort_reasons.map((text) => [text, text]), undo: data.undo_reasons.map((text) => [text, text]), hand_over: data.colleagues };
  fill($(".way"), ways);
  const turn = () => { $(".why").replaceChildren(); fill($(".why"), choices[$(".way").value]); };
  if (!$(".why").options.length) turn();
  $(".way").onchange = turn;
  $(".more").onclick = () => { $(".leave").hidden = !$(".leave").hidden; $(".more").setAttribute("aria-expanded", String(!$(".leave").hidden)); };
  $(".sure").onclick = async () => {
    const how = $(".way").value, what = $(".why").value;
    $(".leave").hidden = true;
    if (await (how === "abort" ? r.abort(what) : r.leave())) r.over(how, what);
  };
}

function fill(select, items) {
  if (!select.options.length) for (const [value, label] of items) select.add(new Option(label, value));
}
