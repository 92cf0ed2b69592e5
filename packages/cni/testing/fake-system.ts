// `System` on the fakes: one process's view of a fake machine, whose calls can be made to fail or to be the last ones.

import { createHash } from 'node:crypto'
import { decode } from '../netlink/wire.ts'
import { type ChildResult, type System, unless } from '../system.ts'
import { FakeSystemError } from './fake-error.ts'
import { FakeFiles } from './fake-files.ts'
import { type FakeNamespace, FakeNetwork } from './fake-network.ts'
import { answer } from './fake-rtnetlink.ts'

const SETTINGS = '/proc/sys/net/'
const BOOT_ID = '/proc/sys/kernel/random/boot_id'
const LINK_MAC_KIND = /^\/sys\/class\/net\/([^/]+)\/addr_assign_type$/
const OWN_NAMESPACE = '/proc/self/ns/net'
const OWN_EXECUTABLE = '/proc/self/exe'

/** What outlives a process. */
export class FakeMachine {
  readonly files = new FakeFiles()
  bootId = '1b4ff2a4-0000-4000-8000-000000000001'
  readonly network = new FakeNetwork()
  /** What a path runs, with its arguments and standard input. */
  readonly programs = new Map<string, (args: readonly string[], input: string) => ChildResult>()
  /** Who listens on a unix socket; undefined is silence. */
  readonly sockets = new Map<string, (text: string) => string | undefined>()
  /** Module that a file is; the kernel takes no others. */
  readonly moduleFiles = new Map<string, string>()
  /** What the kernel's helper loads. */
  readonly helperModules = new Set<string>()
  /** Milliseconds. */
  clock = 0
  private random = 0

  nextRandom(): number {
    this.random = (this.random * 1103515245 + 12345) & 0x7fffffff
    return (this.random >> 16) & 255
  }
}

/** Thrown by every call of a process that was killed: nothing that it does takes effect any more. */
export class Killed extends Error {}

/** What happens at the n-th call of a process (from 0). */
export type Fault =
  | { readonly kind: 'fail'; readonly at: number; readonly code: string }
  | { readonly kind: 'kill'; readonly at: number }

export interface ProcessOptions {
  readonly arguments: readonly string[]
  readonly environment: Readonly<Record<string, string>>
  readonly input: string
  /** Path of the file that runs. */
  readonly executable: string
  readonly fault?: Fault | undefined
  readonly run?: (path: string, input: string, command: string) => ChildResult
}

type Descriptor =
  | { kind: 'namespace'; namespace: FakeNamespace }
  | { kind: 'netlink'; protocol: number; namespace: FakeNamespace; queue: Uint8Array[] }
  | { kind: 'temporary'; text: string; mode: number }
  | { kind: 'asked'; answer: string | undefined }
  | { kind: 'file' }

class FakeProcess {
  readonly arguments: readonly string[]
  output = ''
  error = ''
  exitStatus: number | undefined
  private readonly machine: FakeMachine
  private readonly options: ProcessOptions
  private readonly descriptors = new Map<number, Descriptor>()
  private current: FakeNamespace
  private nextDescriptor = 3

  constructor(machine: FakeMachine, options: ProcessOptions) {
    this.machine = machine
    this.options = options
    this.arguments = options.arguments
    this.current = machine.network.host
  }

  private add(descriptor: Descriptor): number {
    this.descriptors.set(this.nextDescriptor, descriptor)
    return this.nextDescriptor++
  }

  private namespaceAt(path: string): FakeNamespace | undefined {
    return path === OWN_NAMESPACE ? this.current : this.machine.network.containers.get(path)
  }

  private resolve(path: string): string {
    return path === OWN_EXECUTABLE ? this.options.executable : path
  }

  private readonly namespaceOf = (descriptor: number): FakeNamespace => {
    const entry = this.descriptors.get(descriptor)
    if (entry?.kind !== 'namespace') throw new FakeSystemError('EINVAL')
    return entry.namespace
  }

