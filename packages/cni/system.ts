// What a plugin may ask of the machine: files, network namespaces, netlink, its process. Everything is synchronous: a plugin does one thing and ends.
// A call that fails throws an Error with the symbolic code ('ENOENT').

/** What `status` tells of a path. */
export interface FileStatus {
  readonly mode: number
  readonly device: number
  readonly inode: number
  /** Last modification: whole seconds since 1970, and nanoseconds. */
  readonly seconds: number
  readonly nanoseconds: number
  readonly size: number
  readonly links: number
}

export interface ChildResult {
  readonly status: number
  readonly output: string
  readonly error: string
}

export interface Process {
  /** argv, the plugin's name first. */
  readonly arguments: readonly string[]
  environment(name: string): string | undefined
  readInput(): string
  writeOutput(text: string): void
  writeError(text: string): void
  exit(status: number): void
  /** Monotonic clock, milliseconds. */
  now(): number
  /** Wall clock, seconds since 1970. */
  seconds(): number
  sleep(milliseconds: number): void
  /** At most 64. */
  randomBytes(count: number): Uint8Array
  /** SHA-512 of the text, hexadecimal. */
  sha512(text: string): string
  /** Runs a program with our environment, CNI_COMMAND set to `command` unless that is empty. */
  run(path: string, args: readonly string[], input: string, command: string): ChildResult
}

export interface Files {
  readFile(path: string): string
  /** The first line of a file under /proc/sys or /sys; undefined without the file. */
  readSetting(path: string): string | undefined
  /** Truncates and writes; creates the file only when `mode` is given. */
  writeFile(path: string, text: string, mode?: number): void
  /** A file without a name that holds `text`, to be given one by linkDescriptor: nobody ever sees it half written. */
  temporary(directory: string, text: string, mode: number): number
  /** False when the path is taken. */
  linkDescriptor(descriptor: number, path: string): boolean
  /** Opens, creating it if need be, and waits for the exclusive lock (flock); closing releases it. */
  lock(path: string, mode: number): number
  open(path: string): number
  close(descriptor: number): void
  makeDirectory(path: string, mode: number): void
  list(path: string): string[]
  /** The names of the directory's files that have `text` in their first 1,000 bytes; undefined when it has more than `limit` entries. */
  filesWith(directory: string, text: string, limit: number): string[] | undefined
  remove(path: string): void
  rename(from: string, to: string): void
  link(from: string, to: string): void
  symbolicLink(target: string, path: string): void
  readLink(path: string): string
  status(path: string): FileStatus
  setModified(path: string, seconds: number, nanoseconds: number): void
  /** Copies to a path that must be free; on return the data is on disk. */
  copyFile(from: string, to: string, mode: number): void
  /** fsync of a file or directory. */
  synchronize(path: string): void
}

/** What is known of a network interface by its name alone. */
export interface NetworkInterface {
  readonly index: number
  readonly mac: Uint8Array
}

export interface Network {
  /** Moves the process into the network namespace of an open descriptor. */
  enterNamespace(descriptor: number): void
  isNamespace(descriptor: number): boolean
  /** A netlink socket in the current namespace; it stays there. */
  netlinkSocket(protocol: number): number
  /** @param datagram a character a byte */
  send(socket: number, datagram: string): void
  /** One datagram; ETIMEDOUT when the kernel says nothing for long. */
  receive(socket: number): Uint8Array
  /**
   * Adds elements to sets of an nftables table of the current namespace, all or nothing; what is there already is no error. ENOENT where
   * there is no such set.
   * @param sets the name of each, and its keys, a character a byte
   */
  addElements(family: number, table: string, sets: readonly (readonly string[])[]): void
  /** Index and hardware address of an interface in the socket's namespace: two ioctls, a tenth of RTM_GETLINK's cost. */
  findInterface(socket: number, name: string): NetworkInterface | undefined
  /** Its index alone: an ioctl. */
  interfaceIndex(socket: number, name: string): number | undefined
  /** The name of the interface with that index in the socket's namespace; undefined where there is none. */
  interfaceName(socket: number, index: number): string | undefined
  /** Sends to whoever listens on a unix socket; returns a descriptor for its answer. ENOENT, ECONNREFUSED where nobody does. */
  ask(path: string, text: string): number
  /** All that comes until the other side closes; ETIMEDOUT when it has not within so many milliseconds. */
  answer(descriptor: number, timeout: number): string
}

export interface Modules {
  /** Loads a kernel module from a file. @param flags of finit_module(2) */
  loadModule(path: string, flags: number): void
  /**
   * Asks for the network device of that name: the kernel starts the host's modprobe for it where the process may load modules. ENODEV where
   * there is no such device, loaded or not.
   * @param name at most 15 characters
   */
  requestModule(name: string): void
}

export interface System extends Process, Files, Network, Modules {}

/** The symbolic code of a failed system call, or undefined for any other error. */
export function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined
}

/** Runs `attempt` and returns undefined in place of its failure with one of `codes`. */
export function unless<T>(codes: readonly string[], attempt: () => T): T | undefined {
  try {
    return attempt()
  } catch (error) {
    if (codes.includes(codeOf(error) ?? '')) return undefined
    throw error
  }
}
