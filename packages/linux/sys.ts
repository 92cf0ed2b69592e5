/** System calls by koffi: the only native boundary. Each throws KernelError; the `…Async` forms run on a thread of libuv's pool. */
import koffi, { type LibraryHandle } from 'koffi'
import { KernelError } from './errors.ts'

export const AF_INET = 2
export const AF_INET6 = 10
export const AF_NETLINK = 16
export const SOCK_STREAM = 1
export const SOCK_DGRAM = 2
export const SOCK_RAW = 3
export const SOCK_NONBLOCK = 0o4000
export const SOCK_CLOEXEC = 0o2000000
export const MSG_TRUNC = 0x20
export const MSG_DONTWAIT = 0x40
export const MSG_NOSIGNAL = 0x4000
export const SOL_SOCKET = 1
export const SO_REUSEADDR = 2
export const SO_RCVBUF = 8
export const SO_RCVTIMEO = 20
export const SO_SNDBUFFORCE = 32
export const SO_ATTACH_FILTER = 26
export const SO_RCVBUFFORCE = 33
export const SO_RCVLOWAT = 18
export const SO_BINDTOIFINDEX = 62
export const O_RDONLY = 0
export const O_CLOEXEC = 0o2000000
export const CLONE_NEWNET = 0x40000000
export const MS_BIND = 4096
export const MNT_DETACH = 2

/** Opens a shared library. @throws Error when it is not installed */
export function loadLibrary(name: string | null): LibraryHandle {
  if (!configured) {
    // koffi runs what is called on a stack of its own. Its 128 KiB for asynchronous calls are too few for libnftables, which
    // keeps buffers of 69 KB there and recurses over expressions: the process died of one with 1,000 operators. Only what is
    // touched costs memory. It has to be said before the first call.
    koffi.config({ async_stack_size: 8 * 1024 * 1024 })
    configured = true
  }
  return koffi.load(name)
}

let configured = false

type Native = ReturnType<LibraryHandle['func']>

const c = functionsOfProcess({
  socket: 'int socket(int, int, int)',
  bind: 'int bind(int, const void *, uint32_t)',
  connect: 'int connect(int, const void *, uint32_t)',
  listen: 'int listen(int, int)',
  send: 'long send(int, const void *, size_t, int)',
  sendto: 'long sendto(int, const void *, size_t, int, const void *, uint32_t)',
  recv: 'long recv(int, void *, size_t, int)',
  recvfrom: 'long recvfrom(int, void *, size_t, int, void *, uint32_t *)',
  setsockopt: 'int setsockopt(int, int, int, const void *, uint32_t)',
  getsockopt: 'int getsockopt(int, int, int, void *, uint32_t *)',
  getsockname: 'int getsockname(int, void *, uint32_t *)',
  getpeername: 'int getpeername(int, void *, uint32_t *)',
  close: 'int close(int)',
  // Variadic in C; on x86-64 and arm64 Linux the registers are those of a plain call.
  open: 'int open(const char *, int, uint32_t)',
  fcntl: 'int fcntl(int, int, long)',
  ioctl: 'int ioctl(int, unsigned long, void *)',
  setns: 'int setns(int, int)',
  unshare: 'int unshare(int)',
  mount: 'int mount(const char *, const char *, const char *, unsigned long, const void *)',
  umount2: 'int umount2(const char *, int)',
  // Variadic, too. The C library has no name of its own for what is called by it.
  syscall: 'long syscall(long, long, const char *, long)',
})

/** Looks each function up at its first call, because native code must not be loaded while a start-up snapshot of the agent is made. */
function functionsOfProcess<K extends string>(definitions: Readonly<Record<K, string>>): Record<K, Native> {
  const functions = {} as Record<K, Native>
  let library: LibraryHandle | undefined
  for (const name of Object.keys(definitions) as K[]) {
    const get = () => {
      // The process's own symbols: finds glibc and musl alike.
      library ??= loadLibrary(null)
      const value = library.func(definitions[name])
      Object.defineProperty(functions, name, { value })
      return value
    }
    Object.defineProperty(functions, name, { get, configurable: true })
  }
  return functions
}

