// The drawings of the page: a row each, with the frames of its pictures.
const drawings = [...document.querySelectorAll(".row")]
  .map((row) => ({
    name: row.dataset.name,
    caption: row.dataset.caption,
    frames: [...row.querySelectorAll("button.frame")],
  }))
  .filter((drawing) => drawing.frames.length);

const pictureOf = (frame) => frame.querySelector("img:not(.under)");
const columnOf = (frame) => frame.dataset.column;
const isHints = (frame) => frame.classList.contains("alpha") || /^hints?\b/i.test(columnOf(frame));

const ratio = (frame) => frame.dataset.width / frame.dataset.height;
const isAlike = (frame, other) => Math.abs(ratio(frame) / ratio(other) - 1) <= 0.02;

// The drawing's line, to be shown pale beneath a hint layer.
function paleLine(drawing, frame) {
  const line = drawing.frames.find((other) => "line" in other.dataset);
  if (!line || line === frame || !frame.classList.contains("alpha") || !isAlike(line, frame)) return null;
  const under = new Image();
  under.src = pictureOf(line).src;
  under.alt = "";
  under.className = "under";
  return under;
}
