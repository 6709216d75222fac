// The source scan by NiiVue. The library and the volume come from this server alone, the volume by a sealed address.
// Frames of the MIP and VR are views from 360°/n · frame, from the front to the patient's left (0, 90, ..), rows from head to foot,
// the whole turning scan in the square; so a point on a frame is a ray through the volume, and the crosshair a point on a frame.
const scenes = (globalThis.__gilbrethSources ??= new Map());
const VESSEL_HU = [120, 700]; // where contrast and no compact bone is; without any on the ray, its brightest voxel counts
const TURNING = ["mip", "vr"];

const hasWebgl = () => { try { return Boolean(document.createElement("canvas").getContext("webgl2")); } catch { return false; } };

// ---- geometry: millimetres about the middle of the scan, x to the left, y to the back, z to the head ----------------------------

function grid(volume) {
  const [, nx, ny, nz] = volume.hdr.dims, [, sx, sy, sz] = volume.hdr.pixDims;
  const n = [nx, ny, nz], s = [sx, sy, sz].map(Math.abs), extent = n.map((count, k) => count * s[k]);
  const turn = Math.hypot(extent[0], extent[1]);
  return { n, s, extent, turn, side: { mip: Math.max(turn, extent[2]), vr: Math.max(0.75 * turn, extent[2]) }, array: volume.img };
}

function ray(g, { view, frame, of, u, v }) {
  const angle = (2 * Math.PI * frame) / of, c = Math.cos(angle), s = Math.sin(angle);
  const across = u * g.side[view], z = -v * g.side[view];
  const k = Math.round(z / g.s[2] + (g.n[2] - 1) / 2);
  if (k < 0 || k >= g.n[2]) return null;
  const step = Math.min(g.s[0], g.s[1]) / 2;
  let best = null;
  for (let t = -g.turn / 2; t <= g.turn / 2; t += step) {
    const x = c * across - s * t, y = s * across + c * t;
    const i = Math.round(x / g.s[0] + (g.n[0] - 1) / 2), j = Math.round(y / g.s[1] + (g.n[1] - 1) / 2);
    if (i < 0 || j < 0 || i >= g.n[0] || j >= g.n[1]) continue;
    const hu = g.array[(k * g.n[1] + j) * g.n[0] + i], vessel = hu >= VESSEL_HU[0] && hu <= VESSEL_HU[1];
    if (!best || (vessel && !best.vessel) || (vessel === best.vessel && hu > best.hu)) best = { i, j, k, hu, vessel };
  }
  return best;
}

const place = (g, { i, j, k }) => [i, j, k].map((index, axis) => (index - (g.n[axis] - 1) / 2) * g.s[axis]);

function project(g, [x, y, z], view, frame, of) {
  const angle = (2 * Math.PI * frame) / of;
  return { u: (Math.cos(angle) * x + Math.sin(angle) * y) / g.side[view], v: -z / g.side[view] };
}

// ---- the component ------------------------------------------------------------------------------------------------------------

async function scene(data, content, canvas, tell) {
  const { Niivue, SLICE_TYPE, SHOW_RENDER } = await import(new URL(data.library, location.href).href);
  const nv = new Niivue({ backColor: [0, 0, 0, 1], logLevel: "error", show3Dcrosshair: false, isRadiologicalConvention: true, crosshairWidth: 2, crosshairColor: [1, 0.82, 0.29, 1], multiplanarShowRender: SHOW_RENDER?.NEVER ?? 0 });
  await nv.attachToCanvas(canvas);
  const address = URL.createObjectURL(content);
  await nv.loadVolumes([{ url: address, name: "scan.nii.gz", colormap: "gray" }]);
  URL.revokeObjectURL(address);
  nv.setSliceType(SLICE_TYPE.MULTIPLANAR);
  const g = grid(nv.volumes[0]);
  const here = { nv, g, at: [0, 0, 0], data };
  nv.onLocationChange = (location) => {
    here.at = [-location.mm[0], -location.mm[1], location.mm[2]];
    tell(location);
    globalThis.__gilbrethRedraw?.();
  };
  here.window = ([, centre, width]) => { nv.volumes[0].cal_min = centre - width / 2; nv.volumes[0].cal_max = centre + width / 2; nv.updateGLVolume(); };
  here.go = (point) => {
    if (!TURNING.includes(point.view)) return;
    const found = ray(g, point);
    if (!found) return;
    const [x, y, z] = place(g, found);
    nv.scene.crosshairPos = nv.mm2frac([-x, -y, z]);
    nv.drawScene();
    here.at = [x, y, z];
    tell({ values: [{ value: found.hu }] });
  };
  return here;
}

export default function (component) {
  const { data, parentElement: root } = component, words = data.words;
  const box = root.querySelector(".source"), stage = root.querySelector(".stage"), status = root.querySelector(".place"), canvas = root.querySelector("canvas");
  const say = (state, text) => { box.dataset.state = state; status.textContent = text ?? words[state]; };
  const nothing = (state) => { stage.hidden = true; root.querySelector(".presets").replaceChildren(); say(state); };
  if (!hasWebgl()) { nothing("no_webgl"); return; }
  const tell = (location) => say("ready", location ? `${Math.round(location.values?.[0]?.value ?? 0)} HU` : words.ready);
  if (!scenes.has(canvas)) {
    say("loading");
    scenes.set(canvas, null);
    (async () => {
      const answer = await fetch(new URL(data.volume, location.href), { credentials: "same-origin" });
      if (answer.status === 404) { nothing("missing"); return; }
      if (!answer.ok) throw new Error(String(answer.status));
      const here = await scene(data, await answer.blob(), canvas, tell);
      scenes.set(canvas, here);
      const presets = root.querySelector(".presets");
      presets.replaceChildren(...data.windows.map((entry, k) => {
        const button = document.createElement("button");
        button.textContent = entry[0];
        button.onclick = () => { here.window(entry); for (const other of presets.children) other.setAttribute("aria-pressed", String(other === button)); };
        button.setAttribute("aria-pressed", String(k === 0));
        return button;
      }));
      here.window(data.windows[0]);
      globalThis.__gilbrethPoint = (point) => here.go(point);
      globalThis.__gilbrethProject = (view, frame, of) => (TURNING.includes(view) ? project(here.g, here.at, view, frame, of) : null);
      globalThis.__gilbrethSource = here;
      tell();
      globalThis.__gilbrethRedraw?.();
    })().catch(() => nothing("failed"));
  }
  return () => setTimeout(() => {
    if (canvas.isConnected) return;
    const here = scenes.get(canvas);
    scenes.delete(canvas);
    if (globalThis.__gilbrethSource === here) for (const name of ["__gilbrethPoint", "__gilbrethProject", "__gilbrethSource"]) delete globalThis[name];
    here?.nv.gl?.getExtension("WEBGL_lose_context")?.loseContext();
    globalThis.__gilbrethRedraw?.();
  }, 300);
}
