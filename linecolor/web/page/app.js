// The page: one drawing, its strokes, and the loop that colours it again after each change.
import { compare } from "./compare.js";
import * as server from "./requests.js";
import { Sheet } from "./sheet.js";
import { loadStrokes, saveStrokes } from "./storage.js";
import { Strokes } from "./strokes.js";
import { BASIC, Colors } from "./swatches.js";
import { Zoom } from "./zoom.js";

const get = (id) => document.getElementById(id);
const SAMPLE = "Sample: from “Adventurer” by Lisa Wischofsky, CC BY 4.0";
const RETRY_DELAY = 800; // milliseconds, while the server is busy

let limits = { bytes: Infinity, pixels: Infinity };
let drawing = null; // {file, name, page, view, strokes, isSample}
let tool = "brush"; // or eraser, picker

// Messages

const problem = get("problem");
function showError(message) {
  problem.firstElementChild.textContent = message;
  problem.hidden = !message;
}
problem.lastElementChild.addEventListener("click", () => showError(""));
const showStatus = (text) => (get("status").textContent = text);

// Tools

function use(chosen) {
  tool = chosen;
  for (const id of ["brush", "eraser", "picker"]) get(id).setAttribute("aria-pressed", id === tool);
  get("panes").classList.toggle("picking", tool === "picker");
}
const picks = (event) => event.altKey || tool === "picker";
const pickResult = (x, y) => colors.pick(get("result"), x, y);
const colors = new Colors(get("color"), get("color-value"), () => use("brush"));
colors.show(get("basic"), BASIC);
colors.choose(BASIC[9]);
const size = get("size");
const setSize = (value) => {
  size.value = value;
  get("size-value").textContent = size.value;
};
const sheet = new Sheet(
  get("hints"),
  get("ring"),
  () => ({ color: tool === "eraser" ? null : colors.color, width: Number(size.value) }),
  (stroke) => act((strokes) => strokes.add(stroke)),
  picks,
  pickResult,
);
const zoom = new Zoom([get("paint-view"), get("result-view")]);
compare(document.querySelector("#result-view .sheet"), get("share"), get("divider"), picks, pickResult);

function act(change) {
  if (!drawing) return;
  change(drawing.strokes);
  if (!drawing.isSample) saveStrokes(drawing.file, drawing.strokes.visible);
  showStrokes();
  recolor();
}

function showStrokes() {
  const { strokes } = drawing;
  sheet.draw(strokes.visible);
  get("undo").disabled = !strokes.canUndo;
  get("redo").disabled = !strokes.canRedo;
  get("clear").disabled = !strokes.visible.length;
}

// The result

const options = ({ strokes }) => ({
  strokes: strokes.visible,
  detail: Number(get("detail").value),
  blend: get("blend").value,
});

/** Request an output of a drawing; one the server no longer holds is uploaded again. */
async function render(target, output) {
  for (let tries = 0; ; tries++) {
    try {
      return await server.render(target.name, output, options(target));
    } catch (error) {
      if (error.status === 404 && tries < 2) target.name = (await server.upload(target.file)).name;
      else if (error.status === 503 && tries < 20) await new Promise((resolve) => setTimeout(resolve, RETRY_DELAY));
      else throw error;
    }
  }
}

let coloring = false;
let outdated = false;
async function recolor() {
  outdated = true;
  if (coloring) return; // the loop below sees it
  coloring = true;
  get("busy").hidden = false;
  try {
    while (outdated) {
      outdated = false;
      const target = drawing;
      const started = performance.now();
      showStatus("Colouring …");
      const picture = await render(target, "color.png");
      if (target !== drawing) continue;
      await showPicture(get("result"), picture);
      showStatus(`Coloured in ${((performance.now() - started) / 1000).toFixed(2)} s`);
      showError("");
    }
  } catch (error) {
    showStatus("");
    showError(error.message);
  } finally {
    coloring = false;
    get("busy").hidden = true;
  }
}

async function showPicture(image, blob) {
  const old = image.src;
  image.src = URL.createObjectURL(blob);
  await image.decode().catch(() => {});
  if (old) URL.revokeObjectURL(old);
}

// Drawings

async function open(file, sample) {
  if (!fits(file)) return;
  showStatus(`Opening ${file.name} …`);
  try {
    const { name, width, height, view, notes } = await server.upload(file);
    const line = await server.line(name);
    if (drawing) server.drop(drawing.name);
    drawing = { file, name, page: { width, height }, view, strokes: new Strokes(), isSample: !!sample };
    const strokes = sample ?? loadStrokes(file);
    for (const stroke of strokes) drawing.strokes.add(stroke);
    get("result").removeAttribute("src");
    sheet.open(drawing.page, view);
    get("panes").classList.toggle("stacked", view.width > 1.8 * view.height);
    zoom.fit(view);
    await Promise.all([showPicture(get("line"), line), showPicture(get("before"), line)]);
    const again = !sample && strokes.length ? ", with the hints you painted before" : "";
    get("about").textContent = [`${sample ? SAMPLE : file.name}, ${width} × ${height}${again}`, ...notes].join("; ");
    get("save-png").disabled = get("save-ora").disabled = false;
    showError("");
    showStrokes();
    recolor();
  } catch (error) {
    showStatus("");
    showError(`${file.name}: ${error.message}`);
  }
}

