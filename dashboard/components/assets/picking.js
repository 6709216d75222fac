// What a click in the frame viewer means on the technologist's page: take out what is seen there, or put back what is missing.
// The viewer calls `__gilbrethPoint` with the view, the frame and the place; u and v run from -0.5 to 0.5 over the picture.
const mode = (globalThis.__gilbrethPicking ??= { action: "remove" });

export default function (component) {
  const { enabled, words } = component.data;
  const root = component.parentElement.querySelector(".picking");
  root.setAttribute("aria-label", words.title);
  root.replaceChildren();
  const note = document.createElement("span");
  note.setAttribute("role", "status");
  const buttons = ["remove", "add"].map((action) => {
    const button = document.createElement("button");
    button.textContent = words[action];
    button.className = action;
    button.disabled = !enabled;
    button.onclick = () => { mode.action = action; show(); };
    root.append(button);
    return [action, button];
  });
  root.append(note);
  const show = () => { for (const [action, button] of buttons) button.setAttribute("aria-pressed", String(action === mode.action)); };
  const take = ({ view, frame, u, v }) => {
    if (!enabled || Math.abs(u) > 0.5 || Math.abs(v) > 0.5) return;
    if (!view.startsWith("mip")) { note.textContent = words.only_mip; return; }
    note.textContent = "";
    component.setTriggerValue("picked", { view, frame, u, v, action: mode.action });
  };
  globalThis.__gilbrethPoint = take;
  show();
  return () => { if (globalThis.__gilbrethPoint === take) delete globalThis.__gilbrethPoint; };
}
