import { runPlainly } from './common.mjs';
import { command as ci, prepare as project } from './npm-ci.mjs';

export const title = 'npm ls --all: the packages of that project';

export function prepare(directory) {
  project(directory);
  runPlainly(ci(directory), directory);
}

export const command = (directory) => [ci(directory)[0], 'ls', '--all'];
