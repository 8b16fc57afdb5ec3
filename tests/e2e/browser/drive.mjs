// Drives a real Chromium, as a person would, through the sidecar's and the certified provider's own pages.
//
//   node drive.mjs     (standard input: one JSON object, see `job`)
//
// Prints {"secrets":[…],"shots":[…]}; whatever is not as it should be is an error.
import assert from 'node:assert/strict';
import { X509Certificate, createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { json } from 'node:stream/consumers';
import { chromium } from 'playwright-core';
import { inspect } from './inspect.mjs';

/** visit: which of `visits`; sidecar, issuer: origins; certificates: files; user, password; shots: a folder. */
const job = await json(process.stdin);
const DATABASE = 'retail_analytics';
const begin = (more = '') => `${job.sidecar}/v1/sso_authentication?database=${DATABASE}${more}`;
const button = (page, name) => page.getByRole('button', { name, exact: true });
const link = (page, name) => page.getByRole('link', { name, exact: true });
const heading = (page, name) => page.getByRole('heading', { name, exact: true, level: 1 }).waitFor();

const secrets = new Set();
const shots = [];
const complaints = [];

const issuer = new URL(job.issuer).origin;
const isForeign = (url) => ![job.sidecar, issuer].includes(url.origin) && url.protocol !== 'data:';

// Whatever our pages ask for, and whatever the browser finds wrong with them. What the provider puts into its
// own pages is its affair, but nobody outside is asked.
async function watch(context) {
  await context.route(isForeign, (route) => route.abort());
  context.on('request', (request) => {
    const url = new URL(request.url());
    for (const name of ['code', 'state']) if (url.searchParams.has(name)) secrets.add(url.searchParams.get(name));
    const isNavigation = request.isNavigationRequest();
    if (!isNavigation && request.frame().url().startsWith(issuer)) return;
    if (isForeign(url)) complaints.push(`asked ${url.origin}`);
    if (!isNavigation && request.resourceType() !== 'fetch') complaints.push(`the page loads ${url.pathname}`);
  });
  context.on('weberror', (error) => complaints.push(`script: ${error.error().message}`));
  context.on('console', (message) => {
    const [asked, text] = [message.location().url.split('?')[0], message.text()];
    // Chromium says this of every page whose status is no success, and so of each error page.
    const isStatus = text.startsWith('Failed to load resource: the server responded with a status of 40');
    if (isStatus || isForeign(new URL(asked, job.sidecar)) || !['error', 'warning'].includes(message.type())) return;
    complaints.push(`${asked}: ${text}`);
  });
}

// The provider's pages: who it is, and that the sidecar may know.
async function signIn(page) {
  await page.locator('input[name=login]').fill(job.user);
  await page.locator('input[name=password]').fill(job.password);
  await button(page, 'Continue').click();
  const isNext = (sidecar) => document.title === 'consent' || location.origin === sidecar;
  await page.waitForFunction(isNext, job.sidecar);
  // It asks once for each user and application.
  if ((await page.title()) === 'consent') await button(page, 'Continue').click();
  await page.waitForURL((url) => url.origin === job.sidecar);
}

async function noteSession(context) {
  for (const { name, value } of await context.cookies(job.sidecar)) {
    assert.ok(name.startsWith('__Host-ocient_'), name);
    if (value) secrets.add(value);
  }
}

/** What a page of the application would do, from the page that is open. */
const query = (page) =>
  page.evaluate(async (database) => {
    const statement = 'SELECT current_user() AS "who"';
    const answer = await fetch(`/v1/execute/${database}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ statement, format: 'collection' }),
    });
    const body = await answer.text();
    return { status: answer.status, who: answer.ok ? JSON.parse(body).data[0].who : body };
  }, DATABASE);

/** The fields by which the browser says where the navigation to `path` came from. */
async function fetchSite(page, path, act) {
  const asked = page.waitForRequest((request) => new URL(request.url()).pathname === path);
  await act();
  return (await (await asked).allHeaders())['sec-fetch-site'];
}

const visits = {
  async whole(context, page) {
    await page.goto(begin('&return_to=/v1/info'));
    const site = await fetchSite(page, '/v1/info', () => signIn(page));
    assert.equal(site, 'cross-site', 'the way back from the provider');
    assert.equal(new URL(page.url()).pathname, '/v1/info');
    await noteSession(context);
    assert.deepEqual(await query(page), { status: 200, who: job.user });

    // The provider remembers who this is.
    await page.goto(begin());
    await heading(page, 'Signed in');
    await noteSession(context);
    const told = await page.locator('dd').allTextContents();
    assert.deepEqual(told.slice(0, 3), [job.user, DATABASE, 'certified']);
    shots.push(...(await inspect(page, `${job.shots}/signed-in`)));
    await page.keyboard.press('Tab');
    assert.ok(await button(page, 'Sign out').evaluate((element) => element.matches(':focus-visible')), 'reached by keyboard');
    await page.keyboard.press('Enter');

    await heading(page, 'Signed out');
    assert.deepEqual(await context.cookies(job.sidecar), []);
    shots.push(...(await inspect(page, `${job.shots}/signed-out`)));
    // With the browser's cookies, but not by a page: that would wait for a password, which the SQL node asks for.
    const statement = { data: { statement: 'select 1' }, ignoreHTTPSErrors: true };
    const asked = await context.request.post(`${job.sidecar}/v1/execute/${DATABASE}`, statement);
    assert.equal(asked.status(), 401, 'signed out');
    await link(page, 'Sign out there, too').click();
    await page.waitForURL((url) => url.origin === issuer);
    assert.match(page.url(), /\/session\/end\?client_id=[a-z0-9-]+$/, 'no token in the address');
  },

  async twoTabs(context, first) {
    const tabs = [first, await context.newPage()];
    await Promise.all(tabs.map((page) => page.goto(begin('&return_to=/v1/info'))));
    await Promise.all(tabs.map((page) => page.locator('input[name=login]').waitFor()));
    // One after the other: the provider's own session is the browser's, not the tab's.
    for (const page of tabs) {
      await signIn(page);
      await noteSession(context);
    }
    for (const page of tabs) {
      assert.equal(new URL(page.url()).pathname, '/v1/info');
      assert.deepEqual(await query(page), { status: 200, who: job.user });
    }
  },

  async refusal(context, page) {
    await page.goto(begin('&return_to=/v1/info'));
    await link(page, 'Cancel').click();
    await heading(page, 'Not signed in');
    await page.getByText('The sign-in was refused at the provider.', { exact: true }).waitFor();
    shots.push(...(await inspect(page, `${job.shots}/refused`)));
    await noteSession(context);
    await link(page, 'Begin again').click();
    await signIn(page);
    assert.equal(new URL(page.url()).pathname, '/v1/info', 'the wish was kept');
    await noteSession(context);
  },

  // The provider's origin is another site than the sidecar's; its page stands for anybody's.
  async attack(context, page) {
    await page.goto(begin('&return_to=/v1/info'));
    await signIn(page);
    await noteSession(context);
    const evil = `${job.issuer}/.well-known/openid-configuration`;
    const statement = `${job.sidecar}/v1/execute/${DATABASE}?statement=select+1`;
    await page.goto(evil);
    await page.evaluate((url) => void (location.href = url), statement);
    await heading(page, 'Not allowed');
    shots.push(...(await inspect(page, `${job.shots}/another-site`)));
    await page.goto(evil);
    await page.evaluate((url) => {
      const form = Object.assign(document.createElement('form'), { method: 'post', action: url });
      document.body.append(form);
      form.submit();
    }, `${job.sidecar}/v1/logout`);
    await page.waitForURL(`${job.sidecar}/v1/logout`);
    await page.goto(evil);
    const read = (url) => fetch(url, { credentials: 'include' }).then((answer) => answer.text(), () => 'kept away');
    assert.equal(await page.evaluate(read, `${job.sidecar}/v1/info`), 'kept away');
    const isExpected = (words) => words.includes('CORS policy') || words.endsWith('net::ERR_FAILED');
    assert.equal(complaints.filter(isExpected).length, 2);
    complaints.splice(0, complaints.length, ...complaints.filter((words) => !isExpected(words)));
    await page.goto(`${job.sidecar}/v1/info`);
    assert.deepEqual(await query(page), { status: 200, who: job.user }, 'the session lives');
  },

  // Whoever has answered the SQL node's prompt has a browser that repeats the password by itself.
  async password(_, elsewhere) {
    const httpCredentials = { username: 'admin@system', password: 'admin' };
    const context = await elsewhere.context().browser().newContext({ httpCredentials });
    context.setDefaultTimeout(20_000);
    const page = await context.newPage();
    const statement = (name) => `${job.sidecar}/v1/execute/${DATABASE}?statement=select+1+as+${name}`;
    assert.equal((await page.goto(statement('typed'))).status(), 200);
    const evil = `${job.issuer}/.well-known/openid-configuration`;
    await page.goto(evil);
    const led = page.waitForResponse((response) => response.url() === statement('led'));
    await page.evaluate((url) => void (location.href = url), statement('led'));
    assert.equal((await led).status(), 403);
    assert.match((await (await led).request().allHeaders()).authorization, /^Basic /, 'the browser sends it by itself');
    await heading(page, 'Not allowed');
    await page.goto(evil);
    await page.evaluate((url) => {
      const form = Object.assign(document.createElement('form'), { method: 'post', action: url, enctype: 'text/plain' });
      form.append(Object.assign(document.createElement('input'), { name: '{"statement":"select 1 as posted","x":"', value: '"}' }));
      document.body.append(form);
      form.submit();
    }, `${job.sidecar}/v1/execute/${DATABASE}`);
    await heading(page, 'Not allowed');
    assert.equal((await page.goto(statement('again'))).status(), 200, 'typed once more');
    await context.close();
  },
};

// The two servers' own keys alone are trusted, as if their authority were known.
const pin = (file) =>
  createHash('sha256')
    .update(new X509Certificate(readFileSync(file)).publicKey.export({ type: 'spki', format: 'der' }))
    .digest('base64');

const browser = await chromium.launch({
  executablePath: job.chromium,
  args: [
    `--ignore-certificate-errors-spki-list=${job.certificates.map(pin)}`,
    '--no-proxy-server', // all servers of the tests are on this host
    '--disable-quic',
  ],
});
try {
  const context = await browser.newContext();
  context.setDefaultTimeout(20_000);
  await watch(context);
  await visits[job.visit](context, await context.newPage());
  assert.deepEqual(complaints, []);
  console.log(JSON.stringify({ secrets: [...secrets], shots }));
} finally {
  await browser.close();
}
