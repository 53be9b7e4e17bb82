// SPDX-License-Identifier: Apache-2.0
/**
 * Keeps a second process off a directory, for exactly as long as the first one lives.
 *
 * Node offers no flock, and a file with a pid in it lies once the process was killed and the pid
 * given to another. A listening socket does not: the kernel closes it with the process, however that
 * ends, and nobody has to judge whether an old holder is dead.
 *
 * 1. On Linux an abstract socket, named for the directory's device and inode: taken atomically, and
 *    nothing is ever left over. It is seen within one network namespace only, so two containers that
 *    share a volume do not meet there.
 * 2. On every system a socket file in the directory, which they do share. One that refuses
 *    connections is left over from a dead process and is replaced. Between that test and the
 *    replacement lies an instant in which two starting processes could both succeed: on Linux only
 *    from two network namespaces at once, elsewhere any two.
 */

import type { FileHandle } from "node:fs/promises";
import { unlink } from "node:fs/promises";
import { connect, createServer, type Server } from "node:net";
import { join } from "node:path";

export interface DirectoryLock {
  release(): Promise<void>;
}

const SOCKET_NAME = "lock.sock";

/** The lock, or undefined if another process holds it. */
export async function lockDirectory(
  directory: string,
  handle: FileHandle,
): Promise<DirectoryLock | undefined> {
  const isLinux = process.platform === "linux";
  const { dev, ino } = await handle.stat();
  const abstract = isLinux ? await listen(`\0conclave-${dev}-${ino}`) : undefined;
  if (abstract === "taken") return undefined;
  // A socket's path has room for some hundred bytes; the handle gives a short one to any directory.
  const folder = isLinux ? `/proc/self/fd/${handle.fd}` : directory;
  try {
    const file = await takeSocketFile(join(folder, SOCKET_NAME));
    if (file === "taken") {
      await close(abstract);
      return undefined;
    }
    return {
      async release() {
        await close(file);
        await close(abstract);
      },
    };
  } catch (error) {
    await close(abstract);
    throw error;
  }
}

async function takeSocketFile(path: string): Promise<Server | "taken"> {
  const first = await listen(path);
  if (first !== "taken") return first;
  if (await isAnswered(path)) return "taken";
  await unlink(path);
  return listen(path);
}

function listen(path: string): Promise<Server | "taken"> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy());
    server.once("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "EADDRINUSE") resolve("taken");
      else reject(error);
    });
    server.listen(path, () => {
      // The lock does not keep a process alive that has nothing else to do.
      server.unref();
      resolve(server);
    });
  });
}

/** A process that is stopped still answers here: the kernel accepts on its behalf. */
function isAnswered(path: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", (error: NodeJS.ErrnoException) => {
      const isLeftOver = error.code === "ECONNREFUSED" || error.code === "ENOENT";
      if (isLeftOver) resolve(false);
      // A full backlog is a living listener.
      else if (error.code === "EAGAIN") resolve(true);
      else reject(error);
    });
  });
}

async function close(server: Server | undefined): Promise<void> {
  if (server !== undefined) await new Promise((resolve) => server.close(resolve));
}
