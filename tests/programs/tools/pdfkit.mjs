import fs from 'node:fs';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import PDFDocument from 'pdfkit';
import { atOnce, prose, scaled } from './common.mjs';

export const title = 'PDFKit: a document for each of 400 letters';
export const made = ['letters'];

export function prepare() {}

export async function run(directory, scale) {
  const letters = path.join(directory, 'letters');
  fs.mkdirSync(letters);
  const all = Array.from({ length: scaled(400, scale) }, (_, index) => index);
  await atOnce(8, all, async (index) => {
    const document = new PDFDocument({ info: { CreationDate: new Date(1_600_000_000_000) } });
    const writing = pipeline(document, fs.createWriteStream(path.join(letters, `${index}.pdf`)));
    document.text(prose(index, 4000)).end();
    await writing;
  });
}
