// Frame stacks side by side: drag turns, wheel steps, keys work. Layout, window, zoom and place are the reader's own and stay
// from frame to frame, view to view and case to case; they never leave the browser.
const stacks = (globalThis.__gilbrethViewers ??= new Map());
const PRESETS = { normal: "none", soft: "brightness(1.35) contrast(.85)", hard: "brightness(.9) contrast(1.5)" };
const STORE = "gilbreth-view";
const look = (globalThis.__gilbrethLook ??= { layout: 1, panes: [], zoom: 1, dx: 0, dy: 0, preset: "normal", together: true, ...remembered() });

function remembered() {
  try { return JSON.parse(sessionStorage.getItem(STORE) ?? "{}"); } catch { return {}; }
}
function remember() {
  try { sessionStorage.setItem(STORE, JSON.stringify(look)); } catch { /* private windows: for this page only */ }
}

async function load(url) {
  const image = new Image();
  image.src = url;
  await image.decode(); // decoded before it is drawn, so that a turn never waits
  return image;
}

// ---- one image set, on however many panes ------------------------------------------------------------------------------------

function stack(set, views) {
  const s = { at: {}, images: {}, failed: false, active: 0, wanted: [], loading: false, begun: performance.now(), first: null, draw: () => {} };
  s.names = Object.keys(views);
  s.view = (pane) => (views[look.panes[pane]] ? look.panes[pane] : s.names[pane % s.names.length]);
  s.frame = (view) => (s.at[view] ??= 0);
  s.image = (view) => s.images[views[view][s.frame(view)]];
  s.turn = (view, to) => {
    const count = views[view].length, wrap = (n, of) => ((n % of) + of) % of;
    s.at[view] = wrap(to, count);
    if (look.together) for (const other of s.names) if (other !== view && views[other].length === count) s.at[other] = s.at[view];
  };
  // Views on the screen first, each from the frame that is shown outwards; six at a time.
  s.fetch = async () => {
    const shown = [...Array(look.layout).keys()].map((pane) => s.view(pane));
    const order = [...new Set([...shown, ...s.names])];
    s.wanted = order.flatMap((view) => {
      const from = s.frame(view), all = views[view];
      return [...all.keys()].map((k) => all[(from + (k % 2 ? (k + 1) / 2 : all.length - k / 2)) % all.length]);
    }).filter((url) => !s.images[url]);
    if (s.loading) return;
    s.loading = true;
    const one = async (url) => {
      if (s.images[url]) return;
      try { s.images[url] = await load(url); } catch { s.failed = true; }
      if (shownNow(s, views, url)) s.draw();
    };
    const worker = async () => { for (let url = s.wanted.shift(); url; url = s.wanted.shift()) await one(url); };
    await Promise.all(shown.map((view) => one(views[view][s.frame(view)]))); // what is on the screen, before all others
    await Promise.all([...Array(6)].map(worker));
    s.loading = false;
    s.draw();
  };
  return s;
}

const shownNow = (s, views, url) => [...Array(look.layout).keys()].some((pane) => views[s.view(pane)][s.frame(s.view(pane))] === url);

// ---- the component -----------------------------------------------------------------------------------------------------------

