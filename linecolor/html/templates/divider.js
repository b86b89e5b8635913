// The divider between the two pictures of the slider: a share of what is seen of them, so that neither end is lost
// beside a narrow picture.
const divider = document.getElementById("zoom-divider");
let share = 0.5;

const seen = () => ({
  from: Math.max(0, Math.min(...shown.map((pane) => pane.left))),
  to: Math.min(stage.clientWidth, Math.max(...shown.map((pane) => pane.right))),
});

function placeDivider() {
  divider.hidden = !stage.classList.contains("slider");
  if (divider.hidden) return;
  const [left, right] = shown;
  const { from, to } = seen();
  const x = from + share * (to - from);
  divider.style.transform = `translateX(${x}px)`;
  left.layer.style.clipPath = `inset(0 ${Math.max(0, left.right - x)}px 0 0)`;
  right.layer.style.clipPath = `inset(0 0 0 ${Math.max(0, x - right.left)}px)`;
  const percent = Math.round(100 * share);
  divider.setAttribute("aria-valuenow", percent);
  divider.setAttribute("aria-valuetext", `${percent} % ${left.images[0].alt}, the rest ${right.images[0].alt}`);
}

function moveDivider(to) {
  share = clamp(to, 0, 1);
  placeDivider();
}

let grip = null; // where between the line and the pointer it was taken hold of, in CSS pixels
divider.addEventListener("pointerdown", (event) => {
  if (event.button) return;
  event.stopPropagation(); // or the stage would pan
  divider.setPointerCapture(event.pointerId);
  const rect = divider.getBoundingClientRect();
  grip = event.clientX - rect.left - rect.width / 2;
});
divider.addEventListener("pointermove", (event) => {
  if (grip === null) return;
  const { from, to } = seen();
  moveDivider((event.clientX - grip - stage.getBoundingClientRect().left - from) / (to - from));
});
for (const end of ["pointerup", "pointercancel"]) divider.addEventListener(end, () => (grip = null));
divider.addEventListener("dblclick", (event) => {
  event.stopPropagation();
  moveDivider(0.5);
});

const dividerKeys = {
  ArrowLeft: () => moveDivider(share - 0.02),
  ArrowRight: () => moveDivider(share + 0.02),
  PageDown: () => moveDivider(share - 0.1),
  PageUp: () => moveDivider(share + 0.1),
  Home: () => moveDivider(0),
  End: () => moveDivider(1),
};
divider.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.shiftKey || !dividerKeys[event.key]) return;
  event.preventDefault();
  event.stopPropagation(); // or the dialog would change the picture
  dividerKeys[event.key]();
});
