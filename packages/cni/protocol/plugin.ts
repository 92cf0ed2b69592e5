// Runs a plugin's command: version gates, the result or the error as JSON on standard output, the exit status.

import { asCniError, type CniError, ErrorCode, CniError as Failure } from '../errors.ts'
import type { System } from '../system.ts'
import { type Invocation, readInvocation } from './invocation.ts'
import { printResult, type Result } from './result.ts'
import { atLeast, checkSupported, NEWEST_VERSION, SUPPORTED_VERSIONS } from './version.ts'

export interface Plugin {
  readonly name: string
  add(system: System, invocation: Invocation): Result
  del(system: System, invocation: Invocation): void
  check(system: System, invocation: Invocation): void
  gc(system: System, invocation: Invocation): void
  status(system: System, invocation: Invocation): void
}

/** The first version that knows a command. */
const SINCE: Readonly<Record<string, string>> = { CHECK: '0.4.0', GC: '1.1.0', STATUS: '1.1.0' }

function checkVersion(invocation: Invocation): void {
  const since = SINCE[invocation.command]
  if (since !== undefined && !atLeast(invocation.version, since))
    throw new Failure(ErrorCode.incompatibleVersion, `config version does not allow ${invocation.command}`)
  checkSupported(invocation.version)
}

function execute(plugin: Plugin, system: System, invocation: Invocation): Result | undefined {
  switch (invocation.command) {
    case 'ADD':
      return plugin.add(system, invocation)
    case 'DEL':
      plugin.del(system, invocation)
      return undefined
    case 'CHECK':
      plugin.check(system, invocation)
      return undefined
    case 'GC':
      plugin.gc(system, invocation)
      return undefined
    default:
      plugin.status(system, invocation)
      return undefined
  }
}

function printError(system: System, error: CniError, version: string): void {
  const details = error.details === undefined ? {} : { details: error.details }
  system.writeOutput(
    `${JSON.stringify({ cniVersion: version, code: error.code, msg: error.message, ...details })}\n`,
  )
}

function about(plugin: Plugin, system: System): void {
  system.writeError(
    `CNI plugin ${plugin.name} of podroute\nCNI protocol versions supported: ${SUPPORTED_VERSIONS.join(', ')}\n`,
  )
}

/** Does what CNI_COMMAND says and returns the exit status. */
export function runPlugin(plugin: Plugin, system: System): number {
  const command = system.environment('CNI_COMMAND') ?? ''
  if (command === '') {
    about(plugin, system)
    return 0
  }
  if (command === 'VERSION') {
    system.writeOutput(
      `${JSON.stringify({ cniVersion: NEWEST_VERSION, supportedVersions: SUPPORTED_VERSIONS })}\n`,
    )
    return 0
  }
  let version: string = NEWEST_VERSION
  try {
    const invocation = readInvocation(command, system)
    version = invocation.version
    checkVersion(invocation)
    const result = execute(plugin, system, invocation)
    if (result !== undefined)
      system.writeOutput(`${JSON.stringify(printResult(result, invocation.version))}\n`)
    return 0
  } catch (error) {
    printError(system, asCniError(error), version)
    return 1
  }
}
