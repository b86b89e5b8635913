// Colours to paint with: the picker, fixed ones, those of a reference picture, and any pixel of a picture.
export const BASIC = [
  "#000000", "#5b4032", "#a5713f", "#f5c9a4", "#fbe3cf", "#ffffff", "#9aa0a6", "#4a5058", "#d83a34", "#f28c28",
  "#fcd34d", "#6aa84f", "#2f7d5b", "#7cc4ec", "#2f6fb7", "#27346b", "#7d4ba0", "#f29bb8",
];

export class Colors {
  /** changed(color) is called for every choice. */
  constructor(picker, label, changed) {
    this.picker = picker;
    this.label = label;
    this.changed = changed;
    picker.addEventListener("input", () => this.choose(picker.value));
  }

  get color() {
    return this.picker.value;
  }

  choose(color) {
    this.picker.value = color;
    this.label.textContent = color;
    for (const swatch of document.querySelectorAll(".swatches button")) {
      swatch.setAttribute("aria-pressed", swatch.dataset.color === color);
    }
    this.changed(color);
  }

  show(group, colors) {
    group.replaceChildren(
      ...colors.map((color) => {
        const swatch = document.createElement("button");
        swatch.type = "button";
        swatch.dataset.color = color;
        swatch.title = color;
        swatch.setAttribute("aria-label", color);
        swatch.setAttribute("aria-pressed", color === this.color);
        swatch.style.setProperty("--swatch", color);
        swatch.addEventListener("click", () => this.choose(color));
        return swatch;
      }),
    );
  }

  /** The colour of a picture at shares of its width and height. */
  pick(image, x, y) {
    if (!image.naturalWidth) return;
    const canvas = document.createElement("canvas");
    canvas.width = canvas.height = 1;
    const pen = canvas.getContext("2d");
    const inside = (share, side) => Math.min(side - 1, Math.max(0, Math.floor(share * side)));
    pen.fillStyle = "#fff";
    pen.fillRect(0, 0, 1, 1);
    pen.drawImage(image, -inside(x, image.naturalWidth), -inside(y, image.naturalHeight));
    const [red, green, blue] = pen.getImageData(0, 0, 1, 1).data;
    this.choose("#" + [red, green, blue].map((value) => value.toString(16).padStart(2, "0")).join(""));
  }
}