function checked(call: string, result: number, detail?: string): number {
  if (result >= 0) return result
  throw new KernelError(call, koffi.errno(), detail)
}

function later(call: string, native: Native, ...args: readonly unknown[]): Promise<number> {
  return new Promise((resolve, reject) => {
    native.async(...args, (error: Error | null, result: number) => {
      // errno is the call's own only inside this callback.
      if (error) reject(error)
      else if (result < 0) reject(new KernelError(call, koffi.errno()))
      else resolve(result)
    })
  })
}

export function socket(domain: number, type: number, protocol: number): number {
  return checked('socket', c.socket(domain, type | SOCK_CLOEXEC, protocol))
}

/** @param address a struct sockaddr of the socket's family */
export function bind(fd: number, address: Uint8Array): void {
  checked('bind', c.bind(fd, address, address.length))
}

/** @param address a struct sockaddr of the socket's family */
export function connect(fd: number, address: Uint8Array): void {
  checked('connect', c.connect(fd, address, address.length))
}

/** On a socket that listens already it changes the backlog. */
export function listen(fd: number, backlog: number): void {
  checked('listen', c.listen(fd, backlog))
}

export function send(fd: number, data: Uint8Array, flags = 0): number {
  return checked('send', c.send(fd, data, data.length, flags))
}

/** `send` that never waits, but -1 where it fails for whatever reason: whoever writes in another way next learns why. */
export function sendNow(fd: number, data: Uint8Array): number {
  return c.send(fd, data, data.length, MSG_DONTWAIT | MSG_NOSIGNAL) as number
}

/** The caller must not touch `data` until the promise settles. */
export function sendAsync(fd: number, data: Uint8Array, flags = 0): Promise<number> {
  return later('send', c.send, fd, data, data.length, flags)
}

export function sendto(fd: number, data: Uint8Array, flags: number, address: Uint8Array): number {
  return checked('sendto', c.sendto(fd, data, data.length, flags, address, address.length))
}

/** Bytes received; with MSG_TRUNC the datagram's whole length, which may exceed the buffer. */
export function recv(fd: number, buffer: Uint8Array, flags = 0): number {
  return checked('recv', c.recv(fd, buffer, buffer.length, flags))
}

/** `recv`, but -1 where it would block. Cheaper than an exception on a path that always ends so. */
export function recvNow(fd: number, buffer: Uint8Array, flags = 0): number {
  const result = c.recv(fd, buffer, buffer.length, flags | MSG_DONTWAIT) as number
  if (result >= 0) return result
  const errno = koffi.errno()
  if (errno === 11) return -1
  throw new KernelError('recv', errno)
}

/** `recvNow` that also fills `source`, 28 bytes for a struct sockaddr_in6. */
export function recvFromNow(fd: number, buffer: Uint8Array, source: Uint8Array, flags = 0): number {
  const length = new Uint32Array([source.length])
  const result = c.recvfrom(fd, buffer, buffer.length, flags | MSG_DONTWAIT, source, length) as number
  if (result >= 0) return result
  const errno = koffi.errno()
  if (errno === 11) return -1
  throw new KernelError('recvfrom', errno)
}

export function recvAsync(fd: number, buffer: Uint8Array, flags = 0): Promise<number> {
  return later('recv', c.recv, fd, buffer, buffer.length, flags)
}

export function setsockopt(fd: number, level: number, option: number, value: Uint8Array): void {
  checked('setsockopt', c.setsockopt(fd, level, option, value, value.length))
}

export function setsockoptInt(fd: number, level: number, option: number, value: number): void {
  setsockopt(fd, level, option, new Uint8Array(new Int32Array([value]).buffer))
}

/** Fills `value` and returns how many bytes the kernel wrote. */
export function getsockopt(fd: number, level: number, option: number, value: Uint8Array): number {
  const length = new Uint32Array([value.length])
  checked('getsockopt', c.getsockopt(fd, level, option, value, length))
  return length[0]!
}