function fits(file) {
  if (file.size <= limits.bytes) return true;
  showError(`${file.name}: has ${(file.size / 1e6).toFixed(0)} MB; this server takes up to ${limits.bytes / 1e6} MB`);
  return false;
}

async function save(output, ending) {
  const target = drawing;
  const button = get(ending === ".ora" ? "save-ora" : "save-png");
  button.disabled = true;
  showStatus("Making the file …");
  try {
    const blob = await render(target, output);
    const link = document.createElement("a");
    link.href = URL.createObjectURL(blob);
    link.download = target.file.name.replace(/\.[^.]*$/, "") + ".color" + ending;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
    showStatus(`${link.download}: ${target.page.width} × ${target.page.height}, ${(blob.size / 1e6).toFixed(1)} MB`);
  } catch (error) {
    showStatus("");
    showError(error.message);
  } finally {
    button.disabled = false;
  }
}

// The reference

const shown = get("reference-shown");
async function takeColors(file) {
  if (!fits(file)) return;
  try {
    colors.show(get("taken"), await server.palette(file));
    await showPicture(shown, file);
    shown.hidden = get("reference-other").hidden = false;
    showError("");
  } catch (error) {
    showError(`${file.name}: ${error.message}`);
  }
}
shown.addEventListener("click", (event) => {
  event.preventDefault(); // or the label would ask for another file
  colors.pick(shown, event.offsetX / shown.clientWidth, event.offsetY / shown.clientHeight);
});

// What the user does

const files = { open, reference: takeColors };
for (const [id, take] of Object.entries(files)) {
  get(id).addEventListener("change", (event) => {
    const [file] = event.target.files;
    if (file) take(file);
    event.target.value = ""; // the same file may be chosen again
  });
}
const carriesFile = (event) => [...(event.dataTransfer?.types ?? [])].includes("Files");
const onReference = (event) => get("reference-drop").contains(event.target);
const showDrop = (event) => {
  get("reference-drop").classList.toggle("over", !!event && onReference(event));
  get("drop-here").hidden = !event || onReference(event);
};
addEventListener("dragover", (event) => {
  if (!carriesFile(event)) return;
  event.preventDefault();
  showDrop(event);
});
addEventListener("dragleave", (event) => event.relatedTarget === null && showDrop(null));
addEventListener("drop", (event) => {
  if (!carriesFile(event)) return;
  event.preventDefault();
  showDrop(null);
  const [file] = event.dataTransfer.files;
  if (file) (onReference(event) ? takeColors : open)(file);
});
addEventListener("paste", (event) => {
  const [file] = event.clipboardData?.files ?? [];
  if (file) open(file);
});

for (const id of ["brush", "eraser", "picker"]) get(id).addEventListener("click", () => use(id));
size.addEventListener("input", () => setSize(size.value));
get("undo").addEventListener("click", () => act((strokes) => strokes.undo()));
get("redo").addEventListener("click", () => act((strokes) => strokes.redo()));
get("clear").addEventListener("click", () => act((strokes) => strokes.clear()));
get("zoom-in").addEventListener("click", () => zoom.by(1.5));
get("zoom-out").addEventListener("click", () => zoom.by(1 / 1.5));
get("zoom-fit").addEventListener("click", () => zoom.fit());
get("save-png").addEventListener("click", () => save("picture.png", ".png"));
get("save-ora").addEventListener("click", () => save("layers.ora", ".ora"));
for (const id of ["detail", "blend"]) get(id).addEventListener("change", () => drawing && recolor());

const keys = {
  b: () => use("brush"),
  e: () => use("eraser"),
  i: () => use("picker"),
  "[": () => setSize(Math.round(Number(size.value) / 1.2)),
  "]": () => setSize(Math.ceil(Number(size.value) * 1.2)),
  "+": () => zoom.by(1.5),
  "=": () => zoom.by(1.5),
  "-": () => zoom.by(1 / 1.5),
  0: () => zoom.fit(),
};
addEventListener("keydown", (event) => {
  if (event.target.closest("select, input:not([type=range])")) return;
  const key = event.key.toLowerCase();
  if (event.ctrlKey || event.metaKey) {
    const back = key === "z" && !event.shiftKey;
    if (!back && key !== "y" && key !== "z") return;
    event.preventDefault();
    act((strokes) => (back ? strokes.undo() : strokes.redo()));
  } else if (!event.altKey && keys[key]) {
    keys[key]();
  }
});
// A page that the browser keeps for "back" finds its drawing gone, and uploads it again.
addEventListener("pagehide", () => drawing && server.drop(drawing.name));

// Start

const choice = (value, text, chosen) => Object.assign(new Option(text, value), { selected: chosen });
try {
  const { details, blends, blend, limits: serverLimits } = await server.settings();
  limits = serverLimits;
  const detail = (times) => (times === 1 ? "normal" : `${times} × finer`);
  get("detail").append(...details.map(({ value, times }, i) => choice(value, detail(times), i === 0)));
  get("blend").append(...blends.map(({ name, summary }) => choice(name, `${name}: ${summary}`, name === blend)));
  const { file, strokes } = await server.sample();
  if (!drawing) await open(file, strokes);
} catch (error) {
  showError(error.message);
}
