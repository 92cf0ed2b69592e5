/** `podroute bundle`: what somebody needs to help from afar, of this node, in one archive without secrets. */
import { hostname } from 'node:os'
import type { Report, ReportCommand } from '../report.ts'
import { archiveOf, type BundleFile } from './archive.ts'
import { nodeFiles, SECRETS, writeBundle } from './node-files.ts'

const HELP = `
It holds the agent's pages, dumps of the kernel, the configuration and versions. Files of Secrets, tokens and what agents keep for the
next one are left out; their contents, and what looks like a password or a key, are removed from all else. Look into it before you give it away.

  kubectl podroute bundle                             of all nodes, with logs and objects, into a file here
  podroute bundle --write - > bundle.tar.gz           of this node`

export const bundle: ReportCommand = {
  name: 'bundle',
  summary: 'an archive of what there is to see, without secrets',
  help: HELP,
  once: true,
  arguments: [
    {
      name: 'write',
      kind: 'option',
      takes: 'file',
      summary: 'file to write; - is standard output; absent: only list it',
    },
    { name: 'root', kind: 'option', takes: 'folder', summary: 'where the node’s files are', default: '/' },
  ],
  async report({ socket, query, say }) {
    const files = await nodeFiles({ socket, root: query.root ?? '/', secrets: SECRETS })
    if (query.write === undefined) return bundleReport(files)
    const folder = `podroute-${process.env.NODE_NAME ?? hostname()}`
    writeArchive(query.write, folder, files)
    // The archive alone is on standard output then.
    if (query.write === '-') return { data: () => undefined, text: () => '', silent: true }
    say(`wrote ${query.write}: look into it before you give it away`)
    return bundleReport(files)
  },
}

export function writeArchive(path: string, folder: string, files: readonly BundleFile[]): void {
  const inside = files.map(({ name, text }) => ({ name: `${folder}/${name}`, text }))
  writeBundle(path, archiveOf(inside, Math.floor(Date.now() / 1000)))
}

export function bundleReport(files: readonly BundleFile[]): Report {
  return {
    data: () => ({ files }),
    text: () => files.map(({ name, text }) => `${String(text.length).padStart(9)}  ${name}`).join('\n'),
  }
}
