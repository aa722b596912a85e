// Runs the workflows of docs/n8n node by node, as n8n does with nodes of these kinds, and prints what each gave as a
// line. `node n8n.mjs book.json` runs it once; `node n8n.mjs hear.json` answers requests on $PORT until it is stopped.

import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";

const workflow = JSON.parse(readFileSync(process.argv[2], "utf8"));
const require = createRequire(import.meta.url);
const execution = { id: process.env.EXECUTION ?? "1" };

/// A parameter: text, or with `=` before it text with expressions in it.
function value(text, context) {
  if (typeof text !== "string" || !text.startsWith("=")) return text;
  const given = { $env: process.env, $execution: execution, ...context };
  const evaluate = (code) => new Function(...Object.keys(given), `return (${code})`)(...Object.values(given));
  const whole = /^=\{\{([^{}]*)\}\}$/.exec(text);
  return whole ? evaluate(whole[1]) : text.slice(1).replace(/\{\{([^{}]*)\}\}/g, (_, code) => evaluate(code));
}

async function call(node, item, query) {
  const { parameters } = node;
  const context = { $json: item.json };
  const url = new URL(value(parameters.url, context));
  for (const [name, given] of query) if (given !== undefined && given !== null) url.searchParams.set(name, given);
  const headers = { "X-Api-Key": process.env.KEY };
  for (const { name, value: given } of parameters.headerParameters?.parameters ?? []) headers[name] = value(given, context);
  const body = parameters.sendBody ? value(parameters.jsonBody, context) : undefined;
  if (body) headers["Content-Type"] = "application/json";
  const response = await fetch(url, { method: parameters.method, headers, body });
  const replayed = response.headers.get("idempotent-replayed");
  const answer = { statusCode: response.status, body: await response.json(), replayed };
  if (!response.ok) throw new Error(`${node.name}: ${response.status} ${answer.body.code}`);
  return answer;
}

/// An HTTP Request node; with its pagination, one item a page.
async function request(node, item) {
  const query = (node.parameters.queryParameters?.parameters ?? []).map(({ name, value }) => [name, value]);
  const paging = node.parameters.options?.pagination?.pagination;
  const items = [];
  let $response;
  do {
    const more = paging && $response ? paging.parameters.parameters : [];
    const next = more.map(({ name, value: given }) => [name, value(given, { $response })]);
    $response = await call(node, item, [...query, ...next]);
    items.push({ json: $response.body, replayed: $response.replayed });
  } while (paging && !value(paging.completeExpression, { $response }));
  return items;
}

const kinds = {
  "n8n-nodes-base.manualTrigger": async (_, item) => [item],
  "n8n-nodes-base.webhook": async (_, item) => [item],
  "n8n-nodes-base.httpRequest": request,
  "n8n-nodes-base.respondToWebhook": async (node, item, answer) => {
    answer(node.parameters.options.responseCode);
    return [item];
  },
  "n8n-nodes-base.code": async (node, item) => {
    const helpers = { getBinaryDataBuffer: async (_, property) => item.binary[property] };
    const names = ["$input", "$env", "require"];
    const AsyncFunction = (async () => {}).constructor;
    const code = new AsyncFunction(...names, node.parameters.jsCode);
    return code.call({ helpers }, { first: () => item }, process.env, require);
  },
};

async function run(first, answer) {
  let node = workflow.nodes[0];
  let items = [first];
  while (node) {
    items = await kinds[node.type](node, items[0], answer);
    for (const { json, replayed } of items) console.log(JSON.stringify({ node: node.name, json, replayed }));
    const next = workflow.connections[node.name]?.main[0][0].node;
    node = workflow.nodes.find(({ name }) => name === next);
  }
}

const hook = workflow.nodes.find(({ type }) => type === "n8n-nodes-base.webhook");
if (!hook) {
  await run({ json: {} });
} else {
  const server = createServer(async (incoming, outgoing) => {
    const { httpMethod, path } = hook.parameters;
    const chunks = await incoming.toArray();
    if (incoming.method !== httpMethod || incoming.url !== `/webhook/${path}`) return outgoing.writeHead(404).end();
    const answer = (status) => outgoing.writeHead(status).end();
    const item = { json: { headers: incoming.headers }, binary: { data: Buffer.concat(chunks) } };
    await run(item, answer).catch((error) => {
      console.log(JSON.stringify({ error: error.message }));
      if (!outgoing.headersSent) answer(500);
    });
  });
  server.listen(Number(process.env.PORT ?? 0), "127.0.0.1", () => console.log(JSON.stringify({ port: server.address().port })));
}
