// The stage: a pane for each picture of a drawing, and one view that they all share, so that going from one to the
// next moves nothing and pictures side by side show the same place, whatever size they are stored in.
const stage = document.getElementById("zoom-stage");
const paneBox = document.getElementById("zoom-panes");
const NAME_HEIGHT = 28; // of the names in the grid, in CSS pixels

// Zoom 1 fits the pane, (x, y) is the point of the picture in the middle of the pane, in [0, 1].
const WHOLE = { zoom: 1, x: 0.5, y: 0.5 };
let view = { ...WHOLE };
let panes = [];
let shown = []; // the panes that are seen; the first sets the scale

const clamp = (value, low, high) => Math.min(high, Math.max(low, value));
const keepInside = (centre, room, size) =>
  size <= room ? 0.5 : clamp(centre, room / 2 / size, 1 - room / 2 / size);
const roomOf = (pane) => ({ width: pane.port.clientWidth, height: pane.port.clientHeight });
const storedWidth = (pane) => pane.images[0].naturalWidth || pane.width;

function element(name, className, ...children) {
  const made = document.createElement(name);
  made.className = className;
  made.append(...children);
  return made;
}

function makePane(drawing, frame) {
  const image = new Image();
  image.src = pictureOf(frame).src;
  image.alt = columnOf(frame);
  image.onload = place;
  const under = paleLine(drawing, frame);
  const layer = element("div", "layer", ...(under ? [under, image] : [image]));
  layer.classList.toggle("alpha", frame.classList.contains("alpha"));
  layer.classList.toggle("lined", !!under);
  const port = element("div", "port", layer);
  const tag = element("div", "tag", element("bdi", "", columnOf(frame)));
  if (frame.dataset.caption) tag.append(element("span", "", frame.dataset.caption));
  // Pictures whose sizes were rounded differently take one shape, or they would shift against one another.
  const shape = isAlike(frame, drawing.frames[0]) ? drawing.frames[0] : frame;
  return {
    box: element("div", "pane", tag, port),
    port,
    layer,
    images: under ? [image, under] : [image],
    width: +shape.dataset.width,
    height: +shape.dataset.height,
  };
}

function buildPanes(drawing) {
  view = { ...WHOLE };
  shown = [];
  panes = drawing.frames.map((frame) => makePane(drawing, frame));
  paneBox.replaceChildren(...panes.map((pane) => pane.box));
}

function clearPanes() {
  paneBox.replaceChildren();
  panes = shown = [];
}

// Show the panes of these numbers, in a layout that the style sheet knows: single, side or slider.
function showPanes(numbers, layout) {
  shown = numbers.map((number) => panes[number]);
  for (const name of ["single", "side", "slider"]) stage.classList.toggle(name, name === layout);
  for (const pane of panes) {
    pane.box.classList.toggle("off", !shown.includes(pane));
    pane.box.classList.toggle("right", layout === "slider" && pane === shown[1]);
    pane.layer.style.clipPath = "";
  }
  place();
}

// As many pictures across as show them largest.
function arrange() {
  let best = { across: 1, scale: 0 };
  for (let across = 1; across <= shown.length; across += 1) {
    const height = stage.clientHeight / Math.ceil(shown.length / across) - NAME_HEIGHT;
    const scale = Math.min(stage.clientWidth / across / shown[0].width, height / shown[0].height);
    if (scale > best.scale) best = { across, scale };
  }
  paneBox.style.setProperty("--across", best.across);
}

function fitted(pane) {
  const room = roomOf(pane);
  const scale = Math.min(room.width / pane.width, room.height / pane.height);
  return { width: pane.width * scale, height: pane.height * scale };
}

function place() {
  if (!shown.length) return;
  if (stage.classList.contains("side")) arrange();
  const room = roomOf(shown[0]);
  const base = fitted(shown[0]);
  view.zoom = clamp(view.zoom, 1, Math.max(4, (40 * storedWidth(shown[0])) / base.width));
  view.x = keepInside(view.x, room.width, base.width * view.zoom);
  view.y = keepInside(view.y, room.height, base.height * view.zoom);
  for (const pane of shown) {
    const size = fitted(pane);
    const [width, height] = [size.width * view.zoom, size.height * view.zoom];
    pane.left = room.width / 2 - view.x * width;
    pane.right = pane.left + width;
    for (const box of [pane.layer, ...pane.images]) {
      box.style.width = `${width}px`;
      box.style.height = `${height}px`;
    }
    for (const image of pane.images) {
      image.classList.toggle("pixels", width > 2 * (image.naturalWidth || pane.width));
    }
    pane.layer.style.transform = `translate(${pane.left}px, ${room.height / 2 - view.y * height}px)`;
  }
  placeDivider();
  const percent = (100 * base.width * view.zoom * devicePixelRatio) / storedWidth(shown[0]);
  document.getElementById("zoom-percent").textContent = `${Math.round(percent)} %`;
}

function zoomAt(factor, clientX, clientY) {
  const rects = shown.map((pane) => pane.port.getBoundingClientRect());
  const holds = (r) => clientX >= r.left && clientX <= r.right && clientY >= r.top && clientY <= r.bottom;
  const rect = rects.find(holds) ?? rects[0];
  const dx = (clientX ?? rect.left + rect.width / 2) - rect.left - rect.width / 2;
  const dy = (clientY ?? rect.top + rect.height / 2) - rect.top - rect.height / 2;
  const { width, height } = fitted(shown[0]);
  const before = view.zoom;
  view.zoom *= factor;
  const { x, y } = view;
  place();
  view.x = x + dx / width / before - dx / width / view.zoom;
  view.y = y + dy / height / before - dy / height / view.zoom;
  place();
}

function pan(dx, dy) {
  const { width, height } = fitted(shown[0]);
  view.x -= dx / width / view.zoom;
  view.y -= dy / height / view.zoom;
  place();
}

function fit() {
  view = { ...WHOLE };
  place();
}

function actual() {
  const target = storedWidth(shown[0]) / devicePixelRatio / fitted(shown[0]).width;
  zoomAt(Math.max(target, 1) / view.zoom);
}
