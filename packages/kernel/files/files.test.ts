/** Files on a real file system, which needs no namespace: the contract that the fake ones keep, too. */
import { globSync } from 'node:fs'
import { mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { FakeFiles } from '../testing/fake-files.ts'
import { type ContractFiles, describeFiles } from '../testing/file-contract.ts'
import { nodeFiles } from './files.ts'

async function realFiles(): Promise<ContractFiles> {
  const folder = await mkdtemp(join(tmpdir(), 'podroute-'))
  return {
    ...{ files: nodeFiles, folder },
    paths: async () =>
      globSync(`${folder}/**`, { withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => join(entry.parentPath, entry.name))
        .sort(),
    modeOf: async (path) => (await stat(path)).mode & 0o777,
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true }),
  }
}

function fakeFiles(): ContractFiles {
  const files = new FakeFiles()
  return {
    ...{ files, folder: '/etc/toys' },
    paths: async () => files.paths(),
    modeOf: async (path) => files.modeOf(path),
  }
}

describeFiles('files of the node', realFiles)
describeFiles('files of the fake kernel', fakeFiles)
