// A terminal at an agent's canvas: prints what happens, and does what is typed, an operation of docs/canvas.md as
// JSON on each line. With Node 20:
//
//   TOKEN=… node --experimental-websocket docs/canvas.mjs ws://127.0.0.1:8000 <agent id> [after]
import { randomUUID } from "node:crypto";
import { createInterface } from "node:readline";

const [base, agent, after] = process.argv.slice(2);
const question = after === undefined ? "" : `?after=${after}`;
const socket = new WebSocket(`${base}/ws/canvas/${agent}${question}`, ["reeve.canvas", `bearer.${process.env.TOKEN}`]);

socket.onmessage = ({ data }) => {
  const { type, ...frame } = JSON.parse(data);
  if (type === "snapshot") console.log(`canvas at ${frame.seq}: ${frame.nodes.length} nodes, ${frame.edges.length} edges`);
  else if (type === "presence") console.log(`here: ${frame.members.map((member) => member.id.slice(-4)).join(", ")}`);
  else if (type === "operation") console.log(`${frame.seq} by ${frame.author.id.slice(-4)}: ${JSON.stringify(frame.operation)}`);
  else console.log(data);
};
socket.onclose = ({ code, reason }) => process.exit(console.log(`closed: ${code} ${reason}`));
socket.onerror = () => console.log("no connection");

for await (const line of createInterface({ input: process.stdin })) {
  if (line.trim()) socket.send(JSON.stringify({ type: "operation", id: randomUUID(), operation: JSON.parse(line) }));
}
socket.close();
