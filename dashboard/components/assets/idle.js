// Idle warning: signs of life in any tab of this browser are told to the server at most once a minute; two minutes before the
// sign-in ends a banner counts down. Nothing about what was done is sent, only that somebody is there.
const STORE = "gilbreth-alive";
const TELL_EVERY_MS = 60000;

function watcher() {
  const w = { data: null, told: Date.now(), banner: null };
  const last = () => Math.max(w.told, Number(localStorage.getItem(STORE) ?? 0)); // what the server knows, from any tab
  localStorage.setItem(STORE, String(w.told));
  w.alive = async (sure) => {
    if (!sure && Date.now() - w.told < TELL_EVERY_MS) return;
    w.told = Date.now();
    localStorage.setItem(STORE, String(w.told));
    hide();
    await fetch("/alive", { method: "POST", credentials: "same-origin", headers: { "Content-Type": "application/json" }, body: "{}" }).catch(() => {});
  };
  const hide = () => { w.banner?.remove(); w.banner = null; };
  const show = (left) => {
    if (!w.banner) {
      w.banner = document.createElement("div");
      w.banner.dataset.recIgnore = "1";
      w.banner.className = "gilbreth-idle";
      w.banner.setAttribute("role", "alertdialog");
      w.banner.style.cssText = "position:fixed;z-index:100000;left:50%;bottom:2rem;transform:translateX(-50%);display:flex;gap:1rem;align-items:center;"
        + "padding:.8rem 1.2rem;border-radius:.6rem;background:#7a2e0e;color:#fff;font:15px/1.4 system-ui,sans-serif;box-shadow:0 4px 24px rgba(0,0,0,.4)";
      const words = document.createElement("span"), stay = document.createElement("button");
      stay.textContent = w.data.words.stay;
      stay.style.cssText = "font:inherit;font-weight:600;padding:.4rem .9rem;border:0;border-radius:.4rem;background:#fff;color:#7a2e0e;cursor:pointer";
      stay.onclick = () => w.alive(true);
      w.banner.append(words, stay);
      document.body.append(w.banner);
    }
    w.banner.firstChild.textContent = w.data.words.soon.replace("{seconds}", String(Math.ceil(left)));
  };
  const tick = () => {
    const left = w.data.idle_seconds - (Date.now() - last()) / 1000;
    if (left <= 0) location.assign("/signin?why=idle");
    else if (left <= w.data.warn_seconds) show(left);
    else hide();
  };
  for (const name of ["pointerdown", "pointermove", "keydown", "wheel", "touchstart"])
    window.addEventListener(name, (event) => { if (event.isTrusted && !(w.banner && event.type === "pointermove")) w.alive(w.banner !== null); }, { capture: true, passive: true });
  setInterval(tick, 1000);
  return w;
}

export default function (component) {
  const w = (globalThis.__gilbrethIdle ??= watcher());
  w.data = component.data;
}
