/** Classes that extend those of `net`, and types that are augmented. */

import net, { Server, Socket, type SocketConstructorOpts } from 'node:net';

declare module 'node:net' {
  interface Socket {
    user?: string;
  }
  interface Server {
    readonly label?: string;
  }
}

export class Counted extends net.Socket {
  static created = 0;
  #written = 0;

  constructor(options?: SocketConstructorOpts) {
    super(options);
    Counted.created++;
  }

  override _write(chunk: Buffer, encoding: BufferEncoding, callback: (error?: Error | null) => void): void {
    this.#written += chunk.length;
    super._write(chunk, encoding, callback);
  }

  get written(): number {
    return this.#written;
  }
}

export class Named extends Server {
  override readonly label = 'named';

  constructor(private readonly greeting: string) {
    super({ keepAlive: true }, (socket) => socket.end(`${greeting}, ${socket.user ?? 'nobody'}`));
  }

  override close(callback?: (error?: Error) => void): this {
    console.log(this.greeting);
    return super.close(callback);
  }
}

export interface Session extends net.Socket {
  readonly id: number;
}

export const isSession = (socket: net.Socket): socket is Session => 'id' in socket;
export const greet = (socket: Socket): string => (isSession(socket) ? `${socket.id}` : (socket.user ?? ''));
export const server: net.Server = net.createServer((socket) => (socket.user = greet(socket)));
export const user: string | undefined = net.connect(1).user ?? server.label;

export class Subclass<Base extends new () => net.Socket> {
  constructor(readonly base: Base = Counted as unknown as Base) {}
}
export const subclass = new Subclass<typeof net.Socket>(Socket);

export class Wrong extends Socket {
  // @ts-expect-error The method has another type.
  override setTimeout(): string {
    return '';
  }
}
export class Other extends net.Socket {
  constructor() {
    // @ts-expect-error The argument of the base class has another type.
    super('text');
  }
}
// @ts-expect-error The added member has another type.
net.connect(1).user = 1;
