// The requests to the server. An error response becomes a ServerError with the server's message.
export class ServerError extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

async function request(address, options = {}) {
  let response;
  try {
    response = await fetch(address, options);
  } catch {
    throw new ServerError(0, "The server does not answer. Is linecolor-app still running?");
  }
  if (response.ok) return response;
  const { error } = await response.json().catch(() => ({}));
  throw new ServerError(response.status, error ?? `The server answered ${response.status}.`);
}

const json = (content) => ({
  method: "POST",
  headers: { "Content-Type": "application/json" },
  body: JSON.stringify(content),
});
const bytes = (file) => ({ method: "POST", headers: { "Content-Type": "application/octet-stream" }, body: file });

export const settings = async () => (await request("settings")).json();
export const upload = async (file) => (await request("pages", bytes(file))).json();
export const palette = async (file) => (await (await request("palette", bytes(file))).json()).colors;
export const line = async (name) => (await request(`pages/${name}/line.png`)).blob();
export const render = async (name, output, options) => (await request(`pages/${name}/${output}`, json(options))).blob();
export const drop = (name) => fetch(`pages/${name}`, { method: "DELETE", keepalive: true }).catch(() => {});

export const sample = async () => {
  const [picture, strokes] = await Promise.all([request("sample.png"), request("sample.json")]);
  return { file: new File([await picture.blob()], "sample.png"), strokes: await strokes.json() };
};
