// What carries messages to the session and answers back: a WebSocket of `nnx playground`, or a worker with Pyodide.
const waiting = new Map();
let number = 0;

function answered(answer) {
  const done = waiting.get(answer.id);
  if (!done) return;
  waiting.delete(answer.id);
  if (answer.error) done.fail(new Error(answer.error));
  else done.take(answer);
}

function lost(text) {
  for (const done of waiting.values()) done.fail(new Error(text));
  waiting.clear();
}

function asking(send) {
  return (message) => new Promise((take, fail) => {
    const id = ++number;
    waiting.set(id, { take, fail });
    try {
      send({ ...message, id });
    } catch (error) {
      waiting.delete(id);
      fail(error);
    }
  });
}

function bySocket(ended) {
  return new Promise((take, fail) => {
    const address = new URL("socket", location.href);
    address.protocol = location.protocol === "https:" ? "wss:" : "ws:";
    address.hash = "";
    const socket = new WebSocket(address);
    socket.onopen = () => take(asking((message) => {
      if (socket.readyState !== WebSocket.OPEN) throw new Error("the playground has ended: start nnx playground again");
      socket.send(JSON.stringify(message));
    }));
    socket.onmessage = (event) => {
      const answer = JSON.parse(event.data);
      if (answer.id === undefined && answer.error) ended(answer.error);
      else answered(answer);
    };
    socket.onclose = () => {
      const text = "the playground has ended: start nnx playground again, and open the address that it prints";
      lost(text);
      ended(text);
      fail(new Error(text));
    };
  });
}

function byWorker(where, told) {
  return new Promise((take, fail) => {
    const worker = new Worker("worker.js", { type: "module" });
    worker.onerror = (event) => {
      const text = `Python in the browser has ended: ${event.message || "the worker could not be started"}`;
      lost(text);
      fail(new Error(text));
    };
    worker.onmessage = ({ data }) => {
      if (data.told) told(data.told);
      else if (data.failed) fail(new Error(data.failed));
      else if (data.ready) take(asking((message) => worker.postMessage(JSON.stringify(message))));
      else answered(JSON.parse(data.answer));
    };
    worker.postMessage(where);
  });
}

// A function that takes a message and promises its answer.
export async function connect({ ended, told }) {
  const found = await fetch("where.json").catch(() => ({ ok: false }));
  if (!found.ok) throw new Error("this page has no Python beside it: run nnx playground on your machine");
  const where = await found.json();
  if (where.carrier === "none") throw new Error(where.why);
  return where.carrier === "socket" ? bySocket(ended) : byWorker(where, told);
}
