/**
 * `npm run check:site`: looks at the pages that `npm run docs` has made, in Chromium, as wide as a
 * phone. Fails for an error on the console, a page that is wider than the screen, a link to a file or
 * a heading that does not exist, a search that finds nothing, and where dark and light are the same.
 *
 * The browser is the one that the environment names (CHROMIUM), or that of the system.
 */

import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import puppeteer from 'puppeteer-core';

const SITE = fileURLToPath(new URL('../docs/api', import.meta.url));
const WIDTH = 390;

const browsers = [process.env.CHROMIUM, '/usr/bin/chromium', '/usr/bin/google-chrome', '/usr/bin/chromium-browser'];
const executablePath = browsers.find((file) => file && existsSync(file));
if (executablePath === undefined)
  throw new Error('There is no Chromium: install the Debian package "chromium", or set CHROMIUM.');

const pages = readdirSync(SITE, { recursive: true }).filter((name) => name.endsWith('.html'));
const urlOf = (name) => pathToFileURL(path.join(SITE, name)).href;

const problems = [];
/** The names of the elements of each page, by its URL. */
const anchors = new Map();
const links = [];

const browser = await puppeteer.launch({
  executablePath,
  args: ['--no-sandbox', '--disable-gpu', '--allow-file-access-from-files'],
});
try {
  const page = await browser.newPage();
  await page.setViewport({ width: WIDTH, height: 800, isMobile: true });
  let current = '';
  const report = (text) => problems.push(`${current}: ${text}`);
  page.on('console', (message) => message.type() === 'error' && report(`console: ${message.text()}`));
  page.on('pageerror', (error) => report(`exception: ${error.message}`));
  page.on('requestfailed', (request) => report(`cannot load ${request.url()}`));

  for (const name of pages) {
    current = name;
    await page.goto(urlOf(name), { waitUntil: 'load' });
    const { width, widest, hrefs, ids } = await page.evaluate(() => {
      const width = document.documentElement.scrollWidth;
      const elements = [...document.body.querySelectorAll('*')];
      // The navigation is beside the screen until somebody opens it.
      const content = [...document.querySelectorAll('.col-content *')];
      const wide = content.find((element) => element.getBoundingClientRect().right > window.innerWidth + 1);
      return {
        width,
        widest: wide && `${wide.tagName} ${wide.className}: ${wide.textContent.trim().slice(0, 60)}`,
        hrefs: [...document.querySelectorAll('a[href]')].map((link) => link.href),
        ids: elements.flatMap((element) => [element.id, element.getAttribute('name')]).filter(Boolean),
      };
    });
    if (width > WIDTH) report(`is ${width} pixels wide: ${widest}`);
    anchors.set(urlOf(name), new Set(ids));
    for (const href of hrefs) links.push([name, href]);
  }

  current = 'index.html';
  await page.goto(urlOf(current), { waitUntil: 'load' });
  const backgroundIn = async (value) => {
    await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value }]);
    return page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  };
  if ((await backgroundIn('dark')) === (await backgroundIn('light'))) report('dark and light are the same');
  await page.setViewport({ width: 1280, height: 800 });
  await page.click('#tsd-search-trigger');
  await page.type('#tsd-search-input', 'URingContext');
  await page
    .waitForSelector('#tsd-search-results li a', { timeout: 10_000 })
    .catch(() => report('a search for URingContext finds nothing'));
} finally {
  await browser.close();
}

for (const [name, href] of new Map(links.map((link) => [link.join(' '), link])).values()) {
  const url = new URL(href);
  if (url.protocol !== 'file:') continue;
  const fragment = decodeURIComponent(url.hash.slice(1));
  url.hash = '';
  const known = anchors.get(url.href);
  if (known === undefined ? !existsSync(url) : fragment !== '' && !known.has(fragment)) {
    problems.push(`${name}: links to ${href.replace(pathToFileURL(SITE).href, '')}, which does not exist`);
  }
}

console.log(`${pages.length} pages, ${links.length} links, ${problems.length} problems`);
for (const problem of problems) console.error(problem);
process.exitCode = problems.length > 0 ? 1 : 0;
