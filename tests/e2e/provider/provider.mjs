// The certified OpenID provider "oidc-provider" (npm) with the users and applications of settings.json,
// all in memory, on a free port of 127.0.0.1.
//
//   node provider.mjs --public-url https://127.0.0.1:8443 --cert provider.crt --key provider.key [--port 9443]
//
// --public-url is the sidecar's; it takes the place of {{SIDECAR}} in settings.json. Standard output is one
// JSON object a line, first {"event":"ready","issuer":…}. Standard input closed means: stop.
// POST /test/claims-at-userinfo leaves the users' claims out of ID tokens from now on; userinfo has them.
// POST /test/log-out?client=ID&user=NAME posts logout tokens for the user's sessions (back channel).
// POST /test/refresh-tokens counts the good and the used ones.
// POST /test/client-keys answers the private keys of the applications with private_key_jwt, in PEM by kind.
// POST /test/client-certificate?client=ID makes the certificate in the body, in PEM, that application's own.
// POST /test/lose-answer makes the next answer of the token endpoint, and loses it on its way.
// POST /test/require-pushed takes no authorization requests any more but pushed ones.
// POST /test/rotate-keys makes new keys sign, beside which the old ones stay published; with ?drop they do not.
import { X509Certificate, createPublicKey, generateKeyPairSync, randomBytes, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import { parseArgs } from 'node:util';
import Provider, { errors } from 'oidc-provider';

const { values: options } = parseArgs({
  options: {
    'public-url': { type: 'string' },
    cert: { type: 'string' },
    key: { type: 'string' },
    port: { type: 'string', default: '0' },
  },
});
const settings = JSON.parse(
  readFileSync(new URL('settings.json', import.meta.url), 'utf8').replaceAll('{{SIDECAR}}', options['public-url']),
);
const accounts = new Map(
  Object.entries(settings.users).map(([login, { password, ...claims }]) => [
    claims.sub,
    { preferred_username: login, ...claims },
  ]),
);
// Every application that proves itself by a key has one of each kind, so no key is in the repository.
const clientKeys = {
  RSA: generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey,
  EC: generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey,
  OKP: generateKeyPairSync('ed25519').privateKey,
};
const publicKeys = Object.values(clientKeys).map((key) => createPublicKey(key).export({ format: 'jwk' }));
const certificates = new Map(); // by client_id, those that no authority signed, as a JWK

function withKeys(client) {
  const { token_endpoint_auth_method: method, client_id: id } = client;
  if (method === 'private_key_jwt') return { ...client, jwks: { keys: publicKeys } };
  if (method !== 'self_signed_tls_client_auth') return client;
  return certificates.has(id) ? { ...client, jwks: { keys: [certificates.get(id)] } } : [];
}

let areClaimsAtUserinfo = false;
let arePushesRequired = false;
let isAnswerToBeLost = false;
console.info = console.error; // the library's notices: standard output is ours

// Outlives a Provider object, so that sessions and codes survive a rotation of keys.
const rows = new Map();

function find(key) {
  const row = rows.get(key);
  return row && row.until > Date.now() ? row.value : undefined;
}

class MemoryAdapter {
  constructor(model) {
    this.model = model;
  }

  async upsert(id, value, seconds) {
    const until = seconds ? Date.now() + seconds * 1000 : Infinity;
    rows.set(`${this.model}:${id}`, { value, until });
    if (value.userCode) rows.set(`${this.model}/code:${value.userCode}`, { value: id, until });
    if (value.uid) rows.set(`${this.model}/uid:${value.uid}`, { value: id, until });
  }

  async find(id) {
    return find(`${this.model}:${id}`);
  }

  async findByUid(uid) {
    return this.find(find(`${this.model}/uid:${uid}`));
  }

  async findByUserCode(code) {
    return this.find(find(`${this.model}/code:${code}`));
  }

  async consume(id) {
    (await this.find(id)).consumed = Math.floor(Date.now() / 1000);
  }

  async destroy(id) {
    rows.delete(`${this.model}:${id}`);
  }

  async revokeByGrantId(grantId) {
    for (const [key, { value }] of rows) if (value.grantId === grantId) rows.delete(key);
  }
}

function newKey(alg, type, parameters) {
  const jwk = generateKeyPairSync(type, parameters).privateKey.export({ format: 'jwk' });
  return { ...jwk, alg, use: 'sig', kid: `${alg}-${randomUUID().slice(0, 8)}` };
}

const newKeys = () => [
  newKey('RS256', 'rsa', { modulusLength: 2048 }),
  newKey('PS256', 'rsa', { modulusLength: 2048 }),
  newKey('ES256', 'ec', { namedCurve: 'P-256' }),
  newKey('EdDSA', 'ed25519'),
];

const escape = (text) => String(text ?? '').replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);

