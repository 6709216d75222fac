// A reader's clock and keys. Inputs, hidden time and leaving are taken as in all timed work; after a long stillness it asks
// instead of cutting, for people read without moving. Keys answer the form from wherever the focus is.

const ROUTE = "/record/reading";
const DRAG_PIXELS = 5, WINDOW_MS = 2000, SEND_EVERY_MS = 3000, BATCH = 200;
const clocks = (globalThis.__gilbrethClocks ??= new Map());
const stored = (reading) => `gilbreth-reading-${reading}`;

// ---- the clock of one reading -------------------------------------------------------------------------------------------------

function clock(data) {
  const c = {
    reading: data.reading, client: "r-" + crypto.randomUUID().slice(0, 18), sequence: 0, origin: performance.now(), queue: [], open: new Map(),
    last: performance.now(), asking: false, here: false, sending: false, lost: false, signedOut: false, down: null, dragged: false, show: () => {},
  };
  const idleMs = () => 1000 * (globalThis.__gilbrethIdleSeconds ?? data.idle_seconds);
  const offset = (at = performance.now()) => +Math.max(0, (at - c.origin) / 1000).toFixed(4);

  // What is not sent yet, and the last sign of life, outlive a crash or a cut line on this machine.
  const keep = () => {
    try { localStorage.setItem(stored(c.reading), JSON.stringify({ client: c.client, sequence: c.sequence, at: offset(), here: c.here, queue: c.queue })); } catch { /* memory only */ }
  };
  const found = () => { try { return JSON.parse(localStorage.getItem(stored(c.reading)) ?? "null"); } catch { return null; } };

  c.push = (kind, fields = {}, at = performance.now()) => {
    c.queue.push({ key: `${c.client}-${c.sequence++}`, kind, client: c.client, client_offset_seconds: offset(at), ...fields });
    keep();
  };
  c.input = (input, where, at) => {
    if (!c.here || c.asking) return;
    const name = `${input}|${where}`, gathered = c.open.get(name);
    if (gathered && at - gathered.first < WINDOW_MS) { gathered.count++; gathered.last = at; return; }
    c.flush(name);
    c.open.set(name, { input, where, first: at, last: at, count: 1 });
  };
  c.flush = (only) => {
    for (const [name, g] of [...c.open]) {
      if (only && name !== only) continue;
      c.open.delete(name);
      c.push("input", { input: g.input, area: g.where, count: g.count, span_seconds: +((g.last - g.first) / 1000).toFixed(4) }, g.last);
    }
  };

  c.arrive = () => { // opened, resumed, or shown again by a rerun
    if (c.here) return;
    const before = found();
    if (before && before.client !== c.client) {
      c.queue.push(...(before.queue ?? []));
      if (before.here) { // the browser was closed without a word: the time since its last sign of life is nobody's
        c.queue.push({ key: `${before.client}-lost`, kind: "pause", reason: "left", client: before.client, client_offset_seconds: before.at });
      }
    }
    c.here = true; c.asking = false; c.last = performance.now();
    c.push("resume");
    c.send();
  };
  c.leave = (beacon = false) => {
    if (!c.here) return;
    c.flush();
    c.push("pause", { reason: c.asking ? "away" : "left" }, c.asking ? c.last : performance.now());
    c.here = false;
    keep();
    if (beacon) navigator.sendBeacon(ROUTE, JSON.stringify({ reading: c.reading, events: c.queue.slice(0, BATCH) })); else c.send();
  };
  c.alive = () => {
    if (c.asking) return;
    const now = performance.now();
    if (c.here && now - c.last > idleMs()) { c.asking = true; c.show(); return; }
    c.last = now;
  };
  c.answer = (reading) => {
    if (!c.asking) return;
    const now = performance.now();
    if (reading) c.push("note", { reason: "idle question: was reading", span_seconds: +((now - c.last) / 1000).toFixed(4) });
    else { c.push("pause", { reason: "away" }, c.last); c.push("resume"); }
    c.asking = false; c.last = now;
    c.show(); c.send();
  };

  c.send = async () => {
    if (c.sending || !c.queue.length) return;
    c.sending = true;
    const batch = c.queue.slice(0, BATCH);
    let status = 0;
    try {
      status = (await fetch(ROUTE, { method: "POST", credentials: "same-origin", keepalive: true, headers: { "Content-Type": "application/json" }, body: JSON.stringify({ reading: c.reading, events: batch }) })).status;
    } catch { /* offline */ }
    c.lost = status === 0 || status === 429 || status >= 500;
    c.signedOut = status === 401;
    if (!c.lost && !c.signedOut) { c.queue.splice(0, batch.length); keep(); } // stored, or refused for good
    if (!c.queue.length && !c.here) { try { localStorage.removeItem(stored(c.reading)); } catch { /* nothing kept */ } }
    c.sending = false;
    c.show();
  };

  const live = (e) => e.isTrusted && c.here && !e.composedPath().some((node) => node.dataset?.recIgnore === "1");
  const on = {
    pointerdown: (e) => { c.alive(); if (live(e)) { c.down = [e.clientX, e.clientY, e.button]; c.dragged = false; } },
    pointermove: () => c.alive(), // a sign of life, not an input
    pointerup: (e) => {
      if (!live(e) || !c.down) return;
      c.dragged = Math.hypot(e.clientX - c.down[0], e.clientY - c.down[1]) > DRAG_PIXELS;
      if (c.dragged) c.input("drag", area(e), e.timeStamp); else if (c.down[2] !== 0) c.input("other_button", area(e), e.timeStamp);
      c.down = null;
    },
    click: (e) => { if (live(e) && e.detail !== 0 && !c.dragged) c.input("click", area(e), e.timeStamp); },
    keydown: (e) => { c.alive(); if (live(e) && !e.repeat) c.input("key", area(e), e.timeStamp); },
    wheel: (e) => { c.alive(); if (live(e)) c.input("wheel", area(e), e.timeStamp); },
  };
  const listening = new AbortController();
  for (const [name, act] of Object.entries(on)) window.addEventListener(name, act, { capture: true, passive: true, signal: listening.signal });
  document.addEventListener("visibilitychange", () => { if (c.here) { c.flush(); c.push(document.hidden ? "hidden" : "visible"); } }, { signal: listening.signal });
  window.addEventListener("pagehide", () => c.leave(true), { signal: listening.signal });
  const ticking = setInterval(() => {
    const now = performance.now();
    for (const [name, g] of [...c.open]) if (now - g.first >= WINDOW_MS) c.flush(name);
    if (c.here && !c.asking && now - c.last > idleMs()) { c.asking = true; c.show(); }
    if (c.here) keep();
  }, 1000);
  const sending = setInterval(() => c.send(), SEND_EVERY_MS);
  c.stop = async () => { c.leave(); listening.abort(); clearInterval(ticking); await c.send(); if (!c.queue.length) clearInterval(sending); };
  return c;
}

