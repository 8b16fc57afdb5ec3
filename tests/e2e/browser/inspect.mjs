// Looks at one of the sidecar's pages in both colour schemes on a large and a small screen.
import assert from 'node:assert/strict';

const WIDTHS = [1280, 390];
const SCHEMES = ['light', 'dark'];
/** WCAG 2.2, 1.4.3 (AA), for text of any size. */
const LEAST_CONTRAST = 4.5;
/** WCAG 2.2, 2.5.8 (AA), in CSS pixels. */
const LEAST_TARGET = 24;

/** Asserts that the page is sound; the pictures' file names, which begin with `prefix`. */
export async function inspect(page, prefix) {
  const shots = [];
  assert.equal(await page.locator('html').getAttribute('lang'), 'en');
  assert.equal(await page.locator('main').count(), 1);
  assert.equal(await page.locator('h1').count(), 1);
  assert.equal(await page.locator('script, iframe, object, img, [style]').count(), 0);
  const title = await page.locator('h1').textContent();
  assert.ok((await page.title()).startsWith(title), 'the title says what the heading says');
  for (const colorScheme of SCHEMES) {
    await page.emulateMedia({ colorScheme });
    for (const width of WIDTHS) {
      await page.setViewportSize({ width, height: width > 600 ? 800 : 844 });
      const name = `${prefix}-${width}-${colorScheme}`;
      const found = await page.evaluate(measure);
      assert.equal(found.colorScheme, 'light dark', `${name}: the style is in force`);
      assert.ok(found.wide <= width, `${name}: scrolls sideways, ${found.wide} px`);
      assert.ok(found.texts.length >= 4, `${name}: ${found.texts.length} texts`);
      for (const { text, contrast } of found.texts) {
        assert.ok(contrast >= LEAST_CONTRAST, `${name}: "${text}" has a contrast of ${contrast.toFixed(2)}`);
      }
      for (const { text, height } of found.targets) {
        assert.ok(height >= LEAST_TARGET, `${name}: "${text}" is ${height} px high`);
      }
      const isDark = found.ground < 0.2;
      assert.equal(isDark, colorScheme === 'dark', `${name}: luminance of the ground ${found.ground}`);
      const path = `${name}.png`;
      await page.screenshot({ path });
      shots.push(path);
    }
  }
  return shots;
}

/** Runs in the page. Contrast and luminance as in WCAG 2.2. */
function measure() {
  const channels = (colour) => colour.match(/[\d.]+/g).map(Number);
  const luminance = (colour) => {
    const [red, green, blue] = channels(colour).map((value) => {
      const share = value / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const ground = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const colour = getComputedStyle(at).backgroundColor;
      if ((channels(colour)[3] ?? 1) === 1) return colour;
    }
    return 'rgb(255, 255, 255)';
  };
  const texts = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const text = walker.currentNode.textContent.trim();
    const element = walker.currentNode.parentElement;
    if (!text) continue;
    const pair = [luminance(getComputedStyle(element).color), luminance(ground(element))];
    texts.push({ text, contrast: (Math.max(...pair) + 0.05) / (Math.min(...pair) + 0.05) });
  }
  const targets = [...document.querySelectorAll('a, button')].map((element) => ({
    text: element.textContent,
    height: element.getBoundingClientRect().height,
  }));
  return {
    colorScheme: getComputedStyle(document.documentElement).colorScheme,
    wide: document.documentElement.scrollWidth,
    ground: luminance(ground(document.body)),
    texts,
    targets,
  };
}
