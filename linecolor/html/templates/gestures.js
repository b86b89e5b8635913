// Wheel and pointers on the stage. One pointer drags, two pinch; where a single picture is seen whole, a sideways
// swipe goes to the next one.
stage.addEventListener("wheel", (event) => {
  event.preventDefault();
  const lines = event.deltaMode === 1 ? 16 : 1;
  const speed = event.ctrlKey ? 0.01 : 0.0015;
  zoomAt(Math.exp(-clamp(event.deltaY * lines, -400, 400) * speed), event.clientX, event.clientY);
}, { passive: false });

const pointers = new Map();
let swipe = null;
const pinch = () => {
  const [a, b] = [...pointers.values()];
  return { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2, reach: Math.hypot(a.x - b.x, a.y - b.y) || 1 };
};
stage.addEventListener("pointerdown", (event) => {
  if (event.button) return;
  stage.setPointerCapture(event.pointerId);
  pointers.set(event.pointerId, { x: event.clientX, y: event.clientY });
  const alone = pointers.size === 1 && event.pointerType === "touch" && view.zoom === 1 && shown.length === 1;
  swipe = alone ? { x: event.clientX, y: event.clientY } : null;
});
stage.addEventListener("pointermove", (event) => {
  const last = pointers.get(event.pointerId);
  if (!last) return;
  const before = pointers.size === 2 && pinch();
  pointers.set(event.pointerId, { x: event.clientX, y: event.clientY });
  if (before) {
    const after = pinch();
    pan(after.x - before.x, after.y - before.y);
    zoomAt(after.reach / before.reach, after.x, after.y);
  } else if (pointers.size === 1) {
    pan(event.clientX - last.x, event.clientY - last.y);
  }
});
const release = (event) => {
  if (pointers.delete(event.pointerId) && swipe && event.type === "pointerup") {
    const [dx, dy] = [event.clientX - swipe.x, event.clientY - swipe.y];
    if (Math.abs(dx) > 50 && Math.abs(dx) > 2 * Math.abs(dy)) beside(dx < 0 ? 1 : -1);
  }
  swipe = null;
};
stage.addEventListener("pointerup", release);
stage.addEventListener("pointercancel", release);
stage.addEventListener("dblclick", (event) => {
  if (view.zoom > 1) fit();
  else zoomAt(3, event.clientX, event.clientY);
});