export default function (component) {
  const { set, views, words, start } = component.data;
  const root = component.parentElement;
  if (!stacks.has(set)) { stacks.clear(); stacks.set(set, stack(set, views)); }
  const s = stacks.get(set);
  const box = root.querySelector(".viewer"), panes = root.querySelector(".panes"), place = root.querySelector(".place");
  root.querySelector(".help").textContent = words.help;
  if (start && !look.chosen) look.layout = start;

  const build = () => {
    if (panes.childElementCount === look.layout) return;
    panes.replaceChildren(...[...Array(look.layout).keys()].map((pane) => {
      const figure = document.createElement("figure"), canvas = document.createElement("canvas"), caption = document.createElement("figcaption");
      figure.append(caption, canvas);
      listen(canvas, pane);
      return figure;
    }));
    panes.dataset.count = look.layout;
  };

  const paint = (pane) => {
    const view = s.view(pane), figure = panes.children[pane], canvas = figure.querySelector("canvas");
    const side = Math.round(canvas.clientWidth * Math.min(devicePixelRatio, 2)) || 720;
    if (canvas.width !== side) canvas.width = canvas.height = side;
    const context = canvas.getContext("2d"), image = s.image(view);
    context.fillStyle = "#000"; context.fillRect(0, 0, side, side);
    canvas.style.filter = PRESETS[look.preset];
    if (image) {
      const scale = Math.min(side / image.width, side / image.height) * look.zoom;
      context.imageSmoothingQuality = "high";
      context.drawImage(image, (side - image.width * scale) / 2 + look.dx * side, (side - image.height * scale) / 2 + look.dy * side, image.width * scale, image.height * scale);
      const mark = globalThis.__gilbrethProject?.(view, s.frame(view), views[view].length); // the crosshair of the source scan
      if (mark) cross(context, mark, scale, image, side);
    }
    figure.querySelector("figcaption").textContent = `${view.toUpperCase()} ${s.frame(view) + 1} / ${views[view].length}`;
    figure.classList.toggle("active", look.layout > 1 && pane === s.active);
    return Boolean(image);
  };

  s.draw = () => {
    build();
    if (s.active >= look.layout) s.active = 0;
    const ready = [...Array(look.layout).keys()].map(paint).every(Boolean);
    if (ready && s.first === null) { s.first = performance.now() - s.begun; box.dataset.firstMs = s.first.toFixed(0); }
    box.dataset.loaded = String(s.names.every((view) => views[view].every((url) => s.images[url])));
    place.textContent = s.failed ? words.failed : box.dataset.loaded === "true" ? "" : words.loading;
    const on = { view: s.view(s.active), layout: String(look.layout), preset: look.preset, together: look.together ? "together" : "" };
    for (const button of root.querySelectorAll(".bar button")) button.setAttribute("aria-pressed", String(on[button.dataset.kind] === button.dataset.name));
  };
  const changed = () => { const from = performance.now(); remember(); s.draw(); box.dataset.changeMs = (performance.now() - from).toFixed(2); };
  const show = (view) => { for (let pane = 0; pane < look.layout; pane++) look.panes[pane] ??= s.view(pane); look.panes[s.active] = view; changed(); s.fetch(); };
  const arrange = (count) => { look.layout = count; look.chosen = true; changed(); s.fetch(); };
  const step = (n) => { const view = s.view(s.active); s.turn(view, s.frame(view) + n); changed(); };
  const zoom = (factor) => { look.zoom = Math.min(8, Math.max(0.5, look.zoom * factor)); changed(); };
  const next = (all, now) => all[(all.indexOf(now) + 1) % all.length];
  const preset = (name) => { look.preset = name; changed(); };
  const together = () => { look.together = !look.together; if (look.together) step(0); else changed(); };
  const reset = () => { look.zoom = 1; look.dx = look.dy = 0; changed(); };

  const bar = (where, kind, items, act) => {
    const holder = root.querySelector(where);
    if (holder.childElementCount) return;
    for (const [name, label, title, boxes] of items) {
      const button = document.createElement("button");
      Object.assign(button, { textContent: label, title: title ?? label, ariaLabel: title ?? label, onclick: () => act(name) });
      for (let k = 0; k < (boxes ?? 0); k++) button.append(document.createElement("i"));
      Object.assign(button.dataset, { name, kind });
      holder.append(button);
    }
  };
  bar(".views", "view", s.names.map((name) => [name, name.toUpperCase()]), show);
  bar(".layouts", "layout", [...Array(Math.min(3, s.names.length)).keys()].map((k) => [String(k + 1), "", `${words.layout} ${k + 1}`, k + 1]), (name) => arrange(+name));
  if (s.names.length > 1) bar(".links", "together", [["together", words.together]], together);
  bar(".presets", "preset", Object.keys(PRESETS).map((name) => [name, words[name]]), preset);

  function listen(canvas, pane) {
    let drag = null;
    canvas.onpointerdown = (e) => {
      drag = { x: e.clientX, y: e.clientY, from: s.frame(s.view(pane)), dx: look.dx, dy: look.dy, far: false };
      canvas.setPointerCapture(e.pointerId);
      s.active = pane; box.focus({ preventScroll: true }); s.draw();
    };
    canvas.onpointermove = (e) => {
      if (!drag) return;
      drag.far ||= Math.hypot(e.clientX - drag.x, e.clientY - drag.y) > 5;
      if (!drag.far) return;
      if (e.shiftKey) {
        look.dx = drag.dx + (e.clientX - drag.x) / canvas.clientWidth; look.dy = drag.dy + (e.clientY - drag.y) / canvas.clientHeight;
      } else s.turn(s.view(pane), drag.from + Math.round((e.clientX - drag.x) / 8));
      changed();
    };
    canvas.onpointerup = (e) => {
      if (drag && !drag.far) point(e, canvas, pane);
      drag = null;
    };
    canvas.onwheel = (e) => {
      e.preventDefault();
      s.active = pane;
      if (e.ctrlKey || e.metaKey) zoom(e.deltaY < 0 ? 1.15 : 1 / 1.15); else step(e.deltaY > 0 ? 1 : -1);
    };
  }

  // A click on a turning picture names a ray through the scan; the source volume, if it is open, goes to its brightest vessel.
  function point(e, canvas, pane) {
    const view = s.view(pane), image = s.image(view), area = canvas.getBoundingClientRect();
    if (!image) return;
    const long = Math.max(image.width, image.height);
    const u = (((e.clientX - area.left) / area.width - 0.5 - look.dx) / look.zoom) * (long / image.width);
    const v = (((e.clientY - area.top) / area.height - 0.5 - look.dy) / look.zoom) * (long / image.height);
    globalThis.__gilbrethPoint?.({ view, frame: s.frame(view), of: views[view].length, u, v });
    s.draw();
  }
  globalThis.__gilbrethRedraw = () => s.draw();

  box.onkeydown = (e) => {
    if (e.ctrlKey || e.metaKey || e.altKey) return;
    const move = (x, y) => { look.dx += x * 0.05; look.dy += y * 0.05; changed(); };
    const acts = {
      ArrowRight: () => (e.shiftKey ? move(1, 0) : step(1)), ArrowLeft: () => (e.shiftKey ? move(-1, 0) : step(-1)),
      ArrowUp: () => (e.shiftKey ? move(0, -1) : step(9)), ArrowDown: () => (e.shiftKey ? move(0, 1) : step(-9)),
      "+": () => zoom(1.15), "-": () => zoom(1 / 1.15), 0: reset, v: () => show(next(s.names, s.view(s.active))),
      w: () => preset(next(Object.keys(PRESETS), look.preset)), l: () => arrange((look.layout % Math.min(3, s.names.length)) + 1),
      o: () => { s.active = (s.active + 1) % look.layout; s.draw(); }, t: together,
    };
    if (acts[e.key]) { acts[e.key](); e.preventDefault(); }
  };
  new ResizeObserver(() => s.draw()).observe(panes);
  s.draw();
  s.fetch();
}

function cross(context, mark, scale, image, side) {
  const x = side / 2 + look.dx * side + mark.u * image.width * scale, y = side / 2 + look.dy * side + mark.v * image.height * scale;
  const reach = side / 30;
  context.strokeStyle = "#ffd24a"; context.lineWidth = Math.max(1.5, side / 480);
  context.beginPath();
  for (const [a, b] of [[1, 0], [-1, 0], [0, 1], [0, -1]]) { context.moveTo(x + a * reach * 0.3, y + b * reach * 0.3); context.lineTo(x + a * reach, y + b * reach); }
  context.stroke();
}