  environment(name: string) {
    return this.options.environment[name]
  }
  readInput() {
    return this.options.input
  }
  writeOutput(text: string) {
    this.output += text
  }
  writeError(text: string) {
    this.error += text
  }
  exit(status: number) {
    this.exitStatus = status
  }
  now() {
    return this.machine.clock
  }
  seconds() {
    return 1_900_000_000
  }
  sleep(milliseconds: number) {
    this.machine.clock += milliseconds
  }
  randomBytes(count: number) {
    return Uint8Array.from({ length: count }, () => this.machine.nextRandom())
  }
  sha512(text: string) {
    return createHash('sha512').update(text).digest('hex')
  }
  run(path: string, args: readonly string[], input: string, command: string) {
    const program = this.machine.programs.get(path)
    if (program !== undefined) return program(args, input)
    if (this.options.run === undefined) throw new FakeSystemError('EACCES', path)
    return this.options.run(path, input, command)
  }

  readSetting(path: string) {
    return unless(['ENOENT'], () => this.readFile(path).split('\n', 1)[0])
  }
  readFile(path: string) {
    const link = this.current.links.get(LINK_MAC_KIND.exec(path)?.[1] ?? '')
    if (link !== undefined) return link.macChosen ? '3\n' : '1\n'
    if (path === BOOT_ID) return `${this.machine.bootId}\n`
    if (!path.startsWith(SETTINGS)) return this.machine.files.read(this.resolve(path))
    const value = this.current.settings.get(path.slice(SETTINGS.length))
    if (value === undefined) throw new FakeSystemError('ENOENT', path)
    return `${value}\n`
  }
  writeFile(path: string, text: string, mode?: number) {
    if (!path.startsWith(SETTINGS)) return this.machine.files.write(path, text, mode)
    if (!this.current.settings.has(path.slice(SETTINGS.length))) throw new FakeSystemError('ENOENT', path)
    this.current.settings.set(path.slice(SETTINGS.length), text)
  }
  temporary(directory: string, text: string, mode: number) {
    const { refuse } = this.machine.files
    if (refuse !== undefined && directory.startsWith(refuse.path))
      throw new FakeSystemError(refuse.code, directory)
    this.machine.files.list(directory)
    return this.add({ kind: 'temporary', text, mode })
  }
  linkDescriptor(descriptor: number, path: string) {
    const entry = this.descriptors.get(descriptor)
    if (entry?.kind !== 'temporary') throw new FakeSystemError('EINVAL')
    if (this.machine.files.exists(path)) return false
    this.machine.files.write(path, entry.text, entry.mode)
    return true
  }
  lock(path: string, mode: number) {
    if (!this.machine.files.exists(path)) this.machine.files.write(path, '', mode)
    return this.add({ kind: 'file' })
  }
  open(path: string) {
    const namespace = this.namespaceAt(path)
    if (namespace !== undefined) return this.add({ kind: 'namespace', namespace })
    this.machine.files.status(path)
    return this.add({ kind: 'file' })
  }
  close(descriptor: number) {
    this.descriptors.delete(descriptor)
  }
  makeDirectory(path: string, mode: number) {
    this.machine.files.makeDirectory(path, mode)
  }
  list(path: string) {
    return this.machine.files.list(path)
  }
  filesWith(directory: string, text: string, limit: number) {
    const { files } = this.machine
    const names = files.list(directory)
    if (names.length > limit) return undefined
    const isFile = (path: string) => (files.status(path).mode & 0o170000) === 0o100000
    return names.filter(
      (name) => isFile(`${directory}/${name}`) && files.read(`${directory}/${name}`).includes(text),
    )
  }
  remove(path: string) {
    this.machine.files.remove(path)
  }
  rename(from: string, to: string) {
    this.machine.files.rename(from, to)
  }
  link(from: string, to: string) {
    this.machine.files.link(from, to)
  }
  symbolicLink(target: string, path: string) {
    this.machine.files.symbolicLink(target, path)
  }
  readLink(path: string) {
    return path === OWN_EXECUTABLE ? this.options.executable : this.machine.files.readLink(path)
  }
  status(path: string) {
    const namespace = this.namespaceAt(path)
    if (namespace === undefined) return this.machine.files.status(this.resolve(path))
    const blank = { mode: 0o100444, device: 4, seconds: 0, nanoseconds: 0, size: 0, links: 1 }
    return { ...blank, inode: namespace.inode }
  }
  setModified(path: string, seconds: number, nanoseconds: number) {
    this.machine.files.setModified(path, seconds, nanoseconds)
  }
  copyFile(from: string, to: string, mode: number) {
    if (this.machine.files.exists(to)) throw new FakeSystemError('EEXIST', to)
    this.machine.files.write(to, this.machine.files.read(this.resolve(from)), mode)
  }
  synchronize(path: string) {
    this.machine.files.status(path)
  }

