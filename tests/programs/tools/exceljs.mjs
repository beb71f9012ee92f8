import path from 'node:path';
import Excel from 'exceljs';
import { scaled } from './common.mjs';

export const title = 'ExcelJS: a workbook, written and read by streams';
export const made = ['book.xlsx'];
// A workbook has the time in it.
export const isMade = () => false;

export function prepare() {}

export async function run(directory, scale) {
  const filename = path.join(directory, 'book.xlsx');
  const writer = new Excel.stream.xlsx.WorkbookWriter({ filename });
  const sheet = writer.addWorksheet('rows');
  for (let index = 0; index < scaled(30_000, scale); index++) sheet.addRow([index, `name ${index}`, index * 7]).commit();
  sheet.commit();
  await writer.commit();
  let [rows, total] = [0, 0];
  for await (const worksheet of new Excel.stream.xlsx.WorkbookReader(filename)) {
    for await (const row of worksheet) {
      rows++;
      total += row.getCell(3).value;
    }
  }
  console.log(rows, total);
}
