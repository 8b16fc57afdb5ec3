// Signs a user in at the provider without a browser: follows redirects, keeps cookies, fills in forms.
//
//   node sign-in.mjs --url AUTHORIZATION_URL --user alice [--deny]       (password: first line of standard input)
//   node sign-in.mjs --url VERIFICATION_URI --code ABCD-EFGH --user …    signs a device in, and prints {"page":…}
//
// Ends where the provider sends the browser elsewhere, which is not asked, and prints {"callback":…}. Any page without a form to fill in is an error. NODE_EXTRA_CA_CERTS names the authority.
import { text } from 'node:stream/consumers';
import { parseArgs } from 'node:util';

const { values: options } = parseArgs({
  options: { url: { type: 'string' }, user: { type: 'string' }, code: { type: 'string' }, deny: { type: 'boolean', default: false } },
});
const password = (await text(process.stdin)).split('\n')[0];
const cookies = new Map(); // of the only host there is

function keep(response) {
  for (const line of response.headers.getSetCookie()) {
    const [, name, value] = /^([^=;]+)=([^;]*)/.exec(line);
    const path = /;\s*path=([^;]+)/i.exec(line)?.[1] ?? '/';
    cookies.set(`${name} ${path}`, { name, value, path, isGone: /;\s*expires=Thu, 01 Jan 1970/i.test(line) });
  }
}

const header = (url) =>
  [...cookies.values()]
    .filter(({ path, isGone }) => !isGone && url.pathname.startsWith(path))
    .map(({ name, value }) => `${name}=${value}`)
    .join('; ');

// The pages are our own (provider.mjs) or as simple as those.
function form(html) {
  const action = /<form [^>]*method="post" action="([^"]+)"/.exec(html)?.[1];
  const body = new URLSearchParams();
  for (const [, name, value] of html.matchAll(/type="hidden" name="(\w+)" value="([^"]*)"/g)) body.append(name, value);
  if (/type="text" name="user_code"/.test(html)) body.append('user_code', options.code);
  if (/name="login"/.test(html)) body.append('login', options.user);
  if (/name="password"/.test(html)) body.append('password', password);
  return action && { action, body };
}

let url = new URL(options.url);
let body;
const { origin } = url; // a pushed request does not say where it ends
const MOST_STEPS = 20; // a sign-in takes nine, a device a few more
for (let step = 0; url.origin === origin; step += 1) {
  if (step === MOST_STEPS) throw new Error(`no end after ${step} steps, last at ${url.origin}${url.pathname}`);
  const response = await fetch(url, {
    method: body ? 'POST' : 'GET',
    body,
    redirect: 'manual',
    headers: { cookie: header(url), accept: 'text/html' },
  });
  keep(response);
  body = undefined;
  const location = response.headers.get('location');
  if (location) {
    url = new URL(location, url);
    continue;
  }
  const html = await response.text();
  const refusal = options.deny && /<a href="([^"]+\/abort)"/.exec(html)?.[1];
  const next = form(html);
  const isOver = options.code && response.status < 400 && !next;
  if (isOver) {
    console.log(JSON.stringify({ page: html.replace(/<[^>]+>/g, ' ') }));
    process.exit();
  }
  if (response.status >= 400 || !(refusal || next)) {
    throw new Error(`${url.origin}${url.pathname} answered ${response.status}: ${html.replace(/<[^>]+>/g, ' ')}`);
  }
  url = new URL(refusal || next.action, url);
  if (!refusal) body = next.body;
}
console.log(JSON.stringify({ callback: url.href }));
