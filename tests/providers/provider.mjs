// An OpenID provider on loopback for tests and the demo. Everything is in memory and nobody has a
// password: who opens the page chooses who to be. When ready it prints {"issuer": "http://…"} on one
// line; it ends when its standard input closes, so it never outlives who started it.

import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import { parseArgs } from 'node:util';

// The package's notices go to stdout otherwise, where only the line about being ready belongs.
console.info = console.error;
const { default: Provider, interactionPolicy } = await import('oidc-provider');

const HELP = `node provider.mjs
  --port 0                  the port on 127.0.0.1; 0 is any free one
  --issuer-name north       what the page calls this provider
  --client-id ID            the client that may ask
  --client-secret SECRET    its secret; without one it is a public client
  --redirect-uri URL        where it may send people back to; may be given more than once
  --accounts JSON           [{"sub": "1", "email": "a@b.example", "email_verified": true, "name": "A"}]
  --claims-in-id-token      put email and name into the ID token, not only into userinfo`;

const { values: given } = parseArgs({
  options: {
    port: { type: 'string', default: '0' },
    'issuer-name': { type: 'string', default: 'provider' },
    'client-id': { type: 'string' },
    'client-secret': { type: 'string' },
    'redirect-uri': { type: 'string', multiple: true },
    accounts: { type: 'string' },
    'claims-in-id-token': { type: 'boolean', default: false },
  },
});
if (!given['client-id'] || !given['redirect-uri'] || !given.accounts) {
  console.error(HELP);
  process.exit(2);
}

const name = given['issuer-name'];
const accounts = JSON.parse(given.accounts);

const signingKey = () => {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  return { ...privateKey.export({ format: 'jwk' }), use: 'sig', alg: 'RS256', kid: `${name}-1` };
};

// Whoever was signed in before is asked again: the demo's reader wants to be somebody else.
const policy = () => {
  const { Check, base } = interactionPolicy;
  const prompts = base();
  const ask = (ctx) => (ctx.oidc.result?.login ? Check.NO_NEED_TO_PROMPT : Check.REQUEST_PROMPT);
  prompts.get('login').checks.add(new Check('each_time', 'the person is asked each time', ask));
  return prompts;
};

const configuration = () => ({
  clients: [
    {
      client_id: given['client-id'],
      ...(given['client-secret']
        ? { client_secret: given['client-secret'] }
        : { token_endpoint_auth_method: 'none' }),
      redirect_uris: given['redirect-uri'],
    },
  ],
  jwks: { keys: [signingKey()] },
  claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name'] },
  conformIdTokenClaims: !given['claims-in-id-token'],
  pkce: { required: () => true },
  features: { devInteractions: { enabled: false } },
  interactions: { url: (_, interaction) => `/interaction/${interaction.uid}`, policy: policy() },
  cookies: {
    keys: [randomBytes(32).toString('hex')],
    // A browser does not tell ports apart: two providers would overwrite each other's cookies.
    names: {
      session: `_session_${name}`,
      interaction: `_interaction_${name}`,
      resume: `_resume_${name}`,
    },
  },
  findAccount: (_, sub) => {
    const account = accounts.find((a) => a.sub === sub);
    return account && { accountId: sub, claims: () => account };
  },
});

const escaped = (text) =>
  String(text).replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);

const page = (params) => {
  const hinted = (a) => a.email === params.login_hint || a.sub === params.login_hint;
  const button = (a) => `<p><button name="login" value="${escaped(a.sub)}"${
    hinted(a) ? ' autofocus' : ''}>${escaped(a.name ?? a.sub)}</button> ${escaped(a.email ?? '')}</p>`;
  return `<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Sign in at ${escaped(name)}</title>
<style>body { font: 1rem/1.5 system-ui; max-width: 30rem; margin: 3rem auto; padding: 0 1rem }
button { font: inherit; padding: .5rem 1rem; cursor: pointer }</style>
<h1>Sign in at ${escaped(name)}</h1>
<p>${escaped(params.client_id)} asks who you are and will see your name and email address.</p>
<form method="post">${accounts.map(button).join('\n')}
<p><button name="cancel" value="yes">Cancel</button></p></form></html>`;
};

const formOf = async (request) => {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  return new URLSearchParams(Buffer.concat(chunks).toString());
};

// Choosing an account is login and consent in one.
const interaction = async (provider, request, response) => {
  const { params } = await provider.interactionDetails(request, response);
  if (request.method !== 'POST') {
    response.writeHead(200, { 'content-type': 'text/html', 'cache-control': 'no-store' });
    response.end(page(params));
    return;
  }
  const form = await formOf(request);
  const account = accounts.find((a) => a.sub === form.get('login'));
  if (!account) {
    const result = { error: 'access_denied', error_description: 'the person did not sign in' };
    await provider.interactionFinished(request, response, result);
    return;
  }
  const grant = new provider.Grant({ accountId: account.sub, clientId: params.client_id });
  grant.addOIDCScope(params.scope);
  const result = { login: { accountId: account.sub }, consent: { grantId: await grant.save() } };
  await provider.interactionFinished(request, response, result);
};

const server = createServer();
server.listen(Number(given.port), '127.0.0.1', () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const provider = new Provider(issuer, configuration());
  const rest = provider.callback();
  server.on('request', (request, response) => {
    if (!request.url.startsWith('/interaction/')) {
      rest(request, response);
      return;
    }
    interaction(provider, request, response).catch((error) => {
      response.writeHead(400, { 'content-type': 'text/plain' });
      response.end(`${error.message}\n`);
    });
  });
  console.log(JSON.stringify({ issuer }));
});

process.stdin.resume();
process.stdin.on('close', () => process.exit(0));
