/** What ships, but for the CNI plugins, built once for all tests of a process: it takes seconds, and nobody changes it. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { run } from '../../lab/command.ts'

const BUILD = resolve(import.meta.dirname, '../../deploy/build.ts')

let built: Promise<string> | undefined

/** Path of the folder; it goes with the process. */
export function builtAgent(): Promise<string> {
  built ??= build()
  return built
}

async function build(): Promise<string> {
  const directory = mkdtempSync(join(tmpdir(), 'podroute-built-'))
  process.on('exit', () => rmSync(directory, { recursive: true, force: true }))
  await run(process.execPath, [BUILD, '--skip-cni', '--out', directory])
  return directory
}
