// The observer's tablet: big buttons, activities that may run at once, interruption and return, a tally, undo within ten seconds.
// Everything is an event with this page's own clock; it waits in localStorage until the server has it.

const UNDO_MS = 10000;
const sittings = (globalThis.__gilbrethObservers ??= new Map());

function sitting(data) {
  const stored = `gilbreth-observer-${data.observation}`;
  const s = {
    id: data.observation, client: "o-" + crypto.randomUUID().slice(0, 18), origin: performance.now(), sequence: 0, sending: false, lost: false,
    queue: JSON.parse(localStorage.getItem(stored) ?? "[]"), running: new Set(data.running), interrupted: data.interrupted, taps: data.taps,
    last: null, who: data.with_whom[0] ?? "", tool: data.tools[0] ?? "", fault: "", show: () => {},
  };
  const save = () => localStorage.setItem(stored, JSON.stringify(s.queue));
  s.push = (event, back) => {
    const key = `${s.client}-${s.sequence++}`;
    s.queue.push({ key, client: s.client, client_offset_seconds: +((performance.now() - s.origin) / 1000).toFixed(4), ...event });
    s.last = back ? { key, at: performance.now(), back } : null;
    save(); s.send(); s.show();
  };
  s.send = async () => {
    if (s.sending || !s.queue.length) return;
    s.sending = true;
    const batch = s.queue.slice(0, 100);
    try {
      const answer = await fetch("/observe", {
        method: "POST", credentials: "same-origin", headers: { "Content-Type": "application/json" },
        body: JSON.stringify({ observation: s.id, events: batch }),
      });
      s.lost = answer.status === 401 || answer.status === 429 || answer.status >= 500;
      if (!s.lost) {
        s.queue.splice(0, batch.length);
        s.fault = answer.ok ? "" : (await answer.json().catch(() => ({}))).reason ?? String(answer.status);
      }
    } catch { s.lost = true; }
    s.sending = false; save(); s.show();
    if (s.queue.length && !s.lost) s.send();
  };
  s.toggle = (name) => {
    const ends = s.running.has(name);
    const flip = () => (s.running.has(name) ? s.running.delete(name) : s.running.add(name));
    flip();
    s.push({ kind: "lap", area: name, phase: ends ? "end" : "begin", with_whom: s.who, tool: s.tool }, flip);
  };
  s.interrupt = (kind) => { s.interrupted = true; s.push({ kind: "interruption", reason: kind }, () => { s.interrupted = false; }); };
  s.back = () => { s.interrupted = false; s.push({ kind: "return" }, () => { s.interrupted = true; }); };
  s.tap = () => { s.taps++; s.push({ kind: "input", input: "click", area: "observed", count: 1, span_seconds: 0 }, () => { s.taps--; }); };
  s.note = (words) => s.push({ kind: "note", reason: words });
  s.undo = () => { const { key, back } = s.last; back(); s.push({ kind: "undo", undone: key }); };
  setInterval(() => { s.send(); s.show(); }, 2000);
  window.addEventListener("pagehide", () => { if (s.queue.length) navigator.sendBeacon("/observe", JSON.stringify({ observation: s.id, events: s.queue.slice(0, 200) })); });
  return s;
}

export default function (component) {
  const data = component.data;
  if (!sittings.has(data.observation)) sittings.set(data.observation, sitting(data));
  const s = sittings.get(data.observation);
  const root = component.parentElement.querySelector(".observer");
  const words = data.words;
  const draw = {};
  root.replaceChildren();
  const part = (name, title) => {
    const box = document.createElement("section"); box.className = name;
    if (title) { const head = document.createElement("h4"); head.textContent = title; box.append(head); }
    root.append(box); return box;
  };
  const button = (box, label, act, kind = "") => {
    const made = document.createElement("button"); made.textContent = label; made.className = kind; made.onclick = act; box.append(made); return made;
  };
  const activities = part("activities", words.what);
  draw.activities = data.activities.map(([name, label]) => [name, button(activities, label, () => s.toggle(name))]);
  const tally = part("tally", words.tally);
  draw.tap = button(tally, "", () => s.tap(), "tap");
  draw.undo = button(tally, words.undo, () => s.undo(), "undo");
  const choice = (name, title, items) => {
    const box = part("choice", title);
    return items.map((item) => [item, button(box, item, () => { s[name] = item; s.show(); })]);
  };
  draw.who = choice("who", words.who, data.with_whom);
  draw.tool = choice("tool", words.tool, data.tools);
  const breaks = part("breaks", words.interruption);
  draw.breaks = data.interruptions.map((kind) => button(breaks, kind, () => s.interrupt(kind), "break"));
  draw.back = button(breaks, words.back, () => s.back(), "back");
  const foot = part("foot");
  const note = document.createElement("input"); note.placeholder = words.note; note.maxLength = 300; note.setAttribute("aria-label", words.note);
  note.onkeydown = (e) => { if (e.key === "Enter" && note.value.trim()) { s.note(note.value.trim()); note.value = ""; } };
  foot.append(note);
  draw.state = document.createElement("span"); draw.state.setAttribute("role", "status"); foot.append(draw.state);
  s.show = () => {
    for (const [name, made] of draw.activities) { made.setAttribute("aria-pressed", String(s.running.has(name))); made.disabled = s.interrupted; }
    for (const name of ["who", "tool"]) for (const [item, made] of draw[name]) made.setAttribute("aria-pressed", String(s[name] === item));
    for (const made of draw.breaks) made.disabled = s.interrupted;
    draw.back.disabled = !s.interrupted;
    draw.tap.textContent = `${words.click} · ${s.taps}`; draw.tap.disabled = s.interrupted;
    draw.undo.disabled = !s.last || performance.now() - s.last.at > UNDO_MS;
    draw.state.textContent = s.fault || (s.lost ? words.offline : s.queue.length ? "…" : words.stored);
  };
  s.show(); s.send();
}