/** The struct sockaddr that the socket is bound to. */
export function getsockname(fd: number): Uint8Array {
  const address = new Uint8Array(128)
  const length = new Uint32Array([address.length])
  checked('getsockname', c.getsockname(fd, address, length))
  return address.subarray(0, length[0])
}

/** The struct sockaddr of the other end. @throws KernelError ENOTCONN */
export function getpeername(fd: number): Uint8Array {
  const address = new Uint8Array(128)
  const length = new Uint32Array([address.length])
  checked('getpeername', c.getpeername(fd, address, length))
  return address.subarray(0, length[0])
}

/** Sets a classic BPF program that datagrams must pass. @param instructions an array of struct sock_filter (linux/filter.h), which the kernel copies */
export function attachFilter(fd: number, instructions: Uint8Array): void {
  const program = koffi.alloc('uint8_t', instructions.length)
  try {
    koffi.encode(program, koffi.array('uint8_t', instructions.length), instructions)
    // struct sock_fprog: how many instructions, and where they are.
    const bytes = new Uint8Array(16)
    const view = new DataView(bytes.buffer)
    view.setUint16(0, instructions.length / 8, true)
    view.setBigUint64(8, koffi.address(program), true)
    setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, bytes)
  } finally {
    koffi.free(program)
  }
}

export function close(fd: number): void {
  checked('close', c.close(fd))
}

export function open(path: string, flags: number, mode = 0): number {
  return checked('open', c.open(path, flags | O_CLOEXEC, mode), path)
}

export function fcntl(fd: number, command: number, argument: number): number {
  return checked('fcntl', c.fcntl(fd, command, argument))
}

/** @param argument the structure that the request reads and writes */
export function ioctl(fd: number, request: number, argument: Uint8Array): number {
  return checked('ioctl', c.ioctl(fd, request, argument))
}

/** `ioctl` off the main thread: some requests wait for the loading of a kernel module. */
export function ioctlAsync(fd: number, request: number, argument: Uint8Array): Promise<number> {
  return later('ioctl', c.ioctl, fd, request, argument)
}

/** Same for each kernel of an architecture: asm/unistd.h. */
const FINIT_MODULE = process.arch === 'arm64' ? 273 : 313

/** @param flags MODULE_INIT_COMPRESSED_FILE: the kernel unpacks the file, from 5.17 on and where it can */
export function finitModuleAsync(fd: number, flags: number): Promise<number> {
  return later('finit_module', c.syscall, FINIT_MODULE, fd, '', flags)
}

/**
 * Makes libuv start the threads of its pool now. Otherwise they start with the first piece of work, and a thread that starts while
 * the main thread is in another network namespace stays in that one for good.
 */
export function startThreadPool(): void {
  if (poolStarted) return
  poolStarted = true
  c.close.async(-1, () => {})
}

let poolStarted = false

/** Moves the calling thread into a namespace. Nothing may be awaited before it moves back, or other work runs in that namespace. */
export function setns(fd: number, type: number): void {
  checked('setns', c.setns(fd, type))
}

export function unshare(flags: number): void {
  checked('unshare', c.unshare(flags))
}

export function mount(source: string, target: string, type: string | null, flags: number): void {
  checked('mount', c.mount(source, target, type, flags, null), target)
}

export function umount(target: string, flags: number): void {
  checked('umount', c.umount2(target, flags), target)
}

/** Calls `callback` on the main thread whenever `fd` is readable; `status` below 0 says that libuv has stopped watching. */
export function watchReadable(fd: number, callback: (status: number) => void): Watch {
  // libuv's status comes first (koffi's own types leave it out).
  const listener = callback as unknown as Parameters<typeof koffi.node.poll>[1]
  const handle = koffi.node.poll(fd, listener as never)
  // koffi closes a handle that is garbage-collected.
  watched.add(handle)
  return {
    restart: () => handle.start(listener as never),
    unref: () => handle.unref(),
    close: () => {
      if (watched.delete(handle)) handle.close()
    },
  }
}

export interface Watch {
  /** Watches again after a callback with a negative status. */
  restart(): void
  /** Lets the process end while watching. */
  unref(): void
  close(): void
}

const watched = new Set<ReturnType<typeof koffi.node.poll>>()
