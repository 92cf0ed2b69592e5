// One call of a plugin, read from environment and standard input, and checked as CNI 1.1.0 section 2 says.

import { CniError, ErrorCode, messageOf } from '../errors.ts'
import type { System } from '../system.ts'
import { Fields, isObject } from './fields.ts'

export interface Invocation {
  readonly command: string
  readonly containerId: string
  /** Path of the container's network namespace; may be empty on DEL. */
  readonly netns: string
  readonly interfaceName: string
  /** CNI_ARGS as given. */
  readonly args: string
  /** Directories of plugins, colon-separated. */
  readonly path: string
  /** Whether the caller vouches for a namespace that is the plugin's own. */
  readonly netnsOverride: boolean
  readonly config: Fields
  /** The configuration as it came: what a delegated plugin is given. */
  readonly input: string
  readonly version: string
}

const REQUIRED: Readonly<Record<string, readonly string[]>> = {
  ADD: ['CNI_CONTAINERID', 'CNI_NETNS', 'CNI_IFNAME', 'CNI_PATH'],
  CHECK: ['CNI_CONTAINERID', 'CNI_NETNS', 'CNI_IFNAME', 'CNI_PATH'],
  DEL: ['CNI_CONTAINERID', 'CNI_IFNAME', 'CNI_PATH'],
  GC: ['CNI_PATH'],
  STATUS: ['CNI_PATH'],
}

const isAlphanumeric = (c: number) => (c >= 48 && c <= 57) || (c >= 65 && c <= 90) || (c >= 97 && c <= 122)

/** `^[a-zA-Z0-9][\w.-]*$`, of container identifiers and network names. */
function isName(text: string): boolean {
  if (text === '' || !isAlphanumeric(text.charCodeAt(0))) return false
  for (let i = 1; i < text.length; i++)
    if (!isAlphanumeric(text.charCodeAt(i)) && !'_.-'.includes(text.charAt(i))) return false
  return true
}

const environmentError = (message: string, details?: string) =>
  new CniError(ErrorCode.invalidEnvironment, message, details)

function checkContainerId(id: string): void {
  if (!isName(id)) throw environmentError('invalid characters in containerID', id)
}

/** As the kernel's dev_valid_name. */
function checkInterfaceName(name: string): void {
  if (name.length > 15)
    throw environmentError('interface name is too long', 'interface name should be less than 16 characters')
  if (name === '.' || name === '..') throw environmentError('interface name is . or ..')
  for (let i = 0; i < name.length; i++)
    if ('/: \t\n\v\f\r\u0085\u00a0'.includes(name.charAt(i)))
      throw environmentError('interface name contains / or : or whitespace characters')
}

/** @throws CniError 4 when what the command needs is missing or malformed. */
function checkEnvironment(command: string, system: System): void {
  const required = REQUIRED[command] ?? []
  const missing: string[] = []
  for (const name of required) {
    const value = system.environment(name) ?? ''
    if (value === '') missing.push(name)
    else if (name === 'CNI_CONTAINERID') checkContainerId(value)
    else if (name === 'CNI_IFNAME') checkInterfaceName(value)
  }
  if (missing.length > 0) throw environmentError(`required env variables [${missing.join(',')}] missing`)
}

function readInput(system: System): string {
  try {
    return system.readInput()
  } catch (error) {
    throw new CniError(ErrorCode.inputOutput, `error reading from stdin: ${messageOf(error)}`)
  }
}

function parseConfig(input: string): Fields {
  let value: unknown
  try {
    value = JSON.parse(input) ?? {} // null is an empty one, as in the reference plugins
  } catch (error) {
    throw new CniError(ErrorCode.decoding, `error unmarshall network config: ${messageOf(error)}`)
  }
  const fits = isObject(value) && (value.name == null || typeof value.name === 'string')
  if (!fits)
    throw new CniError(ErrorCode.decoding, 'error unmarshall network config: not an object with a name')
  const config = new Fields(value as Record<string, unknown>, '')
  const name = config.text('name') ?? ''
  if (name === '') throw new CniError(ErrorCode.invalidConfiguration, 'missing network name')
  if (!isName(name))
    throw new CniError(ErrorCode.invalidConfiguration, 'invalid characters found in network name', name)
  return config
}

/** An absent or empty version is 0.1.0. */
function versionOf(config: Fields): string {
  const version = config.raw.cniVersion ?? ''
  if (typeof version !== 'string')
    throw new CniError(ErrorCode.decoding, 'decoding version from network config: cniVersion is not a string')
  return version === '' ? '0.1.0' : version
}

/** Reads and checks everything that does not depend on the plugin. */
export function readInvocation(command: string, system: System): Invocation {
  checkEnvironment(command, system)
  const input = readInput(system)
  const config = parseConfig(input)
  if (REQUIRED[command] === undefined) throw environmentError(`unknown CNI_COMMAND: ${command}`)
  const variable = (name: string) => system.environment(name) ?? ''
  const override = variable('CNI_NETNS_OVERRIDE')
  return {
    command,
    containerId: variable('CNI_CONTAINERID'),
    netns: variable('CNI_NETNS'),
    interfaceName: variable('CNI_IFNAME'),
    args: variable('CNI_ARGS'),
    path: variable('CNI_PATH'),
    netnsOverride: override === '1' || override.toUpperCase() === 'TRUE',
    config,
    input,
    version: versionOf(config),
  }
}
