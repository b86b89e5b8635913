// The dialog: which drawing is open, which of its pictures are shown and how, buttons and keys.
const dialog = document.getElementById("zoom");
const tabs = document.getElementById("zoom-tabs");
const sides = document.getElementById("zoom-sides");
const selects = [document.getElementById("zoom-left"), document.getElementById("zoom-right")];
const modes = [...dialog.querySelectorAll("[data-mode]")];

// picture: the one shown alone, and to the left of the slider.
let at = { drawing: 0, picture: 0 };
// What was chosen is kept by column, because the next drawing may lack a picture.
let mode = "single";
let against = "truth";
const wanted = new Map();

const framesNow = () => drawings[at.drawing].frames;
const layoutNow = () => (framesNow().length > 1 ? mode : "single");

function chosen() {
  const numbers = framesNow().map((_, number) => number);
  const found = numbers.filter((n) => wanted.get(columnOf(framesNow()[n])) ?? !isHints(framesNow()[n]));
  return found.length > 1 ? found : numbers;
}

function pair() {
  const columns = framesNow().map(columnOf);
  const others = [columns.indexOf(against), columns.findIndex((name) => /^truth$/i.test(name)), columns.length - 1, 0];
  return [at.picture, others.find((number) => number >= 0 && number !== at.picture)];
}

const numbersNow = () => ({ single: () => [at.picture], side: chosen, slider: pair })[layoutNow()]();

function describe() {
  const drawing = drawings[at.drawing];
  const frame = drawing.frames[at.picture];
  const image = pictureOf(frame);
  const layout = layoutNow();
  const size = `${frame.dataset.width} × ${frame.dataset.height} px`;
  const stored = `${image.getAttribute("width")} × ${image.getAttribute("height")} px`;
  const sizes = size === stored ? size : `${size}, stored here at ${stored}`;
  const parts = [columnOf(frame), frame.dataset.caption, drawing.caption, sizes];
  document.getElementById("zoom-name").textContent = drawing.name;
  document.getElementById("zoom-meta").textContent = (layout === "single" ? parts : [drawing.caption])
    .filter(Boolean)
    .join(" · ");
  for (const button of modes) {
    button.setAttribute("aria-pressed", button.dataset.mode === layout);
    button.setAttribute("aria-disabled", drawing.frames.length < 2 && button.dataset.mode !== "single");
  }
  const numbers = numbersNow();
  tabs.hidden = layout === "slider";
  sides.hidden = !tabs.hidden;
  [...tabs.children].forEach((tab, number) => {
    tab.setAttribute("aria-pressed", numbers.includes(number));
    const fixed = layout === "side" && numbers.length === 2 && numbers.includes(number);
    tab.setAttribute("aria-disabled", fixed);
    tab.title = fixed ? "Two pictures at least" : layout === "side" ? "Show or hide" : "";
    if (layout === "single" && number === at.picture) tab.scrollIntoView({ block: "nearest", inline: "nearest" });
  });
  if (layout === "slider") selects.forEach((select, side) => (select.value = numbers[side]));
}

function build() {
  const { frames } = drawings[at.drawing];
  buildPanes(drawings[at.drawing]);
  const make = (name, frame, number) => {
    const made = element(name, "", columnOf(frame));
    made.value = number;
    return made;
  };
  tabs.replaceChildren(...frames.map((frame, number) => make("button", frame, number)));
  for (const tab of tabs.children) tab.type = "button";
  for (const select of selects) {
    select.replaceChildren(...frames.map((frame, number) => make("option", frame, number)));
  }
}

function show(drawing, picture) {
  const other = drawing !== at.drawing || !panes.length;
  at = { drawing, picture: clamp(picture, 0, drawings[drawing].frames.length - 1) };
  if (other) build();
  describe();
  showPanes(numbersNow(), layoutNow());
  // What had the focus may be gone or hidden now, and the keys with it.
  const focused = document.activeElement;
  if (!dialog.contains(focused) || focused.closest("[hidden]")) stage.focus();
}
const refresh = () => show(at.drawing, at.picture);

function setMode(next) {
  if (framesNow().length < 2) return;
  mode = next;
  refresh();
}

function toggle(number) {
  const numbers = chosen();
  if (numbers.includes(number) && numbers.length === 2) return;
  wanted.set(columnOf(framesNow()[number]), !numbers.includes(number));
  refresh();
}

function chooseSide(side, number) {
  const numbers = pair();
  // The picture of the other side: the two change places.
  if (numbers[1 - side] === number) numbers.reverse();
  else numbers[side] = number;
  against = columnOf(framesNow()[numbers[1]]);
  show(at.drawing, numbers[0]);
}

function beside(step) {
  const count = framesNow().length;
  if (layoutNow() === "side") return;
  let next = (at.picture + step + count) % count;
  if (layoutNow() === "slider") {
    const right = pair()[1];
    if (count > 2 && next === right) next = (next + step + count) % count;
    chooseSide(0, next);
  } else {
    show(at.drawing, next);
  }
}

function above(step) {
  const drawing = clamp(at.drawing + step, 0, drawings.length - 1);
  if (drawing === at.drawing) return;
  const column = columnOf(framesNow()[at.picture]);
  show(drawing, Math.max(0, drawings[drawing].frames.findIndex((frame) => columnOf(frame) === column)));
}

function open(drawing, picture) {
  clearPanes();
  dialog.showModal();
  document.documentElement.classList.add("zooming");
  show(drawing, picture);
}
dialog.addEventListener("close", () => {
  document.documentElement.classList.remove("zooming");
  clearPanes();
  framesNow()[at.picture].focus();
});

const actions = {
  in: () => zoomAt(1.5),
  out: () => zoomAt(1 / 1.5),
  fit,
  actual,
  close: () => dialog.close(),
  above: () => above(-1),
  below: () => above(1),
};
dialog.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  if (button.dataset.mode) setMode(button.dataset.mode);
  else if (button.dataset.do) actions[button.dataset.do]();
  else if (layoutNow() === "side") toggle(+button.value);
  else show(at.drawing, +button.value);
});
selects.forEach((select, side) => select.addEventListener("change", () => chooseSide(side, +select.value)));

const keys = {
  arrowleft: () => beside(-1),
  arrowright: () => beside(1),
  arrowup: actions.above,
  arrowdown: actions.below,
  "+": actions.in,
  "=": actions.in,
  "-": actions.out,
  0: fit,
  1: actual,
  a: () => setMode("single"),
  s: () => setMode("side"),
  d: () => setMode("slider"),
};
const panKeys = {
  ArrowLeft: () => pan(60, 0),
  ArrowRight: () => pan(-60, 0),
  ArrowUp: () => pan(0, 60),
  ArrowDown: () => pan(0, -60),
};
dialog.addEventListener("keydown", (event) => {
  // A list takes letters and arrows itself.
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("select")) return;
  const act = (event.shiftKey && panKeys[event.key]) || keys[event.key.toLowerCase()];
  if (!act) return;
  event.preventDefault();
  act();
});
addEventListener("resize", () => dialog.open && place());

drawings.forEach((drawing, number) => {
  drawing.frames.forEach((frame, picture) => {
    frame.title = "Enlarge";
    frame.addEventListener("click", () => open(number, picture));
    const under = paleLine(drawing, frame);
    if (under) {
      frame.classList.add("lined");
      frame.prepend(under);
    }
  });
});
