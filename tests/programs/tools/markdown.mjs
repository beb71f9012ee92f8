import fs from 'node:fs/promises';
import path from 'node:path';
import MarkdownIt from 'markdown-it';
import { atOnce, filesBelow, many, prose, scaled, write } from './common.mjs';

export const title = 'markdown-it: a site of 3,000 pages';
export const made = ['site'];

export function prepare(directory, scale) {
  const files = many(
    scaled(3000, scale),
    (index) => `${index}.md`,
    (index) => `# Page ${index}\n\n${prose(index, 1500)}\n* one\n* [two](../)\n\n\`\`\`js\n${prose(index, 300)}\`\`\`\n`,
  );
  write(path.join(directory, 'pages'), files);
}

export async function run(directory) {
  const markdown = new MarkdownIt();
  const [pages, site] = ['pages', 'site'].map((name) => path.join(directory, name));
  await atOnce(32, filesBelow(pages), async (file) => {
    const target = path.join(site, path.relative(pages, file)).replace(/md$/, 'html');
    await fs.mkdir(path.dirname(target), { recursive: true });
    await fs.writeFile(target, markdown.render(await fs.readFile(file, 'utf8')));
  });
}