function area(event) {
  for (const node of event.composedPath()) {
    if (!(node instanceof Element)) continue;
    const named = node.getAttribute("data-rec-area") ?? node.getAttribute("data-testid");
    if (named && /^(viewer|source|st(Button|FormSubmit|TextInput|TextArea|Sidebar|BidiComponent))/.test(named)) return named.slice(0, 60);
  }
  return "page";
}

// ---- keys of the form ---------------------------------------------------------------------------------------------------------

const MARK = "gilbrethHere";
const STYLE = `[data-gilbreth-here] { outline: 3px solid COLOUR; outline-offset: 2px; border-radius: .4rem; position: relative; z-index: 2; }`;

function form(root) {
  const style = document.createElement("style"); // the form lies outside this component, where the theme's colours have no names
  style.textContent = STYLE.replace("COLOUR", getComputedStyle(root.querySelector(".sitting")).getPropertyValue("--st-primary-color") || "#0b6e99");
  document.head.append(style);
  const groups = () => [...document.querySelectorAll('.st-key-form [data-testid="stButtonGroup"]')];
  const buttons = (group) => [...group.querySelectorAll('button, [role="radio"]')];
  const chosen = (button) => ["aria-checked", "aria-pressed"].some((name) => button.getAttribute(name) === "true") || /Active/.test(button.getAttribute("kind") ?? button.dataset.testid ?? "");
  const single = (group) => group.matches("[role=radiogroup]") || group.querySelector("[role=radiogroup]") !== null;
  const open = (group) => !buttons(group).some(chosen);
  const names = (group) => group.closest('[class*="st-key-"]')?.className.match(/st-key-(\S+)/)?.[1];
  const f = { at: null };
  f.go = (group) => {
    if (!group) return;
    for (const other of groups()) delete other.dataset[MARK];
    group.dataset[MARK] = "1";
    f.at = names(group);
    group.scrollIntoView({ block: "nearest" });
  };
  // Right after a fail the cursor waits for its reasons, which the form brings a moment later; what is typed meanwhile waits too.
  f.current = () => (f.at ? groups().find((group) => names(group) === f.at) : (groups().find(open) ?? groups()[0]));
  f.index = () => { const all = groups().map(names), at = all.indexOf(f.at); return at >= 0 ? at : all.indexOf(f.at?.replace(/^r-/, "p-")); };
  f.move = (n) => { const all = groups(); f.go(all[Math.min(all.length - 1, Math.max(0, f.index() + n))]); };
  f.nextOpen = () => {
    const all = groups(), now = f.index();
    const next = [...all.slice(now + 1), ...all.slice(0, now + 1)].find(open);
    if (next) f.go(next); else f.password();
  };
  f.await = (at, act, until = performance.now() + 15000) => {
    if (f.at !== at) return;
    const group = f.current();
    if (group) act(group); else if (performance.now() < until) setTimeout(() => f.await(at, act, until), 60);
  };
  f.choose = (n) => {
    const at = f.at ?? names(f.current() ?? groups()[0]);
    f.at = at;
    f.await(at, (group) => {
      const button = buttons(group)[n - 1];
      if (!button) return;
      button.click();
      if (!single(group)) { f.go(group); return; } // reasons: as many as apply, then J or N
      const all = groups();
      if (at.startsWith("p-") && n === 2) {
        delete group.dataset[MARK];
        f.at = at.replace(/^p-/, "r-");
        f.await(f.at, f.go);
      } else f.go(all[all.indexOf(group) + 1] ?? group);
    });
  };
  f.passAll = () => { // then on to what is still open, once the form has all of it: answers appear one after the other
    const regions = () => groups().filter((group) => open(group) && /^[qp]-/.test(names(group) ?? "")).length;
    const running = () => document.querySelector('[data-testid="stApp"]')?.dataset.testScriptState === "running";
    const before = regions(), until = performance.now() + 60000;
    let last = before;
    const wait = () => {
      const now = regions(), done = now < before && now === last && !running();
      last = now;
      if (!before || done || performance.now() > until) f.nextOpen(); else setTimeout(wait, 100);
    };
    f.press("all-");
    wait();
  };
  f.press = (name) => document.querySelector(`[class*="st-key-${name}"] button`)?.click();
  f.focus = (selector) => { const target = document.querySelector(selector); target?.focus(); target?.scrollIntoView({ block: "nearest" }); };
  f.password = () => f.focus('[class*="st-key-password"] input');
  f.show = () => { const group = f.at && groups().find((item) => names(item) === f.at); f.go(group || groups().find(open) || groups()[0]); };
  return f;
}