  enterNamespace(descriptor: number) {
    this.current = this.namespaceOf(descriptor)
  }
  isNamespace(descriptor: number) {
    return this.descriptors.get(descriptor)?.kind === 'namespace'
  }
  netlinkSocket(protocol: number) {
    if (protocol === 12 && !this.current.hasNftables) throw new FakeSystemError('EPROTONOSUPPORT')
    return this.add({ kind: 'netlink', protocol, namespace: this.current, queue: [] })
  }
  send(socket: number, datagram: string) {
    const entry = this.descriptors.get(socket)
    const message = Uint8Array.from(datagram, (c) => c.charCodeAt(0))
    if (entry?.kind !== 'netlink') throw new FakeSystemError('EINVAL')
    const answers =
      entry.protocol === 12
        ? entry.namespace.nftables.answer(decode(message))
        : answer(this.machine.network, entry.namespace, message, this.namespaceOf)
    entry.queue.push(...answers)
  }
  receive(socket: number) {
    const entry = this.descriptors.get(socket)
    const datagram = entry?.kind === 'netlink' ? entry.queue.shift() : undefined
    if (datagram === undefined) throw new FakeSystemError('ETIMEDOUT')
    return datagram
  }
  addElements(family: number, table: string, sets: readonly (readonly string[])[]) {
    if (!this.current.hasNftables) throw new FakeSystemError('EPROTONOSUPPORT')
    this.current.nftables.addElements(family, table, sets)
  }
  findInterface(socket: number, name: string) {
    const entry = this.descriptors.get(socket)
    if (entry?.kind !== 'netlink') throw new FakeSystemError('EINVAL')
    const link = entry.namespace.links.get(name)
    return link && { index: link.index, mac: link.mac.slice() }
  }
  interfaceIndex(socket: number, name: string) {
    return this.findInterface(socket, name)?.index
  }
  interfaceName(socket: number, index: number) {
    const entry = this.descriptors.get(socket)
    if (entry?.kind !== 'netlink') throw new FakeSystemError('EINVAL')
    return [...entry.namespace.links].find(([, link]) => link.index === index)?.[0]
  }
  ask(path: string, text: string) {
    const listener = this.machine.sockets.get(path)
    if (listener === undefined) throw new FakeSystemError('ECONNREFUSED', path)
    return this.add({ kind: 'asked', answer: listener(text) })
  }
  loadModule(path: string) {
    this.machine.files.status(path)
    const name = this.machine.moduleFiles.get(path)
    if (name === undefined) throw new FakeSystemError('EPERM', path)
    this.machine.files.makeDirectories(`/sys/module/${name}`)
  }
  requestModule(name: string) {
    if (this.machine.helperModules.has(name)) this.machine.files.makeDirectories(`/sys/module/${name}`)
    throw new FakeSystemError('ENODEV')
  }
  answer(descriptor: number, timeout: number) {
    const entry = this.descriptors.get(descriptor)
    if (entry?.kind !== 'asked') throw new FakeSystemError('EINVAL')
    if (entry.answer !== undefined) return entry.answer
    this.machine.clock += timeout
    throw new FakeSystemError('ETIMEDOUT')
  }
}

/** Calls that a fault does not count: the outside sees none of them. */
const QUIET = ['environment', 'sha512', 'writeOutput', 'writeError', 'exit', 'now', 'seconds', 'arguments']

export interface StartedProcess {
  readonly system: System
  readonly process: FakeProcess
  /** How many calls it has made. */
  calls(): number
}

/** A process whose n-th call meets the fault. */
export function startProcess(machine: FakeMachine, options: ProcessOptions): StartedProcess {
  const process = new FakeProcess(machine, options)
  let calls = 0
  const meet = (name: string, fault: Fault | undefined) => {
    if (fault?.kind === 'kill' && calls >= fault.at) throw new Killed()
    if (fault?.kind === 'fail' && calls === fault.at && name !== 'close') {
      calls++
      throw new FakeSystemError(fault.code, 'injected')
    }
    calls++
  }
  const system = new Proxy(process, {
    get(target, name: string) {
      const value = target[name as keyof FakeProcess] as unknown
      if (typeof value !== 'function') return value
      return (...args: unknown[]) => {
        if (!QUIET.includes(name)) meet(name, options.fault)
        return value.apply(target, args)
      }
    },
  }) as unknown as System
  return { system, process, calls: () => calls }
}
