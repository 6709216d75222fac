// Frame stack: drag turns, wheel steps, keys work, presets change brightness and contrast, zoom persists between views.
const stacks = (globalThis.__gilbrethViewers ??= new Map());
const PRESETS = { normal: "none", soft: "brightness(1.35) contrast(.85)", hard: "brightness(.9) contrast(1.5)" };

function load(url) {
  return new Promise((resolve, reject) => {
    const image = new Image();
    image.onload = () => resolve(image);
    image.onerror = () => reject(new Error(url));
    image.src = url;
  });
}

export default function (component) {
  const { set, views, words } = component.data;
  const root = component.parentElement;
  const names = Object.keys(views);
  if (!stacks.has(set)) stacks.set(set, { view: names[0], at: {}, zoom: 1, dx: 0, dy: 0, preset: "normal", images: {}, failed: false });
  const s = stacks.get(set);
  const canvas = root.querySelector("canvas"), place = root.querySelector(".place"), box = root.querySelector(".viewer");
  const context = canvas.getContext("2d");
  root.querySelector(".help").textContent = words.help;

  const frames = () => views[s.view];
  const at = () => (s.at[s.view] ??= 0);
  const draw = () => {
    const image = s.images[frames()[at()]];
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.fillStyle = "#000"; context.fillRect(0, 0, canvas.width, canvas.height);
    if (image) {
      context.filter = PRESETS[s.preset];
      const scale = Math.min(canvas.width / image.width, canvas.height / image.height) * s.zoom;
      context.drawImage(image, (canvas.width - image.width * scale) / 2 + s.dx, (canvas.height - image.height * scale) / 2 + s.dy, image.width * scale, image.height * scale);
      context.filter = "none";
    }
    place.textContent = s.failed ? words.failed : `${at() + 1} / ${frames().length}`;
    for (const button of root.querySelectorAll(".bar button")) button.setAttribute("aria-pressed", String(button.dataset.name === s.view || button.dataset.name === s.preset));
  };
  const step = (n) => { const count = frames().length; s.at[s.view] = (((at() + n) % count) + count) % count; draw(); };
  const show = async (view) => {
    s.view = view; draw();
    const wanted = views[view];
    const first = at();
    for (let k = 0; k < wanted.length; k++) { // nearest frames first
      const url = wanted[(first + (k % 2 ? (k + 1) / 2 : wanted.length - k / 2)) % wanted.length];
      if (s.images[url]) continue;
      try { s.images[url] = await load(url); } catch { s.failed = true; }
      if (k === 0 || url === frames()[at()]) draw();
    }
    draw();
  };

  const bar = (where, items, act) => {
    const holder = root.querySelector(where);
    if (holder.childElementCount) return;
    for (const [name, label] of items) {
      const button = document.createElement("button");
      button.textContent = label; button.dataset.name = name; button.onclick = () => act(name);
      holder.append(button);
    }
  };
  bar(".views", names.map((name) => [name, name.toUpperCase()]), (name) => show(name));
  bar(".presets", Object.keys(PRESETS).map((name) => [name, words[name]]), (name) => { s.preset = name; draw(); });

  let drag = null;
  canvas.onpointerdown = (e) => { drag = [e.clientX, e.clientY, at(), s.dx, s.dy]; canvas.setPointerCapture(e.pointerId); box.focus({ preventScroll: true }); };
  canvas.onpointermove = (e) => {
    if (!drag) return;
    const [x, y, from, dx, dy] = drag;
    if (e.shiftKey) { s.dx = dx + e.clientX - x; s.dy = dy + e.clientY - y; draw(); return; }
    const count = frames().length;
    s.at[s.view] = (((from + Math.round((e.clientX - x) / 8)) % count) + count) % count;
    draw();
  };
  canvas.onpointerup = () => { drag = null; };
  canvas.onwheel = (e) => {
    e.preventDefault();
    if (e.ctrlKey || e.metaKey) { s.zoom = Math.min(8, Math.max(0.5, s.zoom * (e.deltaY < 0 ? 1.15 : 1 / 1.15))); draw(); } else step(e.deltaY > 0 ? 1 : -1);
  };
  box.onkeydown = (e) => {
    const acts = {
      ArrowRight: () => step(1), ArrowLeft: () => step(-1), "+": () => { s.zoom *= 1.15; draw(); }, "-": () => { s.zoom /= 1.15; draw(); },
      0: () => { s.zoom = 1; s.dx = s.dy = 0; draw(); }, v: () => show(names[(names.indexOf(s.view) + 1) % names.length]),
      w: () => { const all = Object.keys(PRESETS); s.preset = all[(all.indexOf(s.preset) + 1) % all.length]; draw(); },
    };
    if (acts[e.key]) { acts[e.key](); e.preventDefault(); }
  };
  show(s.view);
}