function typing(event) {
  const target = event.composedPath()[0];
  return target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName));
}

function deepFocus(selector) { // the viewer lies in a shadow root or beside the page, as Streamlit likes
  const walk = (root) => root.querySelector(selector) ?? [...root.querySelectorAll("*")].map((node) => node.shadowRoot && walk(node.shadowRoot)).find(Boolean);
  walk(document)?.focus({ preventScroll: true });
}

// ---- the component ------------------------------------------------------------------------------------------------------------

export default function (component) {
  const { data, parentElement: root } = component, words = data.words;
  for (const [reading, other] of clocks) if (reading !== data.reading) { other.stop(); clocks.delete(reading); }
  if (data.timed && !clocks.has(data.reading)) clocks.set(data.reading, clock(data));
  const c = clocks.get(data.reading), $ = (name) => root.querySelector(name);
  $(".number").textContent = data.title;
  $(".keys").textContent = words.keys;
  $(".yes").textContent = words.yes; $(".no").textContent = words.no;
  $(".yes").onclick = () => c?.answer(true);
  $(".no").onclick = () => c?.answer(false);
  if (c) watch(c, $, words); else $(".light").hidden = true;
  const stop = steer(data.reading, c, root);
  return () => { stop(); setTimeout(() => { if (!root.isConnected && c) { c.stop(); clocks.delete(data.reading); } }, 300); };
}

function watch(c, $, words) {
  c.show = () => {
    const state = c.asking ? "asking" : c.signedOut ? "signed_out" : c.lost ? "offline" : "on";
    $(".light").className = `light ${state}`;
    $(".state").textContent = words[state];
    const seconds = Math.round((performance.now() - c.last) / 1000);
    $(".question .words").textContent = words.question.replace("{minutes}", seconds < 90 ? `${seconds} s` : `${Math.round(seconds / 60)} min`);
    $(".question").hidden = !c.asking;
  };
  c.arrive();
  c.show();
}

function steer(reading, c, root) {
  const f = (globalThis.__gilbrethForm ??= form(root));
  if (globalThis.__gilbrethFormOf !== reading) { f.at = null; globalThis.__gilbrethFormOf = reading; }
  const settle = setInterval(() => { if (document.querySelector('.st-key-form [data-testid="stButtonGroup"]')) { f.show(); clearInterval(settle); } }, 60);
  const keys = new AbortController();
  window.addEventListener("keydown", (e) => {
    if (e.ctrlKey || e.metaKey || e.altKey) return;
    if (e.key === "Escape" && typing(e)) { e.composedPath()[0].blur(); return; }
    if (typing(e)) return;
    if (c?.asking) {
      if (/^[yn]$/i.test(e.key)) { c.answer(/y/i.test(e.key)); e.preventDefault(); e.stopPropagation(); }
      return;
    }
    const acts = {
      j: () => f.move(1), k: () => f.move(-1), n: () => f.nextOpen(), a: () => f.passAll(), p: () => deepFocus(".viewer"),
      m: () => f.press("source-"), r: () => f.focus('[class*="st-key-remark"] textarea'), s: () => f.password(),
    };
    const act = /^[1-9]$/.test(e.key) ? () => f.choose(+e.key) : acts[e.key.toLowerCase()];
    if (act) { act(); e.preventDefault(); e.stopPropagation(); } // Streamlit has shortcuts of its own
  }, { capture: true, signal: keys.signal });
  return () => { keys.abort(); clearInterval(settle); };
}