function send(response, status, type, body) {
  response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store' }).end(body);
}

const page = (title, content) =>
  `<!doctype html><html lang="en"><meta charset="utf-8"><title>${escape(title)}</title>${content}</html>`;

function sendPage(response, status, title, content) {
  send(response, status, 'text/html; charset=utf-8', page(title, content));
}

// A page without a form is where a device's sign-in ends.
const devicePages = {
  userCodeInputSource: (context, form, _out, error) => {
    context.body = page('device', error ? escape(error.message) : form);
  },
  userCodeConfirmSource: (context, form) => {
    context.body = page('confirm', form);
  },
  successSource: (context) => {
    context.body = page('device', 'the device is signed in');
  },
};

const cookieKeys = [randomBytes(32).toString('hex')];

function newProvider(keys) {
  const enabled = { enabled: true };
  const provider = new Provider(issuer, {
    adapter: MemoryAdapter,
    jwks: { keys },
    cookies: { keys: cookieKeys },
    clients: settings.clients.flatMap(withKeys),
    scopes: settings.scopes,
    claims: settings.claims,
    ttl: settings.lifetimes,
    conformIdTokenClaims: areClaimsAtUserinfo, // else the user's claims are in the ID token
    pkce: { required: () => true },
    clientAuthMethods: settings.methods,
    discovery: { mtls_endpoint_aliases: aliases },
    // Without the scope offline_access, too; each is used once.
    issueRefreshToken: async (_context, client) => client.grantTypeAllowed('refresh_token'),
    rotateRefreshToken: true,
    // The library's own dispatcher refuses addresses of this host, where the sidecar is.
    fetch: (url, { dispatcher, ...options }) => globalThis.fetch(url, options),
    findAccount: (_context, sub) =>
      accounts.has(sub) ? { accountId: sub, claims: () => accounts.get(sub) } : undefined,
    extraTokenClaims: (_context, token) => {
      const account = token.aud && accounts.get(token.accountId);
      return account ? { preferred_username: account.preferred_username, groups: account.groups } : undefined;
    },
    interactions: { url: (_context, interaction) => `/interaction/${interaction.uid}` },
    features: {
      devInteractions: { enabled: false },
      clientCredentials: enabled,
      introspection: enabled,
      revocation: enabled,
      pushedAuthorizationRequests: { ...enabled, requirePushedAuthorizationRequests: arePushesRequired },
      mTLS: {
        ...enabled,
        tlsClientAuth: true,
        selfSignedTlsClientAuth: true,
        getCertificate: ({ socket }) => socket.getPeerX509Certificate?.(),
        certificateAuthorized: ({ socket }) => socket.authorized,
        certificateSubjectMatches: ({ socket }, property, expected) =>
          property === 'tls_client_auth_san_dns' && socket.getPeerX509Certificate().subjectAltName === `DNS:${expected}`,
      },
      deviceFlow: { ...enabled, ...devicePages },
      backchannelLogout: enabled,
      resourceIndicators: {
        ...enabled,
        useGrantedResource: () => true,
        defaultResource: (_context, _client, oneOf) => oneOf,
        getResourceServerInfo: (_context, name) => {
          const resource = settings.resources[name];
          if (!resource) throw new errors.InvalidTarget();
          const { audience, algorithm } = resource;
          const format = algorithm
            ? { accessTokenFormat: 'jwt', jwt: { sign: { alg: algorithm } } }
            : { accessTokenFormat: 'opaque' };
          return { audience, scope: 'sql:read', ...format };
        },
      },
    },
  });
  return { oidc: provider, keys, answer: provider.callback() };
}

// The pages at which a user signs in, agrees, or refuses.
async function interact(request, response, uid, action) {
  const { oidc } = provider;
  const { prompt, params, session, grantId } = await oidc.interactionDetails(request, response);
  const finish = (result) => oidc.interactionFinished(request, response, result, { mergeWithLastSubmission: true });
  const ask = (status, fields) =>
    sendPage(response, status, prompt.name, `<form method="post" action="/interaction/${uid}/${prompt.name}">${fields}
<button>Continue</button></form><a href="/interaction/${uid}/abort">Cancel</a>`);
  if (action === 'abort') {
    return finish({ error: 'access_denied', error_description: 'the user refused' });
  }
  if (prompt.name === 'login') {
    const fields = '<input name="login"><input name="password" type="password">';
    if (request.method !== 'POST') return ask(200, fields);
    const body = new URLSearchParams(Buffer.concat(await request.toArray()).toString());
    const user = settings.users[body.get('login')];
    if (!user || user.password !== body.get('password')) return ask(401, fields);
    return finish({ login: { accountId: user.sub } });
  }
  if (request.method !== 'POST') return ask(200, escape(params.scope));
  const known = grantId && (await oidc.Grant.find(grantId));
  const grant = known || new oidc.Grant({ accountId: session.accountId, clientId: params.client_id });
  grant.addOIDCScope((prompt.details.missingOIDCScope ?? []).join(' '));
  grant.addOIDCClaims(prompt.details.missingOIDCClaims ?? []);
  for (const [resource, scopes] of Object.entries(prompt.details.missingResourceScopes ?? {})) {
    grant.addResourceScope(resource, scopes.join(' '));
  }
  return finish({ consent: { grantId: await grant.save() } });
}

