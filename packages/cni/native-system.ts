// `System` over the calls that the C half of the executable puts into the global object `native`.

import type { FileStatus, System } from './system.ts'

/** The C functions as they are: buffers are ArrayBuffers, records are arrays. */
interface Native
  extends Omit<
    System,
    'status' | 'receive' | 'findInterface' | 'randomBytes' | 'run' | 'writeFile' | 'environment'
  > {
  status(path: string): [number, number, number, number, number, number, number]
  receive(socket: number): ArrayBuffer
  findInterface(socket: number, name: string): [number, ArrayBuffer] | undefined
  randomBytes(count: number): ArrayBuffer
  run(path: string, args: readonly string[], input: string, command: string): [number, string, string]
  writeFile(path: string, text: string, mode: number): void
  environment(name: string): string | undefined
}

declare const native: Native

function status(path: string): FileStatus {
  const [mode, device, inode, seconds, nanoseconds, size, links] = native.status(path)
  return { mode, device, inode, seconds, nanoseconds, size, links }
}

/** Inherits what needs no change. */
export const nativeSystem: System = Object.assign(Object.create(native) as System, {
  status,
  writeFile: (path: string, text: string, mode?: number) => native.writeFile(path, text, mode ?? -1),
  receive: (socket: number) => new Uint8Array(native.receive(socket)),
  findInterface(socket: number, name: string) {
    const found = native.findInterface(socket, name)
    return found && { index: found[0], mac: new Uint8Array(found[1]) }
  },
  randomBytes: (count: number) => new Uint8Array(native.randomBytes(count)),
  run(path: string, args: readonly string[], input: string, command: string) {
    const [code, output, error] = native.run(path, args, input, command)
    return { status: code, output, error }
  },
})
