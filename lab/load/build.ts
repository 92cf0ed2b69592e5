// Builds the load program, which asks and answers at rates that tests in emulated machines need: half a second.

import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { cached, fingerprintFiles } from '../cache.ts'
import { run } from '../command.ts'

/** Path of the static program `load`; the head of main.c says how to use it. */
export async function buildLoad(): Promise<string> {
  const folder = import.meta.dirname
  const names = (await readdir(folder)).filter((name) => /\.[ch]$/.test(name))
  const sources = names.map((name) => join(folder, name))
  const key = fingerprintFiles(folder, sources, [process.arch])
  const { directory } = await cached('load', key, async (into) => {
    const programs = sources.filter((path) => path.endsWith('.c'))
    // getaddrinfo, which warns when it is linked, is asked about numbers only.
    await run('gcc', ['-O2', '-static', '-Wall', '-o', join(into, 'load'), ...programs])
  })
  return join(directory, 'load')
}