function rotateKeys(query) {
  provider = newProvider([...newKeys(), ...(query.has('drop') ? [] : provider.keys)]);
  return { kids: provider.keys.map(({ kid }) => kid) };
}

async function useCertificate(query, request) {
  const certificate = new X509Certificate(Buffer.concat(await request.toArray()));
  const key = { ...certificate.publicKey.export({ format: 'jwk' }), x5c: [certificate.raw.toString('base64')] };
  certificates.set(query.get('client'), key);
  provider = newProvider(provider.keys);
  return {};
}

function moveClaims() {
  areClaimsAtUserinfo = true;
  provider = newProvider(provider.keys);
  return {};
}

function requirePushed() {
  arePushesRequired = true;
  provider = newProvider(provider.keys);
  return {};
}

function loseAnswer() {
  isAnswerToBeLost = true;
  return {};
}

async function logOut(query) {
  const [clientId, { sub }] = [query.get('client'), settings.users[query.get('user')]];
  const client = await provider.oidc.Client.find(clientId);
  const sids = [...rows]
    .filter(([key, { value }]) => key.startsWith('Session:') && value.accountId === sub)
    .map(([, { value }]) => value.authorizations?.[clientId]?.sid);
  for (const sid of sids.filter(Boolean)) await client.backchannelLogout(sub, sid);
  return { sids };
}

function clientPems() {
  const pem = ([kind, key]) => [kind, key.export({ type: 'pkcs8', format: 'pem' })];
  return Object.fromEntries(Object.entries(clientKeys).map(pem));
}

function countRefreshTokens() {
  const all = [...rows].filter(([key]) => key.startsWith('RefreshToken:')).map(([, { value }]) => value);
  const used = all.filter(({ consumed }) => consumed).length;
  return { used, good: all.length - used };
}

const controls = {
  'claims-at-userinfo': moveClaims,
  'client-certificate': useCertificate,
  'client-keys': clientPems,
  'log-out': logOut,
  'lose-answer': loseAnswer,
  'refresh-tokens': countRefreshTokens,
  'require-pushed': requirePushed,
  'rotate-keys': rotateKeys,
};

async function route(request, response) {
  const { pathname, searchParams } = new URL(request.url, issuer);
  const [, root, uid, action] = pathname.split('/');
  if (root === 'interaction') return interact(request, response, uid, action);
  const control = root === 'test' && request.method === 'POST' && controls[uid];
  if (control) {
    return send(response, 200, 'application/json', JSON.stringify(await control(searchParams, request)));
  }
  if (isAnswerToBeLost && pathname === '/token') {
    isAnswerToBeLost = false;
    response.end = () => request.socket.destroy();
  }
  return provider.answer(request, response);
}

let issuer;
let aliases;
let provider;
const tls = { cert: readFileSync(options.cert), key: readFileSync(options.key) };
const answer = (request, response) => {
  route(request, response).catch((error) => sendPage(response, error.statusCode ?? 500, 'Error', escape(error.message)));
};
const server = createServer(tls, answer);
// Where clients show their certificates, which this asks for and does without, too.
const authority = readFileSync(process.env.NODE_EXTRA_CA_CERTS);
const mutual = createServer({ ...tls, ca: authority, requestCert: true, rejectUnauthorized: false }, answer);
const origin = (listener) => `https://127.0.0.1:${listener.address().port}`;
await once(mutual.listen(0, '127.0.0.1'), 'listening');
await once(server.listen(Number(options.port), '127.0.0.1'), 'listening');
issuer = origin(server);
aliases = {
  token_endpoint: `${origin(mutual)}/token`,
  revocation_endpoint: `${origin(mutual)}/token/revocation`,
  introspection_endpoint: `${origin(mutual)}/token/introspection`,
  pushed_authorization_request_endpoint: `${origin(mutual)}/request`,
};
provider = newProvider(newKeys());
console.log(JSON.stringify({ event: 'ready', issuer }));
// Whoever started this has gone, however that happened.
process.stdin.on('end', () => process.exit(0)).resume();
