// Before and after in one picture: drag on it, or move the slider above it. Where picks(event) holds, a click
// picks a colour: picked(x, y), in shares of the picture.
export function compare(sheet, slider, divider, picks, picked) {
  const show = (share) => {
    sheet.style.setProperty("--share", `${100 * share}%`);
    slider.value = 100 * share;
    slider.setAttribute("aria-valuetext", `${Math.round(100 * share)} % line, the rest coloured`);
    divider.hidden = share <= 0 || share >= 1;
  };
  const at = (event) => {
    const rect = sheet.getBoundingClientRect();
    return [(event.clientX - rect.left) / rect.width, (event.clientY - rect.top) / rect.height];
  };
  let dragged = false;
  sheet.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    event.preventDefault();
    if (picks(event)) {
      picked(...at(event));
      return;
    }
    dragged = true;
    sheet.setPointerCapture(event.pointerId);
    show(Math.min(1, Math.max(0, at(event)[0])));
  });
  sheet.addEventListener("pointermove", (event) => {
    if (dragged) show(Math.min(1, Math.max(0, at(event)[0])));
  });
  for (const end of ["pointerup", "pointercancel"]) sheet.addEventListener(end, () => (dragged = false));
  sheet.addEventListener("dblclick", () => show(0));
  slider.addEventListener("input", () => show(slider.value / 100));
  show(0);
}
