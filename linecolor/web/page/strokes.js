// The strokes in pixels of the page, with undo and redo. Clearing is an action like a stroke.
export class Strokes {
  #done = [];
  #undone = [];

  /** The strokes since the last clearing, in their order: {color: "#rrggbb" or null, width, points: [[x, y], ...]}. */
  get visible() {
    return this.#done.slice(this.#done.lastIndexOf("clear") + 1);
  }
  get canUndo() {
    return this.#done.length > 0;
  }
  get canRedo() {
    return this.#undone.length > 0;
  }
  add(stroke) {
    this.#done.push(stroke);
    this.#undone = [];
  }
  clear() {
    if (this.visible.length) this.add("clear");
  }
  undo() {
    if (this.canUndo) this.#undone.push(this.#done.pop());
  }
  redo() {
    if (this.canRedo) this.#done.push(this.#undone.pop());
  }
}
