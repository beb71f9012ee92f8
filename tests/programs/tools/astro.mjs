import { inPackage, project, prose, scaled } from './common.mjs';

export const title = 'Astro: a site of Markdown pages';
export const made = ['dist'];
export const environment = { ASTRO_TELEMETRY_DISABLED: '1' };
export const isPlain = (line) => !/TIME|✓|watching|syncing|types/i.test(line);

export function prepare(directory, scale) {
  const pages = Object.fromEntries(
    Array.from({ length: scaled(300, scale) }, (_, index) => [
      `src/pages/page-${index}.md`,
      `---\nlayout: ../layouts/Page.astro\ntitle: Page ${index}\n---\n\n# Page ${index}\n\n${prose(index, 4000)}`,
    ]),
  );
  project(directory, {
    'package.json': '{ "name": "site", "type": "module", "private": true }',
    'astro.config.mjs': 'export default { devToolbar: { enabled: false } };\n',
    'src/layouts/Page.astro':
      '---\nconst { frontmatter } = Astro.props;\n---\n<html><head><title>{frontmatter.title}</title></head><body><slot /></body></html>\n',
    ...pages,
  });
}

export const command = () => [inPackage('astro', 'astro.js'), 'build'];
