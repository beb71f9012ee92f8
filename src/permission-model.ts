/**
 * Whether Node runs with the permission model (`node --permission`). Used by all layers.
 *
 * @module
 */

type Scope = 'fs.read' | 'fs.write' | 'net';

/** The model, and what it permits; `undefined` without it. */
export const { permission } = process as { permission?: { has(scope: Scope, reference?: string): boolean } };

/** Whether Node runs with the permission model. */
export const permissionModelIsOn: boolean = permission !== undefined;
