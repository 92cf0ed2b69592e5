// Runs the IPAM plugin that a configuration names: in this process when it is our own, as a child otherwise.

import { CniError, ErrorCode, failure, messageOf } from '../errors.ts'
import { type System, unless } from '../system.ts'
import { isObject } from './fields.ts'
import type { Invocation } from './invocation.ts'
import type { Plugin } from './plugin.ts'
import { type Result, readResult } from './result.ts'

const SELF = '/proc/self/exe'

/** The plugin's file in the first directory of CNI_PATH that has it. */
function findPlugin(system: System, type: string, path: string): string {
  if (type.includes('/')) throw failure(`invalid plugin name: ${type}`)
  const directories = path.split(':').filter((directory) => directory !== '')
  for (const directory of directories) {
    const candidate = `${directory}/${type}`
    const status = unless(['ENOENT', 'ENOTDIR', 'EACCES'], () => system.status(candidate))
    if (status !== undefined && (status.mode & 0o170000) === 0o100000) return candidate
  }
  throw failure(`failed to find plugin "${type}" in path [${directories.join(' ')}]`)
}

/** Read as text, since user-mode emulators answer that; a file that was replaced meanwhile has no name any more. */
function isSelf(system: System, path: string): boolean {
  const own = unless(['ENOENT'], () => system.status(system.readLink(SELF)))
  const theirs = system.status(path)
  return own !== undefined && own.inode === theirs.inode && own.device === theirs.device
}

/** The error that a child printed; what it printed on standard error when that is not one. */
function childError(output: string, error: string, status: number): CniError {
  let value: unknown
  try {
    value = JSON.parse(output)
  } catch {
    value = undefined
  }
  if (!isObject(value) || typeof value.code !== 'number') {
    const said = output.trim() || error.trim()
    return failure(
      `netplugin failed with exit status ${status}${said === '' ? '' : `: ${JSON.stringify(said)}`}`,
    )
  }
  const text = (name: string) => (typeof value[name] === 'string' ? value[name] : undefined)
  return new CniError(value.code, text('msg') ?? '', text('details'))
}

function runChild(system: System, path: string, invocation: Invocation, command: string): string {
  const { status, output, error } = system.run(path, [path], invocation.input, command)
  if (status !== 0) throw childError(output, error, status)
  if (error !== '') system.writeError(error)
  return output
}

function parseChildResult(output: string): Result {
  let value: unknown
  try {
    value = JSON.parse(output)
  } catch (error) {
    throw new CniError(ErrorCode.decoding, `the IPAM plugin printed no JSON: ${messageOf(error)}`)
  }
  const version = isObject(value) && typeof value.cniVersion === 'string' ? value.cniVersion : ''
  return readResult(value, version === '' ? '0.1.0' : version)
}

/** The IPAM plugin of one invocation. */
export class Ipam {
  private readonly system: System
  private readonly invocation: Invocation
  private readonly path: string
  private readonly own: Plugin | undefined

  /** @param plugins those that this executable contains */
  constructor(system: System, invocation: Invocation, type: string, plugins: readonly Plugin[]) {
    this.system = system
    this.invocation = invocation
    this.path = findPlugin(system, type, invocation.path)
    const named = plugins.find((plugin) => plugin.name === type)
    this.own = named !== undefined && isSelf(system, this.path) ? named : undefined
  }

  add(): Result {
    if (this.own !== undefined) return this.own.add(this.system, this.invocation)
    return parseChildResult(runChild(this.system, this.path, this.invocation, 'ADD'))
  }

  del(): void {
    if (this.own !== undefined) this.own.del(this.system, this.invocation)
    else runChild(this.system, this.path, this.invocation, 'DEL')
  }

  check(): void {
    if (this.own !== undefined) this.own.check(this.system, this.invocation)
    else runChild(this.system, this.path, this.invocation, 'CHECK')
  }

  gc(): void {
    if (this.own !== undefined) this.own.gc(this.system, this.invocation)
    else runChild(this.system, this.path, this.invocation, 'GC')
  }

  status(): void {
    if (this.own !== undefined) this.own.status(this.system, this.invocation)
    else runChild(this.system, this.path, this.invocation, 'STATUS')
  }
}
